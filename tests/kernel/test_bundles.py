"""`bundle`: a build that hit its cache on one host hits it on another, without a network."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.engine import Engine
from sampan.errors import Corrupt, NotFound
from sampan.images import bundle_form, origins
from sampan.images.archive import documents
from sampan.storage import paths as layout
from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.faults import kill_at, passes, thinned
from sampan.testing.registries import registry
from sampan.testing.roots import closed

DOCKERFILE = (
    "FROM busybox\nCOPY one.txt /\nRUN echo two > /two\nRUN true\nRUN true && true\nENV A=1\n"
    "RUN cat /one.txt > /three\n"
)


@pytest.fixture
def other(base: str, tmp_path: Path) -> Iterator[Sampan]:
    """Another host's root, empty."""
    with closed(f"{base}/other-{os.getpid()}-{tmp_path.name[-40:]}") as command:
        yield command


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "one.txt").write_text("one\n")
    return tmp_path


def test_a_build_is_cached_where_its_bundle_was_loaded(sampan: Sampan, other: Sampan, context: Path) -> None:
    sampan("build", "-q", "-t", "app:1", str(context))
    image_id = sampan("images", "-q", "--no-trunc", "app:1").out
    path = str(context.parent / "site.tar")
    digest = "sha256:" + "0" * 64
    told = sampan("bundle", "create", "-o", path).err
    with open(path, "rb") as file:
        assert told == f"2 images, 5 cached steps\ndigest: sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}\n"
    refused = other("bundle", "load", "--digest", digest, "-i", path, code=1)
    assert f"{told.split()[-1]}, not {digest}" in refused.err
    assert other("images", "-q").out == "" and os.listdir(other.root + "/layers") == []
    assert "invalid digest" in other("bundle", "load", "--digest", "x", "-i", path, code=1).err
    alone = other("bundle", "load", "--no-cache", "--digest", told.split()[-1], "-i", path)
    assert alone.out.endswith("Cached steps: 0\n") and other("system", "check").code == 0
    other("rmi", "app:1", "busybox")
    loaded = other("bundle", "load", "-i", path).out.splitlines()
    assert sorted(loaded) == ["Cached steps: 5", "Loaded image: app:1", "Loaded image: busybox:latest"]
    assert other("images", "-q", "--no-trunc", "app:1").out == image_id
    assert other("system", "check").code == 0
    done = other("build", "--progress", "plain", "-t", "again", str(context))
    assert (done.out + done.err).count("CACHED") == 6
    assert other("run", "--rm", "again", "cat", "/three", "/two").out == "one\ntwo\n"
    assert other("bundle", "load", "-i", path).out.endswith("Cached steps: 0\n")
    layers = len(os.listdir(other.root + "/layers"))
    assert layers == len(os.listdir(sampan.root + "/layers"))
    assert other("load", "-q", "-i", path).out.count("Loaded image") == 2
    remains.assert_none(other.root)


def test_layers_that_are_there_under_another_id_serve_the_cache_too(
    sampan: Sampan, other: Sampan, context: Path
) -> None:
    sampan("build", "-q", "-t", "app:1", str(context))
    path, saved = str(context.parent / "site.tar"), str(context.parent / "saved.tar")
    sampan("bundle", "create", "-o", path, "app:1")
    sampan("save", "-o", saved, "app:1", "busybox")
    other("load", "-i", saved)
    assert other("bundle", "load", "-i", path).out.endswith("Cached steps: 5\n")
    done = other("build", "--progress", "plain", str(context))
    assert (done.out + done.err).count("CACHED") == 6
    assert other("system", "check").code == 0


def test_images_alone_are_what_docker_reads(sampan: Sampan, context: Path) -> None:
    made = subprocess.run(
        sampan.command("bundle", "create", "--no-cache", "busybox"), stdout=subprocess.PIPE, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert [entry["RepoTags"] for entry in json.load(manifest)] == [["busybox:latest"]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "root")) as made:
        yield made
        made.system.shutdown()


def test_names_by_digest_go_along(engine: Engine, tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
    image_id = engine.images.import_rootfs(io.BytesIO(out.getvalue()), "base:1")
    name = "registry.example/base@sha256:" + "1" * 64
    origins.record_digest(engine.database, "registry.example/base", "sha256:" + "1" * 64, image_id)
    pieces: list[bytes] = []
    assert engine.images.create_bundle((), pieces.append)[:2] == (1, 0)
    engine.images.remove(image_id, force=True)
    with pytest.raises(NotFound):
        engine.images.get(name)
    engine.images.load_bundle(io.BytesIO(b"".join(pieces)))
    assert engine.images.get(name).id == image_id
    engine.images.remove(image_id, force=True)
    engine.images.load_bundle(io.BytesIO(b"".join(pieces)), with_cache=False)
    with pytest.raises(NotFound):  # nothing proves that this digest is of the image
        engine.images.get(name)


def test_a_push_after_a_bundle_gives_the_digest_that_the_registry_had(
    sampan: Sampan, other: Sampan, tmp_path: Path
) -> None:
    with registry(str(tmp_path / "registry"), own=True) as address:
        name, path = f"{address}/app:1", str(tmp_path / "app.tar")
        sampan("tag", "busybox", name)
        sampan("push", "-q", name)
        sampan("rmi", name)
        sampan("pull", "-q", name)
        sampan("bundle", "create", "--no-cache", "-o", path, name)
        digests = ("image", "inspect", "--format", "{{json .RepoDigests}}", name)
        known = sampan(*digests).out
        for flags in ((), ("--no-cache",)):
            other("bundle", "load", "-q", *flags, "-i", path)
            assert other(*digests).out == known and address in known
            assert json.loads(known)[0].partition("@")[2] in other("push", name).out
            other("rmi", "-f", name)


def step(**more: object) -> dict[str, object]:
    head = json.dumps({"words": "", "action": "", "facts": [], "parent": "", "digest": None, "origin": ""})
    fields = {
        "key": "0" * 64,
        "parent": "",
        "position": "",
        "inputs": head + "\n[]",
        "snapshot": "0" * 16,
        "created": 0,
    }
    return {**fields, **more}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"snapshots": {"../../etc": "sha256:"}},
        {"snapshots": {}},
        {"steps": [step(key="../x")]},
        {"steps": [step(created="1")]},
        {"steps": [step(more=1)]},
        {"steps": [7]},
        {"steps": [step(inputs="{}")]},
        {"steps": [step(inputs="[" * 100_000)]},
        {"digests": {"x": 1}},
        {"manifests": {"x": 1}},
        {"manifests": {"x": [["", "?"]]}},
        {"manifests": {"sha256:" + "1" * 64: [["", "e30="]]}},
    ],
)
def test_a_bundle_in_another_form_is_refused(engine: Engine, change: dict[str, Any]) -> None:
    whole = {"version": 1, "snapshots": {"0" * 16: "sha256:"}, "steps": [step()], "digests": {}}
    content = json.dumps({**whole, **change}).encode()
    composed = documents.compose([], documents.Artifact(bundle_form.MEDIA_TYPE, content, ()))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in composed.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(Corrupt):
        engine.images.load_bundle(io.BytesIO(out.getvalue()))
    assert engine.database.rows("SELECT key FROM build_step") == []
    assert layout.paths_of(engine.paths.root) == engine.paths


def test_bundles_killed_at_any_point_leave_a_whole_store(sampan: Sampan, other: Sampan, context: Path) -> None:
    sampan("build", "-q", "-t", "app:1", str(context))
    path = str(context.parent / "site.tar")
    for moment in thinned(passes(sampan, "bundle", "create", "-o", "/dev/null"), most_per_point=1):
        kill_at(sampan, moment, "bundle", "create", "-o", "/dev/null")
        assert sampan("system", "check").code == 0
    sampan("bundle", "create", "-o", path)
    points = thinned(passes(other, "bundle", "load", "-i", path), most_per_point=1)
    for moment in points:
        other("rmi", "-f", "app:1", "busybox")
        kill_at(other, moment, "bundle", "load", "-i", path)
        assert other("system", "check").code == 0
        remains.assert_none(other.root)
    other("bundle", "load", "-i", path)
    assert other("run", "--rm", "app:1", "cat", "/three").out == "one\n"
