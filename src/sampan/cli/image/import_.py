"""`sampan import`."""

import os
import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import LIST, STRING
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

COMMAND = Command(
    arguments="[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary="Make an image from a tar archive of a file system",
    examples=(Example("A root file system with its command", "import -c 'CMD [\"sh\"]' rootfs.tar.xz base:1"),),
    flags=(
        Flag("change", LIST, "Dockerfile instruction to apply, such as 'CMD [\"sh\"]'", "c"),
        Flag("message", STRING, "Comment in the history", "m"),
        Flag("platform", STRING, "Platform to write down, os[/arch[/variant]]"),
    ),
    takes=(1, 2),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    source = invocation.arguments[0]
    if "://" in source:
        raise ClientError(f"import from {source}: URLs are not supported", hint="fetch it first, then import - < FILE")
    reference = invocation.arguments[1] if len(invocation.arguments) > 1 else ""
    _check(source, reference, parsed.string("platform"))
    engine = Engine(invocation.settings.root or None)
    print(
        engine.images.import_rootfs(
            sys.stdin.buffer if source == "-" else source,
            reference,
            changes=parsed.strings("change"),
            message=parsed.string("message"),
        )
    )
    return 0


def _check(source: str, reference: str, platform: str) -> None:
    """What docker's client refuses. Raises ClientError."""
    from sampan.oci import platform as platforms
    from sampan.oci.reference import parse

    host = platforms.host_platform(os.uname().machine)
    try:
        if reference:
            parse(reference)
        is_other = bool(platform) and platforms.parse(platform, host) != host
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error
    if is_other:
        raise ClientError(f"--platform {platform} is not supported: an imported image is for {host}")
    if source != "-" and not os.path.exists(source):
        raise ClientError(f"open {source}: no such file or directory")
