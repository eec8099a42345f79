"""What a build is made from: the Dockerfile's text, and whether the folder that it copies from is there."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sampan.builder.failures import AtLine, BuildFailed, Excerpt
from sampan.builder.options import BuildOptions
from sampan.dockerfile.errors import ParseError
from sampan.errors import InvalidArgument, NotFound
from sampan.images import lock

_LARGEST_DOCKERFILE = 16 << 20


class Source(NamedTuple):
    """A Dockerfile: its text, the name it is shown by, and the place that its steps are remembered under."""

    text: str
    name: str
    place: str


def place_of(source: Source) -> str:
    """A short name of the place that a build's steps and reports are remembered under."""
    return hashlib.sha256(os.fsencode(source.place)).hexdigest()[:16]


@contextmanager
def placed(source: Source) -> Iterator[None]:
    """Errors leave with the lines of the Dockerfile that they are about, as BuildFailed."""
    try:
        yield
    except AtLine as error:
        excerpt = Excerpt(source.name, source.text, error.line.first, error.line.last, error.message)
        raise BuildFailed(
            error.message,
            hint=error.hint,
            kind=error.kind or error,
            excerpt=excerpt,
            step=error.step,
            output=error.output,
        ) from error
    except ParseError as error:
        place = Excerpt(source.name, source.text, error.line, error.last, error.message) if error.line else None
        raise BuildFailed(error.message, hint=error.hint, kind=error, excerpt=place) from error


def check_context(options: BuildOptions) -> None:
    """Raises NotFound or InvalidArgument when the context is no folder."""
    if options.context and not os.path.isdir(options.context):
        if os.path.exists(options.context):
            raise InvalidArgument(
                f"unable to prepare context: {options.context} is not a folder",
                hint="give the folder that the Dockerfile copies from; -f names the Dockerfile",
            )
        raise NotFound(f'unable to prepare context: path "{options.context}" not found')


def read_dockerfile(options: BuildOptions) -> Source:
    """Raises BuildFailed when there is no Dockerfile, or it is not text."""
    context = options.origin or (os.path.realpath(options.context) if options.context else "")
    if options.dockerfile_text is not None:
        return Source(options.dockerfile_text, "Dockerfile", context + "\0")
    path = options.dockerfile or os.path.join(options.context, "Dockerfile")
    name = os.path.basename(path)
    try:
        data = read_file(path, _LARGEST_DOCKERFILE)
    except FileNotFoundError as error:
        lower = os.path.join(options.context, "dockerfile")
        if options.dockerfile or not os.path.isfile(lower):
            raise _missing(name, options) from error
        data, name = read_file(lower, _LARGEST_DOCKERFILE), "dockerfile"
    except (IsADirectoryError, PermissionError, NotADirectoryError) as error:
        message = f"failed to read dockerfile: open {name}: {(error.strerror or '').lower()}"
        raise BuildFailed(message, kind=error) from error
    try:
        return Source(data.decode(), name, f"{context}\0{os.path.realpath(path)}")
    except UnicodeDecodeError as error:
        raise BuildFailed(f"failed to read dockerfile: {name} is not UTF-8 text", kind=error) from error


def read_lock(path: str) -> lock.Lock:
    """The lock in a file; an empty one where there is none. Raises InvalidArgument, BuildFailed for no plain file."""
    try:
        data = read_file(path, lock.MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return lock.parse(data.decode(errors="replace"), os.path.basename(path))


def read_file(path: str, limit: int) -> bytes:
    """A file of at most `limit` bytes. Raises BuildFailed for a larger one and for what is no file, OSError.

    A pipe is read when it is one of ours, as the shell's <(...) is; one that lies in a folder may have no writer, ever.
    """
    name = os.path.basename(path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise BuildFailed(f"failed to read {name}: not a regular file") from error
        raise
    kind = stat.S_IFMT(os.fstat(fd).st_mode)
    with open(fd, "rb") as file:
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if kind != stat.S_IFREG and not path.startswith(("/dev/", "/proc/")):
            raise BuildFailed(f"failed to read {name}: not a regular file")
        os.set_blocking(fd, True)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BuildFailed(f"failed to read {name}: larger than {limit >> 20} MiB")
    return data


def _missing(name: str, options: BuildOptions) -> BuildFailed:
    hint = "-f names a Dockerfile elsewhere"
    if options.context and os.path.isdir(options.context):
        near = sorted(entry for entry in os.listdir(options.context) if "dockerfile" in entry.lower())
        if near and near[0] != name:
            hint = f"there is {near[0]}: give it with -f {os.path.join(options.context, near[0])}"
    message = f"failed to read dockerfile: open {name}: no such file or directory"
    return BuildFailed(message, hint=hint, kind=NotFound(message))
