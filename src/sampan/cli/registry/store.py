"""What the verbs of a registry share: the store that they work on, and what a collection may take."""

from collections.abc import Sequence

from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BOOL, DURATION
from sampan.engine.registry_store import CollectOptions

DEFAULT_STORE = "/var/lib/sampan-registry"
STORE_WORDS = "[STORE]"
_SECOND = 1_000_000_000
_GRACE_SECONDS, _UPLOAD_SECONDS = 2 * 3600, 7 * 24 * 3600


def store_of(words: Sequence[str]) -> str:
    """The folder, or the URL of the object store, that a command line names."""
    return words[0] if words else DEFAULT_STORE


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def collect_flags(prefix: str = "") -> tuple[Flag, ...]:
    return (
        Flag(
            f"{prefix}grace",
            DURATION,
            "Keep what is younger: a push may be about to refer to it",
            default=_GRACE_SECONDS * _SECOND,
            shown_default="2h",
        ),
        Flag(f"{prefix}cached", DURATION, "Remove what came from a mirrored registry and was not asked for so long"),
        Flag(f"{prefix}untagged", BOOL, "Remove manifests that no tag leads to"),
        Flag(
            f"{prefix}uploads",
            DURATION,
            "Remove uploads that have not grown for so long",
            default=_UPLOAD_SECONDS * _SECOND,
            shown_default="168h",
        ),
    )


def collect_options(parsed: Parsed, prefix: str = "", *, is_dry_run: bool = False) -> CollectOptions:
    return CollectOptions(
        grace_seconds=parsed.integer(f"{prefix}grace") / _SECOND,
        upload_seconds=parsed.integer(f"{prefix}uploads") / _SECOND,
        cached_seconds=parsed.integer(f"{prefix}cached") / _SECOND,
        removes_untagged=parsed.boolean(f"{prefix}untagged"),
        is_dry_run=is_dry_run,
    )
