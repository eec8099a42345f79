"""`sampan manifest rm`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.image.asked import checked
from sampan.cli.manifest.refusing import by_the_client
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="MANIFEST_LIST [MANIFEST_LIST...]",
    summary="Forget lists that were begun here",
    examples=(Example("One", "manifest rm r.io/app:1"),),
    takes=(1, None),
)


def execute(invocation: Invocation) -> int:
    lists = Engine(invocation.settings.root or None).manifest_lists(invocation.settings.config)
    for text in invocation.arguments:
        checked(text)
        with by_the_client():
            lists.remove(text)
    return 0
