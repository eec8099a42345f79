"""Errors of `manifest` as docker prints them: its client does the work, so nothing is said of a daemon."""

from collections.abc import Iterator
from contextlib import contextmanager

from sampan.cli.errors import ClientError
from sampan.errors import SampanError


@contextmanager
def by_the_client() -> Iterator[None]:
    """What the engine refuses within is a ClientError with the same words."""
    try:
        yield
    except ClientError:
        raise
    except SampanError as error:
        raise ClientError(error.message, hint=error.hint) from error
