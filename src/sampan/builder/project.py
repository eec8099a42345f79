"""What a build is made from: the Dockerfile's text, and whether the folder that it copies from is there."""

import os
from typing import NamedTuple

from sampan.builder.failures import BuildFailed
from sampan.builder.options import BuildOptions
from sampan.errors import InvalidArgument, NotFound

_LARGEST_DOCKERFILE = 16 << 20


class Source(NamedTuple):
    """A Dockerfile: its text, the name it is shown by, and the place that its steps are remembered under."""

    text: str
    name: str
    place: str


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
    context = os.path.realpath(options.context) if options.context else ""
    if options.dockerfile_text is not None:
        return Source(options.dockerfile_text, "Dockerfile", context + "\0")
    path = options.dockerfile or os.path.join(options.context, "Dockerfile")
    name = os.path.basename(path)
    try:
        data = _read(path)
    except FileNotFoundError as error:
        lower = os.path.join(options.context, "dockerfile")
        if options.dockerfile or not os.path.isfile(lower):
            raise _missing(name, options) from error
        data, name = _read(lower), "dockerfile"
    except (IsADirectoryError, PermissionError, NotADirectoryError) as error:
        message = f"failed to read dockerfile: open {name}: {(error.strerror or '').lower()}"
        raise BuildFailed(message, kind=error) from error
    try:
        return Source(data.decode(), name, f"{context}\0{os.path.realpath(path)}")
    except UnicodeDecodeError as error:
        raise BuildFailed(f"failed to read dockerfile: {name} is not UTF-8 text", kind=error) from error


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        data = file.read(_LARGEST_DOCKERFILE + 1)
    if len(data) > _LARGEST_DOCKERFILE:
        raise BuildFailed(f"failed to read dockerfile: {os.path.basename(path)} is larger than 16 MiB")
    return data


def _missing(name: str, options: BuildOptions) -> BuildFailed:
    hint = "-f names a Dockerfile elsewhere"
    if options.context and os.path.isdir(options.context):
        near = sorted(entry for entry in os.listdir(options.context) if "dockerfile" in entry.lower())
        if near and near[0] != name:
            hint = f"there is {near[0]}: give it with -f {os.path.join(options.context, near[0])}"
    message = f"failed to read dockerfile: open {name}: no such file or directory"
    return BuildFailed(message, hint=hint, kind=NotFound(message))
