"""`build verify`: whether building again gives the same image, and if not, what differs and why."""

import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.builder import times
from sampan.builder.attestations.wanted import NONE
from sampan.builder.options import BuildOptions, BuildResult
from sampan.images import comparison
from sampan.images import store as images
from sampan.images.comparison import FieldChange, FileChange
from sampan.images.model import Image
from sampan.oci.config import ImageConfig
from sampan.storage.database import Database
from sampan.storage.paths import Paths

TIME = "time"
_REASONS = (
    ("*.pyc", "Python's bytecode holds the time of its source: --reproducible, or ENV PYTHONDONTWRITEBYTECODE=1"),
    ("/etc/machine-id", "each installation makes one: remove it in the same RUN"),
    ("/var/lib/dbus/machine-id", "each installation makes one: remove it in the same RUN"),
    ("/etc/ssh/ssh_host_*", "host keys are made anew: remove them in the same RUN"),
    ("/etc/shadow*", "it holds the day on which a password was last changed: chage -d"),
    ("/etc/hostname", "it is a host's own"),
    ("/etc/resolv.conf", "it is a host's own"),
    ("/var/log/*", "a log holds times: remove it in the same RUN"),
    ("/var/cache/ldconfig/aux-cache", "it holds inodes and times: remove it in the same RUN"),
    ("/var/cache/*", "a cache: remove it, or keep it in RUN --mount=type=cache"),
    ("/root/.cache/*", "a cache: remove it, or keep it in RUN --mount=type=cache"),
    ("/var/lib/apt/lists/*", "what the mirrors had at that hour: remove it in the same RUN"),
    ("*.pid", "the number of a process"),
    ("*.gz", "gzip writes the time of its file: gzip -n"),
    ("*.jar", "an archive holds the times of its files"),
    ("*.zip", "an archive holds the times of its files"),
)


class Difference(NamedTuple):
    """A file that differs, and what is known of such files, "" for nothing."""

    change: FileChange
    reason: str


class Verdict(NamedTuple):
    """`image_id` is what was built before, `again` what building gave. `files` differ in more than their time, sorted
    by path; `times` counts those that differ in it alone. `layer` is the history of the first layer that differs."""

    image_id: str
    again: str
    files: tuple[Difference, ...] = ()
    times: int = 0
    fields: tuple[FieldChange, ...] = ()
    layer: str = ""

    @property
    def is_same(self) -> bool:
        return self.image_id == self.again


def verify(
    database: Database,
    paths: Paths,
    reference: str,
    options: BuildOptions,
    build: Callable[[BuildOptions], BuildResult],
) -> Verdict:
    """Build again without the cache, and compare with the image `reference`. Nothing is tagged, and what is built is
    taken away again. Raises NotFound for the image, and what a build raises."""
    with images.holding(database, lambda: [images.get(database, images.resolve(database, reference))]) as (image,):
        known = {str(row[0]) for row in database.rows("SELECT id FROM image")}
        again = build(_plain(options, image.config)).image_id
        try:
            with images.holding(database, lambda: [images.get(database, again)]) as (other,):
                return _compared(paths, image, other)
        finally:
            if again not in known:
                with database.transaction():
                    database.execute(
                        "DELETE FROM image WHERE id = ? AND id NOT IN (SELECT image_id FROM tag)", (again,)
                    )


def _plain(options: BuildOptions, config: ImageConfig) -> BuildOptions:
    """The build alone: its result stays here, without a name. Times are those that the image seems to have."""
    options = options._replace(tags=(), outputs=(), iidfile="", no_cache=True, attestations=NONE, annotations=())
    if options.reproducible or options.build_args.get(times.ARGUMENT):
        return options
    seconds = epoch_of(config)
    if seconds is None:
        return options
    arguments: Mapping[str, str | None] = {**options.build_args, times.ARGUMENT: str(seconds)}
    return options._replace(reproducible=True, build_args=arguments)


def epoch_of(config: ImageConfig) -> int | None:
    """The SOURCE_DATE_EPOCH that an image was built with: a clock gives parts of a second, and other times to other
    steps. None where it seems to have been a clock. Pure."""
    from datetime import datetime

    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", config.created):
        return None
    if not config.history or config.history[-1].created != config.created:
        return None
    try:
        return int(datetime.fromisoformat(config.created).timestamp())
    except ValueError:
        return None


def _compared(paths: Paths, image: Image, other: Image) -> Verdict:
    if image.id == other.id:
        return Verdict(image.id, other.id)
    changes = list(comparison.compare_files(paths, image.layers, other.layers, with_times=True))
    files = tuple(Difference(change, reason_of(change)) for change in changes if change.what != (TIME,))
    fields = [*comparison.compare_configs(image.config, other.config), *_dates(image.config, other.config)]
    return Verdict(
        image.id, other.id, files, len(changes) - len(files), tuple(fields), first_layer(image.config, other.config)
    )


def reason_of(change: FileChange) -> str:
    """What is known of files of that name. Pure."""
    return next((reason for pattern, reason in _REASONS if fnmatch.fnmatchcase(change.path, pattern)), "")


def _dates(before: ImageConfig, after: ImageConfig) -> list[FieldChange]:
    found = []
    if before.created != after.created:
        found.append(FieldChange("Created", before.created, after.created))
    words = [[line.created_by for line in config.history] for config in (before, after)]
    if words[0] != words[1]:
        position = next(
            (n for n, pair in enumerate(zip(*words, strict=False)) if pair[0] != pair[1]), min(map(len, words))
        )
        shown = [lines[position] if position < len(lines) else None for lines in words]
        found.append(FieldChange(f"History {position + 1}", *shown))
    return found


def first_layer(before: ImageConfig, after: ImageConfig) -> str:
    """What made the first layer that differs, "" where all are the same. Pure."""
    makers = [line.created_by for line in before.history if not line.empty_layer]
    for position, diff_id in enumerate(before.diff_ids):
        if after.diff_ids[position : position + 1] != (diff_id,):
            return makers[position] if position < len(makers) else f"layer {position + 1}"
    if len(after.diff_ids) > len(before.diff_ids):
        return f"layer {len(before.diff_ids) + 1}"
    return ""
