"""Results of build steps, as docker's buildx shows them."""

from collections.abc import Sequence

from sampan.builder.cache.pruning import Cached
from sampan.cli.format import Row
from sampan.cli.output import human_size
from sampan.cli.views.times import ago


def rows(entries: Sequence[Cached], now_ns: int) -> list[Row]:
    """The fields of `buildx du`; a star stands at the size of what images or containers have too."""
    return [
        {
            "ID": entry.id,
            "Reclaimable": _reclaimable(entry),
            "Size": human_size(entry.size) + "*" * entry.is_shared,
            "LastUsedAt": ago(entry.used_at, now_ns),
            "Shared": str(entry.is_shared).lower(),
            "Type": entry.kind,
            "Description": entry.description,
            "Mutable": str(entry.is_mount).lower(),
            "UsageCount": str(entry.uses),
        }
        for entry in entries
    ]


def _reclaimable(entry: Cached) -> str:
    return str(not entry.is_used).lower()


def table(entries: Sequence[Cached], now_ns: int) -> str:
    """One line a result, in columns set with tabs as buildx sets them; a star at the size of what images have too."""
    if not entries:
        return ""
    text = "ID" + "\t" * 6 + "RECLAIMABLE\tSIZE\t\tLAST ACCESSED\n"
    for entry in entries:
        size = human_size(entry.size) + "*" * entry.is_shared
        text += f"{entry.id:<40}\t{_reclaimable(entry):<5}\t\t{size:<10}\t{ago(entry.used_at, now_ns)}\n"
    return text


def details(entries: Sequence[Cached], now_ns: int) -> str:
    """A paragraph a result."""
    return "".join(
        f"ID:\t\t{entry.id}\nCreated at:\t{ago(entry.created_at, now_ns)}\nMutable:\t"
        f"{str(entry.is_mount).lower()}\nReclaimable:\t{_reclaimable(entry)}\n"
        f"Shared:\t\t{str(entry.is_shared).lower()}\nSize:\t\t{human_size(entry.size)}\n"
        + (f"Description:\t{entry.description}\n" if entry.description else "")
        + f"Last used:\t{ago(entry.used_at, now_ns)}\nType:\t\t{entry.kind}\n\n"
        for entry in entries
    )
