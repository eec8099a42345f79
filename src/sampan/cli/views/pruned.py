"""What a prune took, or with --dry-run would take, as docker prints it."""

from collections.abc import Iterable, Sequence

from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.cli.output import human_size

# The noun of docker's heading -> what a dry run says.
_HEADINGS = {
    "Deleted Containers": "Containers that would be deleted",
    "Deleted Networks": "Networks that would be deleted",
    "Deleted Volumes": "Volumes that would be deleted",
    "Deleted Images": "Images that would be deleted",
    "Deleted build cache objects": "Build cache objects that would be deleted",
}


def dry_run_flag() -> Flag:
    return Flag("dry-run", BOOL, "Only say what would be removed, and how many bytes that frees")


def section(heading: str, lines: Iterable[str], *, dry_run: bool) -> str:
    """A heading and one line for each object; nothing when there is none."""
    text = "".join(f"{line}\n" for line in lines)
    return f"{_HEADINGS[heading] if dry_run else heading}:\n{text}\n" if text else ""


def sized(pairs: Sequence[tuple[str, int]], *, dry_run: bool) -> list[str]:
    """Lines of objects and their bytes, which only a dry run tells one by one."""
    return [f"{name}  {human_size(size)}" if dry_run else name for name, size in pairs]


def total(size: int, *, dry_run: bool) -> str:
    """The last line; a dry run is exact."""
    if not dry_run:
        return f"Total reclaimed space: {human_size(size)}\n"
    return f"Total reclaimable space: {human_size(size)} ({size} bytes)\n"
