"""Fixtures for tests against the real kernel: the command on a private root, with or without an image."""

import os
import re
import zlib
from collections.abc import Iterator

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import closed, root_with_busybox, shared_store


@pytest.fixture(scope="session")
def base() -> str:
    """The folder of this test run in which all private roots live."""
    folder = os.environ["SAMPAN_TEST_BASE"]
    os.makedirs(folder, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def busybox_store(base: str) -> str:
    """A root that holds the image busybox:latest; copy it, run nothing in it."""
    return shared_store(base)


@pytest.fixture
def sampan(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """The command on a root of this test's own that holds busybox:latest; at the end nothing of it is left."""
    with root_with_busybox(base, _name(request)) as command:
        yield command


@pytest.fixture
def empty_sampan(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """The command on a root of this test's own that does not exist yet."""
    with closed(os.path.join(base, _name(request))) as command:
        yield command


@pytest.fixture
def root(sampan: Sampan) -> str:
    """The folder of `sampan`'s root."""
    return sampan.root


def _name(request: pytest.FixtureRequest) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{plain}-{zlib.crc32(request.node.nodeid.encode()):08x}"
