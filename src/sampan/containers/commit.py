"""`commit`: a container's files become a layer, and its configuration an image."""

import os
import time
from contextlib import nullcontext

from sampan.containers import changes as comparison
from sampan.containers import copied_volumes, frozen, happenings, start, store
from sampan.containers.model import Container
from sampan.errors import NotFound
from sampan.images import changes as change_list
from sampan.images import clock, importing
from sampan.images import happenings as image_happenings
from sampan.images import store as images
from sampan.linux import fault, files, mount
from sampan.linux.copying import TreeCopy, take_over
from sampan.oci import platform
from sampan.oci import reference as references
from sampan.oci.config import ContainerConfig, History, ImageConfig
from sampan.storage import layers, locks, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.values import NamedTuple


class CommitOptions(NamedTuple):
    """Options of `commit`. `changes` are Dockerfile instructions; `pause` freezes a running container meanwhile.

    With `with_volumes` the content of its volumes becomes part of the image, which then declares none there.
    """

    reference: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True
    with_volumes: bool = False


def commit(database: Database, paths: Paths, container_id: str, options: CommitOptions) -> str:
    """Make an image of a container's files, and return its ID.

    Raises NotFound, InvalidArgument for a malformed reference or change, Unavailable when the disk is full; the store
    is then as before.
    """
    if options.reference:
        references.parse(options.reference)
    config = _configuration(store.find(database, container_id), options)
    with importing.building(database, paths) as snapshot_id:
        with locks.container(paths, container_id):
            container = store.find(database, container_id)
            with frozen.frozen(database, paths, container) if options.pause else nullcontext():
                _copy_upper(paths, container, snapshot_id)
                if options.with_volumes:
                    copied_volumes.add(database, paths, container, snapshot_id)
        fault.point("commit.copied")
        return _finish(database, paths, container, snapshot_id, config, options)


def _configuration(container: Container, options: CommitOptions) -> ContainerConfig:
    config = _without_options(container)
    if options.with_volumes:
        covered = {point.destination for point in container.spec.mounts if point.type == "volume"}
        kept = tuple(path for path in config.volumes if os.path.normpath(path) not in covered)
        config = config._replace(volumes=kept)
    return change_list.apply(config, options.changes)


def _without_options(container: Container) -> ContainerConfig:
    """The container's configuration; a variable without a value took one away, and has no place in an image."""
    config = container.spec.config
    return config._replace(env=tuple(entry for entry in config.env if "=" in entry))


def _copy_upper(paths: Paths, container: Container, snapshot_id: str) -> None:
    upper = os.open(start.ensure_upper(paths, container), files.DIRECTORY)
    target = os.open(paths.layer(snapshot_id), files.DIRECTORY)
    try:
        TreeCopy(keep_overlay_marks=True, is_live=container.is_running).tree(upper, target)
        take_over(upper, target)
        _take_mount_points_away(paths, container, target)
    finally:
        os.close(upper)
        os.close(target)


def _take_mount_points_away(paths: Paths, container: Container, target: int) -> None:
    lower = mount.lower_root(paths.layers, container.layers)
    try:
        for path in comparison.made_by_engine(target, lower):
            folder, _, name = path.rpartition("/")
            parent = files.open_beneath(target, folder, files.DIRECTORY)
            try:
                _remove_if_empty(parent, name)
            finally:
                os.close(parent)
    finally:
        os.close(lower)


def _remove_if_empty(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError:  # ENOTEMPTY: the container has put something into it
            return


def _finish(
    database: Database,
    paths: Paths,
    container: Container,
    snapshot_id: str,
    config: ContainerConfig,
    options: CommitOptions,
) -> str:
    packed = layers.measure(paths.layer(snapshot_id))
    created = clock.rfc3339(time.time_ns())
    base = _base(database, paths, container)
    entry = History(
        created=created, created_by=" ".join(container.command), author=options.author, comment=options.message
    )
    image = base._replace(
        config=config,
        diff_ids=(*base.diff_ids, packed.diff_id),
        history=(*base.history, entry),
        created=created,
        author=options.author,
    )
    snapshots.sync(paths)
    with database.transaction():
        snapshots.record(database, snapshot_id, diff_id=packed.diff_id, size=packed.size)
        image_id = images.add(database, image, (*container.layers, snapshot_id))
        image_happenings.record(database, image_id, "create")
        if options.reference:
            images.set_tag(database, image_id, options.reference)
        shown = references.parse(options.reference).familiar() if options.reference else ""
        happenings.record(database, container, "commit", comment=options.message, imageID=image_id, imageRef=shown)
    fault.point("commit.committed")
    snapshots.release(database, snapshot_id)
    return image_id


def _base(database: Database, paths: Paths, container: Container) -> ImageConfig:
    """The configuration of the image that the container was made from; `rmi --force` may have taken that away, and
    then its layers alone speak."""
    try:
        return images.get(database, container.image_id).config
    except NotFound:
        host = platform.host_platform(os.uname().machine)
        return ImageConfig(
            architecture=host.architecture,
            os=host.os,
            variant=host.variant,
            config=ContainerConfig(),
            diff_ids=tuple(_diff_id(database, paths, layer) for layer in container.layers),
        )


def _diff_id(database: Database, paths: Paths, snapshot_id: str) -> str:
    found = snapshots.find(database, snapshot_id)
    return found.diff_id if found is not None and found.diff_id else layers.measure(paths.layer(snapshot_id)).diff_id
