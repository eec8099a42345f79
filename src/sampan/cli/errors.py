"""Errors on the terminal: what is printed for each kind, and with which code the program ends.

| kind                                   | run             | create | others |
|----------------------------------------|-----------------|--------|--------|
| flags that can't be read (UsageError)  | 125             | 125    | 125    |
| a wrong number of arguments            | 1               | 1      | 1      |
| an option's value (OptionError)        | 125             | 125    | 1      |
| the CLI itself refuses (ClientError)   | 1, or as it says|        |        |
| StartFailed                            | its own: 125-127| the same in all |
| any other SampanError                  | 125             | 1      | 1      |
| Ctrl-C                                 | 130             | 130    | 130    |
| the reader of our output went away     | 141             | 141    | 141    |
"""

import errno

from sampan.errors import InvalidArgument, PermissionDenied, SampanError, StartFailed

PROGRAM = "sampan"
INTERRUPTED = 130
PIPE_CLOSED = 141


class ClientError(SampanError):
    """The CLI refuses by itself; printed as it is, without the engine's prefix."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def hint_of_space(error: OSError) -> str:
    """What to do where a disk or a quota is full; "" where that is not the reason."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    return f"free some space where the output goes; of the store's, '{PROGRAM} system df' says what takes it"


class OptionError(InvalidArgument):
    """The value of an option can't be used, though its flag could be read."""


class UsageError(ClientError):
    """The command line does not fit the command. `trailer` is printed after the message and its hint."""

    def __init__(self, message: str, *, trailer: str, exit_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.trailer = trailer


class AlreadyReported(SampanError):
    """A verb printed its errors itself and ends with `exit_code`."""

    def __init__(self, exit_code: int = 1) -> None:
        super().__init__("")
        self.exit_code = exit_code


def describe(error: SampanError) -> str:
    """The one line for an error, with the engine's prefix where the engine refused."""
    from sampan.dockerfile.errors import visible

    message = visible(error.message)
    if isinstance(error, ClientError | OptionError):
        return message
    return f"Error response from daemon: {message}"


def with_hint(text: str, error: SampanError) -> str:
    if not error.hint:
        return text
    from sampan.dockerfile.errors import visible

    return f"{text}\nHint: {visible(error.hint)}"


def report(error: SampanError, path: str = "", manner: str = "") -> tuple[str, int]:
    """The text for stderr, without its last line break ("" for none), and the exit code."""
    if isinstance(error, AlreadyReported):
        return "", error.exit_code
    text = with_hint(describe(error), error)
    if isinstance(error, UsageError):
        return f"{text}\n\n{error.trailer}", error.exit_code
    if isinstance(error, ClientError):
        return text, error.exit_code
    in_run_style = manner == "run" or (manner == "create" and isinstance(error, OptionError))
    if in_run_style and not isinstance(error, PermissionDenied):
        text = f"{PROGRAM}: {text}\n\nRun '{PROGRAM} {path} --help' for more information"
    if isinstance(error, StartFailed):
        return text, error.exit_code
    return text, 125 if in_run_style else 1
