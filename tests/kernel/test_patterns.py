"""Patterns that people use containers for, tried as a user would."""

import shutil
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal
from sampan.testing.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"


def build(sampan: Sampan, folder: Path, dockerfile: str, tag: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    sampan("build", "-t", tag, str(folder))


def test_settings_in_env_are_overridden_with_e(sampan: Sampan, tmp_path: Path) -> None:
    build(sampan, tmp_path, 'FROM busybox\nENV GREETING=hello\nCMD ["/bin/sh", "-c", "echo $GREETING"]\n', "greeter")
    assert sampan("run", "--rm", "greeter").out == "hello\n"
    assert sampan("run", "--rm", "-e", "GREETING=good day", "greeter").out == "good day\n"


def test_ps_shows_whether_the_health_check_passes(sampan: Sampan, tmp_path: Path) -> None:
    check = "HEALTHCHECK --interval=200ms --timeout=5s --retries=1 CMD test -e /tmp/fine"
    build(sampan, tmp_path, f'FROM busybox\n{check}\nCMD ["sleep", "100000"]\n', "checked")
    sampan("run", "-d", "--name", "box", "checked")

    def shows(word: str) -> bool:
        return f"({word})" in sampan("ps", "--format", "{{.Status}}").out

    sampan("exec", "box", "touch", "/tmp/fine")
    until(lambda: shows("healthy"), "healthy")
    sampan("exec", "box", "rm", "/tmp/fine")
    until(lambda: shows("unhealthy"), "unhealthy")


def test_without_init_orphans_stay_zombies_and_stop_has_to_kill(sampan: Sampan) -> None:
    sampan("build", "-t", "init-process", str(EXAMPLES / "init-process"))
    sampan("run", "-d", "--name", "box", "init-process")
    until(lambda: states(sampan).count("Z") == 3, "three zombies")
    sampan("stop", "-t", "1", "box")
    assert sampan("inspect", "-f", "{{.State.ExitCode}}", "box").out == "137\n"


def test_with_init_orphans_are_collected_and_the_signal_arrives(sampan: Sampan) -> None:
    sampan("build", "-t", "init-process", str(EXAMPLES / "init-process"))
    sampan("run", "-d", "--init", "--name", "box", "init-process")
    # Process 1 and the server.
    until(lambda: len(states(sampan)) == 2, "no child and no zombie left")
    assert "Z" not in states(sampan)
    sampan("stop", "box")
    assert sampan("inspect", "-f", "{{.State.ExitCode}}", "box").out == "143\n"


def states(sampan: Sampan) -> list[str]:
    """The state letter of each process in container box but those that look."""
    out = sampan("exec", "box", "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null", code=None).out
    lines = [line for line in out.splitlines() if "(cat)" not in line and "(sh)" not in line]
    return [line.rpartition(")")[2].split()[0] for line in lines]


@pytest.mark.xdist_group("python")
def test_a_multi_stage_build_gives_a_small_final_image(python_sampan: Sampan) -> None:
    python_sampan("build", "-t", "site", str(EXAMPLES / "multi-stage"))
    python_sampan("build", "-t", "site-builder", "--target", "site", str(EXAMPLES / "multi-stage"))
    sizes = [int(python_sampan("inspect", "-f", "{{.Size}}", name).out) for name in ("site", "site-builder")]
    assert sizes[0] * 10 < sizes[1]
    page = python_sampan("run", "--rm", "site", "cat", "/www/index.html").out
    assert page.count("href") == 3


def test_a_folder_of_the_host_is_shared_with_v(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from the host\n")
    script = "cat /data/in && echo from inside > /data/out"
    assert sampan("run", "--rm", "-v", f"{tmp_path}:/data", "busybox", "sh", "-c", script).out == "from the host\n"
    assert (tmp_path / "out").read_text() == "from inside\n"
    result = sampan("run", "--rm", "-v", f"{tmp_path}:/data:ro", "busybox", "touch", "/data/x", code=1)
    assert "Read-only file system" in result.err


def test_a_shell_in_a_terminal_runs_with_it(sampan: Sampan) -> None:
    with Terminal(sampan.command("run", "--rm", "-it", "busybox", "/bin/sh")) as terminal:
        terminal.expect("# ")
        terminal.resize(33, 99)
        terminal.press("stty size; echo $((40+2)).\r")
        terminal.expect("33 99")
        terminal.expect("42.")
        terminal.press("exit 3\r")
        assert terminal.wait() == 3


def test_exec_it_enters_a_running_container(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    with Terminal(sampan.command("exec", "-it", "box", "/bin/sh")) as terminal:
        terminal.expect("# ")
        terminal.press("tty; hostname; exit 4\r")
        terminal.expect("/dev/pts/")
        assert terminal.wait() == 4


def test_logs_f_follows_until_the_container_ends(sampan: Sampan) -> None:
    script = "echo first; until test -e /go; do sleep 0.05; done; echo last"
    sampan("run", "-d", "--name", "box", "busybox", "sh", "-c", script)
    following = sampan.start("logs", "-f", "box")
    assert following.stdout is not None
    assert following.stdout.readline() == "first\n"
    sampan("exec", "box", "touch", "/go")
    assert following.communicate(timeout=30)[0] == "last\n"
    assert following.returncode == 0


def test_history_shows_each_layer_with_its_size(sampan: Sampan, tmp_path: Path) -> None:
    dockerfile = "FROM busybox\nRUN head -c 1500000 /dev/zero > /zeros\nENV A=b\nCOPY Dockerfile /\n"
    build(sampan, tmp_path, dockerfile, "layers")
    lines = sampan("history", "--format", "{{.Size}} {{.CreatedBy}}", "layers").out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [f"{len(dockerfile)}B", "0B", "1.5MB"]
    assert "ENV A=b" in lines[1]


@pytest.mark.xdist_group("python")
def test_a_code_change_reuses_every_layer_before_copy(python_sampan: Sampan, tmp_path: Path) -> None:
    folder = tmp_path / "hello-web"
    shutil.copytree(EXAMPLES / "hello-web", folder)
    python_sampan("build", "-t", "one", str(folder))
    app = folder / "app.py"
    app.write_text(app.read_text().replace('VERSION = "1.0"', 'VERSION = "1.1"'))
    (folder / "health.py").touch()
    result = python_sampan("build", "--progress", "plain", "-t", "two", str(folder))
    text = result.out + result.err
    assert "app.py changed" in text
    assert "health.py changed" not in text
    layers = [
        python_sampan("inspect", "-f", '{{join .RootFS.Layers " "}}', name).out.split() for name in ("one", "two")
    ]
    assert layers[0][:-1] == layers[1][:-1]
    assert layers[0][-1] != layers[1][-1]
