"""Health checks in real containers, looked after by the supervisor."""

import os
import zlib
from collections.abc import Iterator

import pytest

from sampan.containers import health, store
from sampan.containers.options import RunOptions
from sampan.engine import Engine
from sampan.engine.containers import Container
from sampan.engine.supervision import presence
from sampan.oci.config import HealthConfig
from sampan.testing.engines import opened
from sampan.testing.waiting import until

TENTH = 10**8


@pytest.fixture
def engine(base: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with opened(f"{base}/health-{zlib.crc32(request.node.nodeid.encode()):08x}") as engine:
        yield engine


def run(engine: Engine, check: HealthConfig) -> Container:
    options = RunOptions("busybox", command=("sleep", "1000"), network="none", healthcheck=check)
    return engine.containers.run(options)


def status(container: Container) -> str:
    record = container.reload().record
    return str(record.health["Status"]) if record.health else ""


def test_a_container_becomes_unhealthy_and_healthy_as_its_check_says(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD-SHELL", "echo seen; test -e /ok"), interval_ns=2 * TENTH, retries=2))
    assert status(container) == "starting"
    until(lambda: status(container) == "unhealthy", "it is unhealthy")
    assert container.exec(["touch", "/ok"]) == (0, b"")
    until(lambda: status(container) == "healthy", "it is healthy")
    last = container.inspect()["State"]["Health"]["Log"][-1]
    assert (last["ExitCode"], last["Output"]) == (0, "seen\n")


def test_a_check_that_takes_too_long_is_killed_with_what_it_started(engine: Engine) -> None:
    check = HealthConfig(("CMD-SHELL", "echo begun; sleep 77 & sleep 77"), 30 * TENTH, 3 * TENTH, retries=1)
    container = run(engine, check)
    result = health.run_probe(engine.paths, container.record)
    assert (result.exit_code, result.output) == (-1, "Health check exceeded timeout (300ms): begun\n")
    commands = [row[-1] for row in engine.containers.top(container.id)[1]]
    assert commands == ["sleep 1000"]


def test_a_check_whose_command_is_missing_fails_with_the_reason(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD", "nothing-here"), 1000 * TENTH))
    result = health.run_probe(engine.paths, container.record)
    assert result.exit_code == -1
    assert '"nothing-here": executable file not found' in result.output


def test_a_check_that_closes_its_output_and_goes_on_is_waited_for(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD-SHELL", "exec >/dev/null 2>&1; sleep 0.2; exit 4"), 1000 * TENTH))
    assert health.run_probe(engine.paths, container.record).exit_code == 4


def test_output_is_cut_at_4096_bytes(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD-SHELL", "head -c 100000 /dev/zero | tr '\\0' x"), 1000 * TENTH))
    assert health.run_probe(engine.paths, container.record).output == "x" * 4096 + "..."


def test_the_result_of_an_earlier_run_changes_nothing(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD", "true"), 1000 * TENTH))
    earlier = container.record._replace(started_at=container.record.started_at - 1)
    assert health.record(engine.database, earlier, health.ProbeResult(1, 2, 0, "")) is None
    assert status(container) == "starting"


def test_the_supervisor_ends_when_the_last_checked_container_has(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD", "true"), interval_ns=1000 * TENTH))
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    container.stop(timeout_seconds=0)
    until(lambda: presence.holder(engine.paths) is None, "no supervisor is left")


def test_one_supervisor_notices_a_container_that_comes_later(engine: Engine) -> None:
    first = run(engine, HealthConfig(("CMD", "true"), interval_ns=36000 * TENTH))
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    holder = presence.holder(engine.paths)
    second = run(engine, HealthConfig(("CMD", "true"), interval_ns=2 * TENTH))
    until(lambda: status(second) == "healthy", "the second is healthy")
    assert presence.holder(engine.paths) == holder
    assert status(first) == "starting"


def test_a_killed_supervisor_is_replaced_by_the_next_that_is_woken(engine: Engine) -> None:
    first = run(engine, HealthConfig(("CMD", "true"), interval_ns=5 * TENTH))
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    holder = presence.holder(engine.paths)
    assert holder is not None
    os.kill(holder[0], 9)
    until(lambda: presence.holder(engine.paths) is None, "it is gone")
    run(engine, HealthConfig(("CMD", "true"), interval_ns=36000 * TENTH))
    until(lambda: status(first) == "healthy", "the first is healthy")


def test_a_container_whose_monitor_was_killed_is_seen_to_end(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD", "true"), interval_ns=36000 * TENTH))
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    os.kill(container.record.monitor_pid, 9)
    os.kill(container.record.pid, 9)
    until(lambda: container.reload().status == "exited", "its end is recorded")
    assert health.due(engine.database) == {}


def test_a_paused_container_is_not_probed(engine: Engine) -> None:
    container = run(engine, HealthConfig(("CMD", "true"), interval_ns=TENTH))
    until(lambda: status(container) == "healthy", "it is healthy")
    other = run(engine, HealthConfig(("CMD", "true"), interval_ns=2 * TENTH))
    engine.containers.pause(container.id)
    until(lambda: status(other) == "healthy", "the other is healthy")
    before = store.find(engine.database, container.id).health
    until(lambda: len(_log(other)) >= 3, "the other was probed again")
    assert store.find(engine.database, container.id).health == before
    engine.containers.unpause(container.id)
    until(lambda: store.find(engine.database, container.id).health != before, "it is probed again")


def _log(container: Container) -> list[object]:
    record = container.reload().record
    return list(record.health["Log"]) if record.health else []
