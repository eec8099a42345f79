"""Verbs that take several objects: do each, print its name, go on after an error."""

import sys
from collections.abc import Callable, Sequence

from sampan.cli.errors import describe, with_hint
from sampan.errors import SampanError


def each(
    names: Sequence[str],
    do: Callable[[str], object],
    *,
    failure: Callable[[str, SampanError], str] = lambda name, error: with_hint(describe(error), error),
    shows: bool = True,
) -> int:
    """Call `do` with each name; the name is printed after it, or `failure`'s text on stderr. 1 when one failed."""
    failed = 0
    for name in names:
        try:
            do(name)
        except SampanError as error:
            sys.stdout.flush()
            print(failure(name, error), file=sys.stderr)
            failed = 1
            continue
        if shows:
            print(name)
    return failed
