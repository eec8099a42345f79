"""Fixtures for the tests of other projects, which pytest finds by itself where sampan is installed.

def test_it(sampan_container):
    web = sampan_container("my-service:1.0", ports=[5000], ready=port(5000))
    assert urlopen(web.url(5000, "/health")).status == 200
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sampan.engine import Engine
    from sampan.testing.services import Services, StartService


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sampan", "containers for tests")
    group.addoption(
        "--sampan-root",
        metavar="DIR",
        help="the store that containers are started on; default: $SAMPAN_ROOT, or a private one that is removed",
    )
    group.addoption(
        "--sampan-keep",
        action="store_true",
        help="leave containers running at the end, and use those of the last run that were made the same way",
    )


def private_root(config: pytest.Config) -> str:
    """A store for this project's tests alone: the same with --sampan-keep, else one for each run."""
    from sampan.oci.hashing import sha256
    from sampan.testing.roots import private_folder

    key = sha256(str(config.rootpath).encode()).hexdigest()[:8]
    return private_folder(f"sampan-tests-{key}" if config.getoption("--sampan-keep") else f"sampan-tests-{os.getpid()}")


@pytest.fixture(scope="session")
def sampan_engine(pytestconfig: pytest.Config) -> "Iterator[Engine]":
    """The engine that containers are started on. A private store is shut down and removed at the end."""
    from sampan.engine import Engine

    chosen = pytestconfig.getoption("--sampan-root") or os.environ.get("SAMPAN_ROOT", "")
    root = chosen or private_root(pytestconfig)
    with Engine(root) as engine:
        yield engine
        if not chosen and not pytestconfig.getoption("--sampan-keep"):
            _remove(engine)


def _remove(engine: "Engine") -> None:
    import subprocess

    engine.system.shutdown(timeout_seconds=0)
    for folder in (engine.paths.root, engine.paths.run):
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)


@pytest.fixture(scope="session")
def sampan_services(sampan_engine: "Engine", pytestconfig: pytest.Config) -> "Iterator[Services]":
    """What was started for tests; removed at the end unless --sampan-keep."""
    from sampan.testing.services import Services

    services = Services(sampan_engine, keep=bool(pytestconfig.getoption("--sampan-keep")))
    try:
        yield services
    finally:
        services.close()


@pytest.fixture(scope="session")
def sampan_container(sampan_services: "Services") -> "StartService":
    """Start a container, or find it again, and wait until it is ready: see `Services.start`."""
    return sampan_services.start


@pytest.fixture(scope="session")
def sampan_network(sampan_services: "Services") -> str:
    """The name of a network in which containers find each other by name."""
    return sampan_services.network()


@pytest.fixture(scope="session")
def sampan_busybox(sampan_engine: "Engine") -> str:
    """The name of a small image with a shell, made of this host's busybox."""
    from sampan.errors import NotFound
    from sampan.images.busybox import busybox

    name = "busybox:latest"
    try:
        sampan_engine.images.get(name)
    except NotFound:
        busybox(sampan_engine.database, sampan_engine.paths)
    return name
