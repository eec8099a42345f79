"""An OCI layout that is a folder, as skopeo and buildx write it too, read as the archive of it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from sampan.errors import Corrupt
from sampan.linux import files
from sampan.storage import layers


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The folder's archive as a stream. Links in it are not followed. Raises Corrupt for a folder that is no layout,
    OSError."""
    if not os.path.isfile(path + "/index.json") and not os.path.isfile(path + "/manifest.json"):
        raise Corrupt(f"{path} is no image layout: it has no index.json", hint="name an archive, or an OCI layout")
    folder = os.open(path, files.DIRECTORY)
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with open(writing, "wb") as pipe:
                layers.pack_folder(folder, pipe.write)
        except BrokenPipeError:
            pass  # the reader has found a mistake, and says so
        except (OSError, Corrupt) as error:
            failures.append(error)

    thread = threading.Thread(target=write, name="layout")
    thread.start()
    try:
        with open(reading, "rb") as stream:
            yield stream
    finally:
        thread.join()
        os.close(folder)
    if failures:
        raise failures[0]
