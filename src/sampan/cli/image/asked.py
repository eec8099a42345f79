"""The references that commands about registries are given."""

from sampan.cli.command import Invocation
from sampan.cli.errors import ClientError
from sampan.errors import InvalidArgument
from sampan.oci.reference import Reference, parse


def asked(invocation: Invocation) -> Reference:
    """The first argument, which must be a repository with --all-tags; that a tag is left to be latest is told unless
    --quiet is given. Raises ClientError."""
    parsed, text = invocation.parsed, invocation.arguments[0]
    name = checked(text)
    has_tag = bool(name.digest) or text.endswith(":" + name.tag)
    if parsed.boolean("all-tags"):
        if has_tag:
            raise ClientError("tag can't be used with --all-tags/-a")
    elif not has_tag and not parsed.boolean("quiet"):
        print("Using default tag: latest", flush=True)
    return name


def checked(text: str) -> Reference:
    """The reference that was typed. Raises ClientError."""
    try:
        return parse(text)
    except InvalidArgument as error:
        raise ClientError(error.message, hint=error.hint) from error
