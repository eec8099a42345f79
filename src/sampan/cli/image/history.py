"""`sampan history`."""

import time

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.output import short_id
from sampan.cli.views import images
from sampan.cli.views.times import nanoseconds
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE",
    summary="Show the layers of an image and what made them",
    examples=(Example("Whole instructions", "history --no-trunc web"),),
    flags=(
        format_flag(),
        Flag("human", BOOL, "Print sizes and ages for people", "H", default=True),
        no_trunc_flag(),
        Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
        quiet_flag(),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    found = Engine(invocation.settings.root or None).images.history(
        invocation.arguments[0], platform=parsed.string("platform")
    )
    no_trunc, human = parsed.boolean("no-trunc"), parsed.boolean("human")
    layers = [
        images.LayerFacts(
            "" if row.id == images.MISSING else row.id, nanoseconds(row.created), row.created_by, row.size, row.comment
        )
        for row in found
    ]
    if parsed.boolean("quiet"):
        for layer in layers:
            print(images.MISSING if not layer.id else layer.id if no_trunc else short_id(layer.id))
        return 0
    now = time.time_ns()
    rows = [images.history_row(layer, now, no_trunc, human) for layer in layers]
    columns = images.HISTORY.columns if human else images.HISTORY_EXACT_COLUMNS
    print(render(images.HISTORY, rows, parsed.string("format"), columns), end="")
    return 0
