"""`sampan build --call`: a Dockerfile is looked at instead of built."""

import os
import sys

from sampan.builder import questions
from sampan.builder.failures import BuildFailed
from sampan.builder.options import BuildOptions
from sampan.cli.builder.printing import printer
from sampan.cli.errors import ClientError, with_hint
from sampan.cli.views import findings, outline
from sampan.engine.engine import Engine

_METHODS = ("check", "lint", "outline", "targets")


def execute(engine: Engine, options: BuildOptions, call: str, progress: str, config: str) -> int:
    """Do what `call` says, as in "check" or "outline,format=json". The exit code is 1 where a check finds something.

    Raises ClientError for an unknown call or form.
    """
    method, form = _parsed(call)
    try:
        if method == "targets":
            source, found = questions.targets(options)
            text = source.text
            sys.stdout.write(outline.targets_json(found, text) if form == "json" else outline.targets_text(found))
            return 0
        if method == "outline":
            source, shape = questions.outline_of(options)
            text = source.text
            sys.stdout.write(outline.outline_json(shape, text) if form == "json" else outline.outline_text(shape))
            return 0
    except BuildFailed as error:
        print(with_hint(findings.failure_text(error, _shown(options, "Dockerfile")), error), file=sys.stderr)
        return 1
    return _check(engine, options, form, progress, config)


def _check(engine: Engine, options: BuildOptions, form: str, progress: str, config: str) -> int:
    with printer(progress) as on_event:
        examined = engine.examine(options, on_event, config=config)
    path = _shown(options, examined.source.name)
    sys.stdout.write(findings.document(examined) if form == "json" else findings.text(examined, path))
    if examined.failure is None:
        return 1 if examined.findings else 0
    if examined.findings and form != "json":
        sys.stdout.write("\n")
    sys.stdout.flush()
    print(with_hint(findings.failure_text(examined.failure, path), examined.failure), file=sys.stderr)
    return 1


def _shown(options: BuildOptions, name: str) -> str:
    """What the Dockerfile is called: with its context, where it lies in it."""
    return os.path.join(options.context, name) if options.context and not options.dockerfile else name


def _parsed(call: str) -> tuple[str, str]:
    method, *fields = call.split(",")
    form = ""
    for field in fields:
        name, _, value = field.partition("=")
        if name != "format" or value not in ("json", "text"):
            raise ClientError(f"ERROR: invalid value {field} of --call", hint="as in --call=check,format=json")
        form = value
    if method not in _METHODS:
        raise ClientError(
            f"ERROR: failed to build: failed to solve: unsupported request frontend.{method}",
            hint="build, check, outline and targets are known",
        )
    return method, form
