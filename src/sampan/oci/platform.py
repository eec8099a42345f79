"""Platforms: operating system, architecture and variant, in the words of Go (image-spec image-index.md)."""

import re
from typing import NamedTuple

from sampan.errors import InvalidArgument

_PART = re.compile(r"[A-Za-z0-9_.-]+")

_SYSTEMS = {"macos": "darwin"}
_KNOWN_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "android", "wasip1"})
_KNOWN_ARCHITECTURES = frozenset(
    {"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
     "s390x", "wasm"}
)  # fmt: skip

# (architecture as written, variant as written or "") -> what is meant; a variant that is not listed stays.
_ARCHITECTURES = {
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "x86": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv5": ("arm", "v5"),
    "armv5l": ("arm", "v5"),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv8l": ("arm", "v8"),
    "loongarch64": ("loong64", ""),
}
_DEFAULT_VARIANTS = {("amd64", "v1"), ("arm64", "8"), ("arm64", "v8")}


class Platform(NamedTuple):
    """`variant` is "" where the architecture's usual one is meant; a bare "arm" is v7."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def normalise(os: str, architecture: str, variant: str = "") -> Platform:
    """One spelling for each platform: linux/x86_64 is linux/amd64, arm64/v8 is arm64."""
    os, architecture, variant = os.lower(), architecture.lower(), variant.lower()
    architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
    variant = variant or implied
    if (architecture, variant) in _DEFAULT_VARIANTS:
        variant = ""
    if architecture == "arm":
        variant = f"v{variant}" if variant.isdigit() else variant or "v7"
    return Platform(_SYSTEMS.get(os, os), architecture, variant)


def host_platform(machine: str) -> Platform:
    """The platform of a Linux host whose uname(2) calls its machine `machine`."""
    return normalise("linux", machine)


def parse(text: str, host: Platform) -> Platform:
    """Read os/arch[/variant], or an operating system or an architecture alone, completed from `host`.

    Raises InvalidArgument with the message of containerd's library.
    """
    parts = text.split("/", 3)
    for part in parts if text else ():
        if not _PART.fullmatch(part):
            raise InvalidArgument(
                f'"{part}" is an invalid component of "{text}": platform specifier component must match '
                f'"^[A-Za-z0-9_.-]+$": invalid argument'
            )
    if len(parts) > 3 or not text:
        raise InvalidArgument(f'"{text}": cannot parse platform specifier: invalid argument')
    if len(parts) > 1:
        return normalise(*parts)
    alone = normalise(parts[0], parts[0])
    if alone.os in _KNOWN_SYSTEMS:
        return Platform(alone.os, host.architecture, host.variant)
    if alone.architecture in _KNOWN_ARCHITECTURES:
        return normalise(host.os, parts[0])
    raise InvalidArgument(f'"{text}": unknown operating system or architecture: invalid argument')


def satisfies(image: Platform, wanted: Platform) -> bool:
    """Whether an image for `image` can be taken where `wanted` is asked for: the same, or an older variant of arm."""
    if (image.os, image.architecture) != (wanted.os, wanted.architecture):
        return False
    if image.variant == wanted.variant:
        return True
    if image.architecture == "arm":
        return image.variant <= wanted.variant
    return image.architecture in ("amd64", "arm64") and image.variant == ""
