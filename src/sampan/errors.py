"""The one exception tree of sampan.

Every error carries a message in Docker's words where Docker has one (clients match on them) and, where there is
something to be done, a hint that says what. The kind of an error decides the exit code of the CLI and the status of
the API: those two tables live with the faces.
"""


class SampanError(Exception):
    """Base of all errors that sampan raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class InvalidArgument(SampanError):
    """What was asked for is malformed or contradicts itself."""


class NotFound(SampanError):
    """A container, image, network, volume or file that was named does not exist."""


class Conflict(SampanError):
    """What was asked for collides with what is there: a name, a port, a state, a use."""


class PermissionDenied(SampanError):
    """The caller may not do this."""


class Unavailable(SampanError):
    """Something outside is missing or busy now and may be there later: a registry, disk space, a lock."""


class Unsupported(SampanError):
    """This host or this version cannot do it."""


class Corrupt(SampanError):
    """Stored or received data does not match its digest, size or schema."""


class StartFailed(SampanError):
    """The OCI runtime could not start a process.

    `exit_code` is what `docker run` would exit with: 127 when the command was not found, 126 when it could not be
    executed, 125 otherwise (golden/errors.tsv).
    """

    def __init__(self, message: str, *, exit_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
