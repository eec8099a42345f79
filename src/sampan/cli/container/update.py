"""`sampan update`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.each import each
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BYTES, DECIMAL, INT, STRING, SWAP_BYTES, UINT16
from sampan.cli.values.limits import read_restart
from sampan.containers.options import UpdateOptions
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Change limits and restart policy of containers",
    examples=(
        Example("More memory for one that runs", "update -m 512m --memory-swap 1g web"),
        Example("Let it come back whatever happens", "update --restart unless-stopped web"),
    ),
    flags=(
        Flag("blkio-weight", UINT16, "", hidden=True),
        Flag("cpu-period", INT, "Period of the CPU quota in microseconds"),
        Flag("cpu-quota", INT, "Microseconds of CPU in each period"),
        Flag("cpu-rt-period", INT, "Period of the CPU's real-time scheduler in microseconds"),
        Flag("cpu-rt-runtime", INT, "Microseconds of real-time scheduling in each period"),
        Flag("cpu-shares", INT, "Weight of its share of the CPUs, 1024 is normal", "c"),
        Flag("cpus", DECIMAL, "How many CPUs it may use, such as 1.5"),
        Flag("cpuset-cpus", STRING, "CPUs it may use, such as 0-2,4"),
        Flag("cpuset-mems", STRING, "Memory nodes it may use"),
        Flag("kernel-memory", BYTES, "", hidden=True, deprecated="and no longer supported by the kernel"),
        Flag("memory", BYTES, "Memory it may use, such as 64m", "m"),
        Flag("memory-reservation", BYTES, "Memory that is kept for it when memory is short"),
        Flag("memory-swap", SWAP_BYTES, "Memory and swap together; -1 for no limit"),
        Flag("pids-limit", INT, "Most processes, -1 for no limit"),
        Flag("restart", STRING, "What happens when it ends: no, always, unless-stopped, on-failure[:N]"),
    ),
    takes=(1, None),
)
_DISCARDED = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if not parsed.given:
        raise ClientError(
            "you must provide one or more flags when using this command",
            hint=f"sampan update --memory 512m --memory-swap 1g {invocation.arguments[0]}",
        )
    options = _options(parsed)
    engine = Engine(invocation.settings.root or None)
    code = each(invocation.arguments, lambda name: engine.containers.update(name, options))
    if parsed.integer("blkio-weight"):
        sys.stdout.flush()
        print(_DISCARDED, file=sys.stderr)
    return code


def _options(parsed: Parsed) -> UpdateOptions:
    return UpdateOptions(
        memory_bytes=parsed.integer("memory"),
        memory_reservation_bytes=parsed.integer("memory-reservation"),
        memory_swap_bytes=parsed.integer("memory-swap"),
        nano_cpus=parsed.integer("cpus"),
        cpu_shares=parsed.integer("cpu-shares"),
        cpu_period=parsed.integer("cpu-period"),
        cpu_quota=parsed.integer("cpu-quota"),
        cpuset_cpus=parsed.string("cpuset-cpus"),
        cpuset_mems=parsed.string("cpuset-mems"),
        cpu_realtime_period=parsed.integer("cpu-rt-period"),
        cpu_realtime_runtime=parsed.integer("cpu-rt-runtime"),
        pids_limit=parsed.integer("pids-limit") if parsed.is_given("pids-limit") else None,
        restart=read_restart(parsed.string("restart")) if parsed.string("restart") else None,
    )
