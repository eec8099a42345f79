"""`sampan images`."""

import time

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL
from sampan.cli.output import short_id
from sampan.cli.views import images
from sampan.cli.views.container_filters import gather
from sampan.cli.views.times import nanoseconds
from sampan.engine.engine import Engine
from sampan.images.model import Image
from sampan.oci.reference import parse

COMMAND = Command(
    arguments="[OPTIONS] [REPOSITORY[:TAG]]",
    summary="List images",
    examples=(Example("What no name points to any more", "images --filter dangling=true"),),
    flags=(
        Flag("all", BOOL, "Show intermediate images too", "a"),
        Flag("digests", BOOL, "Show digests"),
        filter_flag(),
        format_flag(),
        no_trunc_flag(),
        quiet_flag(),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    name = invocation.arguments[0] if invocation.arguments else ""
    found = engine.images.list(name, filters=gather(parsed.pairs("filter")))
    no_trunc = parsed.boolean("no-trunc")
    if parsed.boolean("quiet"):
        for image in found:
            # As often as it has names.
            print(f"{image.id if no_trunc else short_id(image.id)}\n" * max(1, len(image.tags)), end="")
        return 0
    now = time.time_ns()
    rows = [images.row(facts, now, no_trunc) for image in found for facts in _facts(image)]
    columns = images.COLUMNS_WITH_DIGEST if parsed.boolean("digests") else images.LISTING.columns
    form = client_config.list_format(parsed.string("format"), invocation.settings, "imagesFormat")
    print(render(images.LISTING, rows, form, columns), end="")
    return 0


def _facts(image: Image) -> list[images.ImageFacts]:
    """A line for each name; one with <none> for an image that has none."""
    created = nanoseconds(image.created)
    if not image.tags:
        return [images.ImageFacts(image.id, "", "", "", created, image.size)]
    lines = []
    for tag in image.tags:
        reference = parse(tag)
        lines.append(images.ImageFacts(image.id, reference.repository_familiar, reference.tag, "", created, image.size))
    return lines
