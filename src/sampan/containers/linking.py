"""--link in the default network, as docker keeps it from of old.

There containers have no names, so one that is made with links knows others by lines of its hosts file and by
variables. In networks of a user's own a link is a name (`networks/naming`).
"""

import json
from collections.abc import Sequence

from sampan.containers import etc_files, store
from sampan.containers.model import Container
from sampan.containers.options import RunOptions
from sampan.errors import Conflict, NotFound
from sampan.networks import endpoints, files
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

_DEFAULT = ("bridge", "default")
_RANGE = 3  # so many ports in a row have variables as a range too


class Link(NamedTuple):
    """A container and what it is called."""

    name: str
    alias: str


class Linked(NamedTuple):
    """A link of a container that runs, to another one that does. `called` are the names of its line of hosts."""

    called: tuple[str, ...]
    address: str
    variables: tuple[str, ...]


def links(options: RunOptions) -> tuple[Link, ...]:
    """The links of a container in the default network, none of one in another."""
    found = []
    for choice in options.connections:
        if choice.name in _DEFAULT and options.network in _DEFAULT:
            for text in choice.links:
                name, _, alias = text.partition(":")
                found.append(Link(name, alias or name))
    return tuple(dict.fromkeys(found))


def shown(container: Container) -> list[str] | None:
    """HostConfig.Links of the inspect document."""
    return [f"/{link.name}:/{container.name}/{link.alias}" for link in links(container.spec.options)] or None


def check(database: Database, options: RunOptions) -> None:
    """Whether the containers are there. Raises NotFound in docker's words."""
    for link in links(options):
        try:
            store.find(database, link.name)
        except NotFound as error:
            raise NotFound(f"could not get container for {link.name}: {error.message}", hint="sampan ps -a") from error


def resolve(database: Database, container: Container) -> tuple[Linked, ...]:
    """What the links lead to at this moment. Raises NotFound, Conflict where a target does not run in the default
    network."""
    found = []
    for link in links(container.spec.options):
        target = store.find(database, link.name)
        if not target.is_running:
            raise Conflict(
                f"Cannot link to a non running container: /{target.name} AS /{container.name}/{link.alias}",
                hint=f"sampan start {target.name}",
            )
        places = [e for e in endpoints.read(database, container_id=target.id) if e.network == "bridge"]
        if not places:
            raise Conflict(
                f"container {target.id} not attached to default bridge network",
                hint="put both in a network of their own, where each finds the other by its name",
            )
        names = variables(f"/{container.name}/{link.alias}", places[0].ip, target)
        found.append(Linked(_called(link, target), places[0].ip, names))
    return tuple(found)


def _called(link: Link, target: Container) -> tuple[str, ...]:
    host = target.spec.options.hostname or target.id[:12]
    return tuple(dict.fromkeys((link.alias, host, target.name)))


def variables(name: str, address: str, target: Container) -> tuple[str, ...]:
    """The variables of a link, `name` is "/container/alias": where the target's ports are, and its own variables."""
    prefix = name.rpartition("/")[2].upper().replace("-", "_")
    ports = sorted(map(_port, target.spec.config.exposed_ports), key=lambda port: (port[0] != "tcp", port))
    found = list[str]()
    if ports:
        found.append(f"{prefix}_PORT={ports[0][0]}://{address}:{ports[0][1]}")
    for protocol, number in ports:
        key = f"{prefix}_PORT_{number}_{protocol.upper()}"
        found += [f"{key}={protocol}://{address}:{number}", f"{key}_ADDR={address}", f"{key}_PORT={number}"]
        found.append(f"{key}_PROTO={protocol}")
    for protocol, first, last in _ranges(ports):
        key = f"{prefix}_PORT_{first}_{protocol.upper()}"
        found += [f"{key}_START={protocol}://{address}:{first}", f"{key}_PORT_START={first}"]
        found += [f"{key}_END={protocol}://{address}:{last}", f"{key}_PORT_END={last}"]
    found.append(f"{prefix}_NAME={name}")
    for entry in target.spec.config.env:
        key, equals, value = entry.partition("=")
        if equals and key not in ("HOME", "PATH"):
            found.append(f"{prefix}_ENV_{key}={value}")
    return tuple(found)


def _port(text: str) -> tuple[str, int]:
    number, _, protocol = text.partition("/")
    return protocol or "tcp", int(number)


def _ranges(ports: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """Runs of ports of one protocol: (protocol, first, last)."""
    runs = list[tuple[str, int, int]]()
    for protocol, number in ports:
        if runs and runs[-1][0] == protocol and runs[-1][2] == number - 1:
            runs[-1] = (protocol, runs[-1][1], number)
        else:
            runs.append((protocol, number, number))
    return [run for run in runs if run[2] - run[1] >= _RANGE - 1]


def recorded(paths: Paths, container: Container) -> tuple[str, ...]:
    """The variables of links that a running container was started with."""
    prefixes = tuple(link.alias.upper().replace("-", "_") + "_" for link in links(container.spec.options))
    with open(paths.container(container.id) + "/config.json") as file:
        environment = json.load(file)["process"]["env"]
    return tuple(entry for entry in environment if prefixes and entry.startswith(prefixes))


def follow(database: Database, paths: Paths, target: Container, address: str) -> None:
    """Let the containers that run with a link to this one, which has just got an address, know it by that."""
    for row in database.rows("SELECT DISTINCT container_id FROM endpoint WHERE links != '[]'"):
        linker = store.get(database, str(row[0]))
        if linker is None or not linker.is_running:
            continue
        for link in links(linker.spec.options):
            if link.name == target.name or target.id.startswith(link.name):
                _rewrite(f"{paths.container(linker.id)}/hosts", address, _called(link, target))


def _rewrite(path: str, address: str, names: Sequence[str]) -> None:
    with open(path, "r+", errors="replace") as file:
        text = file.read(etc_files.MOST + 1)
        if len(text) > etc_files.MOST:
            return  # too large for us: to write a part of it would cut it
        changed = files.with_own_addresses(text, [address], names)
        if changed != text:
            file.seek(0)
            file.write(changed)
            file.truncate()
