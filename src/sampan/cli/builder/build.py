"""`sampan build`."""

import sys

from sampan.builder.failures import BuildFailed
from sampan.builder.options import BuildOptions, BuildResult
from sampan.cli.builder.build_flags import FLAGS, REPORTS, SUPPORTED, WITHOUT_EFFECT
from sampan.cli.builder.build_options import build_options
from sampan.cli.builder.printing import MODES, printer
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import AlreadyReported, ClientError, with_hint
from sampan.cli.flags import Parsed
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
    flags=FLAGS,
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    _refuse_unsupported(parsed)
    if parsed.string("builder") not in ("", "default"):
        from sampan.cli.buildx import instances

        instances.check(parsed.string("builder"))
    progress, is_quiet = parsed.string("progress"), parsed.boolean("quiet")
    if progress not in MODES:
        raise ClientError(
            f"ERROR: invalid progress mode {progress}", hint="auto, plain, tty, quiet and rawjson are known"
        )
    if is_quiet and progress in ("plain", "tty", "rawjson"):
        raise ClientError(f"ERROR: progress={progress} and quiet cannot be used together")
    options = build_options(parsed, invocation.settings)
    engine = Engine(invocation.settings.root or None)
    call = "check" if parsed.boolean("check") else parsed.string("call") or "build"
    if call != "build":
        from sampan.cli.builder import calls

        return calls.execute(engine, options, call, progress, invocation.settings.config)
    try:
        result = _build(engine, options, "quiet" if is_quiet else progress, invocation.settings.config)
    finally:
        if any(parsed.is_given(name) for name in REPORTS):
            from sampan.cli.builder import reporting

            reporting.tell(parsed, engine, options)
    if parsed.is_given("metadata-file"):
        from sampan.cli.builder import metadata

        metadata.write(parsed.string("metadata-file"), result, parsed.strings("tag"))
    if (is_quiet or progress == "quiet") and result.image_id:
        print(result.image_id)
    return 0


def _refuse_unsupported(parsed: Parsed) -> None:
    for name in sorted(parsed.given):
        if name not in SUPPORTED and name not in WITHOUT_EFFECT:
            raise ClientError(f"ERROR: --{name} is not supported by this version of sampan")


def _build(engine: Engine, options: BuildOptions, progress: str, config: str) -> BuildResult:
    try:
        with printer(progress) as on_event:
            return engine.build(options, on_event, config=config)
    except BuildFailed as error:
        print(with_hint(error.report(), error), file=sys.stderr)
    except SampanError as error:
        solving = "failed to solve: " if error.message.startswith("target stage") else ""
        print(with_hint(f"ERROR: failed to build: {solving}{error.message}", error), file=sys.stderr)
    raise AlreadyReported(1)
