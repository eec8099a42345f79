"""Collect the facts that explain a container's state."""

import json
import os
import time

from sampan.containers import peak, program, roots, store, wake
from sampan.containers.model import Container
from sampan.containers.options import LogOptions
from sampan.engine import logging
from sampan.engine.supervision import restarting
from sampan.engine.why.facts import Facts, Happened
from sampan.errors import SampanError, Unavailable, Unsupported
from sampan.linux import process
from sampan.oci.platform import host_platform
from sampan.storage import locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LINES = 10
_LINE_CHARACTERS = 500
_EVENTS = 8
_START_CODES = (1, 126, 127)  # of the runtime that could not execute it, and of the loader that missed a library
_START_NS = 2 * 10**9
_TAKEN = ("already allocated", "address already in use", "already in use")


def gather(database: Database, paths: Paths, reference: str) -> Facts:
    """The facts at this moment. Raises NotFound."""
    container = store.find(database, reference)
    delay = restarting.delay_seconds(container)
    now = time.time_ns()
    return Facts(
        container=container,
        now=now,
        boot_id=process.boot_id(),
        machine=host_platform(os.uname().machine).architecture,
        trouble=_trouble(database, paths, container),
        log=_log(database, paths, container),
        memory_peak_bytes=peak.kept(paths, container) if container.oom_killed else 0,
        restart_seconds=None if delay is None else max(delay - (now - container.finished_at) / 1e9, 0.0),
        is_supervised=wake.is_supervised(paths),
        holders=_holders(database, container),
        events=_events(database, container),
    )


def _trouble(database: Database, paths: Paths, container: Container) -> program.Trouble | None:
    """Looked for where it may be the reason: what has run for a while has been able to start."""
    if container.is_running or (container.started_at and not _failed_at_once(container)):
        return None
    config = container.spec.config
    architecture = host_platform(os.uname().machine).architecture
    with locks.container(paths, container.id):
        current = store.get(database, container.id)
        if current is None or current.is_running:
            return None
        word = current.command[0] if current.command else ""
        try:
            return roots.seen(
                database,
                paths,
                current,
                lambda root: program.examine(root, word, config.env, config.working_dir, architecture),
            )
        except (SampanError, OSError) as error:
            return program.Trouble("unreadable", word, str(error))


def _failed_at_once(container: Container) -> bool:
    ran = container.finished_at - container.started_at
    return container.exit_code in _START_CODES and ran < _START_NS


def _log(database: Database, paths: Paths, container: Container) -> tuple[str, ...]:
    """The last lines, cut to a sensible length, odd characters shown; none where the driver keeps none."""
    try:
        found = b"".join(line.text for line in logging.lines(database, paths, container, LogOptions(tail=_LINES)))
    except (Unsupported, Unavailable):
        return ()
    lines = found.decode(errors="replace").splitlines()[-_LINES:]
    return tuple(_visible(line[:_LINE_CHARACTERS]) for line in lines)


def _visible(line: str) -> str:
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in line)


def _holders(database: Database, container: Container) -> tuple[tuple[str, str], ...]:
    """Who has the ports that it was refused."""
    if not any(word in container.error for word in _TAKEN):
        return ()
    found = []
    for binding in container.spec.options.ports:
        if not binding.host_port:
            continue
        row = database.row(
            "SELECT c.name FROM port p JOIN container c ON c.id = p.container_id"
            " WHERE p.protocol = ? AND p.host_port = ? AND p.container_id <> ?",
            (binding.protocol, binding.host_port, container.id),
        )
        if row is not None:
            found.append((f"{binding.host_port}/{binding.protocol}", str(row[0])))
        elif f":{binding.host_port}" in container.error or f" {binding.host_port}" in container.error:
            found.append((f"{binding.host_port}/{binding.protocol}", ""))
    return tuple(found)


def _events(database: Database, container: Container) -> tuple[Happened, ...]:
    """What happened to it last, oldest first; probes of its health are told by the health log."""
    rows = database.rows(
        "SELECT time, action, attributes FROM event WHERE type = 'container' AND actor = ?"
        " AND action NOT LIKE 'exec%' AND action NOT IN ('resize', 'top') ORDER BY id DESC LIMIT ?",
        (container.id, _EVENTS),
    )
    found = []
    for moment, action, attributes in reversed(list(rows)):
        values = json.loads(str(attributes))
        detail = next((f"{key} {values[key]}" for key in ("signal", "exitCode") if key in values), "")
        found.append(Happened(int(moment or 0), str(action), detail))
    return tuple(found)
