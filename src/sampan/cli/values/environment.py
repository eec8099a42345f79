"""--env, --env-file, --label and --label-file."""

import os
from collections.abc import Iterable, Mapping

from sampan.cli.errors import OptionError
from sampan.cli.kinds import Kind, go_quote

_LARGEST_FILE = 16 << 20


def read_variable(text: str) -> str:
    """KEY=VALUE, or KEY for the value that it has here (kept bare when it has none). Raises ValueError."""
    if not text.partition("=")[0]:
        raise ValueError(f"invalid environment variable: {text}")
    return _from_host(text, os.environ)


def _from_host(text: str, host: Mapping[str, str]) -> str:
    return f"{text}={host[text]}" if "=" not in text and text in host else text


ENV = Kind("list", read_variable, gathers="list", zero=())


def environment(files: Iterable[str], variables: Iterable[str]) -> tuple[str, ...]:
    """What --env-file and --env say, in docker's order. A bare KEY removes the image's variable. Raises OptionError.

    A bare key in a file that has no value here is left out; on the command line it stays.
    """
    lines = [
        _from_host(line, os.environ)
        for path in files
        for line in read_lines(path, "environment")
        if "=" in line or line in os.environ
    ]
    return (*lines, *variables)


def labels(files: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """What --label-file and --label say. A bare key in a file says nothing, as to docker. Raises OptionError."""
    lines = [line for path in files for line in read_lines(path, "label") if "=" in line]
    return {text.partition("=")[0]: text.partition("=")[2] for text in (*lines, *texts)}


def read_lines(path: str, what: str) -> list[str]:
    """The KEY or KEY=VALUE lines of a file, without comments and empty lines; values keep quotes and blanks."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except IsADirectoryError:
        raise OptionError(f"invalid env file ({path}): read {path}: is a directory") from None
    except OSError as error:
        raise OptionError(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    if len(content) > _LARGEST_FILE:
        raise OptionError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB")
    lines: list[str] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = _check_line(raw.removesuffix(b"\r"), number, what, path)
        if line:
            lines.append(line)
    return lines


def _check_line(raw: bytes, number: int, what: str, path: str) -> str:
    try:
        line = raw.decode().lstrip()
    except UnicodeDecodeError:
        raise OptionError(
            f"invalid {what} file ({path}): invalid utf8 bytes at line {number}: {_escaped(raw)}"
        ) from None
    if not line or line.startswith("#"):
        return ""
    key = line.partition("=")[0]
    if not key:
        raise OptionError(f"invalid {what} file ({path}): no variable name on line '{line}'")
    if any(character.isspace() for character in key):
        raise OptionError(f"invalid {what} file ({path}): variable '{key}' contains whitespaces")
    return line


def _escaped(raw: bytes) -> str:
    return go_quote(raw.decode(errors="replace"))
