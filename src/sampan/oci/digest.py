"""Digests of content: "sha256:" and 64 lower-case hexadecimal digits (image-spec descriptor.md)."""

import hashlib
import re
from collections.abc import Iterable

from sampan.errors import InvalidArgument

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def parse_digest(text: str) -> str:
    """`text` itself when it is a sha256 digest. Raises InvalidArgument in the words of Docker's libraries."""
    if is_digest(text):
        return text
    algorithm, colon, encoded = text.partition(":")
    if not colon or not algorithm or not encoded:
        raise InvalidArgument("invalid checksum digest format")
    if algorithm != "sha256":
        raise InvalidArgument("unsupported digest algorithm", hint="sampan keeps content by sha256")
    if len(encoded) != 64:
        raise InvalidArgument("invalid checksum digest length")
    raise InvalidArgument("invalid checksum digest format")


def encoded(digest: str) -> str:
    """The hexadecimal part of a digest, as it stands in a path of the content store. Raises InvalidArgument."""
    return parse_digest(digest).partition(":")[2]


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of_all(chunks: Iterable[bytes]) -> str:
    hasher = Hasher()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.digest()


class Hasher:
    """Computes the digest and the size of content that comes in pieces."""

    __slots__ = ("_hash", "size_bytes")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def update(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self.size_bytes += len(data) if isinstance(data, bytes) else data.nbytes

    def digest(self) -> str:
        """The digest of what came so far."""
        return "sha256:" + self._hash.hexdigest()
