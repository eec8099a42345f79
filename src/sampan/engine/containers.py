"""Containers, as the public face shows them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sampan.containers import model as records
from sampan.containers import store
from sampan.containers.options import ExecOptions, LogOptions, RunOptions, UpdateOptions
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple

if TYPE_CHECKING:
    from sampan.containers import start
    from sampan.containers.changes import Change
    from sampan.containers.commit import CommitOptions
    from sampan.containers.logs.line import LogLine
    from sampan.containers.statistics import Statistics
    from sampan.containers.transfer import Copied
    from sampan.engine.why.facts import Explanation
    from sampan.storage.tar import Readable

ALL_LINES = LogOptions()
list_of = list  # `Containers.list` hides the builtin in annotations


class Container:
    """One container. `id`, `name` and `image_id` never change; the rest is read anew by `reload()`. As a context
    manager it is removed at the end."""

    __slots__ = ("_containers", "record")

    def __init__(self, containers: "Containers", record: records.Container) -> None:
        self._containers = containers
        self.record = record

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def status(self) -> str:
        """created, running, paused, exited or dead."""
        return self.record.status

    def reload(self) -> "Container":
        """Read the state anew. Raises NotFound when the container was removed."""
        self.record = store.find(self._containers.database, self.record.id)
        return self

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        return self._containers.wait(self.id)

    def stop(self, timeout_seconds: int | None = None) -> None:
        """Ask it to end, and kill it when it has not after `timeout_seconds` (default: its own, or 10)."""
        self._containers.stop(self.id, timeout_seconds=timeout_seconds)

    def remove(self, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it; `force` kills it first, `volumes` takes its anonymous volumes along."""
        self._containers.remove(self.id, force=force, volumes=volumes)

    def logs(self, options: LogOptions = ALL_LINES) -> bytes:
        """What it has written so far, both streams in order."""
        return b"".join(line.text for line in self._containers.logs(self.id, options))

    def exec(self, command: Sequence[str], options: ExecOptions | None = None) -> tuple[int, bytes]:
        """Execute a command in it: (exit code, what it wrote to both streams)."""
        chosen = (options or ExecOptions(()))._replace(command=tuple(command))
        return self._containers.exec_output(self.id, chosen)

    def inspect(self) -> dict[str, Any]:
        """Docker's inspect document."""
        return self._containers.inspect(self.id)

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove it, running or not, with its anonymous volumes."""
        try:
            self.remove(force=True, volumes=True)
        except NotFound:
            pass

    def __repr__(self) -> str:
        return f"<Container {self.id[:12]} {self.name} {self.status}>"


class Summary(NamedTuple):
    """A line of `ps`. `ports` are (container port, protocol, host port, host address); sizes are -1 when not asked
    for."""

    record: records.Container
    image: str
    networks: tuple[str, ...]
    network_ids: tuple[str, ...]
    ports: tuple[tuple[int, str, int, str], ...]
    size_rw: int = -1
    size_root: int = 0


class Containers:
    """What can be done with containers. Names, ids and unambiguous beginnings of ids are taken for `reference`."""

    __slots__ = ("database", "paths")

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.paths = paths

    def create(self, options: RunOptions) -> Container:
        """Make a container without starting it."""
        from sampan.containers import creation

        return Container(self, creation.create(self.database, self.paths, options))

    def run(self, options: RunOptions, on_created: Callable[[str], None] = lambda container_id: None) -> Container:
        """Make a container and start it in the background; `on_created` is told its id in between.

        With --rm semantics (`options.remove`) one that can't be started is gone.
        """
        from sampan.containers import creation

        record = creation.create(self.database, self.paths, options, lease=True)
        on_created(record.id)
        self._start_or_remove(record)
        return Container(self, store.get(self.database, record.id) or record)

    def _start_or_remove(self, record: records.Container) -> None:
        from sampan.containers import ending

        try:
            self.start(record.id)
        except BaseException:
            if record.spec.options.remove:
                ending.remove(self.database, self.paths, record.id, remove_volumes=True)
            raise

    def start(self, reference: str, hooks: "start.Hooks | None" = None) -> bool:
        """Start a container in the background; False when it runs already."""
        from sampan.containers import start, wake, watched

        record = store.find(self.database, reference)
        chosen = hooks or start.Hooks(exit_command=wake.exit_command(self.paths, record.id, is_attended=False))
        started = start.start(self.database, self.paths, record.id, chosen)
        if started and watched.is_watched(record):
            wake.start_supervisor(self.paths)
        return started

    def get(self, reference: str) -> Container:
        """Raises NotFound."""
        return Container(self, store.find(self.database, reference))

    def list(self, *, all: bool = False, filters: "Mapping[str, Sequence[str]] | None" = None) -> "list_of[Container]":
        """Running containers, newest first; `all` takes the others too, and so does the filter `status`.

        `filters` are those of `docker ps`, such as {"label": ["role=web"]}. Raises InvalidArgument, and NotFound for an
        unknown container of `before` or `since`.
        """
        from sampan.engine.container_filter import takes_all_states

        every = all or takes_all_states(filters or {})
        records_ = (
            [summary.record for summary in self.summaries(filters=filters)]
            if filters
            else store.all_containers(self.database)
        )
        return [Container(self, record) for record in records_ if every or record.is_running]

    def summaries(
        self, *, sizes: bool = False, filters: "Mapping[str, Sequence[str]] | None" = None
    ) -> "list_of[Summary]":
        """What `ps -a` shows, newest first; `filters` and errors as `list`, `sizes` walks the files of each."""
        from sampan.engine.listing import summaries

        found = summaries(self.database)
        if filters:
            from sampan.engine import container_filter

            found = container_filter.select(found, filters, self._made_from)
        if not sizes:
            return found
        from sampan.images import store as images

        return [
            entry._replace(
                size_rw=self.size(entry.record),
                size_root=self.size(entry.record) + images.layers_size(self.database, entry.record.layers),
            )
            for entry in found
        ]

    def _made_from(self, image: str) -> frozenset[str]:
        """IDs of the images that were made from the one with that name; none when there is none."""
        from sampan.images import descent
        from sampan.images import store as images

        try:
            return descent.made_from(self.database, images.find(self.database, image))
        except (NotFound, InvalidArgument, Conflict):
            return frozenset()

    def ports(self, reference: str) -> "list_of[tuple[int, str, int, str]]":
        """Published ports as (container port, protocol, host port, host address). Raises NotFound."""
        record = store.find(self.database, reference)
        rows = self.database.rows(
            "SELECT container_port, protocol, host_port, host_ip FROM port WHERE container_id = ?", (record.id,)
        )
        return [(int(row[0] or 0), str(row[1]), int(row[2] or 0), str(row[3])) for row in rows]

    def why_ports(self, reference: str) -> "list_of[str]":
        """Why its published ports are reached from where they are: lines in plain words. Raises NotFound."""
        from sampan.engine import port_path

        return port_path.why(self.database, self.paths, reference)

    def stop(self, reference: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """See `Container.stop`; `signal` instead of the container's own."""
        from sampan.containers import control

        record = store.find(self.database, reference)
        control.stop(self.database, self.paths, record.id, timeout_seconds=timeout_seconds, signal_name=signal)

    def kill(self, reference: str, signal: str = "KILL") -> None:
        """Send a signal to the container's first process."""
        from sampan.containers import control

        control.kill(self.database, self.paths, store.find(self.database, reference).id, signal)

    def restart(self, reference: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """Stop, then start."""
        from sampan.containers import start, wake

        record = store.find(self.database, reference)
        self.stop(record.id, timeout_seconds=timeout_seconds, signal=signal)
        ended = wake.exit_command(self.paths, record.id, is_attended=False)
        self.start(record.id, start.Hooks(exit_command=ended, is_restart=True))

    def wait(self, reference: str) -> int:
        """Block until the container does not run: its exit code."""
        from sampan.containers import control

        return control.wait(self.database, self.paths, store.find(self.database, reference).id)

    def pause(self, reference: str) -> None:
        from sampan.containers import control

        control.pause(self.database, self.paths, store.find(self.database, reference).id)

    def unpause(self, reference: str) -> None:
        from sampan.containers import control

        control.unpause(self.database, self.paths, store.find(self.database, reference).id)

    def update(self, reference: str, options: UpdateOptions) -> None:
        """Other limits or another restart policy; a running container has them at once.

        Raises InvalidArgument, Conflict where what is set already stands against it. The container is then as before.
        """
        from sampan.containers import update

        update.update(self.database, self.paths, store.find(self.database, reference).id, options)

    def rename(self, reference: str, name: str) -> None:
        from sampan.containers import control

        control.rename(self.database, store.find(self.database, reference).id, name)

    def remove(self, reference: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; `volumes` takes its anonymous volumes along."""
        from sampan.containers import ending

        record = store.find(self.database, reference)
        ending.remove(self.database, self.paths, record.id, force=force, remove_volumes=volumes)

    def prune(
        self, filters: "Mapping[str, Sequence[str]] | None" = None, *, dry_run: bool = False
    ) -> "list_of[tuple[str, int]]":
        """Remove all that are not running and pass the filters (until, label, label!): [(id, bytes freed)].

        With `dry_run` it is only said which they are. Raises InvalidArgument for a filter that is not known or
        malformed.
        """
        from sampan.engine import pruning

        return pruning.containers(self.database, self.paths, filters or {}, dry_run=dry_run)

    def size(self, record: records.Container) -> int:
        """Bytes of regular files that the container has written."""
        from sampan.engine.usage import written

        return written(self.paths, record)

    def logs(self, reference: str, options: LogOptions = ALL_LINES) -> "Iterator[LogLine]":
        """Lines (time, stream, text) of the container's log.

        Raises NotFound, or Unsupported when its log driver keeps nothing.
        """
        from sampan.engine import logging

        return logging.lines(self.database, self.paths, store.find(self.database, reference), options)

    def log_text(self, reference: str, options: LogOptions = ALL_LINES) -> "Iterator[tuple[str, bytes]]":
        """The log as `logs` prints it, in pieces of any length: (stdout or stderr, text). Faster than line by line.

        Errors as `logs`.
        """
        from sampan.engine import logging

        return logging.text(self.database, self.paths, store.find(self.database, reference), options)

    def diff(self, reference: str) -> "list_of[Change]":
        """What the container changed in its image's files, sorted by path: kind (A, C, D) and path."""
        from sampan.containers import changes

        return changes.changes(self.paths, store.find(self.database, reference))

    def commit(self, reference: str, options: "CommitOptions | None" = None) -> str:
        """Make an image of the container's files, volumes apart; returns its ID."""
        from sampan.containers import commit

        record = store.find(self.database, reference)
        return commit.commit(self.database, self.paths, record.id, options or commit.CommitOptions())

    def snapshot(self, reference: str, options: "CommitOptions | None" = None, *, force: bool = False) -> str:
        """Make an image of the container's files and its volumes' data, as they are at one moment; returns its ID.

        Raises Conflict when it runs, has a health check and is not healthy, unless with `force`.
        """
        from sampan.containers import commit

        record = store.find(self.database, reference)
        if record.is_running and record.health and record.health.get("Status") != "healthy" and not force:
            raise Conflict(
                f"container {record.name} is not healthy ({record.health.get('Status')})",
                hint="wait until it is, or use --force",
            )
        chosen = (options or commit.CommitOptions())._replace(with_volumes=True)
        return commit.commit(self.database, self.paths, record.id, chosen)

    def clone(self, reference: str, name: str = "", *, copy_volumes: bool = False) -> Container:
        """Make a container like a stopped one, with its files and settings; `copy_volumes` copies named volumes too."""
        from sampan.containers import clone

        record = store.find(self.database, reference)
        return Container(self, clone.clone(self.database, self.paths, record.id, name, copy_volumes=copy_volumes))

    def export(self, reference: str, write: "Callable[[bytes], object]") -> None:
        """Give a tar of the container's files, volumes apart, to `write`, piece by piece."""
        from sampan.containers.export import export

        export(self.database, self.paths, store.find(self.database, reference).id, write)

    def copy_out(self, reference: str, path: str, destination: str, *, follow_link: bool = False) -> "Copied":
        """Copy `path` of a container to `destination` on the host, by `docker cp`'s rules."""
        from sampan.containers import transfer

        side = transfer.Side(reference, path)
        return transfer.copy_out(self.database, self.paths, side, destination, follow_link=follow_link)

    def copy_in(
        self, source: str, reference: str, path: str, *, keep_owners: bool = False, follow_link: bool = False
    ) -> "Copied":
        """Copy `source` of the host to `path` in a container; `keep_owners` is docker's -a."""
        from sampan.containers import transfer

        side = transfer.Side(reference, path)
        return transfer.copy_in(
            self.database, self.paths, source, side, keep_owners=keep_owners, follow_link=follow_link
        )

    def read_archive(
        self, reference: str, path: str, write: "Callable[[bytes], object]", *, follow_link: bool = False
    ) -> None:
        """Give a tar of `path` of a container to `write`, piece by piece."""
        from sampan.containers import transfer

        side = transfer.Side(reference, path)
        transfer.read_archive(self.database, self.paths, side, write, follow_link=follow_link)

    def extract_archive(self, reference: str, path: str, stream: "Readable", *, keep_owners: bool = False) -> None:
        """Lay out a tar in the folder `path` of a container."""
        from sampan.containers import transfer

        side = transfer.Side(reference, path)
        transfer.extract_archive(self.database, self.paths, stream, side, keep_owners=keep_owners)

    def stats(self, references: Sequence[str] = (), *, all: bool = False) -> "Iterator[list_of[Statistics]]":
        """What containers use, about once a second for as long as it is asked: the named ones, or all that run.

        The named ones are looked up at once: raises NotFound.
        """
        from sampan.engine.statistics import watch

        return watch(self.database, self.paths, references, all_states=all)

    def top(self, reference: str, arguments: tuple[str, ...] = ()) -> "tuple[list_of[str], list_of[list_of[str]]]":
        """The container's processes as ps prints them: (titles, rows)."""
        from sampan.containers import control

        return control.top(self.database, self.paths, store.find(self.database, reference), arguments)

    def exec_output(self, reference: str, options: ExecOptions) -> tuple[int, bytes]:
        """Execute and collect the output of both streams, read to its end: what it leaves running may hold it open."""
        from sampan.containers import execs
        from sampan.containers.streams import Streams

        container = execs.prepare(self.database, reference)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            running = execs.spawn(self.paths, container, options, Streams(-1, writer, writer))
            identity = execs.tell_started(self.database, container, options.command)
        finally:
            os.close(writer)
        data = execs.read_output(self.paths, container, running, reader)
        code = execs.wait(self.paths, container, running, options.command[0])
        execs.tell_ended(self.database, container, identity, code)
        return code, data

    def inspect(self, reference: str, *, size: bool = False) -> dict[str, Any]:
        """Docker's inspect document; `size` adds SizeRw and SizeRootFs."""
        from sampan.containers.inspect import document

        record = store.find(self.database, reference)
        found = document(self.database, self.paths, record)
        if size:
            from sampan.images import store as images

            found["SizeRw"] = self.size(record)
            found["SizeRootFs"] = found["SizeRw"] + images.layers_size(self.database, record.layers)
        return found

    def why(self, reference: str) -> "Explanation":
        """Why it is in its state, in plain words: reasons, the last lines of its log, its last events."""
        from sampan.engine.why.gather import gather
        from sampan.engine.why.reasons import explain

        return explain(gather(self.database, self.paths, reference))
