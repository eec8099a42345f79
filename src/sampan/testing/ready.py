"""When a container is ready to be tested: it is healthy, it wrote a line, a port accepts, an URL answers.

A condition is a callable that takes a `Started` and says whether it is so; its `__str__` says what is waited for.
"""

import re
import socket
from collections.abc import Callable
from typing import Protocol

from sampan.engine import Engine
from sampan.engine.containers import Container
from sampan.errors import NotFound
from sampan.values import NamedTuple

_CONNECT_SECONDS = 1.0


class Started(NamedTuple):
    """A container that a condition looks at."""

    engine: Engine
    container: Container

    def address(self, port: int, protocol: str = "tcp") -> tuple[str, int]:
        """Where a port of the container is reached from this host: published, or at its own address.

        Raises NotFound when it is neither published nor is the container in a network.
        """
        published = self.engine.containers.ports(self.container.id)
        for inner, kind, outer, host in published:
            if (inner, kind) == (port, protocol):
                return ("127.0.0.1" if host in ("", "0.0.0.0", "::") else host), outer
        for network in self.container.inspect()["NetworkSettings"]["Networks"].values():
            if network["IPAddress"]:
                return str(network["IPAddress"]), port
        raise NotFound(
            f"port {port}/{protocol} of {self.container.name} cannot be reached",
            hint=f"publish it: ports=[{port}]",
        )


class Condition(Protocol):
    """Whether a container is ready. What it raises ends the wait."""

    def __call__(self, started: Started) -> bool: ...


class _Named:
    """A condition with a name, which also tells two of them apart."""

    __slots__ = ("_check", "_name")

    def __init__(self, name: str, check: Callable[[Started], bool]) -> None:
        self._name = name
        self._check = check

    def __call__(self, started: Started) -> bool:
        return self._check(started)

    def __str__(self) -> str:
        return self._name


def running() -> Condition:
    """It runs: ready at once."""
    return _Named("that it runs", lambda started: True)


def healthy() -> Condition:
    """Its health check says so. Fails at once without one."""

    def check(started: Started) -> bool:
        health = started.container.reload().record.health
        if health is None:
            raise AssertionError(f"{started.container.name} has no health check: give it one, or wait for a port")
        return bool(health.get("Status") == "healthy")

    return _Named("its health check", check)


def log_line(pattern: str, *, times: int = 1) -> Condition:
    """It wrote a line in which the regular expression `pattern` is found, `times` times since it was started."""
    expression = re.compile(pattern.encode(), re.MULTILINE)

    def check(started: Started) -> bool:
        return len(expression.findall(started.container.logs())) >= times

    return _Named(f"the line {pattern!r} in its log" + (f", {times} times" if times > 1 else ""), check)


def port(number: int) -> Condition:
    """Its TCP port accepts a connection and keeps it."""

    def check(started: Started) -> bool:
        try:
            with socket.create_connection(started.address(number), _CONNECT_SECONDS) as connection:
                connection.settimeout(0.05)
                try:
                    return connection.recv(1) != b""
                except TimeoutError:
                    return True  # it waits for what we say
        except OSError:
            return False

    return _Named(f"its port {number} to accept", check)


def http(number: int, path: str = "/", *, status: int = 200) -> Condition:
    """A GET of `path` at its port is answered with `status`."""

    def check(started: Started) -> bool:
        import http.client

        host, outer = started.address(number)
        connection = http.client.HTTPConnection(host, outer, timeout=_CONNECT_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return _Named(f"GET {path} at its port {number} to be answered with {status}", check)
