"""`sampan registry import`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.engine.engine import Engine
from sampan.engine.registry_store import import_image, import_layout, open_medium

COMMAND = Command(
    arguments="[OPTIONS] STORE [LAYOUT]",
    summary="Put the images of an OCI layout, or one of this engine, into a registry without a network",
    examples=(
        Example("Under the names that the layout has", "registry import /srv/registry images.tar"),
        Example("One image, under another name", "registry import --name team/app:1.0 /srv/registry app.tar"),
        Example("An image of this engine", "registry import --image web:1.0 --name team/web:1.0 /srv/registry"),
    ),
    flags=(
        Flag("image", STRING, "Take this image of the engine instead of a layout"),
        Flag("name", STRING, "REPOSITORY[:TAG] for the only image"),
    ),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    store, *layouts = invocation.arguments
    image, name = invocation.parsed.string("image"), invocation.parsed.string("name")
    if bool(image) == bool(layouts):
        raise ClientError("a LAYOUT or --image is wanted, one of them", hint="for example: --image busybox:latest")
    medium = open_medium(store)
    if image:
        imported = import_image(Engine(invocation.settings.root or None).images, medium, image, name)
    else:
        imported = import_layout(medium, layouts[0], name)
    for item in imported:
        print(f"{item.name} {item.digest}")
    return 0
