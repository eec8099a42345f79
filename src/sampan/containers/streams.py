"""Our side of an attachment: which descriptors, and the keys that end it. Pure."""

from sampan.errors import InvalidArgument
from sampan.values import NamedTuple

DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q"


class Streams(NamedTuple):
    """Our descriptors; -1 where a stream is not wanted."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


def detach_sequence(text: str) -> bytes:
    """The bytes of "ctrl-p,ctrl-q" or of single characters. Raises InvalidArgument."""
    keys = bytearray()
    for word in (text or DEFAULT_DETACH_KEYS).split(","):
        if len(word) == 1 and word.isascii():
            keys.append(ord(word))
        elif word.startswith("ctrl-") and len(word) == 6 and (word[5].isalpha() or word[5] in "@[\\]^_"):
            keys.append(ord(word[5].upper()) & 0x1F)
        else:
            raise InvalidArgument(f"invalid detach keys ({text}) provided", hint="for example ctrl-p,ctrl-q or a,b")
    return bytes(keys)


class DetachFilter:
    """Finds the detach keys in what is typed, also when they come in pieces."""

    __slots__ = ("_keys", "_matched")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(what to pass on, whether the sequence is complete). A prefix is held back until it is decided."""
        passed = bytearray()
        for byte in data:
            if byte == self._keys[self._matched]:
                self._matched += 1
                if self._matched == len(self._keys):
                    return bytes(passed), True
                continue
            passed += self._keys[: self._matched]
            self._matched = 1 if byte == self._keys[0] else 0
            if not self._matched:
                passed.append(byte)
        return bytes(passed), False
