"""`sampan create`."""

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.container.run import check_cidfile, find_image, warn, with_proxies, write_cidfile
from sampan.cli.container.run_flags import CREATE_FLAGS
from sampan.cli.container.run_options import run_options
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Make a container without starting it",
    examples=(Example("Made now, started later", "create --name job my-image:1.0 ./job --once"),),
    flags=CREATE_FLAGS,
    takes=(1, None),
    interspersed=False,
    manner="create",
)


def execute(invocation: Invocation) -> int:
    options = with_proxies(run_options(invocation.parsed), invocation.settings)
    if options.cidfile:
        check_cidfile(options.cidfile, "create")
    engine = Engine(invocation.settings.root or None)
    warn(options, invocation.parsed)
    container = engine.containers.create(find_image(engine, options, invocation))
    write_cidfile(options.cidfile, container.id)
    print(container.id)
    return 0
