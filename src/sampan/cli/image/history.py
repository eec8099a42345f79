"""`sampan history`."""

import time

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL, STRING
from sampan.cli.output import ellipsis, human_size, short_id, table
from sampan.cli.views import images
from sampan.cli.views.times import nanoseconds
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE",
    summary="Show the layers of an image and what made them",
    examples=(
        Example("Whole instructions", "history --no-trunc web"),
        Example("Which layers hold files that later ones remove", "history --layers web"),
    ),
    flags=(
        format_flag(),
        Flag("layers", BOOL, "Show of each layer its files, and the bytes that later layers hide"),
        Flag("human", BOOL, "Print sizes and ages for people", "H", default=True),
        no_trunc_flag(),
        Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
        quiet_flag(),
    ),
    takes=(1, 1),
)
_SHOWN = 60


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if parsed.boolean("layers"):
        return _layers(invocation)
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


def _layers(invocation: Invocation) -> int:
    """A line for each layer, newest first as history has them, and what could be had by making them otherwise."""
    parsed = invocation.parsed
    images_ = Engine(invocation.settings.root or None).images
    found = images_.layer_uses(invocation.arguments[0], platform=parsed.string("platform"))
    length = 0 if parsed.boolean("no-trunc") else _SHOWN
    rows = [("SIZE", "FILES", "WASTED", "HIDDEN BY LATER LAYERS", "CREATED BY")]
    for row, use in reversed(found):
        made_by = row.created_by.replace("\t", " ")
        rows.append(
            (
                human_size(use.size, 3),
                str(use.files),
                human_size(use.wasted, 3) if use.wasted else "",
                ", ".join(use.hidden),
                ellipsis(made_by, length) if length else made_by,
            )
        )
    total, wasted = sum(use.size for _, use in found), sum(use.wasted for _, use in found)
    print(table(rows), end="")
    print(f"{human_size(total, 3)} in {len(found)} layers, {human_size(wasted, 3)} of it wasted")
    return 0
