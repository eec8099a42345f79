"""Builders by name: the one that is built in is called default."""

from sampan.cli.errors import ClientError

_HINT = "there is one builder, default: it is built in, needs no daemon, and keeps its cache in the store (--root)"


def check(name: str) -> None:
    """Raises ClientError for any other builder."""
    if name != "default":
        raise ClientError(f'ERROR: no builder "{name}" found', hint=_HINT)


def refuse(what: str) -> ClientError:
    return ClientError(f"ERROR: {what}", hint=_HINT)
