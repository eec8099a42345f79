"""What `sampan run` imports: a module that is slow to import must not join."""

import re
from collections.abc import Mapping
from pathlib import Path

from sampan.testing.command import Sampan

# Each costs 10 ms or more, or pulls in one that does.
SLOW = {
    "argparse",
    "asyncio",
    "dataclasses",
    "email",
    "http",
    "http.client",
    "importlib.metadata",
    "inspect",
    "isal",
    "logging",
    "msgspec",
    "pathlib",
    "shutil",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "urllib",
    "urllib.parse",
    "urllib.request",
    "uuid",
    "zstandard",
}


def imported(sampan: Sampan, *arguments: str, env: Mapping[str, str] | None = None) -> set[str]:
    """Every module that a command imports, by python's own report."""
    report = sampan(*arguments, env={**(env or {}), "PYTHONPROFILEIMPORTTIME": "1"}).err
    return set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", report, re.MULTILINE))


def test_run_imports_no_slow_module(sampan: Sampan) -> None:
    assert imported(sampan, "run", "--rm", "busybox", "true") & SLOW == set()


def test_exec_and_ps_import_no_slow_module(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    assert imported(sampan, "exec", "box", "true") & SLOW == set()
    assert imported(sampan, "ps") & SLOW == set()


def test_run_does_not_import_the_builder(sampan: Sampan) -> None:
    rooms = {name.split(".")[1] for name in imported(sampan, "run", "--rm", "busybox", "true") if "sampan." in name}
    assert rooms.isdisjoint({"builder", "dockerfile", "testing", "supervisor"})


def test_a_settings_file_is_read_once(sampan: Sampan, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("init = true\n")
    command = ("run", "--rm", "--network", "none", "busybox", "cat", "/proc/1/comm")
    env = {"SAMPAN_CONFIG": str(file)}
    assert "tomllib" in imported(sampan, *command, env=env)
    assert "tomllib" not in imported(sampan, *command, env=env)
    assert sampan(*command, env=env).out == "docker-init\n"
    file.write_text("init = false\n")
    assert sampan(*command, env=env).out == "cat\n"
    assert "tomllib" not in imported(sampan, *command)
