"""`sampan build explain`."""

import sys
import time

from sampan.builder.report import to_text
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.views import build_report
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [PATH]",
    summary="Tell why the last build ran the steps that it ran, and where its time went, without building",
    examples=(
        Example("The last build of all", "build explain"),
        Example("The last one of the Dockerfile here, with the seconds of each step", "build explain --timings ."),
    ),
    flags=(
        Flag("file", STRING, "The Dockerfile; PATH/Dockerfile by default", "f"),
        Flag("format", STRING, 'Form of the answer: "json"'),
        Flag("timings", BOOL, "Show how long each step waited, was looked up, ran and was hashed"),
        Flag("trace", STRING, "Write a trace to this file, for chrome://tracing or Perfetto"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    form = parsed.string("format")
    if form not in ("", "json"):
        raise ClientError(f"unknown format {form}", hint="leave it out for text, or give json")
    engine = Engine(invocation.settings.root or None)
    context = invocation.arguments[0] if invocation.arguments else ""
    report = engine.build_report(context, parsed.string("file"))
    if report is None:
        raise ClientError(
            f"no build of {context} is known" if context else "no build is known", hint="sampan build PATH makes one"
        )
    if parsed.string("trace"):
        write(parsed.string("trace"), build_report.trace(report))
    if form:
        print(to_text(report))
    elif parsed.boolean("timings"):
        print(build_report.timings(report), end="")
    else:
        print(build_report.explanation(report, time.time_ns()), end="")
    return 0


def write(path: str, text: str) -> None:
    """Write a file that an option names, "-" for standard output. Raises ClientError."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise ClientError(f"cannot write {path}: {(error.strerror or '').lower()}") from error
