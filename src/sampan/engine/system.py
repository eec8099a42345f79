"""The whole: this host, this store, and an end to it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sampan.engine.usage import Usage
from sampan.settings import sources
from sampan.settings.model import Loaded
from sampan.storage.check import Problem
from sampan.storage.database import Database
from sampan.storage.paths import Paths

if TYPE_CHECKING:
    from sampan.builder.cache.pruning import Cached, Limits
    from sampan.builder.cache.pruning import Pruned as CachePruned
    from sampan.engine.pruning import SystemPruned
    from sampan.engine.resuming import Resumed


class System:
    """What can be asked of a root as a whole."""

    __slots__ = ("database", "paths")

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.paths = paths

    def info(self) -> dict[str, Any]:
        """The document of `docker info`: counts, this host, the programs in use."""
        from sampan.engine.information import information

        return information(self.database, self.paths)

    def settings(self) -> Loaded:
        """The engine's settings, and which file and line each comes from. Raises InvalidArgument for a mistake."""
        return sources.load(self.paths.settings)

    def version(self) -> dict[str, Any]:
        """The document of `docker version`, with the versions of runtime, monitor and init."""
        from sampan.engine.information import versions

        return versions()

    def disk_usage(self) -> Usage:
        """What images, containers, volumes and build cache take on disk."""
        from sampan.engine.usage import measure

        return measure(self.database, self.paths)

    def prune(
        self,
        *,
        all_unused: bool = False,
        include_volumes: bool = False,
        filters: "Mapping[str, Sequence[str]] | None" = None,
        dry_run: bool = False,
    ) -> "SystemPruned":
        """Remove what nothing uses: stopped containers, networks, dangling images and build results.

        With `all_unused` also images with a name and results that images have too, with `include_volumes` also
        anonymous volumes. With `dry_run` it is only said what would go. `filters` are until, label and label!. Raises
        InvalidArgument.
        """
        from sampan.engine import pruning

        return pruning.system(
            self.database,
            self.paths,
            all_unused=all_unused,
            include_volumes=include_volumes,
            filters=filters or {},
            dry_run=dry_run,
        )

    def build_cache(self, filters: "Mapping[str, Sequence[str]] | None" = None) -> "list[Cached]":
        """Results of build steps, the one used last first; those that pass filters as prune_cache() takes them.

        Raises InvalidArgument.
        """
        from sampan.builder.cache import pruning

        return pruning.listed(pruning.cached(self.database, self.paths), filters or {})

    def prune_cache(
        self,
        *,
        all_unused: bool = False,
        filters: "Mapping[str, Sequence[str]] | None" = None,
        limits: "Limits | None" = None,
        dry_run: bool = False,
    ) -> "CachePruned":
        """Remove results of build steps that no image or container has, with `all_unused` all.

        Raises InvalidArgument.
        """
        from sampan.builder.cache import pruning

        return pruning.prune(
            self.database,
            self.paths,
            all_unused=all_unused,
            filters=filters or {},
            limits=limits or pruning.NO_LIMITS,
            dry_run=dry_run,
        )

    def check(self, deep: bool = False) -> list[Problem]:
        """All that is wrong with the store or left over outside of it; `deep` reads every layer."""
        from sampan.engine.diagnosis import diagnose

        return diagnose(self.database, self.paths, deep=deep)

    def shutdown(self, timeout_seconds: int | None = None) -> list[str]:
        """Stop every container and the supervisor, and leave nothing outside the root's folder: names of the stopped.

        Rows and files stay. This engine is of no use after it; the next one finds everything.
        """
        from sampan.engine.shutdown import shut_down

        return shut_down(self.database, self.paths, timeout_seconds=timeout_seconds)

    def restore(self) -> list[str]:
        """Bring back what somebody has taken away that running containers need, bridges and rules: what it was."""
        from sampan.networks import upkeep

        return upkeep.restore(self.database, self.paths)

    def resume(self) -> "Resumed":
        """Start the containers that are to run after a boot, or after `shutdown`."""
        from sampan.engine.resuming import resume

        return resume(self.database, self.paths)

    def repair(self) -> list[str]:
        """Remove what nothing refers to, in the store and outside of it: what was removed."""
        from sampan.containers import reconcile
        from sampan.storage import gc

        reconcile.repair(self.database, self.paths)
        removed = gc.sweep(self.database, self.paths)
        collected = gc.collect(self.database, self.paths)
        return [*removed, *(self.paths.layer(snapshot_id) for snapshot_id in collected.snapshots)]
