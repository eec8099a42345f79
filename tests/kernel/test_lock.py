"""sampan.lock: a build uses the images that its lock names, whatever their names mean by now."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.builder.project import read_lock
from sampan.cli.builder.lock import changes, names_in
from sampan.engine import locking
from sampan.errors import InvalidArgument, NotFound
from sampan.images import lock
from sampan.images.lock import Locked
from sampan.testing.command import Sampan
from sampan.testing.registries import registry

ONE, TWO, THREE = ("sha256:" + digit * 64 for digit in "123")
NAME = "docker.io/library/debian:bookworm"


def test_a_lock_is_read_as_it_was_written() -> None:
    written = {NAME: Locked(ONE, {"linux/amd64": TWO, "linux/arm64": THREE}), "quay.io/a/b:1": Locked(TWO, {})}
    text = lock.render(written)
    assert lock.parse(text) == written
    assert text.index(NAME) < text.index("quay.io")
    assert lock.render(lock.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version = 2", "another version"),
        ("version = 1\nx = =\n", "line 2"),
        (f'version = 1\n["debian:1"]\ndigest = "{ONE}"', "is not written out"),
        (f'version = 1\n["{NAME}"]\ndigest = "sha256:1"', "digest is no digest"),
        (f'version = 1\n["{NAME}"]\n"linux/amd64" = "{ONE}"', "has no digest"),
        (f'version = 1\n["UPPER"]\ndigest = "{ONE}"', "must be lowercase"),
        ("version = 1\ndebian = 7", "is not written out"),
    ],
)
def test_a_mistake_in_a_lock_is_named(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        lock.parse(text)


def test_a_name_means_its_digest_and_then_that_of_the_platform() -> None:
    locked = {NAME: Locked(ONE, {"linux/amd64": TWO})}
    repository = "docker.io/library/debian"
    assert lock.candidates(locked, "debian:bookworm", "linux/amd64") == (f"{repository}@{ONE}", f"{repository}@{TWO}")
    assert lock.candidates(locked, "debian:bookworm", "linux/arm64") == (f"{repository}@{ONE}",)
    assert lock.candidates(locked, "debian", "linux/amd64") == ()
    assert lock.candidates(locked, f"debian@{THREE}", "linux/amd64") == ()


def test_what_changes_is_told_name_by_name() -> None:
    before = {"a": Locked(ONE, {}), "b": Locked(ONE, {}), "c": Locked(ONE, {})}
    after = {"b": Locked(TWO, {}), "c": Locked(ONE, {"x": ONE}), "d": Locked(ONE, {})}
    assert changes(before, after) == [f"- a {ONE}", f"~ b {ONE} -> {TWO}", f"+ d {ONE}"]


def test_every_image_that_a_file_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG VERSION=12\nFROM debian:${VERSION} AS base\nFROM base AS tools\nCOPY --from=busybox /bin/sh /\n"
        "RUN --mount=from=quay.io/a/b:1,target=/x true\nFROM scratch\nCOPY --from=tools / /\n"
    )
    expected = ("docker.io/library/busybox:latest", "docker.io/library/debian:12", "quay.io/a/b:1")
    assert locking.names_in(str(tmp_path)) == locking.names_in(str(tmp_path / "Dockerfile")) == expected
    assert "docker.io/library/debian:13" in locking.names_in(str(tmp_path), {"VERSION": "13"})
    compose = tmp_path / "compose.json"
    compose.write_text('{"services":{"a":{"image":"redis:7"},"b":{"build":{"context":".","args":{"VERSION":11}}}}}')
    both = [*expected, "docker.io/library/debian:11", "docker.io/library/redis:7"]
    assert names_in([str(tmp_path), str(compose)], {}) == sorted(both)
    with pytest.raises(NotFound):
        locking.names_in(str(tmp_path / "missing"))
    assert read_lock(str(tmp_path / lock.FILE)) == {}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with registry(str(tmp_path / "registry"), own=True) as address:
        yield address


def test_a_build_uses_what_its_lock_names_though_the_tag_has_moved(sampan: Sampan, server: str, tmp_path: Path) -> None:
    name, context = f"{server}/base:1", tmp_path / "context"
    context.mkdir()

    def push(text: str) -> None:
        (context / "Dockerfile").write_text(f"FROM busybox\nRUN echo {text} > /which\n")
        sampan("build", "-q", "-t", name, str(context))
        sampan("push", "-q", name)

    push("first")
    (context / "Dockerfile").write_text(f"FROM {name}\n")
    told = sampan("lock", str(context))
    assert re.fullmatch(rf"\+ {re.escape(name)} sha256:[0-9a-f]{{64}}\n", told.out)
    text = (context / lock.FILE).read_text()
    assert sampan("lock", "--check", str(context)).out == ""
    push("second")
    (context / "Dockerfile").write_text(f"FROM {name}\n")
    moved = sampan("lock", "--check", str(context), code=1).out
    assert moved.startswith(f"~ {name} sha256:")
    for again in range(2):  # what is here, and fetched by digest when it is not
        sampan("build", "-q", "-t", "built", str(context))
        assert sampan("run", "--rm", "built", "cat", "/which").out == "first\n"
        sampan("rmi", "-f", *sampan("images", "-q", "--no-trunc", f"{server}/base").out.split(), "built")
        assert again or sampan("--offline", "build", str(context), code=1).err
    assert (context / lock.FILE).read_text() == text
    os.unlink(context / lock.FILE)
    sampan("build", "-q", "-t", "built", str(context))
    assert sampan("run", "--rm", "built", "cat", "/which").out == "second\n"


def test_an_image_that_was_made_here_is_locked_by_its_id(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\n")
    image_id = sampan("images", "-q", "--no-trunc", "busybox").out.strip()
    assert sampan("--offline", "lock", str(tmp_path)).out == f"+ docker.io/library/busybox:latest {image_id}\n"
    sampan("build", "-q", str(tmp_path))
    (tmp_path / lock.FILE).write_text(lock.render({NAME: Locked(ONE, {})}))
    assert "sampan.lock does not name docker.io/library/busybox:latest" in sampan("build", str(tmp_path)).err
    (tmp_path / lock.FILE).write_text(lock.render({"docker.io/library/busybox:latest": Locked(ONE, {})}))
    refused = sampan("--offline", "build", str(tmp_path), code=1)
    assert "busybox" in refused.err
    (tmp_path / lock.FILE).write_text("version = 1\n[")
    assert "sampan.lock cannot be read" in sampan("build", str(tmp_path), code=1).err


def test_a_folder_without_a_dockerfile_is_locked_by_its_compose_file(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  a:\n    image: ${BASE:-busybox}\n")
    told = sampan("--offline", "lock", str(tmp_path)).out
    assert told.startswith("+ docker.io/library/busybox:latest sha256:")
    (tmp_path / "compose.yaml").write_text("services:\n  a:\n    image: [busybox]\n")
    refused = sampan("--offline", "lock", str(tmp_path), code=1).err
    assert f"{tmp_path}/compose.yaml:3:12: services.a.image: must be a string" in refused
