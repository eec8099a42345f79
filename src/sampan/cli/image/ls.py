"""`sampan images`."""

import time

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, Parsed, filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL
from sampan.cli.output import short_id
from sampan.cli.views import images
from sampan.cli.views.container_filters import gather
from sampan.engine.engine import Engine
from sampan.images.model import Image

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
        Flag("tree", BOOL, "Show each image with all its names and platforms"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    name = invocation.arguments[0] if invocation.arguments else ""
    found = engine.images.list(name, filters=gather(parsed.pairs("filter")))
    if parsed.boolean("tree"):
        print(_tree(parsed, engine, found), end="")
        return 0
    no_trunc = parsed.boolean("no-trunc")
    if parsed.boolean("quiet"):
        for image in found:
            # As often as it has names.
            print(f"{image.id if no_trunc else short_id(image.id)}\n" * max(1, len(image.tags)), end="")
        return 0
    now = time.time_ns()
    with_digests = parsed.boolean("digests")
    form = client_config.list_format(parsed.string("format"), invocation.settings, "imagesFormat")
    shows_digests = with_digests or ".Digest" in form
    rows = [
        images.row(facts, now, no_trunc)
        for image in found
        for facts in images.lines_of(image, shows_digests=shows_digests, has_column=with_digests)
    ]
    columns = images.COLUMNS_WITH_DIGEST if with_digests else images.LISTING.columns
    print(render(images.LISTING, rows, form, columns), end="")
    return 0


def _tree(parsed: Parsed, engine: Engine, found: list[Image]) -> str:
    from sampan.cli.views import image_tree

    for flag, shown in (("quiet", "quiet"), ("no-trunc", "no-trunc"), ("digests", "show-digest"), ("format", "format")):
        if parsed.is_given(flag):
            raise ClientError(f"--{shown} is not yet supported with --tree")
    known = {digest for image in found for digest in image.digests}
    ids = {image.id for image in found}
    found = [image for image in engine.images.list() if image.id in ids or known & set(image.digests)]
    return image_tree.text(found, {image.id for image in found if engine.images.users(image.id)})
