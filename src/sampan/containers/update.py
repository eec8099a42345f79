"""`update`: other limits and another restart policy for a container, also while it runs."""

import json
import os

from sampan.containers import compile as compilation
from sampan.containers import happenings, refusals, store, wake
from sampan.containers.claims import cgroups_path
from sampan.containers.model import ENDED_BEFORE, Container, spec_to_json
from sampan.containers.options import RunOptions, UpdateOptions
from sampan.errors import Conflict, SampanError
from sampan.linux import cgroup, fault
from sampan.runtime import driver, probe
from sampan.runtime.spec import resources_document
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def lease_of(container_id: str) -> str:
    """What a process holds until the kernel knows the limits that the row has."""
    return f"update:{container_id}"


def update(database: Database, paths: Paths, container_id: str, wished: UpdateOptions) -> None:
    """Change what `wished` speaks of.

    The row comes first: when the process is killed before the kernel knows it, whoever finds the lease tells it.
    Raises NotFound; InvalidArgument, Unsupported and Conflict in Docker's words; the container is then as before.
    """
    with locks.container(paths, container_id):
        container = store.find(database, container_id)
        _check(container.spec.options, wished)
        changed = _with(container, merged(container, wished))
        columns = {"spec": spec_to_json(changed.spec)}
        if not container.is_running:
            _keep_settled(database, container, columns, has_policy=wished.restart is not None)
        else:
            _change_running(database, paths, container, changed)
    if wished.restart is not None and container.status == "restarting" and not wake.wake(paths):
        wake.start_supervisor(paths)


def _keep_settled(database: Database, container: Container, columns: dict[str, str], *, has_policy: bool) -> None:
    with database.transaction():
        store.update(database, container.id, **columns)
        if has_policy and container.status == "exited" and not container.stopped_by_user:
            store.update(database, container.id, stopped_by_user=ENDED_BEFORE)
        happenings.record(database, container, "update")


def _change_running(database: Database, paths: Paths, container: Container, changed: Container) -> None:
    with database.transaction():
        leases.take(database, lease_of(container.id))
        store.update(database, container.id, spec=spec_to_json(changed.spec))
    fault.point("update.committed")
    try:
        apply(paths, changed)
    except (SampanError, OSError) as error:
        with database.transaction():
            store.update(database, container.id, spec=spec_to_json(container.spec))
            leases.release(database, lease_of(container.id))
        _restore(paths, container)
        raise _refused(container, str(error)) from error
    fault.point("update.applied")
    with database.transaction(durable=False):
        leases.release(database, lease_of(container.id))
        happenings.record(database, container, "update")


def _restore(paths: Paths, container: Container) -> None:
    """Give a container that refused other limits those back that it had, as far as they were set."""
    try:
        apply(paths, container)
    except (SampanError, OSError):
        return  # what was refused is told; these have been accepted before


def finish(database: Database, paths: Paths, container: Container) -> None:
    """Do what a process that was killed has left: the kernel learns the row's limits. Its lock is held."""
    if container.is_running:
        try:
            apply(paths, container)
        except (SampanError, OSError):
            return  # it has just ended, or uses more than it is to have: then the limits count from its next start on
    with database.transaction(durable=False):
        happenings.record(database, container, "update")


def apply(paths: Paths, container: Container) -> None:
    """Tell the kernel the limits of a running container. Raises Unavailable with the runtime's reason."""
    limits = compilation.resources(container.spec.options)
    runtime = probe.runtime(container.spec.options.runtime)
    place = f"{paths.exit(container.id)}/resources.json"  # in memory: a full disk must not keep limits from counting
    with open(place, "w") as file:
        json.dump(resources_document(limits), file)
    try:
        driver.update(runtime, paths.runtime, container.id, place)
    finally:
        os.unlink(place)
    if not limits.pids:  # the runtimes do not agree on how to say that there is no limit
        cgroup.write(cgroups_path(paths, container), "pids.max", "max")


def _with(container: Container, options: RunOptions) -> Container:
    return container._replace(spec=container.spec._replace(options=options))


def _check(current: RunOptions, wished: UpdateOptions) -> None:
    """Whether the wish makes sense by itself. Raises InvalidArgument, Unsupported."""
    given = RunOptions(
        image=current.image,
        memory_bytes=wished.memory_bytes or (current.memory_bytes if wished.memory_swap_bytes else 0),
        memory_reservation_bytes=wished.memory_reservation_bytes,
        memory_swap_bytes=wished.memory_swap_bytes,
        nano_cpus=wished.nano_cpus,
        cpu_period=wished.cpu_period,
        cpu_quota=wished.cpu_quota,
        cpuset_cpus=wished.cpuset_cpus,
        cpuset_mems=wished.cpuset_mems,
        cpu_realtime_period=wished.cpu_realtime_period,
        cpu_realtime_runtime=wished.cpu_realtime_runtime,
    )
    refusals.check_limits(given, os.cpu_count() or 1)


def merged(container: Container, wished: UpdateOptions) -> RunOptions:
    """The options with the wish laid over them. Raises Conflict where what is set already stands against it."""
    current = container.spec.options
    for is_wished, is_set, new, old in (
        (wished.nano_cpus, current.cpu_period, "Nano CPUs", "CPU Period has"),
        (wished.nano_cpus, current.cpu_quota, "Nano CPUs", "CPU Quota has"),
        (wished.cpu_period, current.nano_cpus, "CPU Period", "NanoCPUs has"),
        (wished.cpu_quota, current.nano_cpus, "CPU Quota", "NanoCPUs has"),
    ):
        if is_wished and is_set:
            raise _refused(container, f"Conflicting options: {new} cannot be updated as {old} already been set")
    swap = compilation.resources(current).memory_swap
    if wished.memory_bytes and not wished.memory_swap_bytes and 0 <= swap < wished.memory_bytes:
        raise _refused(
            container,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            hint=f"--memory-swap {wished.memory_bytes * 2}, or -1 for no limit of swap",
        )
    policy = wished.restart or current.restart
    if current.remove and policy.name != "no":
        raise _refused(container, "Restart policy cannot be updated because AutoRemove is enabled for the container")
    values = {
        name: value for name, value in wished._asdict().items() if value and name not in ("restart", "pids_limit")
    }
    merged = current._replace(**{"memory_swap_bytes": swap, **values}, restart=policy)
    if wished.pids_limit is not None:
        merged = merged._replace(pids_limit=max(wished.pids_limit, 0))
    return merged


def _refused(container: Container, reason: str, *, hint: str = "") -> Conflict:
    return Conflict(f"Cannot update container {container.id}: {reason}", hint=hint)
