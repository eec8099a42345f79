"""A variable that nothing sets is empty, most often because its name is misspelled. ARGs before the first FROM are not
in sight of a stage that does not name them."""

from collections.abc import Iterator

from sampan.dockerfile.errors import nearest
from sampan.lint.findings import Found, Rule
from sampan.lint.spelled import expanding_texts, missing_names
from sampan.lint.subject import Subject

_SET_BY_OTHERS = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"))


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        for sight in subject.sights(stage):
            texts = expanding_texts(sight.instruction)
            for name in missing_names(texts, sight.values, subject.dockerfile.escape):
                if name in sight.declared or name in subject.build_args or name.upper() in _SET_BY_OTHERS:
                    continue
                near = nearest(name, sorted(sight.values))
                suggestion = f" (did you mean ${near}?)" if near else ""
                line = sight.instruction.line
                yield line.first, line.last, f"Usage of undefined variable '${name}'{suggestion}"


RULE = Rule(
    "UndefinedVar",
    "Variables should be defined before their use",
    check,
    bad="FROM busybox\nARG VERSION=1\nENV RELEASE=$VERSOIN\n",
    good="FROM busybox\nARG VERSION=1\nENV RELEASE=$VERSION\n",
)
