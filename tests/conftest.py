"""Where private roots live, a limit for tests that hang, and the proof at the end that the host is as it was."""

import os
import signal
import subprocess
from collections.abc import Generator
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from sampan.storage.paths import DEFAULT_RUN, paths_of
from sampan.testing import leftovers
from sampan.testing.roots import private_folder

BASE = "SAMPAN_TEST_BASE"
HANGS_AFTER_SECONDS = 600

# A machine that is busy is slow, and not wrong.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


class Hangs(BaseException):
    """A test did not end: something waits for what never comes. Not an Exception, so that no test catches it."""


def pytest_configure(config: pytest.Config) -> None:
    """One folder for all workers of this run."""
    if BASE not in os.environ:
        os.environ[BASE] = private_folder(f"sampan-test-{os.getpid()}")
        config.stash[_OWNER] = True


_OWNER = pytest.StashKey[bool]()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Hangs(f"not done after {HANGS_AFTER_SECONDS} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A test that hangs fails, with a traceback of where, and the others go on."""
    before = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(HANGS_AFTER_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker that crashed tore nothing down: what its roots left fails the run."""
    if not session.config.stash.get(_OWNER, False):
        return
    base = os.environ.pop(BASE)
    if not os.path.isdir(base):
        return
    roots = [paths_of(entry.path) for entry in os.scandir(base) if entry.is_dir()]
    found = leftovers.wait_until_gone(roots)
    if found:
        session.config.stash[_FOUND] = [str(item) for item in found]
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for paths in roots:
        subprocess.run(["rm", "-rf", "--one-file-system", f"{DEFAULT_RUN}/{paths.key}"], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", base], check=False)


_FOUND = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(_FOUND, [])
    if found:
        terminalreporter.section("left behind", red=True)
        for line in found:
            terminalreporter.line(line)
