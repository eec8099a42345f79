"""`sampan pull`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.image.moving import listener
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.oci.reference import Reference, parse

COMMAND = Command(
    arguments="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Get an image from a registry",
    examples=(
        Example("The newest of a repository", "pull debian"),
        Example("One for another machine, from another registry", "pull --platform linux/arm64 ghcr.io/team/web:1.4"),
    ),
    flags=(
        Flag("all-tags", BOOL, "Every tag of the repository", "a"),
        Flag("disable-content-trust", BOOL, "Accepted for docker's sake, without effect", default="true"),
        Flag("platform", STRING, "Platform that is wanted, os[/arch[/variant]]; this host's by default"),
        quiet_flag("Print only the image's name"),
    ),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    quiet, all_tags = parsed.boolean("quiet"), parsed.boolean("all-tags")
    text = invocation.arguments[0]
    name = checked(text)
    if all_tags and has_tag(text, name):
        raise ClientError("tag can't be used with --all-tags/-a")
    if not all_tags and not has_tag(text, name) and not quiet:
        print("Using default tag: latest", flush=True)
    Engine(invocation.settings.root or None).images.pull(
        text,
        platform=parsed.string("platform"),
        all_tags=all_tags,
        config=invocation.settings.config,
        on_event=listener(sys.stdout, sys.stderr, quiet=quiet),
    )
    print(name.name if all_tags else name.normalised())
    return 0


def checked(text: str) -> Reference:
    """The reference that was typed. Raises ClientError."""
    try:
        return parse(text)
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error


def has_tag(text: str, name: Reference) -> bool:
    """Whether a tag or digest was typed, and not left to be latest."""
    return bool(name.digest) or text.endswith(":" + name.tag)
