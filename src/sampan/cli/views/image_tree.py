"""`images --tree`: each image with all its names; what registries know as one image has a line for each platform."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sampan.cli.output import human_size, short_id
from sampan.images.model import Image
from sampan.oci import platform
from sampan.oci.reference import parse

_HEADERS = ("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA")
_LEGEND = "Info ->  U In Use"
_GAP = 3


class _Line(NamedTuple):
    cells: tuple[str, str, str, str, str]


def text(images: Sequence[Image], in_use: Collection[str]) -> str:
    """The tree in the columns that docker's has. `in_use` are the IDs of images that containers were made from.

    CONTENT SIZE is what is kept compressed: nothing here.
    """
    lines: list[_Line] = []
    for group in grouped(images):
        lines += _lines(group, in_use)
    table = [_HEADERS, *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADERS))]
    body = "".join(_row(row, widths) + "\n" for row in table)
    width = sum(widths) + _GAP * (len(widths) - 1)
    return f"{_LEGEND:>{width}}\n\n{body}"


def grouped(images: Sequence[Image]) -> list[list[Image]]:
    """Images that share a name@digest came from one index; in the order of the first of each."""
    groups: list[list[Image]] = []
    by_digest: dict[str, list[Image]] = {}
    for image in images:
        group = next((by_digest[digest] for digest in image.digests if digest in by_digest), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(image)
        for digest in image.digests:
            by_digest.setdefault(digest, group)
    return groups


def _lines(group: Sequence[Image], in_use: Collection[str]) -> list[_Line]:
    names = _names(group) or ["<untagged>"]
    facts = group[0] if len(group) == 1 else None
    size = sum(image.size for image in group)
    is_used = any(image.id in in_use for image in group)
    lines = [_Line((name, "", "", "", "")) for name in names[:-1]]
    shown_id = short_id(facts.id) if facts else ""
    lines.append(_Line((names[-1], shown_id, human_size(size, 3), "0B", "U" if is_used else "")))
    if facts is None:
        for position, image in enumerate(group):
            branch = "└─ " if position == len(group) - 1 else "├─ "
            used = "U" if image.id in in_use else ""
            lines.append(_Line((branch + _platform(image), short_id(image.id), human_size(image.size, 3), "0B", used)))
    return lines


def _names(group: Sequence[Image]) -> list[str]:
    """The tags of a group, and the digests in repositories where it has no tag."""
    tags = [parse(tag) for image in group for tag in image.tags]
    named = {tag.name for tag in tags}
    bare = [parse(digest) for image in group for digest in image.digests]
    names = [tag.familiar() for tag in tags] + [digest.familiar() for digest in bare if digest.name not in named]
    return list(dict.fromkeys(names))


def _platform(image: Image) -> str:
    return str(platform.normalise(image.config.os, image.config.architecture, image.config.variant))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Sizes stand right, everything else left."""
    gap = " " * _GAP
    return gap.join(
        f"{cell:>{width}}" if column in (2, 3) and cells is not _HEADERS else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()
