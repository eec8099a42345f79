"""`sampan manifest annotate`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.image.asked import checked
from sampan.cli.kinds import STRING, STRINGS
from sampan.cli.manifest.refusing import by_the_client
from sampan.engine.engine import Engine
from sampan.oci.manifest import PlatformFields

COMMAND = Command(
    arguments="[OPTIONS] MANIFEST_LIST MANIFEST",
    summary="Say for which platform an image of a list is",
    examples=(Example("A variant", "manifest annotate --variant v7 r.io/app:1 r.io/app:1-arm"),),
    flags=(
        Flag("arch", STRING, "Architecture, such as amd64"),
        Flag("os", STRING, "Operating system"),
        Flag("os-features", STRINGS, "Features of the operating system"),
        Flag("os-version", STRING, "Version of the operating system"),
        Flag("variant", STRING, "Variant of the architecture"),
    ),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    name, source = invocation.arguments
    checked(name)
    checked(source)
    changes = PlatformFields(
        architecture=parsed.string("arch"),
        os=parsed.string("os"),
        os_version=parsed.string("os-version"),
        os_features=tuple(parsed.strings("os-features")),
        variant=parsed.string("variant"),
    )
    engine = Engine(invocation.settings.root or None)
    with by_the_client():
        engine.manifest_lists(invocation.settings.config).annotate(name, source, changes)
    return 0
