"""The values of --secret: looked for before a build begins, read when a step takes them, never written to a disk."""

import os
import threading
from collections.abc import Sequence

from sampan.builder.options import Secret
from sampan.errors import InvalidArgument, NotFound

LARGEST = 500 << 10


class Secrets:
    """What a build was given. May be used by any thread."""

    def __init__(self, given: Sequence[Secret]) -> None:
        self._given = {secret.id: secret for secret in given}
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def value(self, secret_id: str) -> bytes | None:
        """The value of a secret, None when the build was given none of that id. Raises InvalidArgument, NotFound."""
        secret = self._given.get(secret_id)
        if secret is None:
            return None
        with self._lock:
            if secret_id not in self._values:
                self._values[secret_id] = _read(secret)
            return self._values[secret_id]

    def readable(self) -> dict[str, bytes]:
        """All values by their ids, but those that cannot be read: that is told to the step that takes one."""
        found = {}
        for name in self._given:
            try:
                found[name] = self.value(name) or b""
            except InvalidArgument:
                continue
        return found


def check(given: Sequence[Secret]) -> None:
    """Raises NotFound or InvalidArgument for a file that is not there or too large."""
    for secret in given:
        if not secret.env:
            _check_size(secret, _size(secret))


def _size(secret: Secret) -> int:
    try:
        return os.stat(secret.path).st_size
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise NotFound(
            f"failed to stat {secret.path}: stat {secret.path}: {reason}",
            hint=f"write --secret id={secret.id},src=PATH, or id={secret.id},env=NAME",
        ) from error


def _check_size(secret: Secret, size: int) -> None:
    if size > LARGEST:
        raise InvalidArgument(f"secret {secret.id} too big. max size {LARGEST >> 10}KiB")


def _read(secret: Secret) -> bytes:
    if secret.env:
        return os.environb.get(os.fsencode(secret.env), b"")
    try:
        with open(secret.path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        message = f"read {secret.path}: {(error.strerror or '').lower()}"
        raise InvalidArgument(message, hint=f"--secret id={secret.id} names it") from error
    _check_size(secret, len(data))
    return data
