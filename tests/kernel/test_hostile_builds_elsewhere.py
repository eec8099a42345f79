"""Caches, layouts, servers and repositories that lie, wait, or ask for more than they should be given."""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.testing.command import Result, Sampan
from sampan.testing.roots import busybox_store, copied

DOCKERFILE = "FROM busybox\nRUN echo one > /one\nRUN echo two > /two\n"


@pytest.fixture
def other(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """Another machine: a root of its own, in which nothing was built."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    with copied(busybox_store(base), f"{base}/elsewhere-{name}") as command:
        yield command


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


def build(sampan: Sampan, context: Path, *options: str) -> Result:
    return sampan("build", "--progress=plain", *options, str(context), code=None, timeout_seconds=60)


class Cache:
    """A cache in a folder, whose document can be changed so that all digests are right again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, digest: str) -> Any:
        return json.loads((self._folder / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes())

    def write(self, value: Any) -> dict[str, Any]:
        data = json.dumps(value).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._folder / "blobs" / "sha256" / digest).write_bytes(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def change(self, lie: Callable[[Any], None]) -> None:
        index = json.loads((self._folder / "index.json").read_bytes())
        manifest = self.read(index["manifests"][0]["digest"])
        document = self.read(manifest["config"]["digest"])
        lie(document)
        manifest["config"].update(self.write(document))
        index["manifests"][0].update(self.write(manifest))
        (self._folder / "index.json").write_text(json.dumps(index))


@pytest.fixture
def cache(sampan: Sampan, context: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    assert build(sampan, context, "--cache-to", f"type=local,dest={folder},mode=max").code == 0
    return folder


def keys(sampan: Sampan) -> list[str]:
    with sqlite3.connect(f"file:{sampan.root}/state.db?mode=ro", uri=True) as database:
        return [row[0] for row in database.execute("SELECT key FROM build_step")]


def test_a_cache_is_believed_only_of_the_steps_of_the_build_that_names_it(
    cache: Path, other: Sampan, context: Path
) -> None:
    def poison(document: Any) -> None:
        document["steps"].append({**document["steps"][0], "key": "ab" * 32})

    Cache(cache).change(poison)
    assert "DONE" in build(other, context, "--cache-from", f"type=local,src={cache}").err
    assert len(keys(other)) == 2 and "ab" * 32 not in keys(other)


@pytest.mark.parametrize("created", [10**30, -1])
def test_a_cache_of_no_time_is_left_alone(cache: Path, other: Sampan, context: Path, created: int) -> None:
    def lie(document: Any) -> None:
        document["steps"][0]["created"] = created

    Cache(cache).change(lie)
    result = build(other, context, "--cache-from", f"type=local,src={cache}")
    assert (result.code, "the build cache cannot be read" in result.err) == (0, True)


def test_a_layer_that_is_not_the_one_of_its_step_is_refused(cache: Path, other: Sampan, context: Path) -> None:
    def swap(document: Any) -> None:
        first, second = document["blobs"]
        blobs = document["blobs"]
        blobs[first], blobs[second] = blobs[second], blobs[first]

    Cache(cache).change(swap)
    folder = context.parent / "out"
    result = build(other, context, "--cache-from", f"type=local,src={cache}", "-o", str(folder))
    assert (result.code, "layer verification failed" in result.err) == (1, True)
    assert "No problems found" in other("system", "check").out


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_a_cache_whose_files_are_none_is_not_waited_for(
    cache: Path, other: Sampan, context: Path, make: Callable[[Path], None]
) -> None:
    (cache / "index.json").unlink()
    make(cache / "index.json")
    result = build(other, context, "--cache-from", f"type=local,src={cache}")
    assert (result.code, "index.json" in result.err) == (0, True)
    shutil.rmtree(cache / "blobs")


def test_a_layout_whose_index_is_a_pipe_is_not_waited_for(sampan: Sampan, context: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    os.mkfifo(layout / "index.json")
    (context / "Dockerfile").write_text("FROM base\n")
    result = build(sampan, context, "--build-context", f"base=oci-layout://{layout}")
    assert (result.code, "is no index of images" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("asked", "allowing"),
    [
        ({"entitlements": ["security.insecure"]}, "--allow security.insecure"),
        ({"network": "host"}, "--allow network.host"),
        ({"context": "--allow=security.insecure"}, ""),
    ],
)
def test_a_bake_file_grants_nothing_to_itself(
    sampan: Sampan, context: Path, asked: dict[str, Any], allowing: str
) -> None:
    text = "FROM busybox\nRUN --security=insecure true\n" if "network" not in asked else "FROM busybox\n"
    target = {"context": str(context), "dockerfile-inline": text, **asked}
    (context / "bake.json").write_text(json.dumps({"target": {"default": target}}))
    words = ("buildx", "bake", "--progress=plain", "-f", str(context / "bake.json"))
    result = sampan(*words, code=None)
    assert result.code == 1
    assert allowing in result.err
    if allowing:
        assert "ERROR: additional privileges requested" in result.err
        assert sampan(*words, *allowing.split(), code=None).code == 0
