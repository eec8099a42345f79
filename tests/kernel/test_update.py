"""`update`: the kernel has the limits at once, the record has them for later, and a kill in between changes nothing."""

import os
import signal

from sampan import Engine
from sampan.containers.options import RestartPolicy, UpdateOptions
from sampan.testing import waiting
from sampan.testing.command import Sampan

BOX = ("run", "-d", "--name", "box", "--network", "none")
SLEEP = ("busybox", "sleep", "100000")
# Where the limits are, in version 1 of control groups and in version 2.
MEMORY = "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"
PIDS = "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"


def limit(sampan: Sampan, places: tuple[str, str]) -> str:
    return sampan("exec", "box", "sh", "-c", f"cat {places[0]} 2>/dev/null || cat {places[1]}").out.strip()


def shown(sampan: Sampan, *fields: str) -> str:
    return sampan("inspect", "-f", " ".join(f"{{{{json .HostConfig.{name}}}}}" for name in fields), "box").out.strip()


def test_a_running_container_has_other_limits_at_once_and_after_a_restart(sampan: Sampan) -> None:
    sampan(*BOX, "--memory", "64m", *SLEEP)
    wish = ("--memory", "32m", "--memory-swap", "48m", "--pids-limit", "77", "--cpus", "0.5", "--cpuset-cpus", "0")
    assert sampan("update", *wish, "box").out == "box\n"
    fields = ("Memory", "MemorySwap", "PidsLimit", "NanoCpus", "CpusetCpus")
    assert shown(sampan, *fields) == '33554432 50331648 77 500000000 "0"'
    assert (limit(sampan, MEMORY), limit(sampan, PIDS)) == ("33554432", "77")
    sampan("restart", "-t", "0", "box")
    assert shown(sampan, *fields) == '33554432 50331648 77 500000000 "0"'
    assert (limit(sampan, MEMORY), limit(sampan, PIDS)) == ("33554432", "77")
    sampan("update", "--pids-limit", "-1", "box")
    assert limit(sampan, PIDS) == "max"


def test_a_stopped_container_has_them_when_it_starts(sampan: Sampan) -> None:
    sampan("create", "--name", "box", "--network", "none", "--pids-limit", "9", *SLEEP)
    sampan("update", "--pids-limit", "33", "box")
    sampan("start", "box")
    assert limit(sampan, PIDS) == "33"


def test_what_the_kernel_refuses_changes_nothing(sampan: Sampan) -> None:
    sampan(*BOX, "--memory", "64m", *SLEEP)
    wish = ("--memory", "32m", "--memory-swap", "32m", "--cpu-shares", "300", "--pids-limit", "99999999999")
    refusal = sampan("update", *wish, "box", code=1)
    assert refusal.err.startswith("Error response from daemon: Cannot update container ")
    assert " did not terminate successfully: exit status 1: " in refusal.err
    assert shown(sampan, "Memory", "MemorySwap", "PidsLimit", "CpuShares") == "67108864 134217728 null 0"
    assert (limit(sampan, MEMORY), limit(sampan, PIDS)) == ("67108864", "max")


def test_who_is_killed_between_record_and_kernel_has_the_next_command_finish_it(sampan: Sampan) -> None:
    sampan(*BOX, *SLEEP)
    for number, point in enumerate(("update.committed", "update.applied"), 40):
        kill = {"SAMPAN_FAULT": f"{point}:1"}
        sampan("update", "--pids-limit", str(number), "box", env=kill, code=-signal.SIGKILL)
        sampan("ps")
        assert shown(sampan, "PidsLimit") == str(number)
        assert limit(sampan, PIDS) == str(number)
    assert (
        sampan("events", "--since", "0", "--until", "0s", "--filter", "event=update", "--format", "x").out == "x\nx\n"
    )
    assert sampan("system", "check").code == 0


def test_a_policy_given_while_it_runs_brings_a_container_back(sampan: Sampan) -> None:
    sampan(*BOX, "busybox", "sh", "-c", "sleep 100000 & wait")
    with Engine(sampan.root) as engine:
        engine.containers.update("box", UpdateOptions(restart=RestartPolicy("on-failure", 1)))
        starts = engine.events(filters={"event": ["start"], "container": ["box"]})
        pid = engine.containers.get("box").record.pid
        os.kill(pid, signal.SIGKILL)
        next(starts)
        assert engine.containers.get("box").record.restart_count in (0, 1)
    assert shown(sampan, "RestartPolicy") == '{"Name":"on-failure","MaximumRetryCount":1}'


def test_a_policy_given_after_its_end_starts_nothing(sampan: Sampan) -> None:
    sampan("run", "--name", "box", "--network", "none", "busybox", "false", code=1)
    sampan("update", "--restart", "always", "box")
    sampan(*BOX[:2], "--name", "other", "--health-cmd", "true", "--health-interval", "100ms", *SLEEP)
    with Engine(sampan.root) as engine:  # whoever watches looks at every container now and then
        next(engine.events(filters={"event": ["health_status"], "container": ["other"]}, since_ns=1))
    assert sampan("ps", "-a", "--filter", "name=box", "--format", "{{.State}}").out == "exited\n"


def test_a_policy_taken_away_leaves_a_container_that_waits_for_its_restart(sampan: Sampan) -> None:
    sampan(*BOX, "--restart", "always", "busybox", "false")
    sampan("update", "--restart", "no", "box")
    waiting.until(
        lambda: sampan("inspect", "-f", "{{.State.Status}}", "box").out == "exited\n", "it is left where it is"
    )


def test_several_containers_are_updated_and_each_mistake_is_told(sampan: Sampan) -> None:
    sampan(*BOX, *SLEEP)
    done = sampan("update", "--cpu-shares", "300", "nope", "box", code=1)
    assert done.out == "box\n"
    assert done.err == "Error response from daemon: No such container: nope\n"
    assert shown(sampan, "CpuShares") == "300"
