"""`network connect` and `network disconnect`: the networks of a container that exists, running or not.

What it is to be in is part of its options, so that it outlives a stop. Of a running one the endpoint's row comes before
its interface, and the changed options after it; a lease stands for what lies between, and `repair` for a process that
was killed there.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.containers import connection, etc_files, store
from sampan.containers.model import Container, spec_to_json
from sampan.containers.options import NetworkChoice
from sampan.errors import Conflict, InvalidArgument, NotFound, PermissionDenied
from sampan.linux import fault, process
from sampan.networks import attachment, endpoints, happenings
from sampan.networks import connect as networking
from sampan.networks import store as networks
from sampan.networks.endpoints import Endpoint, EndpointOptions
from sampan.networks.store import Network
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

LEASE = "connection"


def connect(database: Database, paths: Paths, network: Network, container_id: str, choice: NetworkChoice) -> None:
    """Let a container be in another network, at once when it runs.

    Raises NotFound, InvalidArgument, PermissionDenied (already in it), Conflict (address in use, or its network is not
    its own), OSError.
    """
    with locks.container(paths, container_id):
        container = _existing(database, container_id)
        _check_may_join(container, network)
        chosen = choice._replace(name=network.name)
        connection.check_choice(network, chosen)
        others = tuple(c for c in _named(database, paths, container) if c.name != network.name)
        if not container.is_running:
            with database.transaction():
                _remember(database, container, (*others, chosen))
            return
        with _changing(database, paths, container, "") as namespace:
            asked = EndpointOptions(*chosen[1:])
            networking.connect(database, paths, network, container.id, namespace, asked, moves_ports=True)
            fault.point("membership.connected")
            with database.transaction():
                _remember(database, container, (*others, chosen))
            fault.point("membership.remembered")
            _settle(database, paths, container, namespace)


def disconnect(database: Database, paths: Paths, network: Network, container_id: str) -> None:
    """Take a container out of a network, at once when it runs.

    Raises NotFound, PermissionDenied (it is not in it), Conflict (host network), OSError.
    """
    with locks.container(paths, container_id):
        container = _existing(database, container_id)
        options = container.spec.options
        if network.name == "host" and options.network == "host":
            raise Conflict("cannot disconnect container from host network - container was created in host network mode")
        known = _named(database, paths, container)
        rest = tuple(choice for choice in known if choice.name != network.name)
        held = [e for e in endpoints.read(database, container_id=container.id) if e.network_id == network.id]
        is_alone = network.name == options.network == "none" and options.networks is None
        if not held and len(rest) == len(known) and not is_alone:
            where = f"network {network.name}" if container.is_running else f"the network {network.name}"
            raise PermissionDenied(f"container {container.id} is not connected to {where}")
        if not container.is_running or is_alone:
            with database.transaction():
                _remember(database, container, rest)
                happenings.record(database, network.id, "disconnect", container.id)
            return
        marks = [f"/{e.ip}/{e.host_interface}" for e in held]
        with _changing(database, paths, container, "".join(marks)) as namespace:
            with database.transaction():
                gone = networking.withdraw(database, paths, container.id, network)
                _remember(database, container, rest)
            fault.point("membership.withdrawn")
            _take_away(gone, namespace)
            fault.point("membership.detached")
            _settle(database, paths, container, namespace)


def repair(database: Database, paths: Paths, lease: str) -> bool:
    """Bring a container in line with its options whose networks a process was changing when it was killed.

    `lease` is what stands behind "connection:". False when somebody has the container locked.
    """
    container_id, _, rest = lease.partition("/")
    lock = locks.try_container(paths, container_id)
    if lock is None:
        return False
    try:
        container = store.get(database, container_id)
        if container is None or not container.is_running:
            return True
        try:
            namespace = _open_namespace(container)
        except Conflict:
            return True  # it has just ended: nothing of it is left
        try:
            _mend(database, paths, container, rest, namespace)
        finally:
            os.close(namespace)
    finally:
        os.close(lock)
    return True


def _mend(database: Database, paths: Paths, container: Container, marks: str, namespace: int) -> None:
    """Make of a change that was not completed one that was not begun, or the whole of it."""
    wanted = {choice.name for choice in _named(database, paths, container)}
    for endpoint in endpoints.read(database, container_id=container.id):
        if endpoint.network not in wanted:
            network = networks.find(database, paths, endpoint.network_id)
            _take_away(networking.withdraw(database, paths, container.id, network), namespace)
    _take_away(_marked(database, container, marks), namespace)
    _settle(database, paths, container, namespace)


def _marked(database: Database, container: Container, marks: str) -> list[Endpoint]:
    """What a lease says of an endpoint whose row is gone and whose interface may be there."""
    ip, _, host_interface = marks.partition("/")
    if not ip or any(endpoint.ip == ip for endpoint in endpoints.read(database, container_id=container.id)):
        return []
    return [Endpoint("", container.id, "", "", ip, 0, "", "", host_interface)]


def _existing(database: Database, container_id: str) -> Container:
    container = store.get(database, container_id)
    if container is None:
        raise NotFound(f"No such container: {container_id}")
    return container


def _check_may_join(container: Container, network: Network) -> None:
    options = container.spec.options
    shares = (
        "container sharing network namespace with another container or host cannot be connected to any other network"
    )
    if network.name == "host" and options.network != "host":
        raise InvalidArgument(
            "cannot connect container to host network - container must be created in host network mode"
        )
    if options.network == "host" or options.network.startswith("container:"):
        raise Conflict(shares, hint="make it anew with --network")
    if network.name == "none" or (options.network == "none" and options.networks is None):
        raise Conflict(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
            hint=f"sampan network disconnect none {container.name}",
        )


def _named(database: Database, paths: Paths, container: Container) -> tuple[NetworkChoice, ...]:
    """The networks that it is to be in, by the names that they have: it may have been told an id."""
    found = []
    for choice in container.spec.options.connections:
        try:
            found.append(choice._replace(name=networks.find(database, paths, choice.name).name))
        except NotFound:
            found.append(choice)
    return tuple(found)


def _remember(database: Database, container: Container, choices: tuple[NetworkChoice, ...]) -> None:
    options = container.spec.options._replace(networks=choices)
    store.update(database, container.id, spec=spec_to_json(container.spec._replace(options=options)))


@contextmanager
def _changing(database: Database, paths: Paths, container: Container, marks: str) -> Iterator[int]:
    """The network namespace of a running container, as a descriptor, with a lease while it is changed. What fails in
    the middle is mended; what cannot be is left to `repair`, which the lease calls for when this process has ended."""
    namespace = _open_namespace(container)
    resource = f"{LEASE}:{container.id}{marks}"
    try:
        leases.take(database, resource)
        try:
            yield namespace
        except BaseException:
            changed = store.get(database, container.id) or container
            _mend(database, paths, changed, marks.removeprefix("/"), namespace)
            leases.release(database, resource)
            raise
        leases.release(database, resource)
    finally:
        os.close(namespace)


def _open_namespace(container: Container) -> int:
    try:
        namespace = os.open(f"/proc/{container.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        namespace = -1
    if namespace < 0 or not process.is_alive(container.pid, container.pid_start):
        if namespace >= 0:
            os.close(namespace)
        raise Conflict(f"container {container.id} is not running", hint="it has just ended: try again")
    return namespace


def _take_away(gone: list[Endpoint], namespace: int) -> None:
    for endpoint in gone:
        attachment.detach(endpoint, namespace)


def _settle(database: Database, paths: Paths, container: Container, namespace: int) -> None:
    """Bring routes, names and files of a running container in line with the rows of its endpoints."""
    from sampan.containers import wake

    found = endpoints.read(database, container_id=container.id)
    attachment.lead_out(found, namespace)
    has_names = any(endpoint.network != "bridge" for endpoint in found)
    lacks_names = False
    for sharer in (container, *_sharers(database, container)):
        folder = paths.container(sharer.id)
        etc_files.change_addresses(folder, container, connection.own_addresses(found))
        lacks_names |= etc_files.change_name_server(folder, container, has_names=has_names)
    fault.point("membership.addressed")
    if lacks_names and has_names:
        _provide_names(paths, container, namespace)
    elif not wake.wake(paths) and has_names:
        wake.start_supervisor(paths)


def _sharers(database: Database, container: Container) -> list[Container]:
    """The running containers that share the network of this one (--network container:X), with files of their own."""
    found = []
    for other in store.all_containers(database):
        mode, _, reference = other.spec.options.network.partition(":")
        if mode == "container" and other.is_running and container.id == _id_of(database, reference):
            found.append(other)
    return found


def _id_of(database: Database, reference: str) -> str:
    """The id of a container, "" when it is gone."""
    try:
        return store.find(database, reference).id
    except (NotFound, Conflict):
        return ""


def _provide_names(paths: Paths, container: Container, namespace: int) -> None:
    from sampan.containers import resolving

    try:
        resolving.Provision(paths, container.id, namespace).finish()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:  # the supervisor has seen the rows, and was faster
            raise
