"""What a rule is, and what it finds. Values only."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.lint.subject import Subject

Found = tuple[int, int, str]
"""First line, last line (from 1), message."""


class Finding(NamedTuple):
    """One place where a rule does not hold: lines `first` to `last`, from 1."""

    rule: str
    message: str
    first: int
    last: int


class Rule(NamedTuple):
    """A rule. `summary` is its sentence in lists, `check` yields where a file breaks it.

    `bad` and `good` are whole Dockerfiles for its page of documentation: the first breaks it, the second does not.
    An experimental rule is looked at only where it is asked for.
    """

    id: str
    summary: str
    check: "Callable[[Subject], Iterator[Found]]"
    bad: str
    good: str
    is_experimental: bool = False

    @property
    def slug(self) -> str:
        """ "stage-name-casing" for StageNameCasing: what its page is called."""
        letters = []
        for before, letter, after in zip(" " + self.id, self.id, self.id[1:] + " ", strict=False):
            begins = letter.isupper() and (before.islower() or (before.isupper() and after.islower()))
            letters.append(("-" if begins and before != " " else "") + letter.lower())
        return "".join(letters)
