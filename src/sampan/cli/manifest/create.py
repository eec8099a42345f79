"""`sampan manifest create`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.image.asked import checked
from sampan.cli.kinds import BOOL
from sampan.cli.manifest.inspect import INSECURE
from sampan.cli.manifest.refusing import by_the_client
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="MANIFEST_LIST MANIFEST [MANIFEST...]",
    summary="Begin a list: one name for images of several platforms",
    examples=(
        Example("Of two images that were pushed", "manifest create r.io/app:1 r.io/app:1-amd64 r.io/app:1-arm64"),
    ),
    flags=(Flag("amend", BOOL, "Add to a list that was begun", "a"), INSECURE),
    takes=(2, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    name, *sources = invocation.arguments
    for text in invocation.arguments:
        checked(text)
    engine = Engine(invocation.settings.root or None)
    lists = engine.manifest_lists(invocation.settings.config, insecure=parsed.boolean("insecure"))
    with by_the_client():
        lists.create(name, sources, amend=parsed.boolean("amend"))
    print(f"Created manifest list {checked(name).normalised()}")
    return 0
