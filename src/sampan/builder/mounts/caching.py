"""Cache mounts while a RUN has them: found or made, and locked as `sharing` says.

As in BuildKit: a cache is known by its namespace and id, and by what it began with. `shared` has it together with other
shared ones, `private` gets another one while somebody has it, `locked` waits. What is in use in a way that excludes is
passed over by `shared` too.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from sampan.builder.plan.steps import Mount
from sampan.linux import fault
from sampan.storage import caches, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LOOK_AGAIN_SECONDS = 0.05


class Held(NamedTuple):
    """A cache that is held until `lock` is closed."""

    id: str
    lock: int


class Maker(NamedTuple):
    """How a cache comes to be: `folder` is a new folder for it, leased, and `fill` puts into it what it begins with."""

    folder: Callable[[], str]
    fill: Callable[[str], None]
    description: str


def base_of(mount: Mount, identity: str) -> str:
    """What tells caches of one name apart: what they began with, `identity` being that of the stage or image that they
    are filled from; else the mode and owner that were asked for."""
    if not mount.is_empty:
        return f"{identity} {mount.source}"
    if mount.mode is None and mount.uid is None and mount.gid is None:
        return ""
    return f"{0o755 if mount.mode is None else mount.mode:o} {mount.uid or 0}:{mount.gid or 0}"


def take(
    database: Database,
    paths: Paths,
    mount: Mount,
    base: str,
    maker: Maker,
    pause: Callable[[float], object] = time.sleep,
) -> Held:
    """Hold a cache, made where there is none to be had. While a locked one is waited for, `pause` is called."""
    while True:
        # One at a time looks and makes: two would make two.
        with _name_lock(paths, mount.id, base):
            known = caches.candidates(database, mount.id, base)
            for cache_id in known:
                held = _try(database, paths, mount, cache_id)
                if held is not None:
                    _make(paths, held.id, maker)
                    return held
            if not known or mount.sharing != "locked":
                return _new(database, paths, mount, base, maker)
        pause(_LOOK_AGAIN_SECONDS)


def _name_lock(paths: Paths, name: str, base: str) -> "_NameLock":
    digest = hashlib.sha256(f"{name}\0{base}".encode()).hexdigest()[:32]
    return _NameLock(f"{paths.locks}/cache-name-{digest}")


class _NameLock:
    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        fd = locks.acquire(self._path)
        assert fd is not None
        self._fd = fd

    def __exit__(self, *exception: object) -> None:
        os.unlink(self._path)
        os.close(self._fd)


def _try(database: Database, paths: Paths, mount: Mount, cache_id: str) -> Held | None:
    lock = caches.try_lock(paths, cache_id, shared=mount.sharing == "shared")
    if lock is None:
        return None
    if not caches.exists(database, cache_id):  # pruned before it was locked
        os.close(lock)
        return None
    return Held(cache_id, lock)


def _new(database: Database, paths: Paths, mount: Mount, base: str, maker: Maker) -> Held:
    cache_id = os.urandom(16).hex()[:25]
    lock = caches.try_lock(paths, cache_id, shared=mount.sharing == "shared")
    assert lock is not None  # nobody knows it yet
    try:
        caches.add(database, cache_id, mount.id, base, maker.description)
        fault.point("cache-mount.added")
        _make(paths, cache_id, maker)
    except BaseException:
        with database.transaction():
            caches.forget(database, cache_id)
        caches.remove(database, paths, cache_id)
        os.close(lock)
        raise
    return Held(cache_id, lock)


def _make(paths: Paths, cache_id: str, maker: Maker) -> None:
    """Put the folder of a cache in place, unless it is there; filled before, so that nobody finds half of it."""
    if os.path.lexists(paths.cache_mount(cache_id)):
        return
    os.makedirs(paths.cache_mounts, 0o700, exist_ok=True)
    folder = maker.folder()
    maker.fill(folder)
    fault.point("cache-mount.filled")
    os.rename(folder, paths.cache_mount(cache_id))


def release(database: Database, held: list[Held]) -> None:
    """Give caches up after a step."""
    if held:
        caches.mark_used(database, tuple(one.id for one in held))
    for one in held:
        fcntl.flock(one.lock, fcntl.LOCK_UN)
        os.close(one.lock)
