"""A result delivered: files, archives, pushes, each with its line of progress."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sampan.builder.outputs import files
from sampan.builder.outputs.wanted import Output
from sampan.builder.progress.events import Work, size_text
from sampan.builder.work.stages import Shared
from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.images import store as images
from sampan.oci import reference

if TYPE_CHECKING:
    from sampan.builder.attestations.attaching import Attaching
    from sampan.builder.finishing import Made
    from sampan.oci.manifest import Descriptor

Write = Callable[[bytes], object]
STDOUT = "-"
_FORMATS = {"oci": "oci image format", "docker": "docker image format"}


def deliver(
    shared: Shared,
    outputs: Sequence[Output],
    made: "Sequence[Made]",
    send: Callable[[str, Callable[[str], object]], str] | None,
    attaching: "Attaching | None" = None,
) -> str:
    """Bring the results to every place that is wanted, images with what is attached to them.

    Returns the digest of what was pushed last, "" for nothing.

    Raises InvalidArgument, Unavailable, what a registry refuses.
    """
    digest, tags = "", shared.options.tags
    for output in outputs:
        if output.kind == "local":
            _files(shared, "exporting to client directory", "copying files", _to_folder, made, output)
        elif output.kind == "tar":
            _files(shared, "exporting to client tarball", "sending tarball", _to_tar, made, output)
        elif output.dest:
            _archive(shared, output, made, (*tags, *output.names), attaching)
        if output.pushes:
            for name in (*tags, *output.names):
                digest = _push(shared, name, send)
    return digest


def _files(
    shared: Shared,
    title: str,
    what: str,
    carry_out: "Callable[[Shared, Sequence[Made], Output], int]",
    made: "Sequence[Made]",
    output: Output,
) -> None:
    work = shared.reporter.start(title)
    try:
        size = carry_out(shared, made, output)
    except SampanError as error:
        work.failed(error.message)
        raise
    work.status(f"{what} {size_text(size)} {work.seconds:.1f}s done")
    work.done()


def _to_folder(shared: Shared, made: "Sequence[Made]", output: Output) -> int:
    """Files of several platforms go to a folder each, linux_amd64 ..."""
    if len(made) == 1:
        return files.to_folder(shared.paths, made[0].layers, output.dest)
    return sum(files.to_folder(shared.paths, one.layers, f"{output.dest}/{_folder(one)}") for one in made)


def _to_tar(shared: Shared, made: "Sequence[Made]", output: Output) -> int:
    size = 0

    def fill(write: Write) -> None:
        nonlocal size
        parts = [("" if len(made) == 1 else _folder(one), one.layers) for one in made]
        size = files.to_tar(shared.paths, parts, write)

    write_file(output.dest, fill)
    return size


def _folder(made: "Made") -> str:
    return str(made.platform).replace("/", "_")


def _archive(
    shared: Shared, output: Output, made: "Sequence[Made]", tags: Sequence[str], attaching: "Attaching | None"
) -> None:
    """The image as an archive, or as a layout in a folder."""
    from sampan.images.archive import saving

    work = shared.reporter.start(f"exporting to {_FORMATS.get(output.kind, 'archive')}")
    if output.kind == "docker" and len(made) > 1:
        message = "docker exporter does not currently support exporting manifest lists"
        work.failed(message)
        raise InvalidArgument(message, hint="-o type=oci,dest=FILE holds several platforms")
    chosen = [images.get(shared.database, one.image_id)._replace(tags=tuple(tags)) for one in made]

    def beside(position: int, manifest: bytes) -> "tuple[Descriptor, Mapping[str, bytes]]":
        assert attaching is not None
        return attaching.attest(made[position], manifest)

    def fill(write: Write) -> None:
        is_one = len(made) > 1 or attaching is not None
        saving.write_images(
            shared.database, shared.paths, chosen, write, is_one=is_one, beside=beside if attaching else None
        )

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
    import threading

    from sampan.storage import unpacking

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
        with open(reading, "rb") as stream:
            os.makedirs(folder, exist_ok=True)
            target = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                unpacking.extract(stream, target)
            finally:
                os.close(target)
    except OSError as error:
        raise Unavailable(f"cannot write to {folder}: {(error.strerror or '').lower()}") from error
    finally:
        thread.join()
    if failures:
        raise failures[0]
