"""Containers that tests share: started once, waited for, kept for the next run where that is wanted.

A service is found again by a label with a digest of everything that it was made with.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from sampan.containers.options import PortBinding, RunOptions
from sampan.engine import Engine
from sampan.engine.containers import Container
from sampan.errors import NotFound, SampanError
from sampan.testing.ready import Condition, Started, healthy, running

LABEL = "sampan.testing"
"""The label of every container that was started for tests; its value is the digest."""
_PAUSE_SECONDS = 0.05
_SHOWN_LINES = 20


class NotReady(AssertionError):
    """A container ended, or did not become ready in time. The message says why, with its last lines."""


class Service:
    """A container that is ready. `container` is the engine's own object."""

    __slots__ = ("is_reused", "started")

    def __init__(self, started: Started, *, is_reused: bool = False) -> None:
        self.started = started
        self.is_reused = is_reused

    @property
    def container(self) -> Container:
        return self.started.container

    def address(self, port: int, protocol: str = "tcp") -> tuple[str, int]:
        """Where a port of it is reached from this host: (address, port). Raises NotFound."""
        return self.started.address(port, protocol)

    def url(self, port: int, path: str = "/", scheme: str = "http") -> str:
        """An URL of this host's for a port of it. Raises NotFound."""
        host, outer = self.address(port)
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{outer}{path}"

    def __repr__(self) -> str:
        return f"<Service {self.container.name}>"


class StartService(Protocol):
    """What the fixture `sampan_container` gives: see `Services.start`."""

    def __call__(
        self,
        image: str,
        command: Sequence[str] = ...,
        *,
        name: str = ...,
        env: Mapping[str, str] | None = ...,
        ports: Mapping[int, int] | Sequence[int] = ...,
        network: str = ...,
        options: RunOptions | None = ...,
        ready: Condition | None = ...,
        timeout_seconds: float = ...,
    ) -> Service: ...


class Services:
    """Starts services on an engine and removes them at the end; with `keep` they stay for whoever asks next."""

    def __init__(self, engine: Engine, *, keep: bool = False) -> None:
        self.engine = engine
        self.keep = keep
        self._known: dict[str, Service] = {}
        self._network = ""

    def network(self) -> str:
        """The name of a network in which containers find each other by name; made when it is first asked for."""
        name = f"{LABEL}-kept" if self.keep else f"{LABEL}-{os.getpid()}"
        if not self._network:
            with self._alone("network"):
                try:
                    self.engine.networks.get(name)
                except NotFound:
                    self.engine.networks.create(name)
            self._network = name
        return name

    def start(
        self,
        image: str,
        command: Sequence[str] = (),
        *,
        name: str = "",
        env: Mapping[str, str] | None = None,
        ports: Mapping[int, int] | Sequence[int] = (),
        network: str = "",
        options: RunOptions | None = None,
        ready: Condition | None = None,
        timeout_seconds: float = 60.0,
    ) -> Service:
        """A container with these options that is ready; the same one when it was asked for before.

        `ports` maps ports of the container to ports of this host, 0 = a free one; a list publishes each on a free one.
        In a `network` of one's own, such as `network()`, containers know each other by name.
        `ready` is its health check where it has one, else that it runs. Raises NotReady, and what Engine.run raises.
        """
        chosen = _options(image, command, name=name, env=env or {}, ports=ports, options=options)
        if network:
            chosen = chosen._replace(network=network)
        key = _digest(self.engine, chosen, ready)
        if key in self._known:
            return self._known[key]
        with self._alone(key):
            service = self._kept(key) if self.keep else None
            if service is None:
                self._give_up_name(chosen.name)
                labels = {**chosen.labels, LABEL: key}
                service = Service(Started(self.engine, self.engine.containers.run(chosen._replace(labels=labels))))
            try:
                wait_until_ready(service.started, ready or _usual(service.container), timeout_seconds)
            except BaseException:
                if not self.keep:
                    _remove(service)
                raise
        self._known[key] = service
        return service

    def _give_up_name(self, name: str) -> None:
        """Remove a container of earlier tests that has the name but other options."""
        try:
            holder = self.engine.containers.get(name) if name else None
        except NotFound:
            return
        if holder is not None and LABEL in holder.record.spec.config.labels:
            holder.remove(force=True, volumes=True)

    def close(self) -> None:
        """Remove what was started, unless it is kept."""
        known, self._known = list(self._known.values()), {}
        if self.keep:
            return
        for service in known:
            _remove(service)
        if self._network:
            self.engine.networks.remove(self._network)
            self._network = ""

    def _kept(self, key: str) -> Service | None:
        """A running container of an earlier run with the same digest."""
        for container in self.engine.containers.list():
            if container.record.spec.config.labels.get(LABEL) == key and container.status == "running":
                return Service(Started(self.engine, container), is_reused=True)
        return None

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Two test runs that want to keep the same service start one."""
        if not self.keep:
            yield
            return
        path = f"{self.engine.paths.locks}/testing-{key}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _remove(service: Service) -> None:
    try:
        service.container.remove(force=True, volumes=True)
    except NotFound:
        return  # a test has removed it


def wait_until_ready(started: Started, ready: Condition, timeout_seconds: float = 60.0) -> None:
    """Return once `ready` holds. Raises NotReady when the container ends before, or the time is over."""
    end = time.monotonic() + timeout_seconds
    while True:
        try:
            container = started.container.reload()
            if container.status in ("exited", "dead", "created"):
                raise NotReady(explain(started, f"it ended before {_what(ready)}"))
            if ready(started):
                return
        except NotFound:
            raise NotReady(f"{started.container.name} was removed before {_what(ready)}") from None
        if time.monotonic() > end:
            raise NotReady(explain(started, f"not so after {timeout_seconds:g} s: {_what(ready)}"))
        time.sleep(_PAUSE_SECONDS)


def _what(ready: Condition) -> str:
    return str(ready) if hasattr(ready, "_name") else getattr(ready, "__name__", "the condition")


def explain(started: Started, problem: str) -> str:
    """A message of several lines: the problem, why the container is in its state, what it wrote last."""
    container = started.container
    lines = [f"container {container.name} ({container.record.spec.options.image}) is not ready: {problem}"]
    try:
        found = started.engine.containers.why(container.id)
    except SampanError as error:
        return "\n".join([*lines, f"  {error}"])
    lines.append(f"why: {found.summary}")
    for reason in found.reasons:
        lines += [f"  {reason.text}", *([f"    {reason.hint}"] if reason.hint else [])]
    log = container.logs().decode(errors="replace").splitlines()[-_SHOWN_LINES:]
    lines += ["what it wrote last:", *(f"  {line}" for line in log)] if log else ["it wrote nothing"]
    return "\n".join(lines)


def _usual(container: Container) -> Condition:
    health = container.record.spec.config.healthcheck
    return healthy() if health is not None and health.test and health.test[0] != "NONE" else running()


def _options(
    image: str,
    command: Sequence[str],
    *,
    name: str,
    env: Mapping[str, str],
    ports: Mapping[int, int] | Sequence[int],
    options: RunOptions | None,
) -> RunOptions:
    base = options or RunOptions(image)
    pairs = ports.items() if isinstance(ports, Mapping) else ((port, 0) for port in ports)
    return base._replace(
        image=image,
        command=tuple(command) or base.command,
        name=name or base.name,
        env=(*base.env, *(f"{key}={value}" for key, value in sorted(env.items()))),
        ports=(*base.ports, *(PortBinding(inner, "tcp", "127.0.0.1", outer) for inner, outer in pairs)),
    )


def _digest(engine: Engine, options: RunOptions, ready: Condition | None) -> str:
    """Of everything that makes a container what it is: a rebuilt image makes another one. Raises NotFound."""
    image_id = engine.images.get(options.image).id
    text = repr((image_id, [(name, repr(value)) for name, value in options._asdict().items()], str(ready)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
