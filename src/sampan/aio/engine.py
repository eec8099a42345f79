"""`AsyncEngine` and its nouns: each method is that of the synchronous face, awaited."""

from types import TracebackType
from typing import Self

from sampan.aio.awaited import Facade, awaited, awaited_as, streamed
from sampan.aio.threads import in_thread
from sampan.engine import Engine
from sampan.engine.containers import Container, Containers
from sampan.engine.image_tools import ImageTools
from sampan.engine.images import Images
from sampan.engine.manifest_lists import ManifestLists
from sampan.engine.networks import Networks
from sampan.engine.registries import Registries
from sampan.engine.system import System
from sampan.engine.volumes import Volumes
from sampan.errors import NotFound


class AsyncContainer(Facade[Container]):
    """One container; see `Container`. `async with` removes it at the end."""

    __slots__ = ()

    @property
    def id(self) -> str:
        return self.sync.id

    @property
    def name(self) -> str:
        return self.sync.name

    @property
    def status(self) -> str:
        """As it was when the state was read last: see `reload()`."""
        return self.sync.status

    exec = awaited(Container.exec)
    inspect = awaited(Container.inspect)
    logs = awaited(Container.logs)
    remove = awaited(Container.remove)
    stop = awaited(Container.stop)
    wait = awaited(Container.wait)

    async def reload(self) -> Self:
        """Read the state anew. Raises NotFound when the container was removed."""
        await in_thread(self.sync.reload)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.remove(force=True, volumes=True)
        except NotFound:
            pass

    def __repr__(self) -> str:
        return repr(self.sync).replace("<", "<Async", 1)


def _all(found: list[Container]) -> list[AsyncContainer]:
    return [AsyncContainer(container) for container in found]


class AsyncContainers(Facade[Containers]):
    """See `Containers`. `logs` and `stats` are for `async for`."""

    __slots__ = ()

    clone = awaited_as(Containers.clone, AsyncContainer)
    commit = awaited(Containers.commit)
    copy_in = awaited(Containers.copy_in)
    copy_out = awaited(Containers.copy_out)
    create = awaited_as(Containers.create, AsyncContainer)
    diff = awaited(Containers.diff)
    exec_output = awaited(Containers.exec_output)
    export = awaited(Containers.export)
    extract_archive = awaited(Containers.extract_archive)
    get = awaited_as(Containers.get, AsyncContainer)
    inspect = awaited(Containers.inspect)
    kill = awaited(Containers.kill)
    list = awaited_as(Containers.list, _all)
    log_text = streamed(Containers.log_text)
    logs = streamed(Containers.logs)
    pause = awaited(Containers.pause)
    ports = awaited(Containers.ports)
    prune = awaited(Containers.prune)
    read_archive = awaited(Containers.read_archive)
    remove = awaited(Containers.remove)
    rename = awaited(Containers.rename)
    restart = awaited(Containers.restart)
    run = awaited_as(Containers.run, AsyncContainer)
    size = awaited(Containers.size)
    snapshot = awaited(Containers.snapshot)
    start = awaited(Containers.start)
    stats = streamed(Containers.stats)
    stop = awaited(Containers.stop)
    summaries = awaited(Containers.summaries)
    top = awaited(Containers.top)
    unpause = awaited(Containers.unpause)
    update = awaited(Containers.update)
    wait = awaited(Containers.wait)
    why = awaited(Containers.why)
    why_ports = awaited(Containers.why_ports)


class AsyncImages(Facade[Images]):
    """See `Images`."""

    __slots__ = ()

    bootstrap = awaited(Images.bootstrap)
    create_bundle = awaited(Images.create_bundle)
    diff = awaited(Images.diff)
    packages = awaited(Images.packages)
    get = awaited(Images.get)
    history = awaited(Images.history)
    import_rootfs = awaited(Images.import_rootfs)
    inspect = awaited(Images.inspect)
    layer_uses = awaited(Images.layer_uses)
    list = awaited(Images.list)
    load = awaited(Images.load)
    load_bundle = awaited(Images.load_bundle)
    lock = awaited(Images.lock)
    made_from = awaited(Images.made_from)
    mount = awaited(Images.mount)
    mounted = awaited(Images.mounted)
    prune = awaited(Images.prune)
    pull = awaited(Images.pull)
    push = awaited(Images.push)
    remove = awaited(Images.remove)
    save = awaited(Images.save)
    tag = awaited(Images.tag)
    unmount = awaited(Images.unmount)
    unmount_all = awaited(Images.unmount_all)
    users = awaited(Images.users)


class AsyncVolumes(Facade[Volumes]):
    """See `Volumes`."""

    __slots__ = ()

    create = awaited(Volumes.create)
    export = awaited(Volumes.export)
    get = awaited(Volumes.get)
    inspect = awaited(Volumes.inspect)
    list = awaited(Volumes.list)
    load = awaited(Volumes.load)
    prune = awaited(Volumes.prune)
    remove = awaited(Volumes.remove)
    size = awaited(Volumes.size)
    users = awaited(Volumes.users)


class AsyncNetworks(Facade[Networks]):
    """See `Networks`."""

    __slots__ = ()

    connect = awaited(Networks.connect)
    create = awaited(Networks.create)
    disconnect = awaited(Networks.disconnect)
    endpoints = awaited(Networks.endpoints)
    get = awaited(Networks.get)
    inspect = awaited(Networks.inspect)
    list = awaited(Networks.list)
    prune = awaited(Networks.prune)
    remove = awaited(Networks.remove)


class AsyncSystem(Facade[System]):
    """See `System`."""

    __slots__ = ()

    build_cache = awaited(System.build_cache)
    check = awaited(System.check)
    disk_usage = awaited(System.disk_usage)
    info = awaited(System.info)
    prune = awaited(System.prune)
    prune_cache = awaited(System.prune_cache)
    repair = awaited(System.repair)
    restore = awaited(System.restore)
    resume = awaited(System.resume)
    settings = awaited(System.settings)
    shutdown = awaited(System.shutdown)
    version = awaited(System.version)


class AsyncRegistries(Facade[Registries]):
    """See `Registries`."""

    __slots__ = ()

    known = awaited(Registries.known)
    login = awaited(Registries.login)
    logout = awaited(Registries.logout)
    search = awaited(Registries.search)


class AsyncManifestLists(Facade[ManifestLists]):
    """See `ManifestLists`."""

    __slots__ = ()

    annotate = awaited(ManifestLists.annotate)
    create = awaited(ManifestLists.create)
    document = awaited(ManifestLists.document)
    inspect = awaited(ManifestLists.inspect)
    push = awaited(ManifestLists.push)
    remove = awaited(ManifestLists.remove)


class AsyncImageTools(Facade[ImageTools]):
    """See `ImageTools`."""

    __slots__ = ()

    create = awaited(ImageTools.create)
    look = awaited(ImageTools.look)


class AsyncEngine(Facade[Engine]):
    """An engine for asyncio: `async with AsyncEngine() as engine`, or `engine = await AsyncEngine.open()`.

    Each call works in a thread of its own; any number may be under way. One that is cancelled ends what it waits for
    before CancelledError is raised.
    """

    __slots__ = ("_root",)

    def __init__(self, root: str | None = None) -> None:
        self._root = root

    @classmethod
    async def open(cls, root: str | None = None) -> Self:
        """Open the store. Errors as Engine()."""
        return await cls(root).__aenter__()

    async def __aenter__(self) -> Self:
        root = self._root
        self.sync = await in_thread(lambda: Engine(root))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def containers(self) -> AsyncContainers:
        return AsyncContainers(self.sync.containers)

    @property
    def images(self) -> AsyncImages:
        return AsyncImages(self.sync.images)

    @property
    def volumes(self) -> AsyncVolumes:
        return AsyncVolumes(self.sync.volumes)

    @property
    def networks(self) -> AsyncNetworks:
        return AsyncNetworks(self.sync.networks)

    @property
    def system(self) -> AsyncSystem:
        return AsyncSystem(self.sync.system)

    def registries(self, config: str = "") -> AsyncRegistries:
        """See `Engine.registries`; opens nothing."""
        return AsyncRegistries(self.sync.registries(config))

    def manifest_lists(self, config: str = "", *, insecure: bool = False) -> AsyncManifestLists:
        """See `Engine.manifest_lists`; opens nothing."""
        return AsyncManifestLists(self.sync.manifest_lists(config, insecure=insecure))

    def image_tools(self, config: str = "") -> AsyncImageTools:
        """See `Engine.image_tools`; opens nothing."""
        return AsyncImageTools(self.sync.image_tools(config))

    build = awaited(Engine.build)
    build_report = awaited(Engine.build_report)
    check_image = awaited(Engine.check_image)
    close = awaited(Engine.close)
    context_reason = awaited(Engine.context_reason)
    context_survey = awaited(Engine.context_survey)
    events = streamed(Engine.events)
    examine = awaited(Engine.examine)
    run = awaited_as(Engine.run, AsyncContainer)
    verify_build = awaited(Engine.verify_build)
