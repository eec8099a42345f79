"""Build caches that travel: --cache-to and --cache-from, by a folder, a registry, and inside of an image."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied
from sampan.testing.serving import OCI_MANIFEST, Served, serving

DOCKERFILE = """FROM busybox AS build
RUN echo compiled > /built
FROM busybox
COPY app /app
RUN echo ready > /ready
COPY --from=build /built /built
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(str(tmp_path_factory.mktemp("registry"))) as served:
        yield served


@pytest.fixture
def other(base: str, request: pytest.FixtureRequest) -> Iterator[Sampan]:
    """Another machine: a root of its own, in which nothing was built."""
    with copied(busybox_store(base), f"{base}/other-{abs(hash(request.node.nodeid)):x}"[:90]) as command:
        yield command


@pytest.fixture
def context(tmp_path: Path) -> str:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "app").write_text("app")
    return str(folder)


def build(sampan: Sampan, context: str, *arguments: str) -> str:
    return sampan("build", "--progress", "plain", "-t", "made", *arguments, context).err


def executed(printed: str) -> list[str]:
    """The steps that were done, and not taken from a cache."""
    titles, ended = {}, []
    for line in printed.split("\n"):
        number, _, rest = line.partition(" ")
        titles.setdefault(number, rest)
        if rest.startswith("DONE") and titles[number].startswith("[") and not titles[number].startswith("[internal"):
            ended.append(titles[number].partition("] ")[2])
    return ended


def image_id(sampan: Sampan) -> str:
    return sampan("inspect", "-f", "{{.Id}}", "made").out.strip()


@pytest.mark.parametrize("kind", ["local", "registry"])
def test_all_steps_of_a_cache_are_taken_by_another_machine(
    sampan: Sampan, other: Sampan, context: str, tmp_path: Path, registry: Served, kind: str
) -> None:
    written, read = f"dest={tmp_path}/cache", f"src={tmp_path}/cache"
    if kind == "registry":
        written = read = f"ref={registry.host}/cache"
    build(sampan, context, "--cache-to", f"type={kind},{written},mode=max")
    printed = build(other, context, "--cache-from", f"type={kind},{read}")
    assert executed(printed) == []
    assert image_id(other) == image_id(sampan)
    assert other("run", "--rm", "made", "cat", "/app", "/built", "/ready").out == "appcompiled\nready\n"
    again = build(other, context, "--cache-from", f"type={kind},{read}")
    assert executed(again) == [] and "extracting" not in again
    assert "No problems found" in other("system", "check").out


def test_what_is_not_needed_is_not_fetched(sampan: Sampan, other: Sampan, context: str, tmp_path: Path) -> None:
    build(sampan, context, "--cache-to", f"type=local,dest={tmp_path}/cache,mode=max")
    printed = build(other, context, "--cache-from", f"type=local,src={tmp_path}/cache")
    assert printed.count("extracting sha256:") == 3
    printed = build(other, context, "--cache-from", f"type=local,src={tmp_path}/cache", "-o", "type=cacheonly")
    assert "extracting" not in printed


def test_a_step_after_a_cached_one_stands_on_it(sampan: Sampan, other: Sampan, context: str, tmp_path: Path) -> None:
    build(sampan, context, "--cache-to", f"type=local,dest={tmp_path}/cache,mode=max")
    with open(f"{context}/Dockerfile", "a") as file:
        file.write("RUN cat /built /ready > /both\n")
    printed = build(other, context, "--cache-from", f"type=local,src={tmp_path}/cache")
    assert executed(printed) == ["RUN cat /built /ready > /both"]
    assert other("run", "--rm", "made", "cat", "/both").out == "compiled\nready\n"


def test_the_smaller_cache_has_the_steps_of_the_image_alone(
    sampan: Sampan, other: Sampan, context: str, tmp_path: Path
) -> None:
    build(sampan, context, "--cache-to", f"type=local,dest={tmp_path}/cache")
    printed = build(other, context, "--cache-from", f"type=local,src={tmp_path}/cache")
    assert executed(printed) == ["RUN echo compiled > /built"]
    assert image_id(other) == image_id(sampan)


@pytest.mark.parametrize("how", [["--cache-to", "type=inline"], ["--build-arg", "BUILDKIT_INLINE_CACHE=1"]])
def test_an_image_carries_its_cache(
    sampan: Sampan, other: Sampan, context: str, registry: Served, how: list[str]
) -> None:
    name = f"{registry.host}/inline{len(how[0])}"
    sampan("build", "-t", name, "--push", *how, context)
    sampan("tag", name, "made")
    printed = build(other, context, "--cache-from", name)
    assert executed(printed) == ["RUN echo compiled > /built"]
    assert image_id(other) == image_id(sampan)


def test_an_image_without_a_cache_is_told_and_the_build_goes_on(sampan: Sampan, context: str, registry: Served) -> None:
    name = f"{registry.host}/plain"
    sampan("build", "-t", name, "--push", context)
    printed = build(sampan, context, "--no-cache", "--cache-from", name, "--cache-from", f"{registry.host}/nothing")
    assert "ERROR: no build cache is in it" in printed
    assert "importing cache manifest from" in printed and "naming to docker.io/library/made" in printed


def test_a_layer_that_is_not_what_the_cache_says_is_refused(
    sampan: Sampan, other: Sampan, context: str, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    build(sampan, context, "--cache-to", f"type=local,dest={cache},mode=max")
    (entry,) = json.loads((cache / "index.json").read_text())["manifests"]
    blobs = cache / "blobs/sha256"
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    first, second = (layer["digest"][7:] for layer in manifest["layers"][:2])
    (blobs / first).write_bytes((blobs / second).read_bytes())
    (blobs / second).write_bytes((blobs / first).read_bytes())
    done = other("build", "-t", "made", "--cache-from", f"type=local,src={cache}", context, code=1)
    assert "its diff ID is" in done.err
    assert "No problems found" in other("system", "check").out
    build(other, context)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 100_000, b'{"version":1,"snapshots":{"../../x":"sha256:0"},"blobs":{},"steps":[]}'],
)
def test_a_damaged_cache_is_told_and_not_used(sampan: Sampan, context: str, tmp_path: Path, content: bytes) -> None:
    import hashlib

    cache = tmp_path / "cache"
    build(sampan, context, "--cache-to", f"type=local,dest={cache}")
    index = json.loads((cache / "index.json").read_text())
    path = cache / "blobs/sha256" / index["manifests"][0]["digest"][7:]
    manifest = json.loads(path.read_text())
    digest = hashlib.sha256(content).hexdigest()
    (cache / "blobs/sha256" / digest).write_bytes(content)
    manifest["config"].update(digest=f"sha256:{digest}", size=len(content))
    encoded = json.dumps(manifest).encode()
    changed = hashlib.sha256(encoded).hexdigest()
    (cache / "blobs/sha256" / changed).write_bytes(encoded)
    index["manifests"][0].update(digest=f"sha256:{changed}", size=len(encoded))
    (cache / "index.json").write_text(json.dumps(index))
    printed = build(sampan, context, "--cache-from", f"type=local,src={cache}")
    assert "ERROR: the build cache cannot be read" in printed


def test_names_in_a_folder_are_kept_apart_and_digests_are_checked(
    sampan: Sampan, other: Sampan, context: str, tmp_path: Path
) -> None:
    cache = f"{tmp_path}/cache"
    build(sampan, context, "--cache-to", f"type=local,dest={cache},tag=one")
    build(sampan, context, "--cache-to", f"type=local,dest={cache},tag=two,mode=max")
    entries = json.loads((tmp_path / "cache/index.json").read_text())["manifests"]
    names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in entries}
    assert set(names) == {"one", "two"} and all(entry["mediaType"] == OCI_MANIFEST for entry in entries)
    printed = build(other, context, "--cache-from", f"type=local,src={cache},digest={names['two']}")
    assert executed(printed) == []
    assert "no cache is called latest" in build(other, context, "--cache-from", f"type=local,src={cache}")


def test_a_cache_that_cannot_be_written_fails_the_build_unless_it_may(sampan: Sampan, context: str) -> None:
    place = "type=registry,ref=127.0.0.1:9/cache"
    assert "exporting cache to registry" in sampan("build", "--cache-to", place, context, code=1).err
    assert "the cache was not exported" in build(sampan, context, "--cache-to", place + ",ignore-error=true")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cache-to", "type=gha"], "a cache of type gha is not supported"),
        (["--cache-to", "type=local"], "--cache-to type=local needs dest"),
        (["--cache-from", "type=registry"], "--cache-from type=registry needs ref"),
        (["--cache-from", "type=local,src=x,digest=1"], "digest 1 of --cache-from is none"),
        (["--cache-to", "type=local,dest=x,mode=most"], "unknown mode most"),
        (["--cache-to", "type=local,dest=x,nope=1"], "unknown field nope"),
        (["--cache-to", "type=registry,ref=UPPER"], "could not parse cache reference"),
    ],
)
def test_a_wrong_cache_is_told(sampan: Sampan, context: str, arguments: list[str], message: str) -> None:
    assert message in sampan("build", *arguments, context, code=1).err
    assert not os.path.exists("x")
