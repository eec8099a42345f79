"""--annotation of `sampan build`: [LEVEL[,LEVEL...]:]KEY=VALUE, a level as in index or manifest[linux/arm64]."""

import re

from sampan.builder.options import Annotation
from sampan.cli.errors import ClientError

_LEVELS = ("manifest", "index", "manifest-descriptor", "index-descriptor")
_LEVEL = re.compile(r"([a-z-]+)(?:\[([A-Za-z0-9_/.-]+)\])?")
_PREFIXED = re.compile(r"((?:[a-z-]+(?:\[[^\]]+\])?)(?:,[a-z-]+(?:\[[^\]]+\])?)*):(.*)", re.DOTALL)


def annotations_of(texts: tuple[str, ...]) -> tuple[Annotation, ...]:
    """Raises ClientError in buildx's words."""
    return tuple(annotation for text in texts for annotation in _parsed(text))


def _parsed(text: str) -> list[Annotation]:
    levels, rest = "manifest", text
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed is not None and "=" not in prefixed[1]:
        levels, rest = prefixed[1], prefixed[2]
    key, equals, value = rest.partition("=")
    if not equals or not key:
        raise ClientError(
            f'ERROR: failed to build: parse annotations: invalid annotation "{text}", expected key=value',
            hint="such as --annotation org.opencontainers.image.source=https://example.com/web",
        )
    return [Annotation(name, key, value, platform) for name, platform in map(_level, levels.split(","))]


def _level(text: str) -> tuple[str, str]:
    match = _LEVEL.fullmatch(text)
    if match is None or match[1] not in _LEVELS:
        raise ClientError(
            f'ERROR: failed to build: parse annotations: unknown annotation type "{text}"',
            hint="known are " + ", ".join(_LEVELS),
        )
    return match[1], match[2] or ""
