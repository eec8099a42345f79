"""The rules of bad practice: each by its own examples, and all beside what BuildKit finds."""

import os
import re
from collections.abc import Iterator

import pytest

from sampan.dockerfile import ignore, parser
from sampan.errors import InvalidArgument
from sampan.lint import catalog
from sampan.lint.control import Control, control_of
from sampan.lint.findings import Finding, Rule
from sampan.lint.subject import Base, Subject

GOLDEN = os.path.join(os.path.dirname(__file__), "../../../shared/spec/golden/check")
BUSYBOX = Base({"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
PLATFORM = {"TARGETPLATFORM": "linux/amd64", "BUILDPLATFORM": "linux/amd64", "TARGETARCH": "amd64", "TARGETOS": "linux"}
EVERYTHING = Control(experimental=frozenset({"all"}))


def subject_of(text: str, ignored: str = "", build_args: dict[str, str] | None = None) -> Subject:
    dockerfile = parser.parse(text)
    given = build_args or {}
    values = {
        **PLATFORM,
        **{name: default for arg in dockerfile.arguments for name, default in arg.pairs if default},
        **given,
    }
    names = {stage.base.name: stage.index for stage in dockerfile.stages}
    origins = tuple(
        found if (found := names.get(stage.base.image)) is not None and found < stage.index else None
        for stage in dockerfile.stages
    )
    return Subject(
        text,
        dockerfile,
        needed=frozenset(range(len(dockerfile.stages))),
        origins=origins,
        build_args=given,
        global_values=values,
        automatic=PLATFORM,
        bases={stage.index: BUSYBOX for stage in dockerfile.stages},
        is_ignored=ignore.parse(ignored).match if ignored else None,
    )


def findings_in(text: str, control: Control = EVERYTHING, ignored: str = "") -> list[tuple[str, int]]:
    return [(finding.rule, finding.first) for finding in catalog.check(subject_of(text, ignored), control)]


@pytest.mark.parametrize("rule", catalog.rules(), ids=lambda rule: rule.id)
def test_a_rule_finds_its_bad_example_and_not_its_good_one(rule: Rule) -> None:
    subject = subject_of(rule.bad, ignored="secret.txt\n")
    if rule.id == "InvalidBaseImagePlatform":
        subject.bases = {0: Base({}, platform="linux/arm64", wanted="linux/amd64")}
    assert rule.id in {finding.rule for finding in catalog.check(subject, EVERYTHING)}
    assert rule.id not in {name for name, _ in findings_in(rule.good, ignored="secret.txt\n")}


def golden_cases() -> Iterator[tuple[str, str, str]]:
    """(name, Dockerfile, what `docker build --check` printed) of each file that has both."""
    for name in sorted(os.listdir(GOLDEN)) if os.path.isdir(GOLDEN) else ():
        with open(os.path.join(GOLDEN, name)) as file:
            text = file.read()
        found = re.match(
            r"Dockerfile:\n(.*?)----\n\n\$ docker build --check [^\n]*\n(.*?)\n\[(?:stderr|exit)", text, re.S
        )
        if found:
            yield name.removesuffix(".txt"), found[1], found[2]


@pytest.mark.parametrize(("name", "text", "printed"), list(golden_cases()))
def test_findings_are_those_of_buildkit(name: str, text: str, printed: str) -> None:
    if name in ("parse-error", "directive-unknown", "CopyIgnoredFile"):
        return  # errors, and a rule that later releases look at by default
    expected = re.findall(r"WARNING: (\w+) - .*?\n(.*?)\n[^\n]*/Dockerfile:(\d+)\n", printed)
    control = control_of(parser.parse(text).check, {})
    found = catalog.check(subject_of(text, ignored="secret.txt\n" if "experimental" in name else ""), control)
    assert [(one.rule, one.message, str(one.first)) for one in found] == expected


TRICKY = [
    ('FROM busybox\nCMD ["sh", oops]\n', [("JSONArgsRecommended", 2)]),
    ("FROM busybox\nSHELL [\"/bin/ash\", \"-c\"]\nCMD echo hi\n", []),
    ("FROM busybox\nRUN <<EOF\nfrom here\nmaintainer me\nEOF\n", []),
    ("FROM busybox\nRUN echo a \\\n# a comment\n  && echo $NOPE\n", []),
    ("FROM busybox\nONBUILD MAINTAINER_LIKE=1\n".replace("MAINTAINER_LIKE=1", "RUN echo"), []),
    ("# escape=`\nFROM busybox\nENV A=C:`\n  B=$A\n", [("UndefinedVar", 3)]),
    ("ARG A=busybox\nFROM $A\nARG A\nENV B=$A\n", []),
    ("FROM busybox AS one\nENV A=1\nFROM one\nENV B=$A\n", []),
    ("FROM busybox\nENV B=$A\n", [("UndefinedVar", 2)]),
    ("FROM busybox\nENV B=\\$A\n", []),
    ("FROM busybox\nENV B='$A'\n", []),
    ("FROM busybox\nARG A\nENV B=$A\n", []),
    ("FROM busybox\nENV B=${A:-1}\n", [("UndefinedVar", 2)]),
    ("FROM busybox\nCOPY $A/x /\n", [("UndefinedVar", 2)]),
    ("FROM busybox\nWORKDIR a\nWORKDIR b\n", [("WorkdirRelativePath", 2)]),
    ("FROM busybox AS a\nWORKDIR /x\nFROM a\nWORKDIR y\n", []),
    ("FROM busybox\nRun echo\n", [("ConsistentInstructionCasing", 2)]),
    ("from busybox\nrun echo\n", []),
    ("From busybox as x\n", [("ConsistentInstructionCasing", 1)]),
    ("FROM --platform=linux/arm64 busybox AS build-arm64\n", []),
    ("FROM busybox\nENV KEYBOARD=us PUBLIC_KEY=x KEY_FILE=y\n", []),
    ("FROM busybox\nENV GIT_AUTH=x\n", [("SecretsUsedInArgOrEnv", 2)]),
    ("FROM busybox\nEXPOSE 80/Tcp 81/udp\n", [("ExposeProtoCasing", 2)]),
    ("FROM busybox\nLABEL a=b c=d\nLABEL x y\n", [("LegacyKeyValueFormat", 3)]),
    ('FROM busybox\nENV "a b"=c\n', []),
    ("# syntax=docker/dockerfile:1\nFROM busybox AS base\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TRICKY)
def test_tricky_texts(text: str, expected: list[tuple[str, int]]) -> None:
    assert findings_in(text) == expected


def test_a_directive_and_the_build_argument_choose_rules() -> None:
    text = "FROM busybox as b\nMAINTAINER x\n"
    assert findings_in(text, control_of("skip=FromAsCasing", {})) == [("MaintainerDeprecated", 2)]
    assert findings_in(text, control_of("skip=all", {})) == []
    over = {"BUILDKIT_DOCKERFILE_CHECK": "skip=maintainerdeprecated;error=true"}
    control = control_of("skip=FromAsCasing", over)
    assert control.is_error and findings_in(text, control) == [("FromAsCasing", 1)]


@pytest.mark.parametrize("directive", ["nope=1", "skip", "error=maybe"])
def test_a_wrong_check_option_is_an_error(directive: str) -> None:
    with pytest.raises(InvalidArgument, match="failed to parse check options"):
        control_of(directive, {})


def test_a_place_is_told_once() -> None:
    found = catalog.check(subject_of("FROM busybox\nENV A=$X B=$X\n"), Control())
    assert found == (Finding("UndefinedVar", "Usage of undefined variable '$X'", 2, 2),)


def test_thousands_of_stages_and_variables_take_moments() -> None:
    text = "FROM busybox AS s0\n" + "".join(
        f"FROM s{number} AS s{number + 1}\nENV A{number}=1\n" for number in range(2000)
    )
    assert findings_in(text, Control()) == []


def test_slugs_are_those_of_the_pages() -> None:
    slugs = {rule.id: rule.slug for rule in catalog.rules()}
    assert slugs["JSONArgsRecommended"] == "json-args-recommended"
    assert slugs["StageNameCasing"] == "stage-name-casing"
