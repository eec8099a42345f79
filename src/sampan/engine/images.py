"""Images, as the public face shows them."""

from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from sampan.images import removal, selection, store
from sampan.images.model import HistoryRow, Image
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.images.archive.loading import Loaded
    from sampan.images.bundle import Contents, Created
    from sampan.images.comparison import FieldChange, FileChange
    from sampan.images.lock import Lock
    from sampan.images.mounting import Mounted
    from sampan.images.progress import Listener
    from sampan.images.wasted import LayerUse
    from sampan.inspection.values import Inventory

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

    def inspect(self, reference: str, *, platform: str = "") -> dict[str, Any]:
        """Docker's inspect document. Raises NotFound, also for an image of another platform than the wanted one."""
        from sampan.engine.image_document import image_document

        return image_document(self.database, self.paths, store.find_for(self.database, reference, platform))

    def history(self, reference: str, *, platform: str = "") -> "list_of[HistoryRow]":
        """Layers, newest first. Raises as inspect() does."""
        return store.history(self.database, store.find_for(self.database, reference, platform))

    def layer_uses(self, reference: str, *, platform: str = "") -> "list_of[tuple[HistoryRow, LayerUse]]":
        """The layers, lowest first, each with what made it and what of it later layers hide. Raises as inspect()."""
        from sampan.images import wasted

        with store.holding(self.database, lambda: [store.find_for(self.database, reference, platform)]) as (image,):
            found = wasted.uses(self.paths, image.layers)
            made = [entry for entry in image.config.history if not entry.empty_layer]
        rows = [HistoryRow("<missing>", entry.created, entry.created_by, 0, entry.comment) for entry in made]
        rows += [HistoryRow("<missing>", image.created, "", 0, "")] * (len(found) - len(rows))
        return list(zip(rows, found, strict=False))

    def tag(self, source: str, target: str) -> None:
        """Give an image another name. Raises NotFound or InvalidArgument."""
        store.tag(self.database, source, target)

    def remove(self, reference: str, *, force: bool = False, platform: str = "") -> removal.Removed:
        """Take a name away, and the image with its last one. Raises NotFound or Conflict."""
        store.find_for(self.database, reference, platform)
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

    def diff(self, before: str, after: str) -> "tuple[list_of[FileChange], list_of[FieldChange]]":
        """What differs between two images: files (their times are no difference), and fields of the configuration."""
        from sampan.images import comparison

        with store.holding(self.database, lambda: [self.get(before), self.get(after)]) as (first, second):
            changed = list(comparison.compare_files(self.paths, first.layers, second.layers))
        return changed, comparison.compare_configs(first.config, second.config)

    def packages(self, reference: str) -> "tuple[Image, Inventory]":
        """The packages of dpkg, apk, rpm, pip and npm that are installed in an image. Raises NotFound."""
        from sampan.images import inventory

        with store.holding(self.database, lambda: [self.get(reference)]) as (image,):
            return image, inventory.packages(self.paths, image.layers)

    def mount(self, reference: str, folder: str = "") -> str:
        """Show an image's files read-only in a folder of the host, or in one of the root's own; returns the folder.

        It stays until unmount(), `system shutdown` or a reboot. Raises NotFound, InvalidArgument, Conflict.
        """
        from sampan.images import mounting

        return mounting.mount_image(self.database, self.paths, reference, folder)

    def mounted(self) -> "list_of[Mounted]":
        """Where which image is mounted."""
        from sampan.images import mounting

        return mounting.mounted(self.database)

    def unmount(self, name: str) -> "list_of[Mounted]":
        """Take away the mounts of an image, or the one at a folder. Raises NotFound, Conflict."""
        from sampan.images import mounting

        return mounting.unmount(self.database, self.paths, name)

    def unmount_all(self) -> "list_of[Mounted]":
        """Take away every mount of this root. Raises Conflict."""
        from sampan.images import mounting

        return mounting.unmount_all(self.database, self.paths)

    def save(
        self,
        references: Sequence[str],
        write: Callable[[bytes], object],
        *,
        platform: str = "",
        squash: bool = False,
    ) -> None:
        """Give an archive of images to `write`, in pieces, as `docker save` does it: the same images, the same bytes.

        A name without a tag means all tags of its repository. With `squash` each image has one layer. Raises NotFound
        before anything is written.
        """
        from sampan.images.archive import saving

        saving.save(self.database, self.paths, references, write, platform=platform, squash=squash)

    def load(
        self,
        source: IO[bytes],
        *,
        platform: str = "",
        on_progress: Callable[[str, int, int], object] = lambda path, count, size: None,
    ) -> "list_of[Loaded]":
        """Load the images of an archive: what docker, podman, skopeo, buildx or `save` wrote, compressed or not.

        `on_progress` gets a layer's path in the archive, the bytes read of it and its size. Raises Corrupt, NotFound
        (nothing for the platform) or Unavailable (disk full).
        """
        from sampan.images.archive import loading

        return loading.load(self.database, self.paths, source, platform=platform, on_progress=on_progress)

    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        all_tags: bool = False,
        config: str = "",
        on_event: "Listener | None" = None,
    ) -> str:
        """Get an image from its registry, for os[/arch[/variant]] or this host's; the ID, of the last of several tags.

        `config` is the folder of config.json, ~/.docker by default. Raises NotFound, PermissionDenied, Unavailable when
        the registry cannot be reached, Corrupt for what is not what its digest says.
        """
        from sampan.engine import transfers
        from sampan.images.progress import ignore

        heard = on_event or ignore
        return transfers.pull_images(
            self.database, self.paths, reference, platform=platform, all_tags=all_tags, config=config, on_event=heard
        )[-1].image_id

    def push(
        self,
        reference: str,
        *,
        platform: str = "",
        all_tags: bool = False,
        config: str = "",
        on_event: "Listener | None" = None,
    ) -> str:
        """Send an image to its registry; the digest that it has there. Raises as pull() does."""
        from sampan.engine import transfers
        from sampan.images.progress import ignore

        heard = on_event or ignore
        return transfers.push_images(
            self.database, self.paths, reference, platform=platform, all_tags=all_tags, config=config, on_event=heard
        )[-1].digest

    def lock(self, names: Sequence[str], *, config: str = "") -> "Lock":
        """What each name means now, by digest: in its registry, or here for an image that was made here.

        `config` is the folder of config.json (~/.docker). Raises NotFound, and as pull().
        """
        from sampan.engine import locking

        return locking.locked(self.database, self.paths, names, config=config)

    def create_bundle(
        self, references: Sequence[str], write: Callable[[bytes], object], *, with_cache: bool = True
    ) -> "Created":
        """Give an archive of images, all that have a name when none is given, and of the build cache to `write`: how
        many images and cached steps, and its digest. `docker load` takes its images too."""
        from sampan.images import bundle

        return bundle.create(self.database, self.paths, references, write, with_cache=with_cache)

    def load_bundle(
        self,
        source: IO[bytes],
        *,
        with_cache: bool = True,
        digest: str = "",
        on_progress: Callable[[str, int, int], object] = lambda path, count, size: None,
    ) -> "Contents":
        """Load what create_bundle() wrote, of somebody whose builds you trust; of others without `with_cache`. With
        `digest` it must be the one that create_bundle() gave. Raises as load(), and Corrupt for another digest."""
        from sampan.images import bundle

        return bundle.load(
            self.database, self.paths, source, with_cache=with_cache, digest=digest, on_progress=on_progress
        )

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
