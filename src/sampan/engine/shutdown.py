"""`system shutdown`: everything of a root stops, and nothing of it is left outside its folder."""

import os
import signal

from sampan.containers import control, store
from sampan.containers.model import SHUT_DOWN, Container
from sampan.engine.supervision import presence
from sampan.errors import NotFound
from sampan.images import mounting
from sampan.linux import cgroup, files, process
from sampan.networks import upkeep
from sampan.runtime import driver
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LAST_WORD_SECONDS = 10.0


def shut_down(database: Database, paths: Paths, *, timeout_seconds: int | None = None) -> list[str]:
    """Stop all containers, end the supervisor, take bridges, rules, cgroups and /run's folder away: names stopped.

    `timeout_seconds` is the grace of each container (None: its own). Rows and files stay, so that the next command
    finds everything; it needs an engine made anew, because this one's run folder is gone. `resuming.resume` starts what
    its policy wants to run.
    """
    running = [container.id for container in store.all_containers(database) if container.is_running]
    stopped = _stop_all(database, paths, timeout_seconds)
    _end_supervisor(paths)
    mounting.unmount_all(database, paths)
    with database.transaction():
        for container_id in running:
            store.update(database, container_id, stopped_by_user=SHUT_DOWN)
    upkeep.shutdown(database, paths)
    cgroup.kill(paths.cgroup)
    cgroup.remove(paths.cgroup)
    files.remove_below(*os.path.split(paths.run))
    return stopped


def _stop_all(database: Database, paths: Paths, timeout_seconds: int | None) -> list[str]:
    from concurrent.futures import ThreadPoolExecutor

    with database.transaction():
        for container_id, status, *_ in store.live(database):
            if status == "restarting":
                store.update(database, container_id, status="exited", stopped_by_user=SHUT_DOWN)
    running = [container for container in store.all_containers(database) if container.is_running]

    def stop(container: Container) -> str:
        try:
            control.stop(database, paths, container.id, timeout_seconds=timeout_seconds)
        except NotFound:
            return container.name  # --rm, or removed by somebody
        finally:
            process.wait_gone(container.monitor_pid, container.monitor_start, _LAST_WORD_SECONDS)
        return container.name

    if not running:
        return []
    with ThreadPoolExecutor(min(len(running), 32)) as pool:
        return list(pool.map(stop, running))


def _end_supervisor(paths: Paths) -> None:
    holder = presence.holder(paths)
    if holder is None:
        return
    pid, started = holder
    if process.is_alive(pid, started):
        driver.send_signal(pid, signal.SIGTERM)
        if not process.wait_gone(pid, started, _LAST_WORD_SECONDS):
            driver.send_signal(pid, signal.SIGKILL)
