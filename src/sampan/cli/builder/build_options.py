"""From the words of `sampan build` to what is to be built."""

import os
import sys

from sampan.builder import times
from sampan.builder.attestations.wanted import Attestations
from sampan.builder.options import BuildOptions
from sampan.cli import client_config
from sampan.cli.command import Settings
from sampan.cli.errors import ClientError
from sampan.cli.flags import Parsed
from sampan.errors import InvalidArgument

_PERMISSIONS = ("add-host", "allow", "cgroup-parent", "network", "secret", "shm-size", "ssh", "ulimit")
_OUTPUTS = ("load", "output", "push")
_ATTESTATIONS = ("attest", "provenance", "sbom")
_LARGEST_STDIN = 16 << 20


def build_options(parsed: Parsed, settings: Settings) -> BuildOptions:
    """What the flags and the client's settings ask for. Raises ClientError in buildx's words."""
    options = _with_client_config(_options(parsed), settings)
    if any(parsed.is_given(name) for name in _OUTPUTS):
        from sampan.cli.builder.outputs import outputs_of

        options = options._replace(outputs=outputs_of(parsed))
    if os.environ.get(times.ARGUMENT) and times.ARGUMENT not in options.build_args:
        options = options._replace(
            build_args={**options.build_args, times.ARGUMENT: os.environ[times.ARGUMENT]},
        )
    if parsed.is_given("build-context"):
        from sampan.builder.plan import named

        try:
            options = options._replace(contexts=named.parse(parsed.strings("build-context")))
        except InvalidArgument as error:
            raise ClientError(f"ERROR: {error.message}", hint=error.hint) from error
    if any(parsed.is_given(name) for name in _ATTESTATIONS):
        options = options._replace(attestations=_attestations(parsed))
    is_inlined = options.build_args.get("BUILDKIT_INLINE_CACHE") == "1"
    if parsed.is_given("cache-from") or parsed.is_given("cache-to") or is_inlined:
        from sampan.cli.builder.caches import with_caches

        options = with_caches(options, parsed)
    if parsed.is_given("annotation"):
        from sampan.cli.builder.annotations import annotations_of

        options = options._replace(annotations=annotations_of(parsed.strings("annotation")))
    if any(parsed.is_given(name) for name in _PERMISSIONS):
        from sampan.cli.builder.permissions import with_permissions

        options = with_permissions(options, parsed)
    if parsed.is_given("on-error") or parsed.is_given("shell-at"):
        options = _with_shells(options, parsed)
    return options


def _with_shells(options: BuildOptions, parsed: Parsed) -> BuildOptions:
    """--on-error and --shell-at. Raises ClientError."""
    on_error, shell_at = parsed.string("on-error"), parsed.string("shell-at")
    if on_error not in ("", "fail", "shell"):
        raise ClientError(f"ERROR: invalid value {on_error} of --on-error", hint="shell, or fail, which is the default")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ClientError(
            "ERROR: the input device is not a TTY", hint="--on-error=shell and --shell-at open a shell on a terminal"
        )
    return options._replace(on_error=on_error, shell_at=shell_at)


def _options(parsed: Parsed) -> BuildOptions:
    path, dockerfile = parsed.arguments[0], parsed.string("file")
    text = None
    if not path:
        raise ClientError('ERROR: failed to build: please specify build context (e.g. "." for the current directory)')
    if path == "-" and dockerfile == "-":
        raise ClientError(
            "ERROR: failed to build: invalid argument: can't use stdin for both build context and dockerfile"
        )
    if dockerfile == "-":
        text = _stdin()
    network = parsed.string("network") or "default"
    if network not in ("default", "none", "host"):
        raise ClientError(
            f'ERROR: failed to build: network mode "{network}" not supported by buildkit', hint="default, none or host"
        )
    platforms = tuple(name for text in parsed.strings("platform") for name in text.split(",") if name)
    return BuildOptions(
        context=path,
        stdin=sys.stdin.buffer if path == "-" else None,
        dockerfile="" if text is not None else dockerfile,
        dockerfile_text=text,
        tags=parsed.strings("tag"),
        build_args=_build_args(parsed.strings("build-arg")),
        labels={(pair := _pair(label))[0]: pair[2] for label in parsed.strings("label")},
        target=parsed.string("target"),
        platforms=platforms,
        network=network,
        no_cache=parsed.boolean("no-cache"),
        uncached=tuple(name for text in parsed.strings("no-cache-filter") for name in text.split(",") if name),
        pull=parsed.boolean("pull"),
        iidfile=parsed.string("iidfile"),
        reproducible=parsed.boolean("reproducible"),
    )


def _with_client_config(options: BuildOptions, settings: Settings) -> BuildOptions:
    """The options with the proxies of docker's config.json as build arguments, where these are not given, and the
    platform of $DOCKER_DEFAULT_PLATFORM."""
    given = {name.lower() for name in options.build_args}  # a RUN has both spellings of one value
    proxies = {
        name: value
        for name, value in client_config.proxies(settings, options.build_args).items()
        if name.lower() not in given
    }
    default = os.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    platforms = options.platforms or ((default,) if default else ())
    return options._replace(build_args={**options.build_args, **proxies}, platforms=platforms)


def _attestations(parsed: Parsed) -> Attestations:
    from sampan.builder.attestations import wanted

    try:
        return wanted.parse(parsed.strings("attest"), parsed.string("provenance"), parsed.string("sbom"))
    except InvalidArgument as error:
        raise ClientError(f"ERROR: {error.message}", hint=error.hint) from error


def _stdin() -> str:
    data = sys.stdin.buffer.read(_LARGEST_STDIN)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ClientError("ERROR: failed to build: the Dockerfile on stdin is not UTF-8 text") from None


def _build_args(texts: tuple[str, ...]) -> dict[str, str | None]:
    """NAME=VALUE, or NAME for its value in our own environment; without one it is not set."""
    found: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = _pair(text)
        found[name] = value if equals else os.environ.get(name)
    return found


def _pair(text: str) -> tuple[str, str, str]:
    """KEY, "=" or "", VALUE. Raises ClientError where there is no key."""
    if text.startswith("="):
        raise ClientError(f'ERROR: invalid key-value pair "{text}": empty key', hint="write KEY=VALUE")
    return text.partition("=")
