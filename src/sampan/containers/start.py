"""`start`: a record becomes a running process. The hot path: every step here is one that a container cannot do without."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from sampan.containers import compile as compilation
from sampan.containers import creation, devices, joining, security, store
from sampan.containers.model import Container, MountPoint
from sampan.errors import Conflict, NotFound, Unavailable
from sampan.linux import fault, files, netns, process
from sampan.networks import connect as networking
from sampan.networks import files as network_files
from sampan.networks import ports as networking_ports
from sampan.networks import store as networks
from sampan.runtime import bundle, driver, monitor, probe, seccomp
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Hooks(NamedTuple):
    """What the caller wants to do around a start.

    `before_start(container)` runs when the container exists and has not run: the moment to attach. `exit_command` is
    run by the monitor when it ended.
    """

    before_start: Callable[[Container], None] | None = None
    exit_command: tuple[str, ...] = ()


def start(database: Database, paths: Paths, container_id: str, hooks: Hooks = Hooks()) -> bool:
    """Start a container that is not running; False when it was running already.

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
        if container.is_running:
            return False
        _Start(database, paths, container, hooks).run()
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

    __slots__ = ("cgroups_path", "container", "database", "folder", "hooks", "inherited", "network", "paths", "runtime")

    def __init__(self, database: Database, paths: Paths, container: Container, hooks: Hooks) -> None:
        self.database = database
        self.paths = paths
        self.container = container
        self.hooks = hooks
        self.folder = paths.container(container.id)
        self.runtime = probe.runtime(container.spec.options.runtime)
        self.cgroups_path = cgroups_path(paths, container)
        self.inherited: tuple[int, ...] = ()
        self.network = "private"

    def run(self) -> None:
        container, paths = self.container, self.paths
        leases.take(self.database, creation.lease_of(container.id))
        with ExitStack() as undo:
            undo.callback(self._forget_failed)
            self._prepare_folder()
            fault.point("start.prepared")
            self._connect(undo)
            fault.point("start.connected")
            filter_, pid = self._create()
            undo.callback(driver.delete, self.runtime, paths.runtime, container.id, self.cgroups_path)
            fault.point("start.created")
            filter_.keep(f"{paths.runtime}/{container.id}")
            self._record(pid)
            fault.point("start.recorded")
            started = store.get(self.database, container.id)
            if self.hooks.before_start is not None and started is not None:
                self.hooks.before_start(started)
            driver.start(self.runtime, paths.runtime, container.id)
            undo.pop_all()
        fault.point("start.started")
        leases.release(self.database, creation.lease_of(container.id))

    def _prepare_folder(self) -> None:
        for path in (self.folder, self.folder + "/work", self.folder + "/merged"):
            if not os.path.isdir(path):
                os.mkdir(path, 0o710)
        ensure_upper(self.paths, self.container)
        for stale in (f"{self.paths.exits}/{self.container.id}", self.folder + "/oom"):
            if os.path.exists(stale):
                os.unlink(stale)

    def _connect(self, undo: ExitStack) -> None:
        """Make the network namespace and its files; --network decides."""
        container = self.container
        options = container.spec.options
        mode = options.network
        address = gateway = ""
        if mode == "host":
            self.network = "host"
        elif mode.startswith("container:"):
            self.network = joining.namespace(self.database, mode.partition(":")[2], "net")
        else:
            descriptor = netns.create()
            undo.callback(_close, descriptor)
            # The runtime opens it through us; from then on it lives as long as the container.
            self.network = f"/proc/{os.getpid()}/fd/{descriptor}"
            if mode != "none":
                network = networks.find(self.database, self.paths, mode)
                undo.callback(networking.disconnect, self.database, self.paths, container.id)
                endpoint = networking.connect(
                    self.database,
                    self.paths,
                    network,
                    container.id,
                    descriptor,
                    ip=options.ip,
                    mac=options.mac_address,
                )
                address, gateway = endpoint.ip, network.gateway
                self._publish(endpoint, undo)
        self._write_etc(address, gateway)

    def _publish(self, endpoint: networks.Endpoint, undo: ExitStack) -> None:
        options = self.container.spec.options
        bindings = [
            networking_ports.PortBinding(port.container_port, port.protocol, port.host_ip, port.host_port)
            for port in options.ports
        ]
        if options.publish_all:
            bound = {(port.container_port, port.protocol) for port in options.ports}
            for text in self.container.spec.config.exposed_ports:
                number, _, protocol = text.partition("/")
                if (int(number), protocol or "tcp") not in bound:
                    bindings.append(networking_ports.PortBinding(int(number), protocol or "tcp", "", 0))
        if not bindings:
            return
        published = networking_ports.publish(self.database, self.paths, self.container.id, endpoint, bindings)
        self.inherited = tuple(published.reservations)
        for descriptor in self.inherited:
            undo.callback(_close, descriptor)

    def _hosts(self, address: str, gateway: str, name: str) -> str:
        options = self.container.spec.options
        if self.network == "host":
            with open("/etc/hosts") as file:
                return file.read()
        extra = []
        for text in options.extra_hosts:
            host, _, target = text.partition(":")
            extra.append((host, gateway if target == "host-gateway" else target))
        own = [f"{name}.{options.domainname}", name] if options.domainname else [name]
        return network_files.hosts_text([address] if address else [], own, extra)

    def _write_etc(self, address: str, gateway: str) -> None:
        options = self.container.spec.options
        name = compilation.hostname(self.container)
        texts = {
            "hostname": name + "\n",
            "hosts": self._hosts(address, gateway, name),
            "resolv.conf": network_files.resolv_conf_text(
                _host_resolv_conf(),
                dns=options.dns,
                search=options.dns_search,
                options=options.dns_options,
                shares_host_network=self.network == "host",
            ),
        }
        for file_name, text in texts.items():
            with open(f"{self.folder}/{file_name}", "w") as file:
                file.write(text)
            os.chmod(f"{self.folder}/{file_name}", 0o644)

    def _create(self) -> tuple[seccomp.Filter | seccomp.NoFilter, int]:
        """Mount the root in a namespace of its own and let the monitor create the container there."""
        container = self.container
        conmon = probe.required("conmon")
        capabilities = security.capabilities(container.spec.options, devices.available_capabilities())
        filter_ = self._filter(capabilities)

        def inside(root: int) -> int:
            identity = bundle.identity(root, container.spec.config.user, container.spec.options.groups)
            _make_working_dir(root, container.spec.config.working_dir)
            for point in container.spec.mounts:
                _fill(root, point)
            facts = compilation.Facts(
                folder=self.folder,
                identity=identity,
                capabilities=capabilities,
                network=self.network,
                namespaces=joining.namespaces(self.database, container.spec.options),
                cgroups_path=self.cgroups_path,
                cgroup_version=probe.cgroup_version(),
                seccomp=filter_.document if filter_ else None,
                annotations=filter_.annotations if filter_ else {},
                devices=devices.devices(container.spec.options),
                mounts=container.spec.mounts,
                init_path=probe.init().path if container.spec.options.init else "",
            )
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
        )
        return filter_ or seccomp.NoFilter(), pid

    def _filter(self, capabilities: tuple[str, ...]) -> seccomp.Filter | None:
        options = self.container.spec.options
        choice = security.parse_options(options.security_options).seccomp
        if choice == "unconfined" or (options.privileged and not choice):
            return None
        profile = seccomp.read_profile(choice) if choice else seccomp.default_profile()
        return seccomp.Filter(self.paths, self.runtime, profile, capabilities)

    def _monitor_options(self) -> monitor.MonitorOptions:
        options = self.container.spec.options
        log = "none" if options.log_driver == "none" else f"k8s-file:{self.folder}/log"
        return monitor.MonitorOptions(
            container_id=self.container.id,
            name=self.container.name,
            bundle=self.folder,
            runtime_root=self.paths.runtime,
            exits=self.paths.exits,
            sockets=self.paths.sockets,
            log=log,
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
        health = self.container.health
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
                health='{"Status": "starting", "FailingStreak": 0, "Log": []}' if health else "",
            )
            if creation.has_check(self.container.spec.config.healthcheck):
                self.database.execute("INSERT OR IGNORE INTO health_due VALUES(?)", (self.container.id,))

    def _forget_failed(self) -> None:
        """Runs when the start failed: the record is not running; why is told by the error that is on its way."""
        import sys

        error = sys.exc_info()[1]
        code = getattr(error, "exit_code", 128)
        with self.database.transaction(durable=False):
            store.update(
                self.database, self.container.id, status="created", pid=0, monitor_pid=0, exit_code=code, error=str(error)
            )
            leases.release(self.database, creation.lease_of(self.container.id))


def cgroups_path(paths: Paths, container: Container) -> str:
    parent = container.spec.options.cgroup_parent
    return f"{'/' + parent.strip('/') if parent else paths.cgroup}/{container.id}"


def ensure_upper(paths: Paths, container: Container) -> str:
    """The folder that takes a container's changes, with the owner and mode of the image's root."""
    folder = paths.container(container.id)
    upper = folder + "/upper"
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o710)
    if not os.path.isdir(upper):
        os.mkdir(upper, 0o755)
        if container.layers:
            top = os.stat(paths.layer(container.layers[-1]))
            os.chown(upper, top.st_uid, top.st_gid)
            os.chmod(upper, top.st_mode & 0o7777)
    return upper


def _host_resolv_conf() -> str:
    try:
        with open("/etc/resolv.conf") as file:
            text = file.read()
        if network_files.names_resolved_stub(text):
            with open(network_files.RESOLVED_PATH) as file:
                return file.read()
    except FileNotFoundError:
        return ""
    return text


def _close(descriptor: int) -> None:
    os.close(descriptor)


def _make_working_dir(root: int, path: str) -> None:
    try:
        os.close(files.make_directories(root, path or "/"))
    except NotADirectoryError as error:
        raise Unavailable(f"Cannot mkdir: {path} is not a directory") from error


def _fill(root: int, point: MountPoint) -> None:
    if point.type == "volume" and point.copy:
        from sampan.volumes.populate import populate

        populate(root, point.destination, point.source)


