"""`sampan registry import`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.engine.registry_store import import_layout, open_medium

COMMAND = Command(
    arguments="[OPTIONS] STORE LAYOUT",
    summary="Put the images of an OCI layout, a folder or a tar, into a registry without a network",
    examples=(
        Example("Under the names that the layout has", "registry import /srv/registry images.tar"),
        Example("One image, under another name", "registry import --name team/app:1.0 /srv/registry app.tar"),
    ),
    flags=(Flag("name", STRING, "REPOSITORY[:TAG] for the only image of the layout"),),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    store, path = invocation.arguments
    for item in import_layout(open_medium(store), path, invocation.parsed.string("name")):
        print(f"{item.name} {item.digest}")
    return 0
