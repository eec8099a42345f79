"""`sampan push`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.asked import asked
from sampan.cli.image.progress import listener
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.errors import SampanError

COMMAND = Command(
    arguments="[OPTIONS] NAME[:TAG]",
    summary="Send an image to a registry",
    examples=(
        Example("To a registry of one's own", "push localhost:5000/web:1.4"),
        Example("Every tag of a repository", "push -a ghcr.io/team/web"),
    ),
    flags=(
        Flag("all-tags", BOOL, "Every tag of the repository", "a"),
        Flag("disable-content-trust", BOOL, "Accepted for docker's sake, without effect", default="true"),
        Flag("platform", STRING, "Platform that the image must be for, os[/arch[/variant]]"),
        quiet_flag("Print only the image's name"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    quiet, all_tags = parsed.boolean("quiet"), parsed.boolean("all-tags")
    name = asked(invocation)
    try:
        Engine(invocation.settings.root or None).images.push(
            invocation.arguments[0],
            platform=parsed.string("platform"),
            all_tags=all_tags,
            config=invocation.settings.config,
            on_event=listener(sys.stdout, sys.stderr, quiet=quiet),
        )
    except SampanError as error:
        raise ClientError(
            error.message, hint=error.hint
        ) from error  # docker's come with the progress, without a prefix
    if quiet:
        print(name.name if all_tags else name.normalised())
    return 0
