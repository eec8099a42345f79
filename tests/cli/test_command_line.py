"""The command line as a whole: what it prints and how it ends, without an engine."""

import os
import subprocess
import sys

import pytest

from sampan.cli import help
from sampan.cli.catalog import ALIASES, COMMANDS, GROUPS
from sampan.cli.errors import ClientError, OptionError, report
from sampan.cli.main import load, run
from sampan.errors import Conflict, PermissionDenied, StartFailed

RUN_USAGE = "Usage:  sampan run [OPTIONS] IMAGE [COMMAND] [ARG...]"
RUN_HELP = "Run 'sampan run --help' for more information"


@pytest.mark.parametrize(
    ("words", "code", "lines"),
    [
        ("nonsense", 1, ["sampan: unknown command: sampan nonsense", "", "Run 'sampan --help' for more information"]),
        (
            "container nonsense",
            1,
            [
                "sampan: unknown command: sampan container nonsense",
                "",
                "Usage:  sampan container",
                "",
                "Run 'sampan container --help' for more information",
            ],
        ),
        (
            "--nonsense",
            125,
            [
                "unknown flag: --nonsense",
                "",
                "Usage:  sampan [OPTIONS] COMMAND [ARG...]",
                "",
                "Run 'sampan --help' for more information",
            ],
        ),
        (
            "run",
            1,
            [
                "sampan: 'sampan run' requires at least 1 argument",
                "",
                RUN_USAGE,
                "",
                "See 'sampan run --help' for more information",
            ],
        ),
        ("run --nonsense busybox", 125, ["unknown flag: --nonsense", "", RUN_USAGE, "", RUN_HELP]),
        ("run -Z busybox", 125, ["unknown shorthand flag: 'Z' in -Z", "", RUN_USAGE, "", RUN_HELP]),
        ("run -p abc busybox", 125, ["sampan: invalid containerPort: abc", "", RUN_HELP]),
        (
            "run --tmpfs rel busybox",
            125,
            [
                "sampan: Error response from daemon: invalid mount path: 'rel' mount path must be absolute",
                "",
                RUN_HELP,
            ],
        ),
        (
            "ps x",
            1,
            [
                "sampan: 'sampan ps' accepts no arguments",
                "",
                "Usage:  sampan ps [OPTIONS]",
                "",
                "Run 'sampan ps --help' for more information",
            ],
        ),
        (
            "tag busybox",
            1,
            [
                "sampan: 'sampan tag' requires 2 arguments",
                "",
                "Usage:  sampan tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
                "",
                "Run 'sampan tag --help' for more information",
            ],
        ),
        (
            "container list --nonsense",
            125,
            [
                "unknown flag: --nonsense",
                "",
                "Usage:  sampan container ls [OPTIONS]",
                "",
                "Run 'sampan container ls --help' for more information",
            ],
        ),
        (
            "ps --filter nonsense",
            125,
            [
                'invalid argument "nonsense" for "-f, --filter" flag: bad format of filter (expected name=value)',
                "",
                "Usage:  sampan ps [OPTIONS]",
                "",
                "Run 'sampan ps --help' for more information",
            ],
        ),
        ("help nonsense", 1, ["unknown help topic: nonsense"]),
    ],
)
def test_a_mistake_is_answered_in_dockers_words(
    words: str, code: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.split()) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()) == ("", lines)


def test_a_near_spelling_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rnu"]) == 1
    assert "Hint: did you mean 'sampan run'?" in capsys.readouterr().err
    assert run(["run", "--nmae", "x", "busybox"]) == 125
    assert "Hint: did you mean --name?" in capsys.readouterr().err


def test_a_daemon_cannot_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-H", "tcp://127.0.0.1:1", "ps"]) == 1
    assert "there is no daemon to connect to" in capsys.readouterr().err


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sampan version ")


@pytest.mark.parametrize("path", ["", *GROUPS, *COMMANDS, *ALIASES])
def test_every_command_has_help_with_an_example(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage:  sampan") and "Examples:\n" in text and "  sampan " in text


@pytest.mark.parametrize("path", COMMANDS)
def test_examples_can_be_read(path: str) -> None:
    import shlex

    from sampan.cli.main import find, read

    for example in load(path).COMMAND.examples:
        found, rest = find(shlex.split(example.words))
        assert COMMANDS[found][0] == COMMANDS[path][0]
        read(found, load(found).COMMAND, rest)


@pytest.mark.parametrize("path", COMMANDS)
def test_flags_are_declared_once_and_explained(path: str) -> None:
    flags = load(path).COMMAND.flags
    names = [flag.name for flag in flags] + [flag.short for flag in flags if flag.short]
    assert len(names) == len(set(names))
    assert all(flag.help or flag.hidden for flag in flags)


def test_the_help_of_a_command_has_dockers_layout() -> None:
    assert help.render("rm").splitlines()[:12] == [
        "Usage:  sampan rm [OPTIONS] CONTAINER [CONTAINER...]",
        "",
        "Remove containers",
        "",
        "Aliases:",
        "  sampan container remove, sampan container rm, sampan rm",
        "",
        "Options:",
        *help.render("rm").splitlines()[8:12],
    ]


def test_help_wraps_beside_the_flags() -> None:
    lines = help.render_flags(load("stop").COMMAND.flags, width=50).splitlines()
    assert all(len(line) < 50 for line in lines)
    assert any(line.startswith("  -t, --timeout int") for line in lines)


@pytest.mark.parametrize(
    ("error", "manner", "text", "code"),
    [
        (Conflict("busy"), "run", f"sampan: Error response from daemon: busy\n\n{RUN_HELP}", 125),
        (Conflict("busy"), "create", "Error response from daemon: busy", 1),
        (Conflict("busy", hint="rename it"), "", "Error response from daemon: busy\nHint: rename it", 1),
        (StartFailed("no", exit_code=127), "run", f"sampan: Error response from daemon: no\n\n{RUN_HELP}", 127),
        (StartFailed("no", exit_code=126), "", "Error response from daemon: no", 126),
        (OptionError("bad"), "create", f"sampan: bad\n\n{RUN_HELP}", 125),
        (OptionError("bad"), "", "bad", 1),
        (ClientError("the input device is not a TTY"), "run", "the input device is not a TTY", 1),
    ],
)
def test_the_kind_of_an_error_decides_text_and_exit_code(error: Exception, manner: str, text: str, code: int) -> None:
    assert report(error, "run", manner) == (text, code)  # type: ignore[arg-type]


def test_a_user_without_access_gets_one_message() -> None:
    text, _ = report(PermissionDenied("no", hint="use sudo"), "run", "run")
    assert text == "Error response from daemon: no\nHint: use sudo"


def sampan(*words: str, **options: object) -> "subprocess.Popen[bytes]":
    program = "from sampan.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = sampan("run", "--help", stdout=writer)
    os.close(writer)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (141, b"")


def test_results_are_flushed_before_the_program_leaves() -> None:
    process = sampan("--version", stdout=subprocess.PIPE)
    out, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"") and out.startswith(b"sampan version")
