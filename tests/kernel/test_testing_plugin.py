"""The fixtures for other projects' tests: they start once, wait, reuse, clean up, and say well what went wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.containers.options import RunOptions
from sampan.engine import Engine
from sampan.oci.config import HealthConfig
from sampan.testing import NotReady, Services, healthy, http, log_line, port
from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied
from sampan.testing.waiting import until

WEB = "mkdir /www; echo hello > /www/index.html; sleep 0.3; httpd -f -p 80 -h /www"


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/testing-plugin") as sampan:
        yield sampan


@pytest.fixture
def services(yard: Sampan) -> Iterator[Services]:
    with Engine(yard.root) as engine:
        found = Services(engine)
        yield found
        found.close()
        assert yard("ps", "-aq").out == ""


def test_a_service_is_waited_for_by_line_port_url_and_health(services: Services) -> None:
    from urllib.request import urlopen

    web = services.start("busybox", ["sh", "-c", WEB], ports=[80], ready=http(80, "/index.html"))
    assert urlopen(web.url(80, "/index.html")).read() == b"hello\n"
    assert web.address(80)[0] == "127.0.0.1"
    inside = services.start("busybox", ["sh", "-c", WEB], ready=port(80))
    assert urlopen(inside.url(80, "/index.html")).read() == b"hello\n"
    loud = services.start(
        "busybox", ["sh", "-c", "echo a; sleep 0.2; echo up 2; sleep 1000"], ready=log_line("^up [0-9]")
    )
    assert loud.container.logs() == b"a\nup 2\n"
    check = HealthConfig(test=("CMD-SHELL", "test -e /ready"), interval_ns=10**8)
    slow = services.start(
        "busybox", ["sh", "-c", "sleep 0.3; touch /ready; sleep 1000"], options=RunOptions("", healthcheck=check)
    )
    assert slow.container.reload().record.health["Status"] == "healthy"  # type: ignore[index]


def test_the_same_options_give_the_same_container(services: Services) -> None:
    first = services.start("busybox", ["sleep", "1000"], env={"A": "1", "B": "2"})
    assert services.start("busybox", ["sleep", "1000"], env={"B": "2", "A": "1"}) is first
    assert services.start("busybox", ["sleep", "1000"], env={"A": "2"}) is not first


def test_what_is_not_ready_says_why(services: Services) -> None:
    with pytest.raises(NotReady) as ended:
        services.start("busybox", ["sh", "-c", "echo no database >&2; exit 3"], ready=log_line("ready"))
    assert "it ended before the line 'ready' in its log" in str(ended.value)
    assert "exit code 3" in str(ended.value)
    assert "no database" in str(ended.value)
    with pytest.raises(NotReady, match=r"not so after 0\.2 s: its port 81 to accept"):
        services.start("busybox", ["sleep", "1000"], ready=port(81), timeout_seconds=0.2)
    with pytest.raises(AssertionError, match="has no health check"):
        services.start("busybox", ["sleep", "1000"], ready=healthy())


def test_a_kept_service_is_found_again_unless_it_is_asked_for_differently(yard: Sampan) -> None:
    with Engine(yard.root) as engine:
        keeping = Services(engine, keep=True)
        first = keeping.start("busybox", ["sleep", "1000"], name="kept")
        keeping.close()
        again = Services(engine, keep=True)
        second = again.start("busybox", ["sleep", "1000"], name="kept")
        assert (second.container.id, second.is_reused) == (first.container.id, True)
        third = again.start("busybox", ["sleep", "2000"], name="kept")
        assert third.container.id != first.container.id and not third.is_reused
        assert [one.name for one in engine.containers.list(all=True)] == ["kept"]
        third.container.remove(force=True)


GUIDE = Path(__file__).parents[2] / "docs/guide/testing.md"
FAILING = """

def test_what_is_lost(sampan_container, sampan_busybox, web):
    print("ID", web.container.id)
    from sampan.testing import log_line

    sampan_container(sampan_busybox, ["sh", "-c", "echo lost; exit 4"], ready=log_line("found"))
"""


def run_pytest(folder: Path, root: str, *options: str) -> str:
    """The output of the guide's tests, and of one that fails, in a project of their own."""
    example = GUIDE.read_text().partition("```py\n")[2].partition("```")[0]
    (folder / "test_web.py").write_text(example + FAILING)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "sampan.testing.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *([f"--sampan-root={root}"] if root else []), *options],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def identity(output: str) -> str:
    return next(line for line in output.splitlines() if line.startswith("ID "))


def test_a_project_uses_the_fixtures(yard: Sampan, tmp_path: Path) -> None:
    output = run_pytest(tmp_path, yard.root)
    assert "3 passed" in output
    assert "1 failed" in output
    assert "NotReady" in output
    assert "exit code 4" in output
    assert "lost" in output
    assert yard("ps", "-aq").out == ""
    kept = run_pytest(tmp_path, yard.root, "--sampan-keep")
    again = run_pytest(tmp_path, yard.root, "--sampan-keep")
    assert identity(kept) == identity(again)
    yard("rm", "-f", *yard("ps", "-aq", "--filter", "label=sampan.testing").out.split())
    yard("network", "rm", "sampan.testing-kept")


def test_a_private_store_is_removed(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMPAN_ROOT", raising=False)
    (tmp_path / "conftest.py").write_text(
        "def pytest_sessionstart(session):\n"
        "    from sampan.testing.plugin import private_root\n"
        "    print('STORE', private_root(session.config))\n"
    )
    output = run_pytest(tmp_path, "", "-s", "-k", "served")
    assert "1 passed" in output
    root = output.partition("STORE ")[2].split()[0]
    until(lambda: not Path(root).exists(), "the store is gone")
