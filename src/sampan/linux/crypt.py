"""Hashes of passwords by the host's libcrypt: bcrypt, which htpasswd and docker-registry share, and its successors."""

import ctypes
import hmac
import os

from sampan.errors import InvalidArgument, Unavailable

_STATE_BYTES = 256 << 10  # struct crypt_data: 32 KB in libxcrypt, 128 KB in the older glibc
_BCRYPT_COST = 10
_SUPPORTED = ("$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$gy$", "$7$")
LONGEST_PASSWORD_BYTES = 72
"""What bcrypt looks at; a longer password is refused rather than cut."""


def hash_password(password: str) -> str:
    """A bcrypt hash with a salt of its own. Raises InvalidArgument for an empty password, or one that bcrypt cuts."""
    data = password.encode()
    if not data or len(data) > LONGEST_PASSWORD_BYTES or b"\0" in data:
        raise InvalidArgument(f"a password has 1 to {LONGEST_PASSWORD_BYTES} bytes, and no NUL")
    setting = ctypes.create_string_buffer(192)
    random = os.urandom(16)
    made = _library().crypt_gensalt_rn(
        b"$2y$", ctypes.c_ulong(_BCRYPT_COST), random, len(random), setting, len(setting)
    )
    if not made:
        raise Unavailable("the host's libcrypt cannot make bcrypt hashes")
    return _crypt(data, setting.value)


def matches(password: str, hashed: str) -> bool:
    """Whether a password has this hash; takes as long as the hash was made to take."""
    data = password.encode()
    if not is_supported(hashed) or b"\0" in data or len(data) > 4096:
        return False
    try:
        setting = hashed.encode("ascii")
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(_crypt(data, setting).encode(), setting)


def is_supported(hashed: str) -> bool:
    """Whether a hash is of a kind that is safe to keep: MD5 and SHA-1 of older htpasswd files are not."""
    return hashed.startswith(_SUPPORTED)


def _crypt(password: bytes, setting: bytes) -> str:
    state = ctypes.create_string_buffer(_STATE_BYTES)
    library = _library()
    library.crypt_r.restype = ctypes.c_char_p
    found = library.crypt_r(password, setting, state)
    return "" if found is None or found.startswith(b"*") else str(found, "ascii")


def _library() -> ctypes.CDLL:
    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise Unavailable("passwords need libcrypt", hint="apt-get install libcrypt1")
