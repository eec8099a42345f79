"""Connections that are not held up by who sends a byte now and then, nor lead where they must not.

A timeout alone is set back by every byte: a header that drips would be waited for without end. And what a name stands
for is known only when it is connected to.
"""

import http.client
import io
import socket
import time
from typing import Any, cast

import urllib3
from urllib3 import connection, connectionpool

from sampan.registry import reach

SLOWEST = 64
"""Bytes a second over the time of silence: less is a connection that stalled."""


class _Metered(io.RawIOBase):
    """What comes from a socket. Raises TimeoutError when it is next to nothing over that socket's timeout.

    Only the time counts that is waited in here, and only from the first byte on: an answer may take its time to begin.
    """

    def __init__(self, raw: io.RawIOBase, silence_seconds: float | None) -> None:
        self._raw, self._silence = raw, silence_seconds
        self._waited, self._count, self._has_begun = 0.0, 0, False

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, target: Any, /) -> int | None:
        before = time.monotonic()
        count: int | None = cast(Any, self._raw).readinto(target)
        if self._silence is None or not count:
            return count
        if self._has_begun:
            self._waited += time.monotonic() - before
        self._has_begun = True
        self._count += count
        if self._waited > self._silence:
            if self._count < SLOWEST * self._waited:
                raise TimeoutError("next to nothing came")
            self._waited, self._count = 0.0, 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose header and body are metered alike."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        raw = cast(Any, self.fp).detach()
        self.fp = io.BufferedReader(_Metered(raw, sock.gettimeout()), 1 << 16)


class _Plain(connection.HTTPConnection):
    response_class = _Answer


class _Tls(connection.HTTPSConnection):
    response_class = _Answer


def pool_classes(sender: str, who: str) -> dict[str, type[connectionpool.HTTPConnectionPool]]:
    """What a PoolManager makes its pools of, by scheme. `sender` is the place (`reach`) of the host `who` that sent us
    to these addresses, "" where we go of our own accord."""

    def checked(made: socket.socket) -> socket.socket:
        try:
            if sender:
                reach.check_place(sender, reach.place_of(str(made.getpeername()[0])), who)
        except BaseException:
            made.close()
            raise
        return made

    class Plain(_Plain):
        def _new_conn(self) -> socket.socket:
            return checked(super()._new_conn())

    class Tls(_Tls):
        def _new_conn(self) -> socket.socket:
            return checked(super()._new_conn())

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
