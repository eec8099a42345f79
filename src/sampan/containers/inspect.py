"""Docker's inspect document of a container, in the shape of Docker 28.5: every key, in its order and type."""

import os
from typing import Any, NamedTuple

from sampan.containers import compile as compilation
from sampan.containers import linking
from sampan.containers.inspect_host import host_config
from sampan.containers.inspect_network import NetworkFacts, network_settings
from sampan.containers.model import Container, MountPoint
from sampan.containers.timestamp import rfc3339
from sampan.errors import NotFound
from sampan.networks import endpoints, published
from sampan.networks import store as networks
from sampan.oci.config import health_to_json
from sampan.runtime import probe
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Facts(NamedTuple):
    """What a record does not say. `runtime` is the OCI runtime used when none was asked for."""

    network: NetworkFacts
    runtime: str
    cgroup_version: int
    host_name: str


def document(database: Database, paths: Paths, container: Container) -> dict[str, Any]:
    """Everything that is known about a container."""
    facts = Facts(
        network=_network_facts(database, paths, container),
        runtime=probe.runtime().name,
        cgroup_version=probe.cgroup_version(),
        host_name=os.uname().nodename,
    )
    return compose(paths, container, facts)


def _network_facts(database: Database, paths: Paths, container: Container) -> NetworkFacts:
    options = container.spec.options
    known = {}
    for name in [choice.name for choice in options.connections] or [options.network]:
        try:
            network = networks.find(database, paths, name)
        except NotFound:
            continue
        known[name] = (network.name, network.id)
    return NetworkFacts(
        networks=known,
        endpoints=endpoints.read(database, container_id=container.id),
        ports=published.ports(database, container.id),
    )


def compose(paths: Paths, container: Container, facts: Facts) -> dict[str, Any]:
    """The document from the record and `facts`. Pure."""
    folder = paths.container(container.id)
    options = container.spec.options
    path, *arguments = container.command
    return {
        "Id": container.id,
        "Created": rfc3339(container.created_at),
        "Path": path,
        "Args": arguments,
        "State": state(container),
        "Image": container.image_id,
        "ResolvConfPath": folder + "/resolv.conf",
        "HostnamePath": folder + "/hostname",
        "HostsPath": folder + "/hosts",
        "LogPath": "" if options.log_driver == "none" else folder + "/log",
        "Name": "/" + container.name,
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": {
            **host_config(options, runtime=facts.runtime, cgroup_version=facts.cgroup_version),
            "Links": linking.shown(container),
        },
        "GraphDriver": {
            "Data": {
                "ID": container.id,
                "LowerDir": ":".join(paths.layer(layer) for layer in reversed(container.layers)),
                "MergedDir": folder + "/merged",
                "UpperDir": folder + "/upper",
                "WorkDir": folder + "/work",
            },
            "Name": "overlay2",
        },
        "Mounts": mounts(container),
        "Config": config(container, facts.host_name),
        "NetworkSettings": network_settings(container, facts.network),
    }


def state(container: Container) -> dict[str, Any]:
    """The `State` object. One that waits for its restart counts as running, as in Docker."""
    is_restarting = container.status == "restarting"
    document: dict[str, Any] = {
        "Status": container.status,
        "Running": container.is_running or is_restarting,
        "Paused": container.status == "paused",
        "Restarting": is_restarting,
        "OOMKilled": container.oom_killed,
        "Dead": container.status == "dead",
        "Pid": container.pid if container.is_running else 0,
        "ExitCode": container.exit_code,
        "Error": container.error,
        "StartedAt": rfc3339(container.started_at),
        "FinishedAt": rfc3339(container.finished_at),
    }
    if container.health is not None and container.started_at:
        document["Health"] = {
            "Status": container.health["Status"],
            "FailingStreak": container.health["FailingStreak"],
            "Log": container.health["Log"],
        }
    return document


def mounts(container: Container) -> list[dict[str, Any]]:
    """The `Mounts` list. A --tmpfs is not in it, a tmpfs of --mount is."""
    long_form = {mount.target for mount in container.spec.options.mounts if mount.long_form}
    return [
        _mount(point, point.destination in long_form)
        for point in container.spec.mounts
        if point.type != "tmpfs" or point.destination in long_form
    ]


def _mount(point: MountPoint, is_long_form: bool) -> dict[str, Any]:
    return {
        "Type": point.type,
        **({"Name": point.volume or point.image} if point.type in ("volume", "image") else {}),
        "Source": point.source,
        "Destination": point.destination,
        **({"Driver": "local"} if point.type == "volume" else {}),
        "Mode": "" if is_long_form and point.mode == "ro" else point.mode,
        "RW": not point.read_only,
        "Propagation": point.propagation,
    }


def config(container: Container, host_name: str) -> dict[str, Any]:
    """The `Config` object: the image's configuration with the options laid over it."""
    options, merged = container.spec.options, container.spec.config
    shares_name = options.network == "host" and not options.hostname
    anonymous = [
        mount.target for mount in options.mounts if mount.type == "volume" and not mount.source and not mount.long_form
    ]
    volumes = {path: dict[str, Any]() for path in sorted({*merged.volumes, *anonymous})}
    ports = {port: dict[str, Any]() for port in sorted(merged.exposed_ports)}
    has_input = "stdin" in options.attach
    return {
        "Hostname": host_name if shares_name else compilation.hostname(container),
        "Domainname": options.domainname,
        "User": merged.user,
        "AttachStdin": has_input,
        "AttachStdout": "stdout" in options.attach,
        "AttachStderr": "stderr" in options.attach,
        **({"ExposedPorts": ports} if ports else {}),
        "Tty": options.tty,
        "OpenStdin": options.interactive,
        "StdinOnce": options.interactive and has_input,
        "Env": list(merged.env) or None,
        "Cmd": None if merged.cmd is None else list(merged.cmd),
        **({"Healthcheck": health_to_json(merged.healthcheck)} if merged.healthcheck else {}),
        "Image": options.image,
        "Volumes": volumes or None,
        "WorkingDir": merged.working_dir,
        "Entrypoint": None if merged.entrypoint is None else list(merged.entrypoint),
        **({"MacAddress": options.mac_address} if options.mac_address else {}),
        "OnBuild": None,
        "Labels": dict(sorted(merged.labels.items())),
        **({"StopSignal": merged.stop_signal} if merged.stop_signal else {}),
        **({"StopTimeout": options.stop_timeout} if options.stop_timeout is not None else {}),
    }
