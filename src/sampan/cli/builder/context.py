"""`sampan context ls`."""

import json

from sampan.builder.options import BuildOptions
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.views import context as view
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [PATH]",
    summary="Show what a build of a folder takes as its context, the largest folders first, and why",
    examples=(
        Example("The context of a build here", "context ls ."),
        Example("Why a file is not found by COPY", "context ls --why dist/app.js ."),
    ),
    flags=(
        Flag("all", BOOL, "Show every folder", "a"),
        Flag("file", STRING, "The Dockerfile, whose own ignore file counts; PATH/Dockerfile by default", "f"),
        Flag("format", STRING, 'Form of the answer: "json"'),
        Flag("why", STRING, "Tell which line of which ignore file keeps this path in or out"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    form = parsed.string("format")
    if form not in ("", "json"):
        raise ClientError(f"unknown format {form}", hint="leave it out for text, or give json")
    options = BuildOptions(
        context=invocation.arguments[0] if invocation.arguments else ".", dockerfile=parsed.string("file")
    )
    engine = Engine(invocation.settings.root or None)
    if parsed.is_given("why"):
        reason = engine.context_reason(options, parsed.string("why"))
        print(json.dumps(reason._asdict()) if form else view.reason(reason))
        return 0
    found = engine.context_survey(options)
    print(view.as_json(found) if form else view.survey(found, shows_all=parsed.boolean("all")))
    return 0
