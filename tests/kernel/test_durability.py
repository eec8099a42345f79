"""What the store names is on the disk; what is killed leaves no mounts."""

import os
import signal
from pathlib import Path

import pytest

from sampan import Engine
from sampan.builder.options import BuildOptions
from sampan.linux import files
from sampan.testing.command import Sampan
from sampan.testing.roots import distribution
from sampan.testing.waiting import until


class Syncs:
    """Calls of syncfs(2), and how many layers were recorded at each."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.layers: list[int] = []

    def __call__(self, fd: int) -> None:
        assert os.fstat(fd).st_dev == os.stat(self.engine.paths.layers).st_dev
        self.layers.append(self.recorded())

    def recorded(self) -> int:
        row = self.engine.database.row("SELECT count(*) FROM snapshot")
        return int(row[0] or 0) if row else 0


@pytest.fixture
def syncs(sampan: Sampan, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    found = Syncs(Engine(sampan.root))
    monkeypatch.setattr(files, "sync_file_system", found)
    return found


def test_each_layer_of_a_build_is_synced_before_it_is_recorded(syncs: Syncs, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo 1 > /1\nRUN echo 2 > /2\n")
    before = syncs.recorded()
    syncs.engine.build(BuildOptions(context=str(tmp_path), tags=("app",)))
    assert syncs.layers == [before, before + 1]


def test_the_layer_of_a_commit_is_synced_before_it_is_recorded(sampan: Sampan, syncs: Syncs) -> None:
    sampan("run", "--name", "box", "busybox", "touch", "/new")
    before = syncs.recorded()
    syncs.engine.containers.commit("box")
    assert syncs.layers == [before]


def test_a_start_syncs_no_file_system(syncs: Syncs) -> None:
    syncs.engine.run("busybox", ["true"]).remove(force=True)
    assert syncs.layers == []


def test_a_bootstrap_that_is_killed_leaves_no_mount_and_no_process(sampan: Sampan, tmp_path: Path) -> None:
    # In place of mmdebstrap, which mounts proc and sys in the root that it makes: the same, in no time.
    marks = tmp_path / "marks"
    marks.mkdir()
    script = f"#!/bin/sh\nmkdir {marks}/root\nmount -t tmpfs marked {marks}/root\necho $$ > {marks}/pid.new\n"
    (tmp_path / "mmdebstrap").write_text(f"{script}mv {marks}/pid.new {marks}/pid\nexec sleep 1000\n")
    (tmp_path / "mmdebstrap").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = sampan.start("image", "bootstrap", distribution(), env=environment)
    until((marks / "pid").exists, "the mount")
    pid = int((marks / "pid").read_text())
    with open(f"/proc/{pid}/mounts") as inside, open("/proc/self/mounts") as outside:
        assert f"{marks}/root" in inside.read()
        assert f"{marks}/root" not in outside.read()
    command.send_signal(signal.SIGKILL)
    command.wait()
    until(lambda: _has_ended(pid), "the end of the installation")
    assert sampan("system", "check").code == 0


def _has_ended(pid: int) -> bool:
    try:
        return "zombie" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
