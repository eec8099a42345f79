"""`sampan cp`."""

import os
import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tsampan cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    summary="Copy files between a container and the host",
    examples=(
        Example("A file out of a container", "cp web:/etc/hosts ."),
        Example("What is in a folder, into a folder of a container", "cp site/. web:/srv/site"),
        Example("A folder as a tar on stdout", "cp web:/etc -"),
    ),
    flags=(
        Flag("archive", BOOL, "What arrives in the container belongs to its user", "a"),
        Flag("follow-link", BOOL, "Follow the source where it is a symbolic link", "L"),
        Flag("quiet", BOOL, "Do not say what was copied (it is said on a terminal only)", "q"),
    ),
    takes=(2, 2),
)


def execute(invocation: Invocation) -> int:
    from sampan.containers.transfer import Refused

    source, destination = invocation.arguments
    if not source:
        raise ClientError("source can not be empty")
    if not destination:
        raise ClientError("destination can not be empty")
    (from_container, from_path), (to_container, to_path) = _split(source), _split(destination)
    if from_container and to_container:
        raise ClientError("copying between containers is not supported", hint="copy to the host first, or through -")
    if not from_container and not to_container:
        raise ClientError("must specify at least one container source")
    try:
        if from_container:
            _copy_out(invocation, from_container, from_path, destination)
        else:
            _copy_in(invocation, source, to_container, to_path)
    except Refused as error:
        raise ClientError(error.message, hint=error.hint) from error
    return 0


def _copy_out(invocation: Invocation, container: str, path: str, destination: str) -> None:
    from sampan.cli.output import human_size

    engine = Engine(invocation.settings.root or None)
    follow = invocation.parsed.boolean("follow-link")
    if destination == "-":
        if sys.stdout.isatty():
            raise ClientError(
                "cowardly refusing to write a tar archive to a terminal", hint="send it to a file: > x.tar"
            )
        engine.containers.read_archive(container, path, sys.stdout.buffer.write, follow_link=follow)
        return
    copied = engine.containers.copy_out(container, path, destination, follow_link=follow)
    for name in copied.left_out:
        print(f"{name!r} is a device, and was not made on the host", file=sys.stderr)
    if not _is_quiet(invocation):
        shown = _absolute(destination)
        print(f"Successfully copied {human_size(copied.tar_bytes, 3)} to {shown}", file=sys.stderr)


def _copy_in(invocation: Invocation, source: str, container: str, path: str) -> None:
    from sampan.cli.output import human_size

    engine = Engine(invocation.settings.root or None)
    parsed = invocation.parsed
    keep = parsed.boolean("archive")
    if source == "-":
        engine.containers.extract_archive(container, path, sys.stdin.buffer, keep_owners=keep)
        return
    copied = engine.containers.copy_in(
        source, container, path, keep_owners=keep, follow_link=parsed.boolean("follow-link")
    )
    if not _is_quiet(invocation):
        print(f"Successfully copied {human_size(copied.tar_bytes, 3)} to {container}:{path}", file=sys.stderr)


def _is_quiet(invocation: Invocation) -> bool:
    if invocation.parsed.is_given("quiet"):
        return invocation.parsed.boolean("quiet")
    return not sys.stdout.isatty()


def _split(argument: str) -> tuple[str, str]:
    """("container", "path"), or ("", path) for what is on the host: an absolute path, or one that begins with a dot."""
    container, colon, path = argument.partition(":")
    if argument.startswith(("/", ".")) or not colon:
        return "", argument
    return container, path


def _absolute(path: str) -> str:
    """The path in full, with the slash or dot at its end that says something about it."""
    full = os.path.abspath(path)
    return full + ("/." if path.endswith("/.") else "/" if path.endswith("/") and full != "/" else "")
