"""A reboot, as far as one root can tell: its processes are gone at once, and what was below /run and in the kernel."""

import os
import signal

from sampan.engine import Engine
from sampan.engine.supervision import presence
from sampan.linux import cgroup, files, process
from sampan.networks import upkeep
from sampan.runtime import driver

ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def pretend(engine: Engine) -> None:
    """Do to the engine's root what a power cut does, and let its rows be of another boot. The engine is closed."""
    database, paths = engine.database, engine.paths
    rows = database.rows("SELECT monitor_pid, monitor_start, pid, pid_start FROM container WHERE pid > 0")
    supervisor = presence.holder(paths)
    victims = [(int(row[at] or 0), int(row[at + 1] or 0)) for row in rows for at in (0, 2)]
    for pid, started in [*victims[::2], *([supervisor] if supervisor else []), *victims[1::2]]:
        if process.is_alive(pid, started):
            driver.send_signal(pid, signal.SIGKILL)
            process.wait_gone(pid, started, 10.0)
    cgroup.kill(paths.cgroup)
    cgroup.remove(paths.cgroup)
    upkeep.shutdown(database, paths)
    files.remove_below(*os.path.split(paths.run))
    with database.transaction():
        database.execute("UPDATE container SET boot_id = ? WHERE boot_id != ''", (ANOTHER_BOOT,))
        database.execute("UPDATE lease SET boot_id = ?", (ANOTHER_BOOT,))
    engine.close()
