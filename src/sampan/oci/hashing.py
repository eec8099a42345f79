"""SHA-256 of short texts without OpenSSL, whose library takes 2 ms to load: for the start path.

The interpreter's own implementation is seven times slower; content is hashed by `digest`.
"""

from importlib import import_module
from typing import Any, Protocol


class Hash(Protocol):
    """What of a hash object is used here."""

    def hexdigest(self) -> str: ...


def sha256(data: bytes) -> Hash:
    """The SHA-256 of `data`."""
    made: Hash = _implementation.sha256(data)
    return made


def _find() -> Any:
    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before
        try:
            return import_module(name)
        except ImportError:
            continue
    return import_module("hashlib")


_implementation = _find()
