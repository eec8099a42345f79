"""A blob goes up: in one piece, and after a break from where the registry says that it got to."""

import functools
from collections.abc import Callable, Iterator

from sampan.errors import Unavailable
from sampan.registry.client import Repository
from sampan.registry.failures import Refused, Unreachable
from sampan.registry.transport import Patience

AT_ONCE = 1 << 20
_PIECE = 1 << 18

Read = Callable[[int, int], bytes]
"""Gives at most so many (second) of a blob's bytes from a place (first) on."""


def upload(
    repository: Repository,
    read: Read,
    digest: str,
    size: int,
    patience: Patience,
    on_progress: Callable[[int], object] = lambda sent: None,
) -> None:
    """Send the blob `digest` of `size` bytes. Raises Refused, Unreachable, PermissionDenied."""
    failures, url, start, furthest = 0, "", 0, 0
    while True:
        try:
            url = url or repository.begin_upload()
            if size <= AT_ONCE:
                repository.finish_upload(url, digest, read(0, size))
            else:
                if start < size:
                    body = functools.partial(_pieces, read, start, size, on_progress)
                    url = repository.append(url, start, size - start, body)
                    start = size
                repository.finish_upload(url, digest)
            on_progress(size)
            return
        except (Unreachable, Refused) as error:
            if not _may_pass(error):
                raise
            failures = failures + 1 if start <= furthest else 1
            furthest = max(furthest, start)
            if failures >= patience.attempts:
                raise
        if repository.cancelled.wait(patience.wait(failures - 1, None)):
            raise Unavailable("cancelled")
        if repository.has_blob(digest):  # only the answer was lost
            return
        state = repository.upload_state(url) if url and size > AT_ONCE else None
        url, start = state if state is not None and state[1] <= size else ("", 0)


def _may_pass(error: Unreachable | Refused) -> bool:
    if isinstance(error, Unreachable):
        return error.may_pass
    return error.status >= 500 or error.status in (404, 408, 416, 429)


def _pieces(read: Read, start: int, size: int, on_progress: Callable[[int], object]) -> Iterator[bytes]:
    while start < size:
        piece = read(start, min(_PIECE, size - start))
        if not piece:
            raise OSError(5, "the file that is sent became shorter")
        yield piece
        start += len(piece)
        on_progress(start)
