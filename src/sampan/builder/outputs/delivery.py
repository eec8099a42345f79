"""A result delivered: files, archives, pushes, each with its line of progress."""

import os
import sys
from collections.abc import Callable, Sequence

from sampan.builder.options import BuildResult
from sampan.builder.outputs import files
from sampan.builder.outputs.wanted import Output
from sampan.builder.progress.events import Work, size_text
from sampan.builder.work.stages import Shared
from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.oci import reference

Write = Callable[[bytes], object]
STDOUT = "-"
_FORMATS = {"oci": "oci image format", "docker": "docker image format"}


def deliver(
    shared: Shared,
    outputs: Sequence[Output],
    layers: Sequence[str],
    result: BuildResult,
    tags: Sequence[str],
    send: Callable[[str, Callable[[str], object]], str] | None,
) -> str:
    """Bring the result to every place that is wanted. Returns the digest of what was pushed last, "" for nothing.

    Raises InvalidArgument, Unavailable, what a registry refuses.
    """
    digest = ""
    for output in outputs:
        if output.kind == "local":
            _files(shared, "exporting to client directory", "copying files", _to_folder, layers, output)
        elif output.kind == "tar":
            _files(shared, "exporting to client tarball", "sending tarball", _to_tar, layers, output)
        elif output.dest:
            _archive(shared, output, result, (*tags, *output.names))
        if output.pushes:
            for name in (*tags, *output.names):
                digest = _push(shared, name, send)
    return digest


def _files(
    shared: Shared,
    title: str,
    what: str,
    carry_out: Callable[[Shared, Sequence[str], Output], int],
    layers: Sequence[str],
    output: Output,
) -> None:
    work = shared.reporter.start(title)
    try:
        size = carry_out(shared, layers, output)
    except SampanError as error:
        work.failed(error.message)
        raise
    work.status(f"{what} {size_text(size)} {work.seconds:.1f}s done")
    work.done()


def _to_folder(shared: Shared, layers: Sequence[str], output: Output) -> int:
    return files.to_folder(shared.paths, layers, output.dest)


def _to_tar(shared: Shared, layers: Sequence[str], output: Output) -> int:
    size = 0

    def fill(write: Write) -> None:
        nonlocal size
        size = files.to_tar(shared.paths, layers, write)

    write_file(output.dest, fill)
    return size


def _archive(shared: Shared, output: Output, result: BuildResult, tags: Sequence[str]) -> None:
    """The image as an archive, or as a layout in a folder."""
    from sampan.images.archive import saving

    work = shared.reporter.start(f"exporting to {_FORMATS.get(output.kind, 'archive')}")
    image = saving.select(shared.database, [result.image_id])[0]._replace(tags=tuple(tags))

    def fill(write: Write) -> None:
        saving.write_images(shared.database, shared.paths, [image], write)

    try:
        if output.is_folder:
            _lay_out(output.dest, fill)
        else:
            write_file(output.dest, fill)
    except SampanError as error:
        work.failed(error.message)
        raise
    work.status("sending tarball done")
    work.done()


def _push(shared: Shared, name: str, send: Callable[[str, Callable[[str], object]], str] | None) -> str:
    shown = reference.parse(name).familiar()
    work: Work = shared.reporter.start(f"pushing {shown}")
    if send is None:
        raise Unavailable("this build cannot push: it was given no registries", hint="Engine.build pushes")
    try:
        digest = send(name, work.status)
    except SampanError as error:
        work.failed(error.message)
        raise
    work.status(f"pushing manifest for {shown}@{digest} done")
    work.done()
    return digest


def write_file(dest: str, fill: Callable[[Write], None]) -> None:
    """Let `fill` write a file that appears when it is whole, or to standard output ("-"), or to a device or pipe.

    Raises Unavailable where it cannot be written.
    """
    if dest == STDOUT:
        fill(sys.stdout.buffer.write)
        sys.stdout.flush()
        return
    try:
        if os.path.exists(dest) and not os.path.isfile(dest):
            with open(dest, "wb") as device:
                fill(device.write)
            return
        _whole(os.path.realpath(dest), fill)
    except IsADirectoryError as error:
        raise InvalidArgument(f"destination file is a directory: {dest}", hint="dest=FILE names a file") from error
    except OSError as error:
        raise Unavailable(f"cannot write {dest}: {(error.strerror or '').lower()}") from error


def _whole(path: str, fill: Callable[[Write], None]) -> None:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/.tmp-{name}{os.getpid()}"
    try:
        with open(temporary, "xb") as file:
            fill(file.write)
        os.rename(temporary, path)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise


def _lay_out(folder: str, fill: Callable[[Write], None]) -> None:
    """An archive of our own laid out in a folder. Raises Unavailable."""
    import tarfile
    import threading

    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with open(writing, "wb") as pipe:
                fill(pipe.write)
        except (OSError, SampanError) as error:
            failures.append(error)

    thread = threading.Thread(target=write, name="layout")
    thread.start()
    try:
        with open(reading, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            os.makedirs(folder, exist_ok=True)
            archive.extractall(folder, filter="data")
    except OSError as error:
        raise Unavailable(f"cannot write to {folder}: {(error.strerror or '').lower()}") from error
    finally:
        thread.join()
    if failures:
        raise failures[0]
