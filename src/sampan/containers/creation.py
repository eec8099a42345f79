"""`create`: an image and options become a record. Nothing is mounted or started."""

import json
import os
import time
from typing import Any

from sampan.containers import claims, happenings, mounts, names, refusals, store
from sampan.containers import compile as compilation
from sampan.containers.inherited import inherit
from sampan.containers.model import Container, Spec
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument
from sampan.images import store as images
from sampan.linux import fault
from sampan.oci.config import HealthConfig, container_config_from_json
from sampan.runtime import probe
from sampan.settings import sources as settings
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def create(database: Database, paths: Paths, options: RunOptions, *, lease: bool = False) -> Container:
    """Make a container's record; with `lease` this process holds it, because it is going to start it. What the options
    leave open, the engine's settings decide.

    Raises NotFound for an image that is not here, Conflict for a name in use, InvalidArgument for bad options or an
    unknown runtime.
    """
    name = store.check_name(options.name) if options.name else ""
    options = _settled(database, paths, options)
    database.require_room()
    container_id = os.urandom(32).hex()
    # The image is looked up inside: once the row is committed, nobody collects its layers.
    with database.transaction(durable=not lease):
        image_id, document, layers = images.start_facts(database, options.image)
        image = container_config_from_json(json.loads(document).get("config"))
        config = compilation.merge(options, image)
        if options.restart_unhealthy and not has_check(config.healthcheck):
            raise InvalidArgument(
                "--restart-unhealthy needs a health check: neither the image nor a flag has one",
                hint="--health-cmd 'curl -f localhost'",
            )
        points = mounts.plan(database, paths, container_id, options, image.volumes)
        container = Container(
            id=container_id,
            name=name or names.random_name(store.names(database)),
            image_id=image_id,
            layers=layers,
            spec=Spec(options, config, points),
            created_at=time.time_ns(),
            health=unchecked(config.healthcheck),
        )
        store.insert(database, container)
        happenings.record(database, container, "create")
        if lease:
            leases.take(database, claims.lease_of(container_id))
        fault.point("create.inserted")
    fault.point("create.committed")
    return container


def _settled(database: Database, paths: Paths, options: RunOptions) -> RunOptions:
    """The options with everything in them that the settings and other containers say, checked as far as it can be
    without the image. Raises as create()."""
    options = inherit(options, settings.load(paths.settings).settings)
    refusals.check(options, os.cpu_count() or 1)
    if options.runtime:
        probe.runtime(options.runtime)
    if options.ip or options.networks:
        from sampan.containers import connection

        connection.check_addresses(database, paths, options)
        if any(choice.links for choice in options.connections):
            from sampan.containers import linking

            linking.check(database, options)
    if "container:" in options.pid_mode + options.ipc_mode + options.network:
        from sampan.containers import joining

        options = joining.by_id(database, options)
    if options.network == "host" and not options.hostname:
        options = options._replace(hostname=os.uname().nodename)
    return options


def unchecked(health: HealthConfig | None) -> dict[str, Any] | None:
    """State.Health before the first check, None where none is asked for."""
    return {"Status": "starting", "FailingStreak": 0, "Log": []} if has_check(health) else None


def has_check(health: HealthConfig | None) -> bool:
    """Whether a configuration asks for health checks."""
    return health is not None and bool(health.test) and health.test[0] != "NONE"
