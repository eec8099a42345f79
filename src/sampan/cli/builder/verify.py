"""`sampan build verify`."""

import json
import sys

from sampan.builder.failures import BuildFailed
from sampan.builder.verifying import Verdict
from sampan.cli.builder.build_flags import FLAGS
from sampan.cli.builder.build_options import build_options
from sampan.cli.builder.printing import printer
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import AlreadyReported, ClientError, with_hint
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.dockerfile.errors import visible
from sampan.engine.engine import Engine

_TAKEN = (
    "add-host", "allow", "build-arg", "build-context", "cgroup-parent", "file", "label", "network", "platform",
    "progress", "reproducible", "secret", "shm-size", "ssh", "target", "ulimit",
)  # fmt: skip
_SHOWN = 20
_FORMAT = Flag("format", STRING, 'Form of the answer: "json"')
_FLAGS = tuple(
    sorted(
        (_FORMAT, *(flag if flag.name in _TAKEN else flag._replace(hidden=True) for flag in FLAGS)),
        key=lambda flag: flag.name,
    )
)

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [PATH]",
    summary="Build again without the cache, and list what differs from an image and why",
    examples=(
        Example("An image and the folder it is built from", "build verify web:1.0 ."),
        Example("With the arguments that it was built with", "build verify --build-arg VERSION=2 web:1.0 ."),
    ),
    flags=_FLAGS,
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    """The exit code is 1 where something differs."""
    parsed = invocation.parsed
    form = parsed.string("format")
    if form not in ("", "text", "json"):
        raise ClientError(f"--format {form}: write json or text")
    for name in sorted(parsed.given):
        if name not in (*_TAKEN, "format"):
            raise ClientError(f"--{name} is nothing that build verify takes", hint="it stores and sends nothing")
    reference, *context = parsed.arguments
    parsed.arguments = context or ["."]
    if parsed.arguments == ["-"]:
        raise ClientError("build verify takes a folder or an address: standard input can be read once")
    options = build_options(parsed, invocation.settings)
    engine = Engine(invocation.settings.root or None)
    try:
        with printer(parsed.string("progress")) as on_event:
            verdict = engine.verify_build(reference, options, on_event, config=invocation.settings.config)
    except BuildFailed as error:
        print(with_hint(error.report(), error), file=sys.stderr)
        raise AlreadyReported(1) from error
    print(document(verdict) if form == "json" else text(verdict, reference))
    return 0 if verdict.is_same else 1


def document(verdict: Verdict) -> str:
    """The verdict as JSON, every file in it."""
    return json.dumps(
        {
            "Same": verdict.is_same,
            "Image": verdict.image_id,
            "Again": verdict.again,
            "Layer": verdict.layer,
            "Files": [
                {"Kind": one.change.kind, "Path": one.change.path, "What": list(one.change.what), "Reason": one.reason}
                for one in verdict.files
            ],
            "OnlyTimes": verdict.times,
            "Config": [field._asdict() for field in verdict.fields],
        }
    )


def text(verdict: Verdict, reference: str) -> str:
    if verdict.is_same:
        return f"{reference} is what building gives: {verdict.again}"
    lines = [f"{reference} is not what building gives", f"  {verdict.image_id}  was built", f"  {verdict.again}  again"]
    if verdict.layer:
        lines.append(f"The first layer that differs: {visible(verdict.layer)}")
    for one in verdict.files[:_SHOWN]:
        what = ", ".join(one.change.what)
        reason = f": {one.reason}" if one.reason else ""
        lines.append(
            f"{one.change.kind} {visible(one.change.path)}" + (f"  ({what}{reason})" if what or reason else "")
        )
    if len(verdict.files) > _SHOWN:
        lines.append(f"and {len(verdict.files) - _SHOWN} more files")
    if verdict.times:
        noun = "file differs in its time" if verdict.times == 1 else "files differ in their time"
        lines.append(f"{verdict.times} {noun} alone: build with --reproducible")
    for field in verdict.fields:
        lines.append(visible(f"{field.name}: {json.dumps(field.before)} -> {json.dumps(field.after)}"))
    return "\n".join(lines)
