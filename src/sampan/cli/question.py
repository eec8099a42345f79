"""A question before something is removed."""

import sys
from collections.abc import Mapping, Sequence


def confirmed(warning: str, *, force: bool, filters: Mapping[str, Sequence[str]]) -> bool:
    """Whether a person says yes to the warning; `force` says it for them."""
    if force:
        return True
    print(f"WARNING! {warning}")
    if filters:
        print("\n  Items to be pruned will be filtered with:")
        for name, values in sorted(filters.items()):
            for value in values:
                print(f"  - {name}={value}")
        print()
    print("Are you sure you want to continue? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        print()
    return answer.strip().lower() in ("y", "yes")
