"""From the words of `sampan build` to what is to be built."""

import os
import sys

from sampan.builder.options import BuildOptions
from sampan.cli import client_config
from sampan.cli.command import Settings
from sampan.cli.errors import ClientError
from sampan.cli.flags import Parsed

_PERMISSIONS = ("add-host", "allow", "cgroup-parent", "network", "secret", "shm-size", "ssh", "ulimit")
_LARGEST_STDIN = 16 << 20


def build_options(parsed: Parsed, settings: Settings) -> BuildOptions:
    """What the flags and the client's settings ask for. Raises ClientError in buildx's words."""
    options = _with_client_config(_options(parsed), settings)
    if any(parsed.is_given(name) for name in _PERMISSIONS):
        from sampan.cli.builder.permissions import with_permissions

        options = with_permissions(options, parsed)
    return options


def _options(parsed: Parsed) -> BuildOptions:
    path, dockerfile = parsed.arguments[0], parsed.string("file")
    text = None
    if "://" in path or path.startswith("git@"):
        raise ClientError(
            f"ERROR: {path}: a remote build context is not supported by this version of sampan",
            hint="fetch it first, and build the folder",
        )
    if path == "-" and dockerfile == "-":
        raise ClientError(
            "ERROR: failed to build: invalid argument: can't use stdin for both build context and dockerfile"
        )
    if path == "-" or dockerfile == "-":
        text = _stdin()
    network = parsed.string("network") or "default"
    if network not in ("default", "none", "host"):
        raise ClientError(
            f'ERROR: failed to build: network mode "{network}" not supported by buildkit', hint="default, none or host"
        )
    platforms = parsed.strings("platform")
    if len(platforms) > 1:
        raise ClientError("ERROR: several platforms are not supported by this version of sampan")
    return BuildOptions(
        context="" if path == "-" else path,
        dockerfile="" if text is not None else dockerfile,
        dockerfile_text=text,
        tags=parsed.strings("tag"),
        build_args=_build_args(parsed.strings("build-arg")),
        labels={label.partition("=")[0]: label.partition("=")[2] for label in parsed.strings("label")},
        target=parsed.string("target"),
        platform=platforms[0] if platforms else "",
        network=network,
        no_cache=parsed.boolean("no-cache"),
        pull=parsed.boolean("pull"),
        iidfile=parsed.string("iidfile"),
    )


def _with_client_config(options: BuildOptions, settings: Settings) -> BuildOptions:
    """The options with the proxies of docker's config.json as build arguments, where these are not given, and the
    platform of $DOCKER_DEFAULT_PLATFORM."""
    proxies = client_config.proxies(settings, options.build_args)
    platform = options.platform or os.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    return options._replace(build_args={**options.build_args, **proxies}, platform=platform)


def _stdin() -> str:
    data = sys.stdin.buffer.read(_LARGEST_STDIN)
    if data[257:262] == b"ustar" or data[:2] == b"\x1f\x8b":
        raise ClientError(
            "ERROR: an archive as build context is not supported by this version of sampan",
            hint="unpack it, and build the folder",
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ClientError("ERROR: failed to build: the Dockerfile on stdin is not UTF-8 text") from None


def _build_args(texts: tuple[str, ...]) -> dict[str, str | None]:
    """NAME=VALUE, or NAME for its value in our own environment; without one it is not set."""
    found: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        found[name] = value if equals else os.environ.get(name)
    return found
