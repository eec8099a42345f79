"""`sampan image inspect`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, inspect_format_flag
from sampan.cli.kinds import STRING
from sampan.cli.views.show import show
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [IMAGE...]",
    summary="Show everything that is known about images",
    examples=(Example("What it starts", "image inspect -f '{{json .Config.Cmd}}' web"),),
    flags=(
        inspect_format_flag(),
        Flag("platform", STRING, "Platform of the image, os[/arch[/variant]]"),
    ),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    images = Engine(invocation.settings.root or None).images
    platform = invocation.parsed.string("platform")
    return show(invocation, lambda name: images.inspect(name, platform=platform))
