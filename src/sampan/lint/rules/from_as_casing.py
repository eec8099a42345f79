"""FROM and AS belong together; written in different cases, the eye misses the stage's name."""

from collections.abc import Iterator

from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import as_word, instruction_word
from sampan.lint.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for base in subject.bases_written():
        from_, as_ = instruction_word(base), as_word(base)
        if as_ and ((from_.islower() and not as_.islower()) or (from_.isupper() and not as_.isupper())):
            yield base.line.first, base.line.last, f"'{as_}' and '{from_}' keywords' casing do not match"


RULE = Rule(
    "FromAsCasing",
    "The 'as' keyword should match the case of the 'from' keyword",
    check,
    bad="FROM busybox as build\n",
    good="FROM busybox AS build\n",
)
