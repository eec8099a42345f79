"""Dockerfiles made to fill the memory or the stack: a clear error comes before they do."""

import pytest

from sampan.builder.failures import AtLine
from sampan.builder.options import BuildOptions
from sampan.builder.plan import evaluate, graph, state
from sampan.dockerfile import parser, words
from sampan.errors import InvalidArgument
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform

HERE = Platform("linux", "amd64")


def plan(text: str) -> object:
    return graph.plan(parser.parse(text), BuildOptions(context="."), HERE, HERE, lambda image: ContainerConfig())


@pytest.mark.parametrize(
    "text",
    [
        "$A" * 40,
        "${A:-}" * 40,
        "${B:-$A$A$A$A}" * 10,
        "${A//x/" + "y" * 100 + "}",
        "${A//x/${A//x/yyyyyyyy}}",
        '"' + "$A" * 40 + '"',
    ],
)
def test_a_text_cannot_grow_without_end(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is larger than 1048576 characters"):
        words.expand(text, {"A": "x" * 30000}.get)


def test_a_long_text_that_holds_no_variables_is_no_bomb() -> None:
    text = "a" * 3 * words.MAX_GROWTH
    assert words.expand(text + "$A", {"A": "b"}.get) == text + "b"
    assert words.expand_document(text + "\\$", lambda name: None) == text + "$"


def test_a_long_pattern_on_a_long_value_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="pattern is too long"):
        words.expand("${A#" + "?*" * 5000 + "}", {"A": "x" * 10000}.get)


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nENV A=aaaaaaaaaaaaaaaa\n" + "ENV A=$A$A$A$A\n" * 30,
        "FROM a\nARG A=aaaaaaaaaaaaaaaa\n" + "ARG A=$A$A$A$A\n" * 30,
        "ARG A=aaaaaaaaaaaaaaaa\n" + "ARG A=$A$A$A$A\n" * 30 + "FROM a\n",
        "FROM a\nARG A=aaaaaaaaaaaaaaaa\n" + "ARG A=${A//a/aaaaaaaa}\n" * 30,
        "FROM a\nENV A=aaaaaaaaaaaaaaaa\n" + "LABEL $A=$A\nENV A=$A$A\n" * 30,
    ],
)
def test_lines_that_double_a_variable_end_in_an_error_at_their_line(text: str) -> None:
    with pytest.raises(AtLine, match="is larger than 1048576 characters") as raised:
        plan(text)
    assert raised.value.line.first > 5


def test_many_large_instructions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MAX_WRITTEN", 100_000)
    with pytest.raises(AtLine, match="come to more than"):
        plan("FROM a\nARG A=" + "a" * 1000 + "\n" + "ENV B=$A$A$A$A$A$A$A$A$A$A\n" * 20)
    with pytest.raises(AtLine, match="too large"):
        plan("ARG A=" + "a" * 10000 + "\n" + "".join(f"ARG B{n}=$A\n" for n in range(20)) + "FROM a\n")


def test_the_title_of_a_step_shows_the_beginning_of_a_long_value() -> None:
    title = state.shown("RUN $A $A", {"A": "a" * 100_000})
    assert len(title) < 3000
    assert title.startswith("RUN aaaa")


def test_thousands_of_stages_are_planned() -> None:
    text = "FROM a AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\nCOPY --from=s0 f /\n" for n in range(3000))
    assert plan(text)


@pytest.mark.parametrize("mark", ["../../../etc/pw", "/etc/pw", "a/../pw", "pw"])
def test_a_file_of_a_here_document_is_no_path(mark: str) -> None:
    made = plan(f"FROM a\nCOPY <<{mark} /x/\nhello\n{mark}\n")
    (step,) = made.stages[0].steps  # type: ignore[attr-defined]
    assert [item.name for item in step.action.inline] == ["pw"]


@pytest.mark.parametrize("mark", ["..", "/", "."])
def test_a_here_document_that_names_no_file_is_refused(mark: str) -> None:
    with pytest.raises(AtLine, match="names no file"):
        plan(f"FROM a\nCOPY <<{mark} /x/\nhello\n{mark}\n")
