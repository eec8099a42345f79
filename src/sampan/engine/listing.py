"""What `ps` and `container prune` look at."""

from collections.abc import Mapping, Sequence

from sampan.containers import store
from sampan.containers.model import Container
from sampan.engine.containers import Summary
from sampan.errors import InvalidArgument
from sampan.oci import reference
from sampan.storage.database import Database

Filters = Mapping[str, Sequence[str]]


def summaries(database: Database) -> list[Summary]:
    """Every container with its networks and published ports, newest first; four queries in all."""
    ports: dict[str, list[tuple[int, str, int, str]]] = {}
    for row in database.rows("SELECT container_id, container_port, protocol, host_port, host_ip FROM port"):
        ports.setdefault(str(row[0]), []).append((int(row[1] or 0), str(row[2]), int(row[3] or 0), str(row[4])))
    networks: dict[str, list[tuple[str, str]]] = {}
    for row in database.rows(
        "SELECT e.container_id, n.name, n.id FROM endpoint e JOIN network n ON n.id = e.network_id"
    ):
        networks.setdefault(str(row[0]), []).append((str(row[1]), str(row[2])))
    tags = {str(row[0]): str(row[1]) for row in database.rows("SELECT reference, image_id FROM tag")}
    found = []
    for record in store.all_containers(database):
        mine = networks.get(record.id, [])
        found.append(
            Summary(
                record,
                shown_image(record, tags),
                tuple(name for name, _ in mine) or _asked(record),
                tuple(network_id for _, network_id in mine),
                tuple(ports.get(record.id, ())),
            )
        )
    return found


def _asked(record: Container) -> tuple[str, ...]:
    """The networks that a container without addresses is to be in."""
    options = record.spec.options
    if options.networks is not None:
        return tuple(choice.name for choice in options.networks)
    return () if options.network.startswith("container:") else (options.network,)


def shown_image(record: Container, tags: Mapping[str, str]) -> str:
    """The image as it was named, or its id once that name means another one."""
    named = record.spec.options.image
    if record.image_id.removeprefix("sha256:").startswith(named.removeprefix("sha256:")):
        return named
    try:
        current = tags.get(reference.parse(named).normalised())
    except InvalidArgument:
        return named
    return named if current == record.image_id else record.image_id


def prunable(containers: Sequence[Container], filters: Filters) -> list[Container]:
    """Those that do not run and pass the filters of `container prune`. Raises InvalidArgument."""
    for name in filters:
        if name not in ("until", "label", "label!"):
            raise InvalidArgument(f"invalid filter '{name}'", hint="filters are until, label, label!")
    stopped = [record for record in containers if record.status in ("created", "exited", "dead")]
    for text in filters.get("until", ()):
        limit = _moment(text)
        stopped = [record for record in stopped if record.created_at < limit]
    return [
        record
        for record in stopped
        if all(_has_label(record, text) for text in filters.get("label", ()))
        and not any(_has_label(record, text) for text in filters.get("label!", ()))
    ]


def _has_label(record: Container, text: str) -> bool:
    key, equals, value = text.partition("=")
    labels = record.spec.config.labels
    return key in labels and (not equals or labels[key] == value)


def _moment(text: str) -> int:
    from sampan.images import selection

    return int(selection.until(text).timestamp() * 10**9)
