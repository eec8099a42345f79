"""A registry is killed anywhere, verified, collected while it serves, and filled from elsewhere."""

import os
import tarfile
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from sampan.registry.server import collection, layout
from sampan.registry.server.collection import Options
from sampan.registry.server.content import Content
from sampan.registry.server.directory import Directory
from sampan.registry.server.importing import import_layout
from sampan.registry.server.verification import verify
from sampan.testing.command import Sampan
from sampan.testing.faults import passes, thinned
from sampan.testing.serving import OCI_MANIFEST, Served, descriptor, digest_of, encode, image, index, serving
from sampan.testing.stores import AT_ONCE, Store


@pytest.mark.parametrize("name", ["manifest", "layer", "changed", "tag", "link"])
def test_what_is_broken_is_found(tmp_path: Path, name: str) -> None:
    store = Store(Directory(str(tmp_path)))
    digest = store.push_image("a", "v1", b"layer")
    assert verify(store.medium).problems == []
    layer = digest_of(b"layer")
    broken = {
        "manifest": layout.blob(digest),
        "layer": layout.blob(layer),
        "link": layout.blob_link("a", layer),
        "tag": layout.manifest_link("a", digest),
    }
    if name == "changed":
        (tmp_path / layout.blob(layer)).write_bytes(b"LAYER")
    else:
        os.unlink(tmp_path / broken[name])
    problems = verify(store.medium).problems
    assert problems and all(layer in text or digest in text for text in problems)


def push_all(served: Served) -> None:
    """What clients do, so that every step of a registry is passed; it may be done again."""
    old = image(b"old", annotations={"a": "b"})
    served.push_image("app", "latest", b"old", annotations={"a": "b"})
    served.push_blob("base", b"mounted")
    mounted = served("POST", f"/v2/app/blobs/uploads/?mount={digest_of(b'mounted')}&from=base")
    assert mounted.status == 201
    location = served.begin("app")
    served("PATCH", location, b"chunk one ", {"Content-Range": "0-9"})
    assert served("PUT", f"{location}?digest={digest_of(b'chunk one two')}", b"two").status == 201
    about = descriptor(encode(old), OCI_MANIFEST)
    served.push_image("app", "next", b"mounted", b"chunk one two", subject=about)
    served.push_manifest("app", "all", index(old))
    digest = served.push_image("app", "latest", b"new")
    assert served("DELETE", f"/v2/app/manifests/{digest}").status == 202


def test_a_registry_that_is_killed_anywhere_in_a_push_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "points"
    log.touch()
    with serving(str(tmp_path / "first"), env={"SAMPAN_FAULT": "*", "SAMPAN_FAULT_LOG": str(log)}) as served:
        push_all(served)
    names = [name for name in log.read_text().split() if name.startswith("registry-")]
    assert len(set(names)) >= 14
    # Of each point the first pass and the last, in turns.
    for number, name in enumerate(sorted(set(names))):
        moment = f"{name}:{names.count(name) if number % 2 else 1}"
        store = str(tmp_path / str(number))
        with serving(store, env={"SAMPAN_FAULT": moment}) as served:
            with pytest.raises((HTTPException, OSError)):
                push_all(served)
            assert served.process.wait(30) == -9, moment
        assert verify(Directory(store)).problems == [], moment
        if number % 3 == 0:
            with serving(store) as served:
                push_all(served)
        for name in os.listdir(f"{store}/tmp"):
            os.utime(f"{store}/tmp/{name}", (0, 0))
        assert collection.collect(Directory(store), AT_ONCE) is not None
        assert verify(Directory(store)).problems == [], moment
        assert os.listdir(f"{store}/uploads") == os.listdir(f"{store}/tmp") == [], moment


def test_a_collection_that_is_killed_anywhere_leaves_a_whole_registry(tmp_path: Path) -> None:
    command = Sampan(str(tmp_path / "root"))
    words = ("registry", "gc", "--grace", "0s", "--uploads", "0s", "--untagged")

    def prepare(folder: Path) -> str:
        store = Store(Directory(str(folder)))
        for number in range(2):
            store.push_image("a", "latest", b"old %d" % number)
            store.push_image("a", "", b"sub %d" % number, subject=descriptor(encode(image(b"gone")), OCI_MANIFEST))
            store.push_blob("b", b"unnamed %d" % number)
            store.uploads.begin("a")
        past = time.time() - 10
        for path in folder.rglob("*"):
            os.utime(path, (past, past))
        return str(folder)

    found = thinned(passes(command, *words, prepare(tmp_path / "first")), most_per_point=2)
    assert {item.name for item in found} >= {
        "registry-gc.condemned",
        "registry-gc.unlinked",
        "registry-gc.freed",
        "registry-delete.unlinked",
    }
    for number, moment in enumerate(item for item in found if item.name.startswith("registry-")):
        folder = prepare(tmp_path / str(number))
        killed = command(*words, folder, code=None, env={"SAMPAN_FAULT": str(moment)})
        assert killed.code == -9, moment
        assert verify(Directory(folder)).problems == [], moment
        assert collection.collect(Directory(folder), Options(grace_seconds=0, upload_seconds=0, removes_untagged=True))
        assert verify(Directory(folder)).problems == [], moment
        kept = {digest for digest, _ in Content(Directory(folder)).digests("blobs")}
        latest = encode(image(b"old 1"))
        assert kept == {digest_of(latest), digest_of(b"old 1"), digest_of(b"{}")}, moment
        assert os.listdir(f"{folder}/condemned") == []


def test_a_registry_collects_while_it_serves(tmp_path: Path) -> None:
    with serving(str(tmp_path), "--gc-every", "100ms", "--gc-grace", "0s", "--gc-untagged") as served:
        digest = served.push_blob("a", b"unnamed")
        end = time.monotonic() + 30
        while served("HEAD", f"/v2/a/blobs/{digest}").status != 404:
            assert time.monotonic() < end
        assert "sampan_registry_collections_total" in served("GET", "/metrics").body.decode()


def test_an_image_of_an_engine_is_imported(sampan: Sampan, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    done = sampan("registry", "import", "--image", "busybox:latest", "--name", "base/busybox:1", store)
    assert done.out.startswith("base/busybox:1 sha256:")
    assert verify(Directory(store)).problems == []
    with serving(store) as served:
        place = f"{served.host}/base/busybox:1"
        assert sampan("run", "--rm", place, "echo", "imported").out == "imported\n"
        sampan("rmi", place)
    assert "one of them" in sampan("registry", "import", store, code=1).err


def test_images_of_a_layout_are_imported(tmp_path: Path) -> None:
    source = Store(Directory(str(tmp_path / "source")))
    source.push_image("one", "v1", b"layer")
    source.put("one", index(image(b"layer")), "all")
    source.collect()
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("oci-layout", "index.json", "blobs"):
            if (tmp_path / "source" / name).exists():
                tar.add(tmp_path / "source" / name, name)
    for number, place in enumerate((tmp_path / "source", archive)):
        target = Store(Directory(str(tmp_path / f"target{number}")))
        assert [item.name for item in import_layout(target.medium, str(place))] == ["one:all", "one:v1"]
        assert target.manifests.get("one", "v1").data == encode(image(b"layer"))
        assert verify(target.medium).problems == []
