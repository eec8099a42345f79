"""What goes on when no command runs: ends are recorded, restart policies followed, nothing of the starter held."""

import os
import sys
import zlib
from collections.abc import Iterator

import pytest

from sampan.containers.options import PortBinding, RestartPolicy, RunOptions
from sampan.engine import Engine
from sampan.engine.containers import Container
from sampan.engine.supervision import presence, restarting
from sampan.errors import InvalidArgument, NotFound
from sampan.linux import process
from sampan.oci.config import HealthConfig
from sampan.testing.engines import opened
from sampan.testing.waiting import until


@pytest.fixture
def engine(base: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with opened(f"{base}/supervisor-{zlib.crc32(request.node.nodeid.encode()):08x}") as engine:
        yield engine


def options(script: str, policy: RestartPolicy = RestartPolicy()) -> RunOptions:  # noqa: B008 - it is immutable
    return RunOptions("busybox", command=("sh", "-c", script), network="none", restart=policy)


def supervisor(engine: Engine) -> int:
    """Its pid, once there is one."""
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    holder = presence.holder(engine.paths)
    assert holder is not None
    return holder[0]


def is_gone(engine: Engine, container: Container) -> bool:
    try:
        engine.containers.get(container.id)
    except NotFound:
        return not os.path.exists(engine.paths.container(container.id))
    return False


def test_the_end_of_a_detached_container_is_recorded_without_a_command(engine: Engine) -> None:
    container = engine.containers.run(options("exit 3"))
    until(lambda: container.reload().status == "exited", "its end is recorded")
    assert container.record.exit_code == 3
    until(lambda: presence.holder(engine.paths) is None, "nothing watches")


def test_a_detached_container_with_rm_goes_away_and_leaves_the_image_alone(engine: Engine) -> None:
    container = engine.containers.run(options("mkdir /a; echo x > /bin/x; rm /etc/group")._replace(remove=True))
    until(lambda: is_gone(engine, container), "it is removed with its files")
    assert engine.system.check(deep=True) == []


def test_on_failure_starts_again_as_often_as_it_says(engine: Engine) -> None:
    container = engine.containers.run(options("echo run >> /log; exit 5", RestartPolicy("on-failure", 2)))
    until(lambda: container.reload().record.restart_count == 2 and container.status == "exited", "two restarts")
    assert container.record.exit_code == 5
    with open(engine.paths.container(container.id) + "/upper/log") as file:
        assert file.read() == "run\n" * 3


def test_success_ends_on_failure(engine: Engine) -> None:
    script = "test -e /second && exit 0; touch /second; exit 1"
    container = engine.containers.run(options(script, RestartPolicy("on-failure")))
    until(lambda: container.reload().record.restart_count == 1 and container.status == "exited", "one restart")
    assert container.record.exit_code == 0


def test_always_starts_again_what_was_killed_but_not_what_was_stopped(engine: Engine) -> None:
    policy = RestartPolicy("always")
    container = engine.containers.run(options("trap 'exit 0' TERM; while :; do sleep 0.1; done", policy))
    os.kill(container.record.pid, 9)
    until(lambda: container.reload().record.restart_count == 1 and container.status == "running", "it is restarted")
    container.stop(timeout_seconds=0)
    until(lambda: not process.is_alive(container.record.monitor_pid, container.record.monitor_start), "monitor's end")
    assert container.reload().status == "exited"
    assert container.record.restart_count == 1


def test_a_restarted_container_gets_its_port_again(engine: Engine) -> None:
    wanted = options("sleep 1000", RestartPolicy("always"))._replace(
        network="bridge", ports=(PortBinding(80, "tcp", "127.0.0.1", 0),)
    )
    container = engine.containers.run(wanted)
    os.kill(container.record.pid, 9)
    until(lambda: container.reload().record.restart_count == 1 and container.status == "running", "it is restarted")
    assert container.inspect()["NetworkSettings"]["Ports"]["80/tcp"]


def test_a_container_waits_for_its_restart_with_the_status_restarting(engine: Engine) -> None:
    container = engine.containers.run(options("exit 1", RestartPolicy("always")))
    until(lambda: container.reload().record.restart_count >= 3, "three restarts")
    until(lambda: container.reload().status == "restarting", "it waits")
    state = container.inspect()["State"]
    assert (state["Running"], state["Restarting"], state["Pid"]) == (True, True, 0)


def test_the_supervisor_holds_no_descriptor_mount_or_folder_of_its_starter(engine: Engine) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    engine.containers.run(options("exit 1", RestartPolicy("always")))
    pid = supervisor(engine)
    os.close(writer)
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
    with open(f"/proc/{pid}/mountinfo") as file:
        assert engine.paths.containers not in file.read()


def test_the_supervisor_stays_small(engine: Engine) -> None:
    check = HealthConfig(("CMD", "true"), interval_ns=10**8)
    container = engine.containers.run(options("sleep 1000")._replace(healthcheck=check))
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "it is healthy")
    pid = supervisor(engine)
    # With its guard, which is its parent.
    assert pss_kib(pid) + pss_kib(parent(pid)) < 30 << 10


def pss_kib(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def test_a_second_supervisor_ends_at_once(engine: Engine) -> None:
    engine.containers.run(options("sleep 1000")._replace(healthcheck=HealthConfig(("CMD", "true"))))
    pid = supervisor(engine)
    command = [sys.executable, "-I", "-m", "sampan.supervisor", "--root", engine.paths.root, "watch"]
    assert process.run(command)[0] == 0
    assert supervisor(engine) == pid


def test_shutdown_stops_all_and_the_next_engine_finds_everything(engine: Engine) -> None:
    container = engine.containers.run(options("sleep 1000", RestartPolicy("always")))
    crashing = engine.containers.run(options("exit 1", RestartPolicy("always")))
    engine.networks.create("front")
    stopped = engine.system.shutdown(timeout_seconds=0)
    assert container.name in stopped
    assert not os.path.exists(engine.paths.run)
    with Engine(engine.paths.root) as again:
        assert {found.status for found in again.containers.list(all=True)} == {"exited"}
        assert again.system.check() == []
        again.networks.remove("front")
        again.containers.start(container.id)
        assert again.containers.get(container.id).status == "running"
        again.containers.remove(crashing.id)
        again.system.shutdown(timeout_seconds=0)


def test_check_tells_of_what_is_left_over(engine: Engine) -> None:
    os.mkdir(engine.paths.container("0" * 64))
    os.mkdir(engine.paths.runtime + "/" + "1" * 64)
    found = {problem.where: problem for problem in engine.system.check()}
    assert set(found) == {engine.paths.container("0" * 64), engine.paths.runtime + "/" + "1" * 64}
    assert all(problem.what and problem.hint for problem in found.values())
    os.rmdir(engine.paths.container("0" * 64))
    os.rmdir(engine.paths.runtime + "/" + "1" * 64)


CHECK = HealthConfig(("CMD-SHELL", "! test -e /dev/shm/ill"), interval_ns=10**8, retries=2)


@pytest.mark.parametrize("policy", ["no", "always"])
def test_an_unhealthy_container_is_started_again_where_that_is_asked_for(engine: Engine, policy: str) -> None:
    script = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"
    wanted = options(script, RestartPolicy(policy))._replace(healthcheck=CHECK, restart_unhealthy=True)
    container = engine.containers.run(wanted)
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "it is healthy")
    container.exec(["touch", "/dev/shm/ill"])
    until(lambda: container.reload().record.restart_count == 1 and container.status == "running", "it is restarted")
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "it is healthy again")
    assert b"bye" in container.logs()
    reasons = engine.containers.why(container.id).reasons
    assert "restarted" in [reason.kind for reason in reasons]
    container.exec(["touch", "/dev/shm/ill"])
    container.stop(timeout_seconds=0)
    assert restarting.delay_seconds(container.reload().record) is None


def test_to_restart_when_unhealthy_needs_a_check(engine: Engine) -> None:
    with pytest.raises(InvalidArgument, match="--restart-unhealthy needs a health check"):
        engine.containers.create(options("true")._replace(restart_unhealthy=True))


def test_a_supervisor_that_was_killed_comes_back_by_itself(engine: Engine) -> None:
    check = HealthConfig(("CMD", "true"), interval_ns=10**8)
    container = engine.containers.run(options("sleep 1000")._replace(healthcheck=check))
    pid = supervisor(engine)
    os.kill(pid, 9)
    until(lambda: presence.holder(engine.paths) not in (None, pid) and supervisor(engine) != pid, "there is another")
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "it checks")
    guard = parent(supervisor(engine))
    container.stop(timeout_seconds=0)
    until(lambda: presence.holder(engine.paths) is None, "nothing is to be watched")
    until(lambda: not process.start_time(guard), "its guard has ended with it")


def test_without_its_guard_a_killed_supervisor_comes_back_when_a_container_ends(engine: Engine) -> None:
    check = HealthConfig(("CMD", "true"), interval_ns=10**8)
    checked = engine.containers.run(options("sleep 1000")._replace(healthcheck=check))
    other = engine.containers.run(options("sleep 1000"))
    pid = supervisor(engine)
    guard = (parent(pid), process.start_time(parent(pid)))
    os.kill(guard[0], 9)
    assert process.wait_gone(*guard, 10.0)
    os.kill(pid, 9)
    until(lambda: presence.holder(engine.paths) is None, "nothing watches")
    os.kill(other.record.pid, 9)
    assert supervisor(engine) != pid
    checked.stop(timeout_seconds=0)
