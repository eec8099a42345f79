"""Fixtures for tests against the real kernel: the command on a private root, with or without an image."""

import os
import re
import zlib
from collections.abc import Iterator

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, closed, copied, python_store
from sampan.testing.serving import Served, serving

_SHARED = {"yard", "harbour"}  # fixtures that are one root for the tests of a module


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a root run in one worker: two would each make it, and one would sweep it away."""
    for item in items:
        if isinstance(item, pytest.Function) and _SHARED & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def base() -> str:
    """The folder of this test run in which all private roots live."""
    folder = os.environ["SAMPAN_TEST_BASE"]
    os.makedirs(folder, exist_ok=True)
    return folder


@pytest.fixture
def sampan(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """The command on a root of this test's own that holds busybox:latest; at the end nothing of it is left."""
    with copied(busybox_store(base), _root(base, request)) as command:
        yield command


@pytest.fixture
def python_sampan(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """As `sampan`, with python-base:1.0 besides. Put such tests into the xdist group "python": one worker makes it."""
    with copied(python_store(base), _root(base, request)) as command:
        yield command


@pytest.fixture
def empty_sampan(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """The command on a root of this test's own that does not exist yet."""
    with closed(_root(base, request)) as command:
        yield command


@pytest.fixture
def root(sampan: Sampan) -> str:
    """The folder of `sampan`'s root."""
    return sampan.root


@pytest.fixture(scope="module", params=["folder", "objects"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry of our own for all tests of a module, each of which has a repository of its own."""
    folder = tmp_path_factory.mktemp("registry")
    store = str(folder) if request.param == "folder" else f"file://{folder}"
    with serving(store, "--max-manifest", "64k") as served:
        yield served


def _root(base: str, request: pytest.FixtureRequest) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{base}/{plain}-{zlib.crc32(request.node.nodeid.encode()):08x}"
