"""From text to instructions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dockerfile import scripts
from sampan.dockerfile.errors import ParseError, excerpt, nearest
from sampan.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    Label,
    Line,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Warning_,
    Workdir,
)
from sampan.dockerfile.parser import parse, parse_trigger
from sampan.errors import InvalidArgument
from sampan.oci.config import HealthConfig


def only(text: str) -> Instruction:
    """The one instruction below a FROM."""
    (instruction,) = parse("FROM scratch\n" + text + "\n").stages[0].instructions
    return instruction


def at(text: str, last: int = 2) -> Line:
    return Line(2, last, text)


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("ARG a b=c d=", lambda line: Arg(line, (("a", None), ("b", "c"), ("d", "")))),
        ("ENV a=b c='d e' f=g\\ h", lambda line: Env(line, (("a", "b"), ("c", "'d e'"), ("f", "g\\ h")))),
        ("ENV a  b c=d", lambda line: Env(line, (("a", "b c=d"),))),
        ('LABEL "a b"=c', lambda line: Label(line, (('"a b"', "c"),))),
        ("RUN echo  $A # x", lambda line: Run(line, Command(None, "echo  $A # x"))),
        ('RUN ["a", "b c"]', lambda line: Run(line, Command(("a", "b c")))),
        ("RUN ['a']", lambda line: Run(line, Command(None, "['a']"))),
        ("RUN --network=none --mount=target=/x --mount=type=tmpfs,target=/y a",
         lambda line: Run(line, Command(None, "a"), (), ("target=/x", "type=tmpfs,target=/y"), "none")),
        ("RUN -- --mount=x", lambda line: Run(line, Command(None, "--mount=x"))),
        ("COPY a b /c", lambda line: Copy(line, False, ("a", "b"), "/c")),
        ('COPY ["a b", "/c"]', lambda line: Copy(line, False, ("a b",), "/c")),
        ("COPY --from=x --chown=1:2 --chmod=755 --link --parents=false --exclude=a --exclude=b s d",
         lambda line: Copy(line, False, ("s",), "d", (), "x", "1:2", "755", True, False, ("a", "b"))),
        ("ADD --checksum=sha256:1 --keep-git-dir=true --unpack=false s d",
         lambda line: Copy(line, True, ("s",), "d", checksum="sha256:1", keep_git_dir=True, unpack=False)),
        ("CMD a b", lambda line: Cmd(line, Command(None, "a b"))),
        ("CMD []", lambda line: Cmd(line, Command(()))),
        ("entrypoint [\"a\"]", lambda line: Entrypoint(line, Command(("a",)))),
        ("EXPOSE 80 $P", lambda line: Expose(line, ("80", "$P"))),
        ("USER a:b", lambda line: User(line, "a:b")),
        ("VOLUME a b", lambda line: Volume(line, ("a", "b"))),
        ("VOLUME [\"a b\"]", lambda line: Volume(line, ("a b",))),
        ("WORKDIR a b", lambda line: Workdir(line, "a b")),
        ('SHELL ["a", "-c"]', lambda line: Shell(line, ("a", "-c"))),
        ("STOPSIGNAL SIGUSR1", lambda line: StopSignal(line, "SIGUSR1")),
        ("MAINTAINER a  b", lambda line: Maintainer(line, "a  b")),
        ("HEALTHCHECK NONE", lambda line: Healthcheck(line, HealthConfig(("NONE",)))),
        ("HEALTHCHECK CMD a b", lambda line: Healthcheck(line, HealthConfig(("CMD-SHELL", "a b")))),
        ('HEALTHCHECK --interval=1m30s --timeout=3s --start-period=1s --start-interval=500ms --retries=2 cmd ["a"]',
         lambda line: Healthcheck(line, HealthConfig(("CMD", "a"), 90 * 10**9, 3 * 10**9, 10**9, 5 * 10**8, 2))),
        ("ONBUILD  RUN  a", lambda line: Onbuild(line, "RUN  a")),
    ],
)  # fmt: skip
def test_an_instruction_is_read(text: str, make: object) -> None:
    assert callable(make)
    assert only(text) == make(at(text))


def test_from_names_its_stage_in_lower_case() -> None:
    dockerfile = parse("ARG V=1\nFROM --platform=$P a:$V As Base\nFROM base\n")

    assert dockerfile.arguments == (Arg(Line(1, 1, "ARG V=1"), (("V", "1"),)),)
    assert dockerfile.stages[0].base == From(Line(2, 2, "FROM --platform=$P a:$V As Base"), "a:$V", "base", "$P")
    assert [stage.name for stage in dockerfile.stages] == ["base", "1"]


def test_continuation_lines_are_joined_without_comments_and_empty_lines() -> None:
    dockerfile = parse("FROM a\nRUN b \\\n# no\n\n   c \\ \n  d\nRUN e\\\\\nRUN f \\")

    assert [line.line for line in dockerfile.stages[0].instructions] == [
        Line(2, 6, "RUN b    c   d"),
        Line(7, 7, "RUN e\\\\"),
        Line(8, 8, "RUN f "),
    ]
    assert dockerfile.warnings == (Warning_("NoEmptyContinuation", "Empty continuation line", 6),)


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_the_text() -> None:
    dockerfile = parse("\ufeffFROM a\r\nRUN b \\\r\n  c\r\n")

    assert dockerfile.stages[0].base.image == "a"
    assert dockerfile.stages[0].instructions[0].line.source == "RUN b   c"


def test_directives_stand_at_the_top() -> None:
    dockerfile = parse("# Syntax = docker/dockerfile:1\n#escape=`\n# check=skip=all\nFROM a\nRUN b `\n c:\\\n")

    assert (dockerfile.syntax, dockerfile.escape, dockerfile.check) == ("docker/dockerfile:1", "`", "skip=all")
    assert dockerfile.stages[0].instructions[0].line.source == "RUN b  c:\\"


@pytest.mark.parametrize("before", ["# a comment\n", "\n", "# other=1\n", "FROM a\n"])
def test_after_anything_else_a_directive_is_a_comment(before: str) -> None:
    assert parse(before + "# escape=`\nFROM a\n").escape == "\\"


def test_a_syntax_directive_may_follow_a_shebang_but_no_other_may() -> None:
    dockerfile = parse("#!/usr/bin/env x\n# syntax=a/b\n# escape=`\nFROM a\n")

    assert (dockerfile.syntax, dockerfile.escape) == ("a/b", "\\")


def test_heredocs_follow_in_the_order_of_their_words() -> None:
    run = only("RUN cat <<A 3<<-'B'\n$1\nA\n\t2\n\tB")

    assert isinstance(run, Run)
    assert run.heredocs == (Heredoc("A", "$1\n", True, False), Heredoc("B", "2\n", False, True))
    assert run.line == at("RUN cat <<A 3<<-'B'", 6)
    assert scripts.shell_text(run) == "cat <<A 3<<-'B'\n$1\nA\n2\nB"
    assert not scripts.is_script(run)


def test_a_run_that_is_one_heredoc_is_its_text() -> None:
    run = only("RUN <<EOF\nset -e\necho\nEOF")

    assert isinstance(run, Run)
    assert scripts.shell_text(run) == "set -e\necho\n"
    assert scripts.summary(run) == "set -e..."
    script = only("RUN <<EOF\n#!/bin/x\nEOF")
    assert isinstance(script, Run)
    assert scripts.is_script(script)


def test_a_heredoc_source_of_copy_stands_by_its_name() -> None:
    copy = only('COPY <<-"a.txt" b /c/\n\t$x\na.txt')

    assert isinstance(copy, Copy)
    assert copy.sources == ("a.txt", "b")
    assert copy.heredocs == (Heredoc("a.txt", "$x\n", False, True),)


@pytest.mark.parametrize(
    "text", ["RUN cat <<<x", "RUN '<<E'", "RUN \\<<E", "CMD <<E", "RUN a<<E", "RUN echo <<", "RUN x 'y <<E"]
)
def test_what_is_no_heredoc_takes_no_lines(text: str) -> None:
    assert only(text).line == at(text)


def test_a_trigger_is_read_again_from_its_text() -> None:
    onbuild = only("ONBUILD RUN <<EOF\nx\nEOF")

    assert isinstance(onbuild, Onbuild)
    assert onbuild.trigger == "RUN <<EOF\nx\nEOF"
    run = parse_trigger(onbuild.trigger)
    assert isinstance(run, Run)
    assert run.heredocs == (Heredoc("EOF", "x\n", True, False),)


@pytest.mark.parametrize("text", ["FROM a", "ONBUILD RUN x", "MAINTAINER a", "RUN a\nRUN b", "NOPE", ""])
def test_a_bad_trigger_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_trigger(text)


def test_a_wrong_form_is_reported_before_a_wrong_meaning_above_it() -> None:
    with pytest.raises(ParseError) as caught:
        parse("FROM a\nNOPE\nENV x\n")
    assert (caught.value.message, caught.value.line) == ("ENV must have two arguments", 3)


def test_an_error_carries_its_line_and_a_hint() -> None:
    with pytest.raises(ParseError) as caught:
        parse("FROM a\nRUN x \\\n  y\nCOPY \\\n a\n")
    assert (caught.value.line, caught.value.last) == (4, 5)
    assert caught.value.hint == "write COPY SOURCE DESTINATION; the working directory is ."


def test_a_file_of_arguments_alone_has_no_stage() -> None:
    with pytest.raises(ParseError, match="no stages to build"):
        parse("ARG a\n")


def test_a_line_too_long_is_refused() -> None:
    parse("FROM a\nRUN " + "b" * 65531)
    with pytest.raises(ParseError, match="dockerfile line greater than max allowed size of 65535"):
        parse("FROM a\nRUN " + "b" * 65532)


@pytest.mark.parametrize(
    ("word", "expected"), [("RUNN", "RUN"), ("form", "from"), ("NOPE", "COPY"), ("XYZZY", ""), ("Rum", "run")]
)
def test_a_near_word_keeps_the_case_of_what_was_written(word: str, expected: str) -> None:
    assert nearest(word, ("run", "from", "copy", "healthcheck")) == expected


def test_an_excerpt_shows_one_neighbour_of_several_lines() -> None:
    assert excerpt("a\r\nb\nc\nd\ne", "D", 2, 3) == (
        "D:2\n--------------------\n   1 |     a\n   2 | >>> b\n   3 | >>> c\n   4 |     d\n--------------------"
    )


INSTRUCTIONS = st.sampled_from(
    ["FROM", "RUN", "COPY", "ADD", "ENV", "ARG", "LABEL", "CMD", "ENTRYPOINT", "ONBUILD", "HEALTHCHECK", "SHELL",
     "EXPOSE", "USER", "VOLUME", "WORKDIR", "STOPSIGNAL", "MAINTAINER", "from", "#"]
)  # fmt: skip
ARGUMENTS = st.text(alphabet="ab=\"'\\`$<E-[], {}:#\t", max_size=20)
LINES = st.lists(st.tuples(INSTRUCTIONS, ARGUMENTS).map(" ".join) | ARGUMENTS | st.just("E"), max_size=8)


@given(LINES, st.sampled_from(["", "# escape=`\n", "\ufeff"]))
def test_any_text_is_a_dockerfile_or_a_clear_refusal(lines: list[str], head: str) -> None:
    text = head + "FROM a\n" + "\n".join(lines)
    try:
        dockerfile = parse(text)
    except InvalidArgument as error:
        assert isinstance(error, ParseError)
        assert 0 <= error.line <= error.last <= text.count("\n") + 1
        excerpt(text, "Dockerfile", error.line, error.last)
    else:
        ends = [0]
        for stage in dockerfile.stages:
            for instruction in (stage.base, *stage.instructions):
                assert ends[-1] < instruction.line.first <= instruction.line.last
                ends.append(instruction.line.last)


@given(st.text(max_size=60))
def test_arbitrary_characters_do_no_harm(text: str) -> None:
    for read in (parse, parse_trigger):
        try:
            read(text)
        except ParseError as error:
            assert error.message


@pytest.mark.parametrize(
    ("line", "message", "below"),
    [
        ("RNU echo", "unknown instruction: RNU (did you mean RUN?)", "^^^"),
        ("COPY --form=a b c", "unknown flag: --form (did you mean from?)", "     ^^^^^^"),
        ("EXPOSE 80 9x9", 'invalid port: "9x9"', "          ^^^"),
        ("COPY a nope /x", 'failed to compute cache key: "/nope": not found', "       ^^^^"),
        ("\tRUN --network=far id", 'invalid network mode "far"', "\t              ^^^"),
        ("FROM scratch", "no such thing", ""),
        ("COPY nopes /x", '"nope": not found', ""),
    ],
)
def test_an_excerpt_points_at_the_word_that_a_message_is_about(line: str, message: str, below: str) -> None:
    shown = excerpt(line, "Dockerfile", 1, message=message).split("\n")
    assert shown[3] == (f"     |     {below}" if below else "-" * 20)
