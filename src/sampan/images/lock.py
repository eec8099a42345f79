"""sampan.lock: which image each name means, by digest. Written by `sampan lock`, honoured by builds. Pure.

    version = 1

    ["docker.io/library/debian:bookworm"]
    digest = "sha256:..."               of the index or manifest that the registry has under the name
    "linux/amd64" = "sha256:..."        of the manifest for each platform

An image that was made on this host and is in no registry is locked by its ID.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from sampan.errors import InvalidArgument
from sampan.oci import reference
from sampan.oci.digest import is_digest

FILE = "sampan.lock"
MOST_BYTES = 1 << 20
_HEAD = """# Written by `sampan lock`: which image each name means. Commit it: builds beside it use just these images.
# `sampan lock` again moves the names on to what the registries have then.
version = 1
"""


class Locked(NamedTuple):
    """What a name means. `platforms` maps linux/amd64 to the digest of the manifest for it."""

    digest: str
    platforms: Mapping[str, str]


Lock = Mapping[str, Locked]
"""Normalised reference to what it means."""


def render(lock: Lock) -> str:
    """The file's text, sorted, so that a difference shows what moved."""
    parts = [_HEAD]
    for name in sorted(lock):
        lines = [f'["{name}"]', f'digest = "{lock[name].digest}"']
        lines += [f'"{platform}" = "{digest}"' for platform, digest in sorted(lock[name].platforms.items())]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def parse(text: str, name: str = FILE) -> Lock:
    """Read a file. Raises InvalidArgument with the line or the entry of a mistake."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"{name} cannot be read: {error}", hint="write it anew with `sampan lock`") from error
    if fields.pop("version", None) != 1:
        raise InvalidArgument(f"{name} is of another version", hint="write it anew with `sampan lock`")
    return {_checked_name(key, name): _entry(key, value, name) for key, value in fields.items()}


def _checked_name(key: str, name: str) -> str:
    try:
        normalised = reference.parse(key).normalised()
    except InvalidArgument as error:
        raise InvalidArgument(f'{name}: ["{key}"]: {error.message}', hint=error.hint) from error
    if normalised != key:
        raise InvalidArgument(f'{name}: ["{key}"] is not written out', hint=f'write ["{normalised}"]')
    return key


def _entry(key: str, value: Any, name: str) -> Locked:
    entries = value if isinstance(value, dict) else {}
    for platform, digest in entries.items():
        if not isinstance(digest, str) or not is_digest(digest):
            raise InvalidArgument(f'{name}: ["{key}"]: {platform} is no digest', hint="write sha256: and 64 digits")
    if "digest" not in entries:
        raise InvalidArgument(f'{name}: ["{key}"] has no digest', hint="write it anew with `sampan lock`")
    return Locked(entries["digest"], {platform: digest for platform, digest in entries.items() if platform != "digest"})


def candidates(lock: Lock, text: str, platform: str) -> tuple[str, ...]:
    """The name@digest forms that `text` means for a platform, the one to fetch first; () when the lock does not name
    it, or it is a digest already."""
    wanted = reference.parse(text)
    locked = lock.get(wanted.normalised())
    if locked is None or wanted.digest:
        return ()
    digests = dict.fromkeys((locked.digest, locked.platforms.get(platform, locked.digest)))
    return tuple(f"{wanted.name}@{digest}" for digest in digests)
