"""Contexts that are no folder here: an archive or a Dockerfile on standard input or behind a URL, a git repository.

They are laid out in a folder of the build's own. As in BuildKit no .dockerignore is asked for them, and their files
keep their owners.
"""

import os
from collections.abc import Callable
from typing import BinaryIO, cast

from sampan.builder.failures import BuildFailed
from sampan.builder.files.context import open_context
from sampan.builder.files.copying import is_archive
from sampan.builder.files.trees import Tree
from sampan.builder.options import BuildOptions
from sampan.builder.plan.remote import parse_context, redacted
from sampan.builder.plan.steps import Remote
from sampan.builder.progress.events import Reporter
from sampan.builder.project import Source
from sampan.builder.remote.sources import Remotes
from sampan.builder.work.stages import ContextFiles, Shared
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.images import lock
from sampan.linux import files
from sampan.storage import compression, tar, unpacking
from sampan.storage.database import Database

LARGEST_DOCKERFILE = 16 << 20
_PEEKED = 1 << 16

Folder = Callable[[], str]


class Peeked:
    """A stream whose beginning was looked at; it is read again from there."""

    def __init__(self, stream: tar.Readable) -> None:
        self._stream = stream
        self._held = b""
        self._at = 0
        self._is_held = True
        while len(self._held) < _PEEKED and (piece := stream.read(_PEEKED - len(self._held))):
            self._held += piece

    def read(self, size: int, /) -> bytes:
        piece = self._held[self._at : self._at + size]
        self._at += len(piece)
        if piece or self._is_held:
            return piece
        return self._stream.read(size)

    def rewind(self, *, is_last: bool = False) -> None:
        """Read from the beginning again; the last time it goes on behind what was looked at."""
        self._at, self._is_held = 0, not is_last


def from_stream(options: BuildOptions, stream: BinaryIO, folder: Folder) -> BuildOptions:
    """The build of what comes on standard input: an archive is its context, a text its Dockerfile.

    Raises InvalidArgument, Corrupt.
    """
    peeked = Peeked(stream)
    is_context = is_archive(peeked)
    peeked.rewind(is_last=True)
    if is_context:
        return _unpacked(options._replace(origin="-"), peeked, folder())
    if options.dockerfile:
        raise InvalidArgument(
            "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles",
            hint="leave -f away, or give an archive on standard input",
        )
    return options._replace(context="", dockerfile_text=_text(peeked))


def from_remote(
    database: Database, options: BuildOptions, remote: Remote, reporter: Reporter, folder: Folder
) -> BuildOptions:
    """The build of a repository, an archive or a Dockerfile elsewhere. Raises SampanError."""
    if remote.kind == "git" and options.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") == "1":
        remote = remote._replace(keep_git_dir=True)
    options = options._replace(origin=redacted(options.context))
    remotes = Remotes(database, options, reporter, folder, is_context=True)
    try:
        root = remotes.folder(remote)
        if remote.kind == "git":
            return _placed(options, _below(root, remote.subdir))
    except BuildFailed:
        raise
    except SampanError as error:
        what = "dockerfile" if remote.kind == "git" else "downloaded context"
        raise BuildFailed(f"failed to read {what}: {error.message}", hint=error.hint, kind=error) from error
    finally:
        remotes.close()
    with open(os.path.join(root, "file"), "rb") as file:
        is_context = is_archive(file)
        file.seek(0)
        if is_context:
            return _unpacked(options, cast(tar.Readable, file), folder())
        if options.dockerfile:
            raise InvalidArgument(
                f"{options.origin} is a Dockerfile, and -f names another", hint="leave one of them away"
            )
        os.rename(os.path.join(root, "file"), os.path.join(root, "context"))  # as COPY finds it in BuildKit
        return options._replace(context=root, dockerfile_text=_text(cast(tar.Readable, file)))


def named(shared: Shared, name: str) -> ContextFiles:
    """The files of a named context. Raises NotFound, InvalidArgument, and what goes wrong when they are fetched."""
    value = shared.options.contexts[name]
    found = None if os.path.isdir(value) else parse_context(value)
    if found is None:
        return _folder_here(shared, value)
    if found.kind == "git":
        root = _below(shared.remotes.folder(found), found.subdir)
        return ContextFiles(Tree(os.open(root, files.DIRECTORY)), keeps_owner=True)
    folder = shared.remotes.folder(found)
    with open(os.path.join(folder, "file"), "rb") as file:
        if is_archive(file):
            file.seek(0)
            folder = shared.workspace.folder()
            _extract(cast(tar.Readable, file), folder)
        else:
            os.rename(os.path.join(folder, "file"), os.path.join(folder, found.name))
    return ContextFiles(Tree(os.open(folder, files.DIRECTORY)), keeps_owner=True)


def _folder_here(shared: Shared, value: str) -> ContextFiles:
    path = os.path.realpath(value)
    options = BuildOptions(context=path, dockerfile=os.path.join(path, "Dockerfile"))
    source = Source("", "Dockerfile", path)
    return ContextFiles(open_context(options, source, shared.paths.root + "/build-contexts"))


def _unpacked(options: BuildOptions, stream: tar.Readable, folder: str) -> BuildOptions:
    _extract(stream, folder)
    return _placed(options, folder)


def _extract(stream: tar.Readable, folder: str) -> None:
    os.chmod(folder, 0o755)
    root = os.open(folder, files.DIRECTORY)
    try:
        unpacking.extract(compression.open_decompressed(stream), root)
    finally:
        os.close(root)


def _below(folder: str, path: str) -> str:
    """A folder of a repository; links are followed inside it."""
    root = os.open(folder, files.DIRECTORY)
    try:
        found = files.open_in_root(root, path, files.DIRECTORY)
        try:
            return os.readlink(f"/proc/self/fd/{found}")
        finally:
            os.close(found)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"invalid subdir /{path}: no such directory") from error
    finally:
        os.close(root)


def _placed(options: BuildOptions, context: str) -> BuildOptions:
    """The build with its context laid out. Its Dockerfile is read here, as one who cannot leave the context would."""
    if os.path.islink(os.path.join(context, lock.FILE)):
        raise InvalidArgument(f"{lock.FILE} is a link: in a context from elsewhere it has to be a file")
    if options.dockerfile_text is not None:
        return options._replace(context=context)
    names = (options.dockerfile,) if options.dockerfile else ("Dockerfile", "dockerfile")
    root = os.open(context, files.DIRECTORY)
    try:
        for name in names:
            try:
                fd = files.open_regular(root, name)
            except OSError:
                continue
            with open(fd, "rb") as file:
                return options._replace(context=context, dockerfile="", dockerfile_text=_text(cast(tar.Readable, file)))
    finally:
        os.close(root)
    message = f"failed to read dockerfile: open {names[0]}: no such file or directory"
    raise BuildFailed(message, hint="-f names a Dockerfile in the context", kind=NotFound(message))


def _text(stream: tar.Readable) -> str:
    data = b""
    while piece := stream.read(1 << 20):
        data += piece
        if len(data) > LARGEST_DOCKERFILE:
            raise _unread(f"larger than {LARGEST_DOCKERFILE >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _unread("neither an archive nor UTF-8 text") from error


def _unread(reason: str) -> SampanError:
    return BuildFailed(f"failed to read dockerfile: {reason}")
