"""Images, as the public face shows them."""

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from sampan.images import removal, selection, store
from sampan.images.model import HistoryRow, Image
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Filters = Mapping[str, Sequence[str]]
list_of = list  # `Images.list` hides the builtin in annotations


class Images:
    """What can be done with images. A reference is a name, a name with tag or digest, an id or the beginning of one."""

    __slots__ = ("database", "paths")

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.paths = paths

    def get(self, reference: str) -> Image:
        """Raises NotFound."""
        return store.find(self.database, reference)

    def list(self, name: str = "", *, filters: Filters = selection.NO_FILTERS) -> "list_of[Image]":
        """Images by name and filters as `docker images` takes them, newest first. Raises InvalidArgument."""
        return selection.list_images(self.database, name=name, filters=filters)

    def made_from(self, reference: str) -> frozenset[str]:
        """IDs of the image and of those that were made from it. Raises NotFound."""
        from sampan.images import descent

        return descent.made_from(self.database, self.get(reference))

    def inspect(self, reference: str) -> dict[str, Any]:
        """Docker's inspect document."""
        from sampan.engine.image_document import image_document

        return image_document(self.database, self.paths, self.get(reference))

    def history(self, reference: str) -> "list_of[HistoryRow]":
        """Layers, newest first."""
        return store.history(self.database, self.get(reference))

    def tag(self, source: str, target: str) -> None:
        """Give an image another name. Raises NotFound or InvalidArgument."""
        store.tag(self.database, source, target)

    def remove(self, reference: str, *, force: bool = False) -> removal.Removed:
        """Take a name away, and the image with its last one. Raises NotFound or Conflict."""
        return removal.remove(self.database, self.paths, reference, force=force, in_use=self.users)

    def prune(
        self, *, all_unused: bool = False, filters: Filters = selection.NO_FILTERS, dry_run: bool = False
    ) -> removal.Pruned:
        """Remove images without a name, or all that no container was made from; with `dry_run` only say which.

        Raises InvalidArgument for a filter that is not known or malformed.
        """
        return removal.prune(
            self.database, self.paths, all_unused=all_unused, filters=filters, in_use=self.users, dry_run=dry_run
        )

    def users(self, image_id: str) -> "list_of[tuple[str, bool]]":
        """(container id, is running) of what was made from an image."""
        rows = self.database.rows("SELECT id, status FROM container WHERE image_id = ?", (image_id,))
        return [(str(row[0]), str(row[1]) in ("running", "paused", "restarting")) for row in rows]

    def import_rootfs(
        self, source: "str | IO[bytes]", reference: str = "", *, changes: Sequence[str] = (), message: str = ""
    ) -> str:
        """Make an image of a root file system's tar archive (plain, gzip, xz, bzip2, zstd): its id."""
        from sampan.images import importing

        return importing.import_rootfs(self.database, self.paths, source, reference, changes=changes, message=message)

    def bootstrap(
        self,
        name: str = "debian:bookworm-slim",
        *,
        include: Sequence[str] = (),
        tag: str = "",
        on_progress: Callable[[str, int], None] = lambda stage, percent: None,
    ) -> str:
        """Make a base image from a distribution's packages, or "busybox" from this host's busybox-static: its id."""
        if name.partition(":")[0] == "busybox":
            from sampan.images.busybox import busybox

            return busybox(self.database, self.paths, tag or name)
        from sampan.images.bootstrap import bootstrap

        return bootstrap(self.database, self.paths, name, include=include, tag=tag, on_progress=on_progress)
