"""`sampan manifest push`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.image.asked import checked
from sampan.cli.kinds import BOOL
from sampan.cli.manifest.inspect import INSECURE
from sampan.cli.manifest.refusing import by_the_client
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] MANIFEST_LIST",
    summary="Send a list to its registry",
    examples=(Example("And forget it here", "manifest push --purge r.io/app:1"),),
    flags=(INSECURE, Flag("purge", BOOL, "Forget the list afterwards", "p")),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    checked(invocation.arguments[0])
    engine = Engine(invocation.settings.root or None)
    lists = engine.manifest_lists(invocation.settings.config, insecure=parsed.boolean("insecure"))
    with by_the_client():
        print(lists.push(invocation.arguments[0], purge=parsed.boolean("purge")))
    return 0
