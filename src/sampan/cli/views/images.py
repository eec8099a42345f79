"""`images` and `history`: rows."""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.cli.format import Listing, Row
from sampan.cli.output import ellipsis, human_size, short_id
from sampan.cli.views.times import ago, created_at, local_rfc3339, nanoseconds
from sampan.images.model import Image
from sampan.oci.reference import parse

NONE = "<none>"
MISSING = "<missing>"
_CREATED_BY_LENGTH = 45


class ImageFacts(NamedTuple):
    """One line of `images`. `id` and `digest` with their algorithm; "" for none. Size in bytes, time in ns."""

    id: str
    repository: str
    tag: str
    digest: str
    created_ns: int
    size: int


LISTING = Listing(
    type_name="*formatter.imageContext",
    headers={
        "ID": "IMAGE ID",
        "Repository": "REPOSITORY",
        "Tag": "TAG",
        "Digest": "DIGEST",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "Size": "SIZE",
        "Containers": "CONTAINERS",
        "VirtualSize": "SIZE",
        "SharedSize": "SHARED SIZE",
        "UniqueSize": "UNIQUE SIZE",
    },
    columns=("Repository", "Tag", "ID", "CreatedSince", "Size"),
    raw=(
        ("repository", "Repository"),
        ("tag", "Tag"),
        ("image_id", "ID"),
        ("created_at", "CreatedAt"),
        ("virtual_size", "Size"),
    ),
    parse_words="template parsing error: ",
    execute_words="template parsing error: ",
)
COLUMNS_WITH_DIGEST = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")


def lines_of(image: Image, *, shows_digests: bool = False, has_column: bool = False) -> list[ImageFacts]:
    """A line for each tag, times the digests of its repository where they are shown; lines for repositories that have
    only digests, and one with <none> for an image without a name."""
    created = nanoseconds(image.created)

    def line(repository: str, tag: str, digest: str) -> ImageFacts:
        return ImageFacts(image.id, repository, tag, digest, created, image.size)

    digests: dict[str, list[str]] = {}
    for text in image.digests:
        parsed = parse(text)
        digests.setdefault(parsed.repository_familiar, []).append(parsed.digest)
    lines = []
    tagged = [parse(tag) for tag in image.tags]
    for tag in tagged:
        known = digests.get(tag.repository_familiar, []) if shows_digests else []
        lines += [line(tag.repository_familiar, tag.tag, digest) for digest in known or [""]]
    for repository in digests.keys() - {tag.repository_familiar for tag in tagged}:
        lines += [line(repository, "", digest) for digest in (digests[repository] if has_column else [""])]
    return lines or [line("", "", "")]


def row(facts: ImageFacts, now_ns: int, no_trunc: bool = False) -> Row:
    return {
        "ID": facts.id if no_trunc else short_id(facts.id),
        "Repository": facts.repository or NONE,
        "Tag": facts.tag or NONE,
        "Digest": facts.digest or NONE,
        "CreatedSince": ago(facts.created_ns, now_ns),
        "CreatedAt": created_at(facts.created_ns),
        "Size": human_size(facts.size, 3),
        "Containers": "N/A",
        "VirtualSize": human_size(facts.size),
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
    }


class LayerFacts(NamedTuple):
    """One line of `history`. `id` "" where no image is known for the layer. Size in bytes, time in ns."""

    id: str
    created_ns: int
    created_by: str
    size: int
    comment: str = ""


HISTORY = Listing(
    type_name="*formatter.historyContext",
    headers={
        "ID": "IMAGE",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "CreatedBy": "CREATED BY",
        "Size": "SIZE",
        "Comment": "COMMENT",
    },
    columns=("ID", "CreatedSince", "CreatedBy", "Size", "Comment"),
)
HISTORY_EXACT_COLUMNS: Sequence[str] = ("ID", "CreatedAt", "CreatedBy", "Size", "Comment")


def history_row(facts: LayerFacts, now_ns: int, no_trunc: bool = False, human: bool = True) -> Row:
    created_by = facts.created_by.replace("\t", " ")
    return {
        "ID": MISSING if not facts.id else facts.id if no_trunc else short_id(facts.id),
        "CreatedSince": ago(facts.created_ns, now_ns),
        "CreatedAt": local_rfc3339(facts.created_ns) if facts.created_ns else "N/A",
        "CreatedBy": created_by if no_trunc else ellipsis(created_by, _CREATED_BY_LENGTH),
        "Size": human_size(facts.size, 3) if human else str(facts.size),
        "Comment": facts.comment,
    }
