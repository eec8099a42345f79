"""Which stages a target needs."""

import pytest

from sampan.dockerfile import words
from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.parser import parse
from sampan.dockerfile.stages import Origin, Plan, resolve
from sampan.errors import NotFound, SampanError

FILE = """\
ARG V=12
FROM debian:$V AS base
FROM base AS build
FROM golang AS tools
FROM scratch AS unused
COPY --from=unused2 / /
FROM base
COPY --from=Build /a /a
COPY --from=busybox /b /b
RUN --mount=from=tools,target=/x true
"""


def plan(text: str, target: str = "") -> Plan:
    return resolve(parse(text), target, expand=lambda word: words.expand(word, {"V": "12"}.get))


def test_only_the_stages_that_the_target_needs_are_built_in_the_order_of_the_file() -> None:
    found = plan(FILE)

    assert (found.target, found.needed) == (4, (0, 1, 2, 4))
    assert found.bases[0] == Origin(None, "debian:12")
    assert found.bases[4] == Origin(0)


@pytest.mark.parametrize(("target", "needed"), [("base", (0,)), ("BUILD", (0, 1)), ("2", (2,)), ("", (0, 1, 2, 4))])
def test_a_target_is_a_name_or_a_number(target: str, needed: tuple[int, ...]) -> None:
    assert plan(FILE, target).needed == needed


@pytest.mark.parametrize("target", ["bild", "9", "-1"])
def test_an_unknown_target_is_not_found(target: str) -> None:
    with pytest.raises(NotFound, match=f'target stage "{target}" could not be found') as caught:
        plan(FILE, target)
    assert caught.value.hint in ("did you mean build?", "stages here: base, build, tools, unused")


def test_a_name_means_the_nearest_stage_before_it_and_else_an_image() -> None:
    found = plan("FROM busybox AS busybox\nFROM busybox AS a\nFROM x AS a\nFROM a\n")

    assert found.bases == (Origin(None, "busybox"), Origin(0), Origin(None, "x"), Origin(2))
    assert found.copy_origin(3, "1") == Origin(1)
    assert found.copy_origin(3, "nope") == Origin(None, "nope")
    assert found.mount_origin(3, "1", "/x") == Origin(None, "1")
    assert found.near_stage("busybux") == "busybox"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM a\nCOPY --from=1 a b", "invalid stage index 1"),
        ("FROM a\nCOPY --from=0 a b", "circular dependency detected on stage: stage-0"),
        ("FROM a AS x\nRUN --mount=from=x,target=/y b", "circular dependency detected on stage: x"),
        ("FROM a AS x\nCOPY --from=y a b\nFROM x AS y",
         'cannot copy from stage "y", it needs to be defined before current stage "x"'),
        ("FROM a AS x\nRUN --mount=from=y,target=/t b\nFROM x AS y",
         'cannot mount from stage "y" to "/t", stage needs to be defined before current command'),
        ("FROM ${x}", "base name (${x}) should not be blank"),
        ("FROM Base", 'failed to parse stage name "Base": invalid reference format: '
         "repository name (library/Base) must be lowercase"),
        ("FROM ${x", "failed to process \"${x\": syntax error: missing '}'"),
    ],
)  # fmt: skip
def test_a_stage_that_cannot_be_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        plan(text)
    assert caught.value.message == message
    assert caught.value.line > 0


def test_what_is_wrong_in_a_stage_that_is_not_needed_does_not_matter() -> None:
    assert plan("FROM a AS x\nCOPY --from=y a b\nFROM scratch AS y").needed == (1,)


def test_a_file_of_many_stages_needs_no_deep_stack() -> None:
    text = "FROM a AS s0\n" + "".join(f"FROM s{number} AS s{number + 1}\n" for number in range(3000))
    try:
        assert len(plan(text).needed) == 3001
    except SampanError as error:
        pytest.fail(error.message)
