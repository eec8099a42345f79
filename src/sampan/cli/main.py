"""The command `sampan`: find the verb, read its flags, call it, turn errors into exit codes.

Only the module of the verb that was named is imported; help and suggestions are imported when they are printed.
"""

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn, TextIO, cast

from sampan.cli.catalog import ALIASES, COMMANDS, GROUPS
from sampan.cli.command import Command, Invocation, Settings, Verb
from sampan.cli.errors import INTERRUPTED, PIPE_CLOSED, PROGRAM, ClientError, UsageError, hint_of_space, report
from sampan.cli.flags import Flag, FlagConflict, FlagProblem, HelpWanted, Parsed, parse
from sampan.cli.kinds import BOOL, STRING
from sampan.errors import SampanError

GLOBAL_FLAGS = (
    Flag("config", STRING, "Directory of the client's config.json", shown_default="~/.docker"),
    Flag("context", STRING, "Refused: there is no daemon to choose", "c"),
    Flag("debug", BOOL, "Show where an unexpected error came from", "D"),
    Flag("host", STRING, "Refused: there is no daemon to connect to", "H"),
    Flag("log-level", STRING, "Accepted for docker's sake, without effect", "l", shown_default="info"),
    Flag("offline", BOOL, "Open no connection to a registry: say what is missing instead"),
    Flag("publish-local-only", BOOL, "Ports published without an address are reached from this host only"),
    Flag("root", STRING, "Directory of the store", shown_default="/var/lib/sampan"),
    *(Flag(name, BOOL, "", hidden=True) for name in ("tls", "tlsverify")),
    *(Flag(name, STRING, "", hidden=True) for name in ("tlscacert", "tlscert", "tlskey")),
    Flag("version", BOOL, "Print the version and exit", "v"),
)


def main() -> NoReturn:
    """The program. It leaves without the interpreter's own farewell, which costs more than an exit needs."""
    _open_standard_streams()
    gc.disable()  # what is imported stays: looking through it for garbage is a tenth of the time of importing it
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    sys.stderr.flush()
    os._exit(code)


def _open_standard_streams() -> None:
    """Closed ones lead nowhere: else the next file that is opened gets their number, and what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
    # Names that are no UTF-8 are printed as the bytes that they are.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def run(words: Sequence[str]) -> int:
    """Do what the words ask for; the exit code."""
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED


def _dispatch(words: Sequence[str]) -> int:
    path, manner, debug = "", "", False
    try:
        settings, rest = _read_globals(words)
        debug = settings.debug
        if settings.wants_version:
            return _print_version()
        if not rest:
            return _print_help("", sys.stderr)
        path, rest = find(rest)
        if path in GROUPS or not path:
            return _group(path, rest)
        verb = load(path)
        manner = verb.COMMAND.manner
        parsed = read(path, verb.COMMAND, rest)
        gc.freeze()
        gc.enable()
        return verb.execute(Invocation(path, parsed, settings))
    except HelpWanted:
        return _print_help(path, sys.stdout)
    except SampanError as error:
        return _report(error, path, manner, debug)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _report(_from_system(error), path, manner, debug)


def _report(error: SampanError, path: str, manner: str, debug: bool) -> int:
    if debug:
        _print_trace()
    sys.stdout.flush()
    text, code = report(error, path, manner)
    if text:
        print(text, file=sys.stderr)
    return code


def _from_system(error: OSError) -> SampanError:
    """What the kernel refused, where no one knew a better word for it."""
    place = f"{error.filename}: " if error.filename else ""
    hint = hint_of_space(error) or f"'{PROGRAM} --debug' says where this comes from"
    return SampanError(f"{place}{(error.strerror or str(error)).lower()}", hint=hint)


def find(words: Sequence[str]) -> tuple[str, list[str]]:
    """The path of the command that `words` begin with, as typed, and the words after it.

    A group alone is its own path; "" stands for `help`. Raises UsageError for an unknown command.
    """
    first = ALIASES.get(words[0], words[0])
    if first == "help":
        return ("", []) if len(words) == 1 else _help_topic(words[1:])
    if first in COMMANDS:
        below = " ".join((first, *words[1:2]))  # `build explain`: ./explain is a folder of that name
        return (below, list(words[2:])) if below in COMMANDS else (first, list(words[1:]))
    if first not in GROUPS:
        from sampan.cli.absent import answer

        raise answer(list(words)) or unknown_command("", words[0])
    if len(words) == 1 or words[1].startswith("-"):
        return first, list(words[1:])
    path = f"{first} {words[1]}"
    path = ALIASES.get(path, path)
    if path in GROUPS:
        return _find_below(path, words[2:])
    if path not in COMMANDS:
        raise unknown_command(first, words[1])
    return path, list(words[2:])


def _find_below(group: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """find() in a group that is in a group."""
    if not words or words[0].startswith("-"):
        return group, list(words)
    path = f"{group} {words[0]}"
    if path not in COMMANDS:
        raise unknown_command(group, words[0])
    return path, list(words[1:])


def _help_topic(words: Sequence[str]) -> tuple[str, list[str]]:
    try:
        path, _ = find(words)
    except UsageError:
        raise ClientError(f"unknown help topic: {' '.join(words)}") from None
    return path, ["--help"]


def unknown_command(group: str, word: str) -> UsageError:
    from sampan.spelling import nearest

    prefix = f"{group} " if group else ""
    names = [path.removeprefix(prefix) for path in (*COMMANDS, *GROUPS) if path.startswith(prefix)]
    near = nearest(word, (name for name in names if " " not in name))
    full = f"{PROGRAM} {group}".rstrip()
    usage = f"Usage:  {full}\n\n" if group else ""
    return UsageError(
        f"{PROGRAM}: unknown command: {full} {word}",
        trailer=f"{usage}Run '{full} --help' for more information",
        exit_code=1,
        hint=f"did you mean '{full} {near}'?" if near else "",
    )


def load(path: str) -> Verb:
    """The verb at a path of the catalog; this imports its module."""
    name = f"sampan.cli.{COMMANDS[path][0]}"
    __import__(name)  # importlib's own function would cost an import of its own
    return cast(Verb, sys.modules[name])


def read(path: str, command: Command, words: Sequence[str]) -> Parsed:
    """Read a verb's flags and count its arguments. Raises UsageError, ClientError, HelpWanted."""
    try:
        parsed = parse(command.flags, words, interspersed=command.interspersed)
    except FlagConflict as problem:
        raise ClientError(problem.message) from None
    except FlagProblem as problem:
        raise _usage_error(path, command.arguments, problem) from None
    for warning in parsed.warnings:
        print(warning, file=sys.stderr)
    _count_arguments(path, command, len(parsed.arguments))
    return parsed


def _usage_error(path: str, arguments: str, problem: FlagProblem) -> UsageError:
    full = f"{PROGRAM} {path}".rstrip()
    return UsageError(
        problem.message,
        trailer=f"Usage:  {full} {arguments}".rstrip() + f"\n\nRun '{full} --help' for more information",
        exit_code=125,
        hint=f"did you mean {problem.suggestion}?" if problem.suggestion else "",
    )


def _count_arguments(path: str, command: Command, count: int) -> None:
    least, most = command.takes
    if count >= least and (most is None or count <= most):
        return
    invite = "Run"
    if most == 0:
        wanted = "accepts no arguments"
    elif least == most:
        wanted = f"requires {least} argument{'s' * (least != 1)}"
    elif count < least:
        wanted, invite = f"requires at least {least} argument{'s' * (least != 1)}", "See"
    else:
        wanted = f"requires at most {most} argument{'s' * (most != 1)}"
    full = f"{PROGRAM} {path}"
    raise UsageError(
        f"{PROGRAM}: '{full}' {wanted}",
        trailer=f"Usage:  {full} {command.arguments}".rstrip() + f"\n\n{invite} '{full} --help' for more information",
        exit_code=1,
    )


def _read_globals(words: Sequence[str]) -> tuple[Settings, list[str]]:
    if words and not words[0].startswith("-"):
        return Settings(os.environ.get("SAMPAN_ROOT", ""), os.environ.get("DOCKER_CONFIG", "")), list(words)
    try:
        parsed = parse(GLOBAL_FLAGS, words, interspersed=False)
    except FlagProblem as problem:
        raise _usage_error("", "[OPTIONS] COMMAND [ARG...]", problem) from None
    if parsed.string("log-level") not in ("", "debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"):
        raise ClientError(f"Unable to parse logging level: {parsed.string('log-level')}")
    if parsed.is_given("offline"):
        os.environ["SAMPAN_OFFLINE"] = "1" if parsed.boolean("offline") else "0"
    if parsed.is_given("publish-local-only"):
        os.environ["SAMPAN_PUBLISH_LOCAL_ONLY"] = "1" if parsed.boolean("publish-local-only") else "0"
    for name in ("host", "context", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"):
        if parsed.is_given(name):
            raise ClientError(
                f"--{name} can't be used: there is no daemon to connect to",
                hint=f"leave it out; '{PROGRAM} --root DIR' chooses another store",
            )
    return (
        Settings(
            parsed.string("root") or os.environ.get("SAMPAN_ROOT", ""),
            parsed.string("config") or os.environ.get("DOCKER_CONFIG", ""),
            parsed.boolean("debug"),
            parsed.boolean("version"),
        ),
        parsed.arguments,
    )


def _group(path: str, rest: Sequence[str]) -> int:
    if not rest:
        return _print_help(path, sys.stderr if path else sys.stdout)
    try:
        parse((), rest)
    except FlagProblem as problem:
        raise _usage_error(path, "COMMAND", problem) from None
    return 0


def _print_help(path: str, stream: TextIO) -> int:
    from sampan.cli.help import render

    stream.write(render(path))
    return 0


def _print_version() -> int:
    from sampan import __version__

    print(f"{PROGRAM} version {__version__}")
    return 0


def _print_trace() -> None:
    import traceback

    traceback.print_exc()


def _drop_output() -> None:
    """Nobody reads stdout any more: what is still buffered goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, 1)
    os.close(nowhere)
