"""The mounts of one RUN: got ready before it begins, staged where the runtime looks, given up after it.

Nothing of it is in the step's layer, and none of it is mounted where the host sees it. What is bound is found by
descriptor in its own tree, so that no link of a stage or an image leads out of it. Secrets lie in memory that is
mounted for the step alone.
"""

import functools
import os
from collections.abc import Callable
from typing import NamedTuple

from sampan.builder.mounts import agents, caching
from sampan.builder.mounts.showing import CONTENT, Direct
from sampan.builder.plan.steps import Mount, Pairs, RunCommand
from sampan.errors import InvalidArgument, NotFound
from sampan.linux import files, mount
from sampan.runtime.oneshot import MEMORY
from sampan.runtime.spec import SpecMount
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_HIDDEN = ("rbind", "rprivate", "ro", "nosuid", "nodev", "noexec")


class Sources(NamedTuple):
    """What a RUN's mounts come from. `layers` are those of the stage or image that a mount names, `identity` tells its
    files from others. `copied` is the folder with a copy of what it shows of the context, and `direct` that itself,
    where it can be shown as it lies there. `folder` makes one that is removed after the build; `pause` is called while
    another build is waited for."""

    layers: Callable[[Mount], tuple[str, ...]]
    identity: Callable[[Mount], str]
    copied: Callable[[Mount], str]
    direct: Callable[[Mount], Direct | None]
    folder: Callable[[], str]
    secret: Callable[[str], bytes | None]
    agents: agents.Agents
    pause: Callable[[float], object]


class Mounts:
    """The mounts of `action`. Raises NotFound for a secret or agent that is required and not given; close() it."""

    def __init__(self, database: Database, paths: Paths, action: RunCommand, sources: Sources) -> None:
        self._database, self._paths, self._sources = database, paths, sources
        self._caches: list[caching.Held] = []
        self._forwards: list[agents.Forward] = []
        self._direct: dict[int, Direct] = {}
        self._folders: dict[int, str] = {}  # of caches and of copies, by the mount's place
        self.absent: tuple[str, ...] = ()  # what was not given, and need not be, for the hint of a step that fails
        self._mounts = tuple(self._wanted(action))
        self.env: Pairs = tuple(
            (one.env, self._variable(one)) for one in self._mounts if one.env and one.type in ("secret", "ssh")
        )
        try:
            self._take_caches(action)
            for number, one in enumerate(self._mounts):
                if one.type == "bind" and one.stage < 0 and not one.image:
                    direct = sources.direct(one) if one.read_only and not action.is_insecure else None
                    if direct is not None:
                        self._direct[number] = direct
                    else:
                        self._folders[number] = sources.copied(one)
        except BaseException:
            self.close()
            raise

    @property
    def is_confidential(self) -> bool:
        return any(one.type == "secret" for one in self._mounts)

    @property
    def is_steady(self) -> bool:
        """Whether what was shown as it lies in the context is still what it was."""
        return all(direct.is_steady for direct in self._direct.values())

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(one.target for one in self._mounts if one.target)

    def close(self) -> None:
        for forward in self._forwards:
            forward.close()
        self._forwards.clear()
        caching.release(self._database, self._caches)
        self._caches = []

    def _wanted(self, action: RunCommand) -> list[Mount]:
        """All mounts but those of secrets and agents that were not given and are not required."""
        found = []
        for one in action.mounts:
            missing: NotFound | None = None
            if one.type == "secret" and self._sources.secret(one.id) is None:
                missing = NotFound(f"secret {one.id}: not found", hint=f"build with --secret id={one.id},src=PATH")
            elif one.type == "ssh" and not self._sources.agents.has(one.id):
                missing = NotFound(f"unset ssh forward key {one.id}", hint=f"build with --ssh {one.id}")
            if missing is None:
                found.append(one)
            elif one.required:
                raise missing
            else:
                self.absent += (f"{one.type} {one.id} was not given: {missing.hint}",)
        return found

    def _variable(self, one: Mount) -> str:
        if one.type == "ssh":
            return one.target
        value = self._sources.secret(one.id) or b""
        if b"\0" in value:
            raise InvalidArgument(
                f"secret {one.id} holds a zero byte, which no variable can", hint="mount it as a file: without env="
            )
        return os.fsdecode(value)

    def _take_caches(self, action: RunCommand) -> None:
        """In one order for all builds, so that two that want the same ones do not wait for each other; a cache that is
        mounted twice is one."""
        held: dict[tuple[str, str], str] = {}
        wanted = [
            (one.id, caching.base_of(one, "" if one.is_empty else self._sources.identity(one)), number)
            for number, one in enumerate(self._mounts)
            if one.type == "cache"
        ]
        for name, base, number in sorted(wanted):
            if (name, base) not in held:
                one = self._mounts[number]
                fill = functools.partial(self._fill, one)
                maker = caching.Maker(self._sources.folder, fill, _description(one, action))
                cache = caching.take(self._database, self._paths, one, base, maker, self._sources.pause)
                self._caches.append(cache)
                held[name, base] = self._paths.cache_mount(cache.id)
            self._folders[number] = held[name, base]

    def _fill(self, one: Mount, folder: str) -> None:
        """What a cache begins with: a folder of a stage or image, or an empty one with its mode and owner."""
        if one.is_empty:
            os.chown(folder, one.uid or 0, one.gid or 0)
            os.chmod(folder, 0o755 if one.mode is None else one.mode)
            return
        from sampan.linux import copying as trees

        is_context = one.stage < 0 and not one.image
        if is_context:
            root = os.open(self._sources.copied(one), files.DIRECTORY)
        else:
            root = mount.lower_root(self._paths.layers, self._sources.layers(one))
        try:
            source = files.open_in_root(root, CONTENT if is_context else one.source, files.DIRECTORY)
        except OSError as error:
            raise _unfit(one, error) from error
        finally:
            os.close(root)
        target = os.open(folder, files.DIRECTORY)
        try:
            trees.copy_tree(source, target)
            trees.take_over(source, target)
        finally:
            os.close(source)
            os.close(target)

    def stage(self, folder: str) -> tuple[SpecMount, ...]:
        """Make all ready below `folder`; to be called in the mount namespace of the step."""
        return tuple(
            self._staged(one, number, f"{folder}/{number}") for number, one in enumerate(self._mounts) if one.target
        )

    def _staged(self, one: Mount, number: int, place: str) -> SpecMount:
        if one.type == "tmpfs":
            size = (f"size={one.size_bytes}",) if one.size_bytes else ()
            return SpecMount(one.target, "tmpfs", "tmpfs", ("nosuid", *size, *(("ro",) if one.read_only else ())))
        if one.type == "secret":
            return SpecMount(one.target, "bind", self._secret_file(one, number, os.path.dirname(place)), _HIDDEN)
        if one.type == "ssh":
            return SpecMount(one.target, "bind", self._socket(one, number, os.path.dirname(place)), _HIDDEN)
        source = self._folders[number] if one.type == "cache" else self._shown(one, number, place)
        return SpecMount(one.target, "bind", source, ("rbind", "rprivate", "ro" if one.read_only else "rw"))

    def _secret_file(self, one: Mount, number: int, folder: str) -> str:
        path = f"{folder}/{MEMORY}/secret-{number}"
        value = self._sources.secret(one.id) or b""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(value)
            file.flush()
            os.fchown(fd, one.uid or 0, one.gid or 0)
            os.fchmod(fd, one.mode or 0)
        return path

    def _socket(self, one: Mount, number: int, folder: str) -> str:
        agent = self._sources.agents.path(one.id, self._sources.folder())
        name = f"ssh-{number}"
        self._forwards.append(agents.Forward(folder, name, agent, one.mode or 0, one.uid or 0, one.gid or 0))
        return f"{folder}/{name}"

    def _shown(self, one: Mount, number: int, place: str) -> str:
        """Bind what the mount shows to a place of its own; what the step writes goes to a layer that is thrown away."""
        if number in self._direct:
            part = self._direct[number].open()
            try:
                mount.bind(part, place + "-part")
            finally:
                os.close(part)
            return place + "-part"
        os.mkdir(place, 0o700)
        copy = self._folders.get(number)
        lower = self._sources.layers(one) if copy is None else ()
        if one.read_only and copy is None:
            mount.lower_view(self._paths.layers, lower, place)
        elif not one.read_only:
            for name in ("-upper", "-work"):
                os.mkdir(place + name, 0o755)
            where, names = (self._paths.layers, lower) if copy is None else (os.path.dirname(copy), [_name(copy)])
            mount.overlay(where, names, place + "-upper", place + "-work", place)
        root = os.open(place if copy is None or not one.read_only else copy, files.DIRECTORY)
        try:
            part = files.open_in_root(root, one.source if copy is None else CONTENT, os.O_PATH)
        except OSError as error:
            raise _unfit(one, error) from error
        finally:
            os.close(root)
        try:
            mount.bind(part, place + "-part")
        finally:
            os.close(part)
        return place + "-part"


def _name(path: str) -> str:
    return os.path.basename(path)


def _unfit(one: Mount, error: OSError) -> NotFound:
    reason = (error.strerror or "").lower()
    return NotFound(
        f'failed to compute cache key: "{one.source}": {reason}', hint=f"from= of {one.target} names no such"
    )


def _description(one: Mount, action: RunCommand) -> str:
    """As BuildKit describes a cache."""
    return f'cached mount {one.target} from exec {" ".join(action.args)} with id "{one.id}"'
