"""`Engine`: one store on disk, and everything that can be done with it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sampan.containers import watched
from sampan.containers.look import look
from sampan.containers.options import PortBinding, RunOptions
from sampan.engine.containers import Container, Containers
from sampan.errors import PermissionDenied
from sampan.storage import paths as layout
from sampan.storage.database import Database

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sampan.builder.bases import Fetch
    from sampan.builder.files.survey import Reason, Survey
    from sampan.builder.options import BuildOptions, BuildResult
    from sampan.builder.report import BuildReport
    from sampan.builder.solver import Examined
    from sampan.builder.verifying import Verdict
    from sampan.engine.image_tools import ImageTools
    from sampan.engine.images import Images
    from sampan.engine.manifest_lists import ManifestLists
    from sampan.engine.networks import Networks
    from sampan.engine.registries import Registries
    from sampan.engine.system import System
    from sampan.engine.volumes import Volumes
    from sampan.registry.client import Client
    from sampan.storage.events import Event


class Engine:
    """A container engine without a daemon. Any number of engines, in any number of processes, may share a root.

    `root` is the folder of the store: /var/lib/sampan, or $SAMPAN_ROOT, when it is not given. Making an engine looks
    whether something died since and repairs it. Raises PermissionDenied for another user than the root's owner,
    Unsupported for the store of a newer sampan.
    """

    def __init__(self, root: str | None = None) -> None:
        self.paths = layout.paths_of(root)
        _check_user(self.paths.root)
        layout.create(self.paths)
        self.database = Database(self.paths.database)
        self._look()
        self.containers = Containers(self.database, self.paths)

    def _look(self) -> None:
        """Repair what died; the supervisor too is replaced when it did and there is something to watch."""
        has_repaired = look(self.database, self.paths)
        is_needed = watched.is_any(self.database)
        if has_repaired and not is_needed:
            from sampan.engine.supervision import restarting

            is_needed = restarting.is_any(self.database)
        if is_needed:
            from sampan.containers import wake

            if not wake.is_supervised(self.paths):
                wake.start_supervisor(self.paths)

    @property
    def images(self) -> "Images":
        """Images: list, inspect, tag, remove, import, bootstrap."""
        from sampan.engine.images import Images

        return Images(self.database, self.paths)

    def registries(self, config: str = "") -> "Registries":
        """Registries: log in and out. `config` is the folder of config.json, ~/.docker by default."""
        from sampan.engine.registries import Registries

        return Registries(self.paths, config)

    def manifest_lists(self, config: str = "", *, insecure: bool = False) -> "ManifestLists":
        """Lists of manifests: create, annotate, inspect, push. `insecure` lets their registries be without TLS."""
        from sampan.engine.manifest_lists import ManifestLists

        return ManifestLists(self.paths, config, insecure=insecure)

    def image_tools(self, config: str = "") -> "ImageTools":
        """Images as registries have them: look at them, and put indexes together there. `config` is the folder of
        config.json."""
        from sampan.engine.image_tools import ImageTools

        return ImageTools(self.paths, config)

    @property
    def volumes(self) -> "Volumes":
        """Volumes: create, list, inspect, remove."""
        from sampan.engine.volumes import Volumes

        return Volumes(self.database, self.paths)

    @property
    def networks(self) -> "Networks":
        """Networks: create, connect, disconnect, list, inspect, remove, prune."""
        from sampan.engine.networks import Networks

        return Networks(self.database, self.paths)

    @property
    def system(self) -> "System":
        """The whole: check, disk usage, information, shutdown."""
        from sampan.engine.system import System

        return System(self.database, self.paths)

    def run(
        self,
        image: str,
        command: Sequence[str] = (),
        *,
        name: str = "",
        env: Mapping[str, str] | None = None,
        ports: Mapping[int, int] | None = None,
        network: str = "bridge",
        remove: bool = False,
        options: RunOptions | None = None,
    ) -> Container:
        """Make a container and start it in the background.

        `ports` maps a container's TCP port to a host's (0 = any free one). Everything else that `docker run` can be
        told goes through `options`, whose image and command are replaced by those given. Raises NotFound for an image
        that is not here, Conflict for a name or port in use, StartFailed when the command cannot be started.
        """
        base = options or RunOptions(image=image)
        chosen = base._replace(
            image=image,
            command=tuple(command) or base.command,
            name=name or base.name,
            env=(*base.env, *(f"{key}={value}" for key, value in (env or {}).items())),
            ports=(*base.ports, *(PortBinding(inner, "tcp", "", outer) for inner, outer in (ports or {}).items())),
            network=network if options is None else base.network,
            remove=remove or base.remove,
        )
        return self.containers.run(chosen)

    def check_image(self, reference: str, platform: str = "") -> None:
        """Raises NotFound when no image of that name or id (and that platform) is here; cheaper than `images.get`."""
        from sampan.images import store

        _, document, _ = store.start_facts(self.database, reference)
        if platform:
            store.check_platform(document, reference, platform)

    def build(
        self, options: "BuildOptions", on_event: Callable[[Any], None] | None = None, *, config: str = ""
    ) -> "BuildResult":
        """Build an image from a Dockerfile; `on_event` gets the builder's progress events as they happen. Images that
        are not here are fetched, as the config.json in the folder `config` (~/.docker) allows.

        Raises InvalidArgument for a mistake in the Dockerfile (with its line), NotFound for a missing base or source,
        and the builder's error for a step that failed.
        """
        from sampan.builder import solver

        def send(reference: str, tell: Callable[[str], object]) -> str:
            from sampan.engine import transfers

            return transfers.send(self.database, self.paths, reference, config=config, tell=tell)

        def connect() -> "AbstractContextManager[Client]":
            from sampan.engine import transfers

            return transfers.client(self.paths, config)

        return solver.build(
            self.database,
            self.paths,
            options,
            on_event or (lambda event: None),
            self._fetch_with(config),
            send,
            connect,
        )

    def verify_build(
        self,
        reference: str,
        options: "BuildOptions",
        on_event: Callable[[Any], None] | None = None,
        *,
        config: str = "",
    ) -> "Verdict":
        """Build again without the cache, and compare with an image. Raises as build() does; NotFound."""
        from sampan.builder import verifying

        return verifying.verify(
            self.database, self.paths, reference, options, lambda plain: self.build(plain, on_event, config=config)
        )

    def examine(
        self, options: "BuildOptions", on_event: Callable[[Any], None] | None = None, *, config: str = ""
    ) -> "Examined":
        """Look at a Dockerfile without building it: what the rules of bad practice find, and why it cannot be built."""
        from sampan.builder import solver

        return solver.examine(
            self.database, self.paths, options, on_event or (lambda event: None), self._fetch_with(config)
        )

    def _fetch_with(self, config: str) -> "Fetch":
        def fetch(reference: str, platform: str, tell: Callable[[str], object]) -> None:
            from sampan.engine import transfers

            transfers.fetch(self.database, self.paths, reference, platform=platform, config=config, tell=tell)

        return fetch

    def context_survey(self, options: "BuildOptions") -> "Survey":
        """What a build would take as its context, and how much. Raises NotFound, InvalidArgument, BuildFailed."""
        from sampan.builder.files import survey

        return survey.survey(options)

    def context_reason(self, options: "BuildOptions", path: str) -> "Reason":
        """Why a path is in a build's context or not. Raises NotFound, InvalidArgument, BuildFailed."""
        from sampan.builder.files import survey

        return survey.why(options, path)

    def build_report(self, context: str = "", dockerfile: str = "") -> "BuildReport | None":
        """What the last build did, step by step: of the Dockerfile in the folder `context` (or of `dockerfile`), or of
        any where both are "". None when none is known. Raises NotFound, BuildFailed for a Dockerfile that is not there.
        """
        from sampan.builder import project
        from sampan.builder.cache import reports
        from sampan.builder.options import BuildOptions

        options = BuildOptions(context=context or ".", dockerfile=dockerfile)
        is_any = not context and not dockerfile
        place = "" if is_any else project.place_of(project.read_dockerfile(options))
        return reports.last(self.database, place)

    def events(
        self, *, since_ns: int = 0, until_ns: int = 0, filters: "Mapping[str, Sequence[str]] | None" = None
    ) -> "Iterator[Event]":
        """What happens, from this call on, for ever; or from `since_ns` to `until_ns` (ns since the epoch, 0 = open).

        `filters` are those of `docker events`, such as {"type": ["container"], "event": ["die"]}. Events before a few
        thousand ago are forgotten. Raises InvalidArgument when the end lies before the beginning.
        """
        from sampan.engine import events

        return events.read(self.database, self.paths, since_ns=since_ns, until_ns=until_ns, filters=filters or {})

    def close(self) -> None:
        """Close the store. Containers go on."""
        self.database.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _check_user(root: str) -> None:
    if os.geteuid() == 0:
        return
    raise PermissionDenied(
        f"sampan needs root to work with {root}: running as an ordinary user is not supported yet",
        hint="run it with sudo",
    )
