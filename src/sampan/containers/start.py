"""`start`: a record becomes a running process. The hot path: every step here is one that a container cannot do
without."""

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sampan.containers import (
    claims,
    creation,
    devices,
    etc_files,
    happenings,
    injection,
    joining,
    security,
    store,
    watched,
)
from sampan.containers import compile as compilation
from sampan.containers.model import Container, MountPoint
from sampan.errors import Conflict, NotFound, Unavailable
from sampan.linux import cgroup, fault, files, netns, process
from sampan.runtime import bundle, driver, hostdevices, monitor, probe, seccomp, users
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.containers.linking import Linked


class Hooks(NamedTuple):
    """What the caller wants to do around a start.

    `before_start(container)` runs when the container exists and has not run: the moment to attach. `exit_command` is
    run by the monitor when it ended. `meanwhile` runs while the runtime works: the moment to import what comes next.
    `is_restart` tells the events that a user asked for a restart. `is_wanted(container)` is asked once nobody else can
    change the container: False leaves it.
    """

    before_start: Callable[[Container], None] | None = None
    exit_command: tuple[str, ...] = ()
    meanwhile: Callable[[], None] = lambda: None
    is_restart: bool = False
    is_wanted: Callable[[Container], bool] = lambda container: True


NO_HOOKS = Hooks()
_ID_BEGINNING = 12
_SHOWN_PATH = 256  # characters of a hostile path that an error shows


def start(database: Database, paths: Paths, container_id: str, hooks: Hooks = NO_HOOKS) -> bool:
    """Start a container that is not running; False when it was running already, or is not wanted (see Hooks).

    Raises NotFound, Conflict (paused), StartFailed when its process could not be started (the record then says why, and
    is gone with --rm), Conflict for a port in use.
    """
    _let_monitor_go(database, container_id)
    with locks.container(paths, container_id):
        container = store.get(database, container_id)
        if container is None:
            raise NotFound(f"No such container: {container_id}")
        if container.status == "paused":
            raise Conflict("cannot start a paused container, try unpause instead")
        if container.is_running or not hooks.is_wanted(container):
            return False
        _Start(database, paths, joining.with_host_name(database, container), hooks).run()
    return True


def _let_monitor_go(database: Database, container_id: str) -> None:
    """Wait for the monitor of the last run: when it ends it removes files that this run makes anew.

    Without the lock, which the monitor's exit command may want.
    """
    container = store.get(database, container_id)
    if container is not None and not container.is_running and container.monitor_pid:
        process.wait_gone(container.monitor_pid, container.monitor_start, 10.0)


class _Start:
    """One start. What was done is undone in reverse when a later step fails."""

    __slots__ = (
        "cgroups_path", "connect", "container", "database", "descriptors", "folder", "held", "hooks", "inherited",
        "linked", "network", "paths", "runtime", "tell_supervisor",
    )  # fmt: skip

    def __init__(self, database: Database, paths: Paths, container: Container, hooks: Hooks) -> None:
        self.database = database
        self.paths = paths
        self.container = container
        self.hooks = hooks
        self.folder = paths.container(container.id)
        self.runtime = probe.runtime(container.spec.options.runtime)
        self.cgroups_path = claims.cgroups_path(paths, container)
        self.inherited: tuple[int, ...] = ()
        self.network = "private"
        self.linked: tuple[Linked, ...] = ()
        self.connect: Callable[[], None] = lambda: None
        self.tell_supervisor: Callable[[], None] = lambda: None
        self.descriptors: list[int] = []
        self.held: list[int] = []  # locks of volumes in memory, until this container can be found as running

    def run(self) -> None:
        container, paths = self.container, self.paths
        self.database.require_room()
        cgroup.hasten()
        with self.database.transaction(durable=False):
            leases.take(self.database, claims.lease_of(container.id))
            if self.hooks.before_start is not None:
                happenings.record(self.database, container, "attach")
            happenings.mounted(self.database, container)
        with ExitStack() as undo:
            undo.callback(self._forget_failed)
            undo.callback(self._let_go)
            self._prepare_folder()
            fault.point("start.prepared")
            self._make_network(undo)
            fault.point("start.connected")
            undo.callback(driver.delete, self.runtime, paths.runtime, container.id, self.cgroups_path)
            filter_, pid = self._create()
            fault.point("start.created")
            filter_.keep(f"{paths.runtime}/{container.id}")
            self._record(pid)
            self._let_go()
            fault.point("start.recorded")
            started = store.get(self.database, container.id)
            if self.hooks.before_start is not None and started is not None:
                self.hooks.before_start(started)
            driver.start(self.runtime, paths.runtime, container.id)
            undo.pop_all()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.tell_supervisor()
        fault.point("start.started")
        leases.release(self.database, claims.lease_of(container.id))

    def _prepare_folder(self) -> None:
        for path in (self.folder, self.folder + "/work", self.folder + "/merged"):
            if not os.path.isdir(path):
                os.mkdir(path, 0o710)
        ensure_upper(self.paths, self.container)
        end = self.paths.exit(self.container.id)
        if not os.path.isdir(end):
            os.mkdir(end, 0o700)
        for name in os.listdir(end):
            os.unlink(f"{end}/{name}")

    def _make_network(self, undo: ExitStack) -> None:
        """Make the network namespace and the files about it; --network decides.

        Nothing in the container looks at its network before it starts, so it is connected while the runtime creates it.
        Only published ports must be there before: the monitor takes over the sockets that reserve them.
        """
        options = self.container.spec.options
        mode = options.network
        joined, has_names = "", False
        if mode == "host":
            self.network = "host"
        elif mode.startswith("container:"):
            self.network = joining.namespace(self.database, mode.partition(":")[2], "net")
            joined = joining.folder(self.database, self.paths, mode.partition(":")[2])
        else:
            descriptor = netns.create()
            self._keep(descriptor, undo)
            # The runtime opens it through us; from then on it lives as long as the container.
            self.network = f"/proc/{os.getpid()}/fd/{descriptor}"
            has_names = any(self._has_names(choice.name) for choice in options.connections)
        if any(choice.links for choice in options.connections):
            from sampan.containers import linking

            self.linked = linking.resolve(self.database, self.container)
        lines = [(" ".join(link.called), link.address) for link in self.linked]
        etc_files.write(self.folder, self.container, has_names=has_names, joined=joined, linked=lines)
        if options.connections:
            connect = self._connection(descriptor, undo, has_names)
            if options.ports or options.publish_all:
                connect()
            else:
                self.connect = connect

    def _has_names(self, reference: str) -> bool:
        """Whether it is not the default bridge, the one without names, which may be told by its id too."""
        if reference in ("bridge", "default"):
            return False
        row = self.database.row("SELECT id FROM network WHERE name = 'bridge'")
        return row is None or len(reference) < _ID_BEGINNING or not str(row[0]).startswith(reference)

    def _connection(self, descriptor: int, undo: ExitStack, has_names: bool) -> Callable[[], None]:
        def connect() -> None:
            from sampan.containers import connection

            undo.callback(connection.disconnect, self.database, self.paths, self.container.id)
            made = connection.connect(self.database, self.paths, self.container, descriptor)
            for reservation in made.reservations:
                self._keep(reservation, undo)
            self.inherited = tuple(made.reservations)
            lines = [(" ".join(link.called), link.address) for link in self.linked]
            etc_files.add_addresses(self.folder, self.container, made.addresses, made.gateway, lines)
            if self.database.row("SELECT 1 FROM endpoint WHERE links != '[]'") is not None:
                from sampan.containers import linking

                for endpoint in made.endpoints:
                    if endpoint.network == "bridge":
                        linking.follow(self.database, self.paths, self.container, endpoint.ip)
            if has_names:
                from sampan.containers import resolving

                provision = resolving.Provision(self.paths, self.container.id, descriptor)
                undo.callback(provision.finish)
                self.tell_supervisor = provision.finish

        return connect

    def _keep(self, descriptor: int, undo: ExitStack) -> None:
        """A descriptor that is needed until the container has started."""
        undo.callback(os.close, descriptor)
        self.descriptors.append(descriptor)

    def _let_go(self) -> None:
        while self.held:
            os.close(self.held.pop())

    def _meanwhile(self) -> None:
        self.connect()
        self.hooks.meanwhile()

    def _create(self) -> tuple[seccomp.Filter | seccomp.NoFilter, int]:
        """Mount the root in a namespace of its own and let the monitor create the container there."""
        container = self.container
        conmon = probe.required("conmon")
        capabilities = security.capabilities(container.spec.options, hostdevices.available_capabilities())
        filter_ = self._filter(capabilities)
        if any(point.propagation.removeprefix("r") in ("shared", "slave") for point in container.spec.mounts):
            from sampan.containers import propagation

            propagation.check(container.spec.mounts)

        def inside(root: int) -> int:
            compilation.check_mounts(container.spec.mounts)
            identity = bundle.identity(root, container.spec.config.user, container.spec.options.groups)
            _make_working_dir(root, container.spec.config.working_dir)
            facts = self._facts(root, identity, capabilities, filter_)
            bundle.write_config(self.folder, compilation.specification(container, facts))
            fault.point("start.mounted")
            return monitor.spawn(conmon, self.runtime, self._monitor_options())

        pid = bundle.in_rootfs(
            self.paths,
            container.layers,
            upper=self.folder + "/upper",
            work=self.folder + "/work",
            target=self.folder + "/merged",
            body=inside,
            meanwhile=self._meanwhile,
        )
        return filter_ or seccomp.NoFilter(), pid

    def _facts(
        self, root: int, identity: users.Identity, capabilities: tuple[str, ...], filter_: seccomp.Filter | None
    ) -> compilation.Facts:
        """What the specification depends on besides the options; fills and makes ready the mounts of `root`."""
        options = self.container.spec.options
        points = self._points()
        for point in points:
            _fill(root, point)
        return compilation.Facts(
            folder=self.folder,
            identity=identity,
            capabilities=capabilities,
            network=self.network,
            namespaces=joining.namespaces(self.database, options),
            cgroups_path=self.cgroups_path,
            cgroup_version=probe.cgroup_version(),
            seccomp=filter_.document if filter_ else None,
            annotations=filter_.annotations if filter_ else {},
            devices=devices.devices(options),
            mounts=points,
            has_recursive_read_only=_has_recursive_read_only(),
            oom_score_adj=_oom_score_adj(),
            block_io=devices.block_limits(options),
            injected=self._injection(),
            linked=tuple(variable for link in self.linked for variable in link.variables),
            init_path=probe.init().path if options.init else "",
            shared_memory=self._shared_memory(),
        )

    def _points(self) -> tuple[MountPoint, ...]:
        """The mounts, with what needs more than a bind made ready in this namespace."""
        points = self.container.spec.mounts
        if not any(point.is_staged for point in points):
            return points
        from sampan.containers import staging

        return staging.stage(self.database, self.paths, self.container, self.held.append)

    def _shared_memory(self) -> str:
        """Where another container's /dev/shm is, when this one shares it."""
        mode, _, donor = self.container.spec.options.ipc_mode.partition(":")
        if mode != "container":
            return ""
        from sampan.containers import shared_memory

        return shared_memory.attach(self.database, donor, self.folder)

    def _injection(self) -> injection.Injection:
        """What the CDI devices of the options bring along."""
        options = self.container.spec.options
        if not options.cdi_devices and not options.gpus:
            return injection.NOTHING
        from sampan.containers import cdi

        return cdi.injection(options)

    def _filter(self, capabilities: tuple[str, ...]) -> seccomp.Filter | None:
        options = self.container.spec.options
        choice = security.parse_options(options.security_options).seccomp
        if choice == "unconfined" or (options.privileged and not choice):
            return None
        profile = seccomp.read_profile(choice) if choice else None
        return seccomp.Filter(self.paths, self.runtime, capabilities, profile)

    def _monitor_options(self) -> monitor.MonitorOptions:
        options = self.container.spec.options
        log, limit, tag = f"k8s-file:{self.folder}/log", 0, ""
        if options.log_driver != "json-file" or options.log_options:
            from sampan.containers.logs import attributes as logattributes
            from sampan.containers.logs import drivers as logdrivers

            log, limit = logdrivers.monitor_log(options, self.folder)
            tag = logattributes.attributes(self.container).get("tag", "")
        return monitor.MonitorOptions(
            container_id=self.container.id,
            name=self.container.name,
            bundle=self.folder,
            runtime_root=self.paths.runtime,
            exit=self.paths.exit(self.container.id),
            sockets=self.paths.sockets,
            log=log,
            log_size_limit=limit,
            log_tag=tag,
            terminal=options.tty,
            interactive=options.interactive,
            keep_input_open=options.tty or self.hooks.before_start is None,
            command=self.container.command[0],
            exit_command=self.hooks.exit_command,
            inherited=self.inherited,
        )

    def _record(self, pid: int) -> None:
        """Say that it runs before it does: who finds the lease void knows from the fifo whether it did."""
        with open(self.folder + "/conmon.pid") as file:
            monitor_pid = int(file.read())
        health = creation.unchecked(self.container.spec.config.healthcheck)
        with self.database.transaction(durable=False):
            store.update(
                self.database,
                self.container.id,
                status="running",
                pid=pid,
                pid_start=process.start_time(pid),
                monitor_pid=monitor_pid,
                monitor_start=process.start_time(monitor_pid),
                boot_id=process.boot_id(),
                started_at=time.time_ns(),
                finished_at=0,
                exit_code=0,
                oom_killed=0,
                error="",
                stopped_by_user=0,
                restart_count=0,
                health=json.dumps(health) if health else "",
            )
            if health:
                self.database.execute("INSERT OR IGNORE INTO health_due VALUES(?)", (self.container.id,))
            if watched.is_rotated(self.container):
                self.database.execute("INSERT OR IGNORE INTO log_rotation VALUES(?)", (self.container.id,))
            happenings.record(self.database, self.container, "start")
            if self.hooks.is_restart:
                happenings.record(self.database, self.container, "restart")

    def _forget_failed(self) -> None:
        """Runs when the start failed: the record is not running; why is told by the error that is on its way."""
        import sys

        error = sys.exc_info()[1]
        code = getattr(error, "exit_code", 128)
        with self.database.transaction(durable=False):
            current = store.get(self.database, self.container.id)
            if current is not None and current.is_running:
                happenings.ended(self.database, current, code, time.time_ns())
            else:
                happenings.unmounted(self.database, self.container)
            store.update(
                self.database,
                self.container.id,
                status="created",
                pid=0,
                monitor_pid=0,
                exit_code=code,
                error=str(error),
            )
            leases.release(self.database, claims.lease_of(self.container.id))


def ensure_folder(paths: Paths, container_id: str) -> str:
    """The folder of a container's files."""
    folder = paths.container(container_id)
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o710)
    return folder


def ensure_upper(paths: Paths, container: Container) -> str:
    """The folder that takes a container's changes, with the owner and mode of the image's root."""
    upper = ensure_folder(paths, container.id) + "/upper"
    if not os.path.isdir(upper):
        os.mkdir(upper, 0o755)
        if container.layers:
            top = os.stat(paths.layer(container.layers[-1]))
            os.chown(upper, top.st_uid, top.st_gid)
            os.chmod(upper, top.st_mode & 0o7777)
    return upper


def _oom_score_adj() -> int | None:
    """0, so that a container does not inherit the protection of the service that starts it; a higher one is kept,
    because without CAP_SYS_RESOURCE it cannot be lowered."""
    with open("/proc/self/oom_score_adj") as file:
        return 0 if int(file.read()) <= 0 else None


def _has_recursive_read_only() -> bool:
    """Whether the kernel has mount_setattr(2), which makes a bind read-only with all that is mounted below it."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return found is not None and (int(found[1]), int(found[2])) >= (5, 12)


def _make_working_dir(root: int, path: str) -> None:
    try:
        os.close(files.make_directories(root, path or "/"))
    except NotADirectoryError as error:
        raise Unavailable(f"Cannot mkdir: {path} is not a directory") from error
    except OSError as error:
        raise Unavailable(f"Cannot mkdir: {path[:_SHOWN_PATH]}: {(error.strerror or '').lower()}") from error


def _fill(root: int, point: MountPoint) -> None:
    if point.type == "volume" and point.copy:
        from sampan.volumes.populate import populate

        try:
            populate(root, point.destination, point.source)
        except OSError as error:
            place = point.destination[:_SHOWN_PATH]
            raise Unavailable(
                f"failed to fill the volume {point.volume} with what the image has at {place}:"
                f" {(error.strerror or '').lower()}"
            ) from error
