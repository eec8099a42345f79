"""Images that no engine and no registry has seen: files of this Debian, with one of their own before them.

What stands in front makes every digest another. So each round begins in the same state without anything being removed
between rounds: ext4 hands out inodes that were just freed only slowly, which would be measured instead.
"""

import functools
import hashlib
import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_PLACES = ("/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/share")
_LARGEST_FILE = 16_000_000
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
LARGE = (170_000_000,)
SMALL = (400_000,) * 20


class Body(NamedTuple):
    """The part of a layer's tar that is the same each time, and its raw deflate stream."""

    plain: bytes
    deflated: bytes


class Layer(NamedTuple):
    front: bytes
    body: Body

    @property
    def diff_id(self) -> str:
        digest = hashlib.sha256(self.front)
        digest.update(self.body.plain)
        return "sha256:" + digest.hexdigest()

    @property
    def size(self) -> int:
        return len(self.front) + len(self.body.plain)

    def compressed(self) -> bytes:
        """The layer as one gzip member (RFC 1952)."""
        stream = zlib.compressobj(6, zlib.DEFLATED, -15)
        front = stream.compress(self.front) + stream.flush(zlib.Z_FULL_FLUSH)
        crc = zlib.crc32(self.body.plain, zlib.crc32(self.front))
        trailer = crc.to_bytes(4, "little") + (self.size & 0xFFFFFFFF).to_bytes(4, "little")
        return b"".join((_GZIP_HEADER, front, self.body.deflated, trailer))


class Image(NamedTuple):
    layers: list[Layer]
    config: bytes

    def write_archive(self, path: str, name: str) -> None:
        """As `docker save` wrote it before it knew OCI layouts: every engine loads it."""
        names = [f"{number}/layer.tar" for number in range(len(self.layers))]
        listing = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": names}]).encode()
        with open(path, "wb") as file:
            for member, pieces in (("manifest.json", (listing,)), ("config.json", (self.config,))):
                _write_member(file, member, pieces)
            for member, layer in zip(names, self.layers, strict=True):
                _write_member(file, member, (layer.front, layer.body.plain))
            file.write(bytes(2 * tarfile.BLOCKSIZE))


def _write_member(file: io.BufferedWriter, name: str, pieces: tuple[bytes, ...]) -> None:
    info = tarfile.TarInfo(name)
    info.size = sum(map(len, pieces))
    file.write(info.tobuf(tarfile.USTAR_FORMAT))
    file.writelines(pieces)
    file.write(bytes(-info.size % tarfile.BLOCKSIZE))


def image(sizes: tuple[int, ...]) -> Image:
    """An image of layers of about these sizes, lowest first."""
    layers = [Layer(_front(), body) for body in _bodies(sizes)]
    diff_ids = [layer.diff_id for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "bench"} for _ in layers],
    }
    return Image(layers, json.dumps(config).encode())


def _front() -> bytes:
    """A tar's first member, which no other has."""
    content = f"{time.time_ns()} {os.urandom(16).hex()}\n".encode().ljust(tarfile.BLOCKSIZE, b"\0")
    info = tarfile.TarInfo("front")
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content


@functools.cache
def _bodies(sizes: tuple[int, ...]) -> list[Body]:
    found = _files()
    return [_body(found, size) for size in sizes]


def _files() -> Iterator[str]:
    """The paths of this system's files, in the same order each time."""
    seen = set()
    for place in _PLACES:
        for folder, folders, names in os.walk(place):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if path not in seen and os.path.isfile(path) and not os.path.islink(path):
                    seen.add(path)
                    yield path


def _body(found: Iterator[str], size: int) -> Body:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in found:
            if os.path.getsize(path) < min(_LARGEST_FILE, size // 4):
                archive.add(path, recursive=False)
            if target.tell() >= size:
                break
    plain = target.getvalue()
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    return Body(plain, stream.compress(plain) + stream.flush())
