"""Logs of real monitors: rotation without a loss, drivers, what a full disk does."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.containers.logs import files as logfiles
from sampan.containers.logs import shown as logs
from sampan.containers.options import LogOptions, RunOptions
from sampan.engine import Engine
from sampan.engine.containers import Container
from sampan.engine.supervision import presence
from sampan.linux import process
from sampan.storage.paths import paths_of
from sampan.testing.command import Sampan
from sampan.testing.engines import opened
from sampan.testing.roots import busybox_store, copied
from sampan.testing.waiting import until

ROTATED = {"max-size": "50k", "max-file": "100"}


@pytest.fixture
def engine(base: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with opened(f"{base}/logs-{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**8}") as engine:
        yield engine


def options(script: str, **given: str) -> RunOptions:
    return RunOptions(
        "busybox",
        command=("sh", "-c", script),
        network="none",
        log_options={name.replace("_", "-"): value for name, value in given.items()},
    )


def files(engine: Engine, container: Container) -> int:
    return len(logfiles.numbers(engine.paths.container(container.id)))


def numbered(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def test_no_line_is_lost_when_files_are_put_aside(engine: Engine) -> None:
    """In bursts, each larger than a file, and more than one chunk is followed by a part of a line."""
    script = "for i in 0 1 2 3 4 5 6 7; do seq $((i*5000+1)) $((i*5000+5000)); usleep 100000; done; read wait"
    container = engine.containers.run(options(script, **ROTATED)._replace(interactive=True))
    until(lambda: container.logs().endswith(b"\n40000\n"), "all was written")
    assert container.logs() == numbered(40000)
    assert files(engine, container) >= 1
    container.stop(timeout_seconds=0)
    assert container.logs() == numbered(40000)


def test_who_follows_sees_every_line_across_files(sampan: Sampan, tmp_path: Path) -> None:
    rotation = ("--log-opt", "max-size=50k", "--log-opt", "max-file=3")
    script = "read go; for i in 0 1 2 3 4; do seq $((i*5000+1)) $((i*5000+5000)); usleep 100000; done"
    sampan("run", "-di", "--name", "box", "--network", "none", *rotation, "busybox", "sh", "-c", script)
    with open(tmp_path / "seen", "wb") as seen:
        following = subprocess.Popen(sampan.command("logs", "-f", "box"), stdout=seen)
        sampan("attach", "box", stdin="go\n")
        assert following.wait(60) == 0
    assert (tmp_path / "seen").read_bytes() == numbered(25000)


def test_only_so_many_files_are_kept(engine: Engine) -> None:
    script = "for i in 0 1 2 3 4 5 6 7; do seq 5000; usleep 100000; done; sleep 1000"
    container = engine.containers.run(options(script, max_size="50k", max_file="3"))
    until(lambda: files(engine, container) == 2, "two are put aside")
    folder = engine.paths.container(container.id)
    until(lambda: container.logs().endswith(b"\n5000\n"), "all is written")
    assert logfiles.numbers(folder) == [1, 2]


def test_files_that_were_put_aside_are_compressed_where_that_is_asked_for(engine: Engine) -> None:
    container = engine.containers.run(options("seq 5000; sleep 1000", **ROTATED, compress="true"))
    folder = engine.paths.container(container.id)
    until(lambda: os.path.exists(f"{folder}/log.1.gz"), "a file is compressed")
    until(lambda: not os.path.exists(f"{folder}/log.1") and not os.path.exists(f"{folder}/log.gz.tmp"), "it is done")
    assert container.logs() == numbered(5000)
    assert container.logs(LogOptions(tail=4500)) == numbered(5000)[len(numbered(500)) :]


def test_a_single_file_is_begun_anew_without_a_supervisor(engine: Engine) -> None:
    container = engine.containers.run(options("seq 5000; sleep 1000", max_size="50k"))
    until(lambda: container.logs().endswith(b"\n5000\n"), "all was written")
    assert logfiles.size(engine.paths.container(container.id)) <= 50_000
    assert presence.holder(engine.paths) is None


def test_a_rotation_that_was_killed_half_way_is_ended_by_the_next_command(engine: Engine) -> None:
    container = engine.containers.run(options("read go; seq 1000; sleep 1000", **ROTATED)._replace(interactive=True))
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")
    holder = presence.holder(engine.paths)
    assert holder is not None
    folder = engine.paths.container(container.id)
    until(lambda: os.path.exists(f"{folder}/log"), "the monitor has its file")
    os.kill(holder[0], signal.SIGKILL)
    assert process.wait_gone(*holder, 10.0)
    os.rename(f"{folder}/log", f"{folder}/log.1")
    with Engine(engine.paths.root):
        until(lambda: os.path.exists(f"{folder}/log"), "the monitor has a new file")


@pytest.mark.parametrize("point", ["rotate.dropped", "rotate.renamed"])
def test_a_supervisor_that_is_killed_while_it_puts_files_aside_loses_no_line(sampan: Sampan, point: str) -> None:
    rotation = ("--log-opt", "max-size=50k", "--log-opt", "max-file=9")
    script = "seq 5000; until [ -e /dev/shm/go ]; do usleep 10000; done; seq 5001 10000; sleep 1000"
    words = ("run", "-d", "--name", "box", "--network", "none", *rotation, "busybox", "sh", "-c", script)
    sampan(*words, env={"SAMPAN_FAULT": point})
    paths = paths_of(sampan.root)
    began = paths.run + "/supervisor.lock"
    until(lambda: os.path.exists(began) and presence.holder(paths) is None, "it was killed at the point")
    sampan("exec", "box", "touch", "/dev/shm/go")
    until(lambda: sampan("logs", "--tail", "1", "box").out == "10000\n", "all was written")
    assert sampan("logs", "box").out == numbered(10000).decode()


def test_a_fast_writer_loses_no_line(sampan: Sampan) -> None:
    sampan("run", "--name", "box", "--network", "none", "busybox", "sh", "-c", "seq 1000000 1500000 >&2; seq 500000")
    shown = subprocess.run(sampan.command("logs", "box"), capture_output=True, check=True)
    assert shown.stdout == numbered(500000)
    assert shown.stderr == b"".join(b"%d\n" % number for number in range(1000000, 1500001))


def test_details_are_shown_as_docker_shows_them(sampan: Sampan) -> None:
    chosen = ("--log-opt", "labels=a,b", "--log-opt", "env=X", "--log-opt", "tag={{.Name}}/1")
    given = ("--label", "a=1", "--label", "b=2", "-e", "X=9", "--network", "none")
    sampan("run", "--name", "box", *given, *chosen, "busybox", "sh", "-c", "echo hi; echo err >&2")
    found = sampan("logs", "--details", "box")
    assert (found.out, found.err) == ("X=9,a=1,b=2,tag=box%2F1 hi\n", "X=9,a=1,b=2,tag=box%2F1 err\n")


def test_a_log_that_is_not_kept_cannot_be_read(sampan: Sampan) -> None:
    out = sampan("run", "--name", "box", "--network", "none", "--log-driver", "none", "busybox", "echo", "hi").out
    assert out == "hi\n"
    found = sampan("logs", "box", code=1)
    assert found.err.startswith("Error response from daemon: configured logging driver does not support reading\n")


def test_a_local_log_is_rotated_by_default(engine: Engine) -> None:
    container = engine.containers.run(options("echo hi; sleep 1000")._replace(log_driver="local"))
    until(lambda: container.logs() == b"hi\n", "the line is there")
    until(lambda: presence.holder(engine.paths) is not None, "a supervisor watches")


@pytest.fixture
def small(base: str, tmp_path: Path) -> Iterator[Sampan]:
    """The command on a root on a disk of 16 MiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)], check=True)
    try:
        with copied(busybox_store(base), str(tmp_path) + "/root") as command:
            yield command
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_costs_lines_and_nothing_else(small: Sampan) -> None:
    """The container goes on, and what it writes when there is room again is kept."""
    wait = "until [ -e /dev/shm/%s ]; do usleep 10000; done"
    script = f"{wait % 'go'}; seq 900000; echo > /dev/shm/full; {wait % 'room'}; echo again; sleep 1000"
    small("run", "-d", "--name", "box", "--network", "none", "busybox", "sh", "-c", script)
    with Engine(small.root) as engine:
        record = engine.containers.get("box").record
        folder, shared = engine.paths.container(record.id), f"/proc/{record.pid}/root/dev/shm/"
    Path(shared + "go").touch()
    until(lambda: os.path.exists(shared + "full"), "it has written all")
    assert b"".join(line.text for line in logs.read(folder, LogOptions())).startswith(numbered(10000))
    os.truncate(folder + "/log", 0)
    Path(shared + "room").touch()
    until(lambda: small("logs", "box").out == "again\n", "what is written is kept again")
    assert small("inspect", "-f", "{{.State.Running}}", "box").out == "true\n"
