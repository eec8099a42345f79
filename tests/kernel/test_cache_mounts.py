"""Cache mounts between builds: shared, waited for, poisoned, killed, pruned."""

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.waiting import until


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return tmp_path


def build(sampan: Sampan, context: Path, run: str, *arguments: str, code: int = 0) -> str:
    """Build a Dockerfile of that one RUN and return what was printed."""
    (context / "Dockerfile").write_text(f"FROM busybox\nRUN {run}\n")
    return sampan("build", "--progress", "plain", "--no-cache", *arguments, str(context), code=code).err


def caches(sampan: Sampan) -> list[Path]:
    return sorted(Path(sampan.root, "cache-mounts").iterdir())


class Waiting:
    """A build whose RUN writes `ready` into its cache, and ends when `go` is there too."""

    def __init__(self, sampan: Sampan, folder: Path, sharing: str) -> None:
        folder.mkdir()
        mount = f"--mount=type=cache,target=/c,sharing={sharing}"
        (folder / "Dockerfile").write_text(
            f"FROM busybox\nRUN {mount} touch /c/ready; while ! [ -e /c/go ]; do usleep 10000; done; rm /c/ready\n"
        )
        self.process = subprocess.Popen(
            sampan.command("build", "--no-cache", str(folder)),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        until(lambda: self.is_ready(sampan), "the cache is mounted")

    def is_ready(self, sampan: Sampan) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        return any((path / "ready").exists() for path in self.folders(sampan))

    @staticmethod
    def folders(sampan: Sampan) -> list[Path]:
        return caches(sampan) if Path(sampan.root, "cache-mounts").exists() else []

    def go(self, sampan: Sampan) -> None:
        for path in caches(sampan):
            if (path / "ready").exists():
                (path / "go").touch()
        _, text = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, text


def test_private_and_shared_get_another_one_while_it_is_held_alone(
    sampan: Sampan, tmp_path: Path, context: Path
) -> None:
    first = Waiting(sampan, tmp_path / "first", "private")
    for sharing, number in (("private", 2), ("shared", 2)):
        build(sampan, context, f"--mount=type=cache,target=/c,sharing={sharing} ls /c/ready && exit 1 || true")
        assert len(caches(sampan)) == number
    shown = sampan("buildx", "du", "--filter", "inuse=true", "--format", "{{.Type}} {{.Reclaimable}}").out
    assert shown == "exec.cachemount false\n"
    sampan("builder", "prune", "-af")
    assert len(caches(sampan)) == 1  # the one that is held
    first.go(sampan)
    assert sampan("builder", "prune", "-f").out.count("\n") > 1
    assert caches(sampan) == []


def test_shared_is_had_together(sampan: Sampan, tmp_path: Path, context: Path) -> None:
    first = Waiting(sampan, tmp_path / "first", "shared")
    build(sampan, context, "--mount=type=cache,target=/c ls /c/ready")
    assert len(caches(sampan)) == 1
    first.go(sampan)


def test_locked_waits(sampan: Sampan, tmp_path: Path) -> None:
    first = Waiting(sampan, tmp_path / "first", "locked")
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nRUN --mount=type=cache,target=/c,sharing=locked ls /c/ready && exit 1; touch /c/second\n"
    )
    second = subprocess.Popen(
        sampan.command("build", "--no-cache", "--progress", "plain", str(tmp_path)),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert second.stderr is not None
    for line in second.stderr:
        if "RUN --mount" in line:
            break  # the step has begun
    assert second.poll() is None and not (caches(sampan)[0] / "second").exists()
    first.go(sampan)
    assert second.wait(60) == 0
    assert len(caches(sampan)) == 1 and (caches(sampan)[0] / "second").exists()
    second.stderr.close()


def test_who_waits_for_a_locked_one_can_be_interrupted(sampan: Sampan, tmp_path: Path) -> None:
    first = Waiting(sampan, tmp_path / "first", "locked")
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN --mount=type=cache,target=/c,sharing=locked true\n")
    second = subprocess.Popen(
        sampan.command("build", "--no-cache", "--progress", "plain", str(tmp_path)), stderr=subprocess.PIPE, text=True
    )
    assert second.stderr is not None
    for line in second.stderr:
        if "RUN --mount" in line:
            break
    second.send_signal(signal.SIGINT)
    assert second.wait(30) != 0
    second.stderr.close()
    first.go(sampan)


def test_a_poisoned_cache_does_no_harm(sampan: Sampan, context: Path) -> None:
    """What a build leaves in a cache, links, devices, setuid programs, is no way to the host for anybody."""
    victim = context / "victim"
    victim.write_text("mine\n")
    poison = (
        f"ln -s {victim} /c/link; ln -s / /c/root; mknod /c/disk b 259 0; mkfifo /c/pipe; cp /bin/busybox /c/su;"
        " chmod 4755 /c/su; mkdir -m 000 /c/closed; chmod 1777 /c; ln -s /c/link /c/cache"
    )
    build(sampan, context, f"--mount=type=cache,target=/c {poison}")
    assert stat.S_IMODE(os.stat(sampan.root + "/cache-mounts").st_mode) == 0o700
    text = build(
        sampan,
        context,
        "--mount=type=cache,target=/c cat /c/link; cat /c/disk; ls /c/root/victim; echo x > /c/link",
        code=1,
    )
    assert "No such file" in text and "Operation not permitted" in text
    assert victim.read_text() == "mine\n"
    assert "1" in sampan("buildx", "du", "--filter", "type=exec.cachemount", "--format", "{{.Size}}").out
    sampan("builder", "prune", "-f")
    assert caches(sampan) == [] and victim.read_text() == "mine\n"


def test_caches_of_different_beginnings_do_not_mix(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM busybox AS one\nRUN mkdir /o && echo 1 > /o/f\nFROM busybox AS two\nRUN mkdir /o && echo 2 > /o/f\n"
        "FROM busybox\n"
        "RUN --mount=type=cache,target=/c,id=x,from=one,source=/o cat /c/f\n"
        "RUN --mount=type=cache,target=/c,id=x,from=two,source=/o cat /c/f\n"
        "RUN --mount=type=cache,target=/c,id=x ls /c | wc -l\n"
        "RUN --mount=type=cache,target=/c,id=x,mode=0700 ls /c | wc -l\n"
    )
    sampan("build", "-q", str(context))
    assert len(caches(sampan)) == 4
    sampan("build", "-q", "--no-cache", "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=other", str(context))
    assert len(caches(sampan)) == 8
    named = json.loads(sampan("system", "df", "-v", "--format", "json").out)["BuildCache"]
    assert any('with id "other/x"' in entry["Description"] for entry in named)


@pytest.mark.parametrize("point", ["cache-mount.added", "cache-mount.filled", "step.started", "build.step-done"])
def test_a_build_that_is_killed_leaves_a_cache_that_serves_the_next(sampan: Sampan, context: Path, point: str) -> None:
    (context / "Dockerfile").write_text(
        "FROM busybox AS one\nRUN mkdir /o && echo begins > /o/f\nFROM busybox\n"
        "RUN --mount=type=cache,target=/c,from=one,source=/o cat /c/f && echo kept >> /c/g\n"
    )
    sampan("build", "-q", "--target", "one", str(context))
    assert sampan("build", str(context), env={"SAMPAN_FAULT": point}, code=None).code == -signal.SIGKILL
    assert "begins" in sampan("build", "--progress", "plain", str(context)).err
    assert len(caches(sampan)) == 1
    assert sampan("system", "check").out == "No problems found.\n"
    assert os.listdir(sampan.root + "/tmp") == []


def test_a_prune_that_is_killed_leaves_no_folder(sampan: Sampan, context: Path) -> None:
    for point in ("cache.forgotten", "cache-mount.moved"):
        build(sampan, context, "--mount=type=cache,target=/c touch /c/f")
        killed = sampan("builder", "prune", "-f", env={"SAMPAN_FAULT": point}, code=None)
        assert killed.code == -signal.SIGKILL
        sampan("system", "df")
        build(sampan, context, "--mount=type=cache,target=/c ls /c/f && exit 1 || true")
        assert len(caches(sampan)) == 1
        assert os.listdir(sampan.root + "/tmp") == []
        sampan("builder", "prune", "-f")


def test_a_named_context_is_bound_and_begins_a_cache(sampan: Sampan, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "f").write_text("of more\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nRUN --mount=from=more,target=/b --mount=type=cache,target=/c,from=more cat /b/f /c/f\n"
    )
    arguments = ("build", "--progress", "plain", "--build-context", f"more={more}", str(tmp_path))
    assert sampan(*arguments).err.count(" of more\n") == 2
    assert "CACHED" in sampan(*arguments).err.split("RUN", 1)[1]
    (more / "f").write_text("changed\n")
    assert sampan(*arguments).err.count(" changed\n") == 3  # the reason says "f changed"
