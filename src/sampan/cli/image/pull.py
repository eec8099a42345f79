"""`sampan pull`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.asked import asked
from sampan.cli.image.progress import listener
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Get an image from a registry",
    examples=(
        Example("The newest of a repository", "pull debian"),
        Example("One for another machine, from another registry", "pull --platform linux/arm64 ghcr.io/team/web:1.4"),
    ),
    flags=(
        Flag("all-tags", BOOL, "Every tag of the repository", "a"),
        Flag("disable-content-trust", BOOL, "Accepted for docker's sake, without effect", default="true"),
        Flag("platform", STRING, "Platform that is wanted, os[/arch[/variant]]; this host's by default"),
        quiet_flag("Print only the image's name"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    quiet, all_tags = parsed.boolean("quiet"), parsed.boolean("all-tags")
    name = asked(invocation)
    Engine(invocation.settings.root or None).images.pull(
        invocation.arguments[0],
        platform=parsed.string("platform"),
        all_tags=all_tags,
        config=invocation.settings.config,
        on_event=listener(sys.stdout, sys.stderr, quiet=quiet),
    )
    print(name.name if all_tags else name.normalised())
    return 0
