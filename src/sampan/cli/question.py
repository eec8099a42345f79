"""A question before something is removed."""

import sys
from collections.abc import Mapping, Sequence


def confirmed(warning: str, *, force: bool, filters: Mapping[str, Sequence[str]] | None = None) -> bool:
    """Whether a person says yes to the warning; `force` says it for them. The filters in use are shown, if given."""
    if filters:
        lines = sorted(f"{name}={value}" for name, values in filters.items() for value in values)
        shown = "".join(f"  - {line}\n" for line in lines)
        warning += f"\n\n  Items to be pruned will be filtered with:\n{shown}"
    return says_yes(f"{warning}\nAre you sure you want to continue?", force=force)


def says_yes(question: str, *, force: bool) -> bool:
    """The question as it stands, in one line with its answer."""
    if force:
        return True
    print(f"WARNING! {question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
