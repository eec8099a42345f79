"""After a reboot nothing lies: what ran is known to be lost, what it held is free, what is to run runs again."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.containers.options import Mount, PortBinding, RestartPolicy, RunOptions
from sampan.engine import Engine
from sampan.testing import reboot, remains
from sampan.testing.command import Sampan
from sampan.testing.engines import opened
from sampan.testing.waiting import until


@pytest.fixture
def root(base: str, request: pytest.FixtureRequest) -> Iterator[str]:
    path = f"{base}/reboot-{zlib.crc32(request.node.nodeid.encode()):08x}"
    with opened(path):
        yield path


def options(name: str, policy: str = "no", **more: object) -> RunOptions:
    script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"
    chosen = RunOptions("busybox", command=("sh", "-c", script), network="none", name=name)
    return chosen._replace(restart=RestartPolicy(policy), **more)


def states(engine: Engine) -> dict[str, str]:
    return {container.name: container.status for container in engine.containers.list(all=True)}


def test_an_exit_code_that_nobody_knows_is_not_told_as_success(root: str) -> None:
    with Engine(root) as engine:
        container = engine.containers.run(options("plain"))
        until(lambda: container.logs() == b"up\n", "it has written")
        reboot.pretend(engine)
    with Engine(root) as engine:
        found = engine.containers.get("plain")
        state = found.inspect()["State"]
        assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 255, 0)
        assert "rebooted" in state["Error"]
        assert [reason.kind for reason in engine.containers.why("plain").reasons] == ["reboot"]
        assert found.logs() == b"up\n"


def test_what_a_container_held_is_free_after_a_reboot(root: str) -> None:
    port = PortBinding(80, "tcp", "127.0.0.1", 0)
    mount = Mount("volume", "data", "/data")
    with Engine(root) as engine:
        network = engine.networks.create("front")
        held = options("held", network="front", ports=(port,), mounts=(mount,))
        engine.containers.run(held)
        engine.containers.run(options("gone", remove=True))
        reboot.pretend(engine)
    with Engine(root) as engine:
        assert states(engine) == {"held": "exited"}
        for table in ("endpoint", "port", "lease", "health_due"):
            assert engine.database.rows(f"SELECT * FROM {table}") == []
        assert engine.system.check(deep=True) == []
        assert engine.networks.get("front").id == network.id
        engine.containers.start("held")
        assert engine.containers.get("held").status == "running"
        engine.containers.remove("held", force=True)
        engine.networks.remove("front")
    remains.assert_none(root)


def test_resume_starts_what_its_policy_wants(root: str) -> None:
    with Engine(root) as engine:
        for policy in ("no", "always", "unless-stopped", "on-failure"):
            engine.containers.run(options(policy, policy))
            engine.containers.run(options(policy + "-stopped", policy)).stop()
            engine.containers.create(options(policy + "-made", policy))
        reboot.pretend(engine)
    with Engine(root) as engine:
        started = engine.system.resume().started
        until(lambda: list(states(engine).values()).count("running") == 4, "four run")
        running = {name for name, state in states(engine).items() if state == "running"}
        # As docker when its daemon starts: `always` comes back even when it was stopped.
        assert running == {"always", "always-stopped", "unless-stopped", "on-failure"}
        assert set(started) <= running


def test_any_command_brings_back_what_ran(root: str) -> None:
    with Engine(root) as engine:
        engine.containers.run(options("kept", "unless-stopped"))
        reboot.pretend(engine)
    with Engine(root) as engine:
        until(lambda: engine.containers.get("kept").status == "running", "it runs again")


def test_resume_undoes_a_shutdown(root: str) -> None:
    with Engine(root) as engine:
        engine.containers.run(options("kept", "unless-stopped"))
        engine.containers.run(options("stopped", "unless-stopped")).stop()
        engine.containers.run(options("plain"))
        engine.system.shutdown()
    with Engine(root) as engine:
        assert set(states(engine).values()) == {"exited"}
        assert engine.containers.why("kept").reasons[0].kind == "shut-down"
        assert engine.system.resume().started == ("kept",)


def test_resume_says_what_could_not_be_started(sampan: Sampan, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    sampan("run", "-d", "--name", "ill", "--restart", "always", "-v", f"{gone}:/x", "busybox", "sleep", "1000")
    sampan("run", "-d", "--name", "well", "--restart", "always", "busybox", "sleep", "1000")
    sampan("system", "shutdown", "-t", "0")
    os.rmdir(gone)
    found = sampan("system", "resume", code=1)
    assert found.out == "well\n"
    assert found.err.startswith("Error: ill: ")


def test_a_unit_is_written_and_taken_away(sampan: Sampan, tmp_path: Path) -> None:
    place = ("--path", str(tmp_path))
    assert sampan("system", "service", *place, "status", code=1).out.startswith("unit: not installed\n")
    path, *advice = sampan("system", "service", *place, "install").out.splitlines()
    assert any(f"--root {sampan.root} system resume" in line for line in advice)
    text = Path(path).read_text()
    assert f"ExecStart={sampan.program} --root {sampan.root} system resume\n" in text
    assert sampan("system", "service", *place, "install").out.splitlines()[0] == path
    assert sampan("system", "service", *place, "status").out.startswith(f"unit: {path}\n")
    sampan("system", "service", *place, "uninstall")
    assert os.listdir(tmp_path) == []
    Path(path).write_text("[Unit]\n")
    for action in ("install", "uninstall"):
        assert "is not from sampan" in sampan("system", "service", *place, action, code=1).err
    assert "unknown action nonsense" in sampan("system", "service", "nonsense", code=1).err
