"""Volumes, as the public face shows them."""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.containers.timestamp import rfc3339
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.storage.tar import Readable
from sampan.volumes import store
from sampan.volumes.store import Volume

Accept = Callable[[Mapping[str, str]], bool]
list_of = list  # `Volumes.list` hides the builtin in annotations


class Volumes:
    """What can be done with volumes."""

    __slots__ = ("database", "paths")

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.paths = paths

    def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume, or return the one that has the name; "" makes an anonymous one. Raises InvalidArgument."""
        return store.ensure(self.database, self.paths, name, driver=driver, labels=labels, options=options)

    def list(self) -> "list_of[Volume]":
        """All volumes, by name."""
        return store.all_volumes(self.database, self.paths)

    def get(self, name: str) -> Volume:
        """Raises NotFound."""
        return store.get(self.database, self.paths, name)

    def users(self, name: str) -> "list_of[str]":
        """Ids of the containers, running or not, that have the volume."""
        return store.users(self.database, name)

    def size(self, name: str) -> int:
        """Bytes of its regular files. Raises NotFound."""
        return store.size(self.paths, self.get(name).name)

    def inspect(self, name: str) -> dict[str, Any]:
        """Docker's inspect document. Raises NotFound."""
        return document(self.get(name))

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume that no container has. Raises NotFound (not with `force`) or Conflict."""
        store.remove(self.database, self.paths, name, force=force)

    def export(self, name: str, write: Callable[[bytes], object]) -> None:
        """Give a tar of the volume's content to `write`, in pieces. Raises NotFound."""
        from sampan.containers import volume_archive

        volume_archive.export(self.database, self.paths, name, write)

    def load(self, name: str, stream: Readable, *, merge: bool = False) -> None:
        """Replace the content of a volume, made when it is not there, by that of a tar, compressed or not.

        With `merge` the archive is laid over what is there. Raises Conflict while a container runs with the volume
        (not with `merge`), Corrupt for a damaged or hostile archive, Unavailable when the disk is full.
        """
        from sampan.containers import volume_archive

        volume_archive.load(self.database, self.paths, name, stream, merge=merge)

    def prune(
        self, *, include_named: bool = False, accept: Accept = lambda labels: True, dry_run: bool = False
    ) -> "list_of[tuple[str, int]]":
        """Remove anonymous volumes that no container has, `include_named` those with a name too: [(name, bytes)].

        Only those whose labels `accept` takes; with `dry_run` it is only said which they are.
        """
        from sampan.volumes import pruning

        return pruning.prune(self.database, self.paths, include_named=include_named, accept=accept, dry_run=dry_run)


def labels_of(volume: Volume) -> dict[str, str]:
    """Its labels; an anonymous volume has one that says so."""
    own = {store.ANONYMOUS_LABEL: ""} if volume.anonymous else {}
    return dict(sorted({**own, **volume.labels}.items()))


def document(volume: Volume) -> dict[str, Any]:
    """`docker volume inspect`; the time is in whole seconds there."""
    return {
        "CreatedAt": rfc3339(volume.created_at // 10**9 * 10**9),
        "Driver": volume.driver,
        "Labels": labels_of(volume) or None,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": dict(sorted(volume.options.items())) or None,
        "Scope": "local",
    }
