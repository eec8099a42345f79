"""`sampan build`."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sampan.builder.failures import BuildFailed
from sampan.builder.options import BuildOptions, BuildResult
from sampan.builder.progress.plain import PlainPrinter
from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation, Settings
from sampan.cli.container.run_flags import EXTRA_HOST, ULIMIT
from sampan.cli.errors import AlreadyReported, ClientError, with_hint
from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BOOL, BYTES, STRING, STRINGS
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="[OPTIONS] PATH | URL | -",
    summary="Build an image from a Dockerfile",
    examples=(
        Example("The Dockerfile here, under a name", "build -t web:1.0 ."),
        Example(
            "One stage, with an argument, as plain text", "build --target test --build-arg VERSION=2 --progress plain ."
        ),
    ),
    flags=(
        Flag("add-host", EXTRA_HOST, "Line of /etc/hosts in RUN, NAME:IP"),
        Flag("allow", STRINGS, "Let a build do more: network.host, security.insecure"),
        Flag("annotation", STRINGS, "Annotation of the image, KEY=VALUE"),
        Flag("attest", STRINGS, "Attestation to make, type=sbom or type=provenance"),
        Flag("build-arg", STRINGS, "Value of an ARG, KEY=VALUE, or KEY for its value here"),
        Flag("build-context", STRINGS, "Another context, NAME=PATH"),
        Flag("builder", STRING, "Accepted for docker's sake, without effect"),
        Flag("cache-from", STRINGS, "Cache to read, an image or type=local,src=PATH"),
        Flag("cache-to", STRINGS, "Cache to write, type=local,dest=PATH"),
        Flag("call", STRING, "What to do: build, check, outline or targets", default="build"),
        Flag("cgroup-parent", STRING, "Parent of the cgroup of RUN"),
        Flag("check", BOOL, "Look for bad practice instead of building"),
        Flag("file", STRING, "The Dockerfile; PATH/Dockerfile by default, - for stdin", "f"),
        Flag("iidfile", STRING, "Write the image's ID to this file"),
        Flag("label", STRINGS, "Label of the image, KEY=VALUE or KEY"),
        Flag("load", BOOL, "Keep the image in this store, which is always done"),
        Flag("metadata-file", STRING, "Write what was built to this file, as JSON"),
        Flag("network", STRING, "Network of RUN: default, none or host", default="default"),
        Flag("no-cache", BOOL, "Run every step again"),
        Flag("no-cache-filter", STRINGS, "Run every step of these stages again"),
        Flag("output", STRINGS, "Where the result goes, type=local|tar|oci|docker,dest=PATH", "o"),
        Flag("platform", STRINGS, "Platform to build for, os[/arch[/variant]]"),
        Flag("progress", STRING, 'How progress looks: "auto", "plain", "tty" or "quiet"', shown_default="auto"),
        Flag("provenance", STRING, "Provenance attestation, true or false"),
        Flag("pull", BOOL, "Look for newer base images"),
        Flag("push", BOOL, "Send the image to its registry"),
        Flag("quiet", BOOL, "Print only the image's ID", "q"),
        Flag("sbom", STRING, "Bill of materials, true or false"),
        Flag("secret", STRINGS, "File that RUN may read, id=NAME[,src=PATH]"),
        Flag("shm-size", BYTES, "Size of /dev/shm in RUN"),
        Flag("ssh", STRINGS, "SSH agent for RUN, default or ID=SOCKET"),
        Flag("tag", STRINGS, "Name of the image, NAME[:TAG]", "t"),
        Flag("target", STRING, "Stage to build, a name or a number"),
        Flag("ulimit", ULIMIT, "Limit of RUN, NAME=SOFT[:HARD]"),
    ),
    takes=(1, 1),
)

# Flags that are read for docker's sake: without effect, or asking for what is always done.
_WITHOUT_EFFECT = ("builder", "load", "debug")
_SUPPORTED = (
    "add-host", "allow", "build-arg", "cgroup-parent", "file", "iidfile", "label", "network", "no-cache", "platform",
    "progress", "pull", "quiet", "secret", "shm-size", "ssh", "tag", "target", "ulimit",
)  # fmt: skip
_PERMISSIONS = ("add-host", "allow", "cgroup-parent", "network", "secret", "shm-size", "ssh", "ulimit")
_PROGRESS = ("", "auto", "plain", "tty", "quiet", "none")
_LARGEST_STDIN = 16 << 20


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    _refuse_unsupported(parsed)
    progress, is_quiet = parsed.string("progress"), parsed.boolean("quiet")
    if progress not in _PROGRESS:
        raise ClientError(f"ERROR: invalid progress mode {progress}", hint="auto, plain, tty and quiet are known")
    if is_quiet and progress in ("plain", "tty"):
        raise ClientError(f"ERROR: progress={progress} and quiet cannot be used together")
    options = _with_client_config(_options(parsed), invocation.settings)
    if any(parsed.is_given(name) for name in _PERMISSIONS):
        from sampan.cli.builder.permissions import with_permissions

        options = with_permissions(options, parsed)
    engine = Engine(invocation.settings.root or None)
    result = _build(engine, options, "quiet" if is_quiet else progress, invocation.settings.config)
    if is_quiet or progress == "quiet":
        print(result.image_id)
    return 0


def _refuse_unsupported(parsed: Parsed) -> None:
    for name in sorted(parsed.given):
        if name not in _SUPPORTED and name not in _WITHOUT_EFFECT:
            raise ClientError(f"ERROR: --{name} is not supported by this version of sampan")


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


def _build(engine: Engine, options: BuildOptions, progress: str, config: str) -> BuildResult:
    printer = _printer(progress)
    try:
        with printer as on_event:
            return engine.build(options, on_event, config=config)
    except BuildFailed as error:
        print(with_hint(error.report(), error), file=sys.stderr)
    except SampanError as error:
        solving = "failed to solve: " if error.message.startswith("target stage") else ""
        print(with_hint(f"ERROR: failed to build: {solving}{error.message}", error), file=sys.stderr)
    raise AlreadyReported(1)


def _printer(progress: str) -> AbstractContextManager[Any]:
    if progress in ("quiet", "none"):
        return nullcontext()
    if progress == "tty" or (progress in ("", "auto") and sys.stderr.isatty()):
        from sampan.builder.progress.terminal import TerminalPrinter

        return TerminalPrinter(sys.stderr, has_colour="NO_COLOR" not in os.environ)
    return PlainPrinter(sys.stderr)
