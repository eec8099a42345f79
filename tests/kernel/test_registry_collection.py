"""A registry keeps what is needed and loses the rest: collection, alone and beside pushes."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from sampan.registry.server import collection, layout
from sampan.registry.server.collection import Options, Report
from sampan.registry.server.content import Content
from sampan.registry.server.directory import Directory
from sampan.registry.server.manifests import Named
from sampan.registry.server.medium import Medium
from sampan.registry.server.objects import Objects
from sampan.registry.server.page import weight
from sampan.registry.server.problems import Problem
from sampan.registry.server.uploads import Uploads
from sampan.registry.server.verification import verify
from sampan.testing.serving import OCI_MANIFEST, descriptor, digest_of, encode, image, index
from sampan.testing.stores import AT_ONCE, Store


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    medium: Medium = Directory(str(tmp_path)) if request.param == "folder" else Objects(MemoryStore())
    return Store(medium)


def test_what_a_tag_leads_to_stays(store: Store) -> None:
    store.push_image("a", "one", b"shared", b"own")
    store.push_image("a", "two", b"shared")
    report = store.collect(removes_untagged=True)
    assert (report.manifests, report.blobs, report.links) == ([], [], 0)


def test_what_nothing_names_goes(store: Store) -> None:
    digest = store.push_image("a", "one", b"shared", b"own")
    store.push_image("a", "two", b"shared")
    store.manifests.delete("a", digest)
    store.push_blob("a", b"never named")
    report = store.collect()
    gone = {digest, digest_of(b"own"), digest_of(b"never named")}
    assert set(report.blobs) == gone
    assert report.freed_bytes == len(encode(image(b"shared", b"own"))) + len(b"own") + len(b"never named")
    assert store.has(*gone, digest_of(b"shared"), digest_of(b"{}")) == [False] * 3 + [True] * 2
    assert store.content.find("a", digest_of(b"own")) is None


def test_a_blob_goes_from_the_repository_that_does_not_need_it(store: Store) -> None:
    store.push_image("a", "one", b"layer")
    assert store.content.mount("a", "b", digest_of(b"layer"))
    report = store.collect()
    assert (report.blobs, report.links) == ([], 1)
    assert store.content.find("b", digest_of(b"layer")) is None
    assert store.content.find("a", digest_of(b"layer")) is not None


def test_what_is_young_stays(store: Store) -> None:
    store.push_blob("a", b"being pushed")
    store.manifests.delete("a", store.push_image("a", "one", b"layer"))
    store.uploads.begin("a")
    report = store.collect(grace_seconds=60.0, upload_seconds=60.0, removes_untagged=True)
    assert report == Report()


def test_untagged_manifests_go_when_asked(store: Store) -> None:
    old = store.push_image("a", "latest", b"old")
    store.push_image("a", "latest", b"new")
    assert store.collect().manifests == []
    report = store.collect(removes_untagged=True)
    assert report.manifests == [f"a@{old}"]
    assert store.has(digest_of(b"old"), digest_of(b"new")) == [False, True]


def test_images_of_a_tagged_index_and_what_is_about_them_stay(store: Store) -> None:
    child = store.push_image("a", "", b"child")
    parent = store.put("a", index(image(b"child")), "all")
    about = descriptor(encode(image(b"child")), OCI_MANIFEST)
    signature = store.push_image("a", "", b"signature", subject=about)
    loose = store.push_image("a", "", b"loose")
    report = store.collect(removes_untagged=True)
    assert report.manifests == [f"a@{loose}"]
    assert store.has(child, parent, signature) == [True] * 3
    store.manifests.untag("a", "all")
    assert set(store.collect(removes_untagged=True).manifests) == {f"a@{item}" for item in (child, parent, signature)}
    assert store.manifests.referrers("a", child) == []


def test_a_dry_run_removes_nothing_and_says_what_would_go(store: Store) -> None:
    store.push_image("a", "latest", b"old")
    store.push_image("a", "latest", b"new")
    store.push_blob("b", b"old")
    store.uploads.begin("a")
    told = store.collect(removes_untagged=True, is_dry_run=True)
    assert store.has(digest_of(b"old")) == [True]
    done = store.collect(removes_untagged=True)
    assert (set(told.manifests), set(told.blobs), told.links) == (set(done.manifests), set(done.blobs), done.links)
    assert (told.freed_bytes, told.uploads) == (done.freed_bytes, done.uploads)


def test_the_layouts_index_lists_the_tags(store: Store) -> None:
    digest = store.push_image("team/app", "v1", b"layer")
    store.collect()
    (entry,) = json.loads(store.medium.read(layout.INDEX) or b"")["manifests"]
    assert entry["digest"] == digest
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "team/app:v1"}


def test_what_comes_late_does_not_change_a_blob(store: Store) -> None:
    data = b"what the digest is of"
    identifier = store.uploads.begin("a")
    first = store.uploads.append(identifier, 0)
    first.write([data])
    first.close()
    late = store.uploads.append(identifier, len(data))
    if store.medium.has_one_writer:
        with pytest.raises(Problem, match="another request writes"):
            store.uploads.finish("a", identifier, digest_of(data))
        late.close()
    store.uploads.finish("a", identifier, digest_of(data))
    if not store.medium.has_one_writer:
        late.write([b"more"])
        late.close()
    assert store.medium.read(layout.blob(digest_of(data))) == data
    with pytest.raises(Problem, match="unknown"):
        store.uploads.finish("a", identifier, digest_of(data))


def test_a_file_that_became_a_blob_is_not_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(str(tmp_path))
    directory.begin("uploads/x")

    def lock(fd: int, flags: int) -> None:
        os.rename(tmp_path / "uploads/x/data", tmp_path / "blobs/sha256/x")

    monkeypatch.setattr("fcntl.flock", lock)
    with pytest.raises(FileNotFoundError):
        directory.append("uploads/x", 0)


def test_replicas_that_write_to_one_upload_make_no_blob_of_another_digest() -> None:
    objects = Objects(MemoryStore())
    one, two = Uploads(Content(objects)), Uploads(Content(objects))
    data, other = b"a" * 1000, b"b" * 1000
    identifier = one.begin("a")
    mine, theirs = one.append(identifier, 0), two.append(identifier, 0)
    mine.write([data])
    theirs.write([other])
    mine.close()
    theirs.close()
    try:
        one.finish("a", identifier, digest_of(data))
    except Problem as refused:
        assert refused.code == "DIGEST_INVALID"
    assert objects.read(layout.blob(digest_of(data))) in (None, data)
    assert list(objects.sizes(layout.upload(identifier))) == []


def test_what_is_named_twice_weighs_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.push_image("a", "latest", b"layer")
    leaf = image(b"layer")
    documents = [leaf]
    for depth in range(3):
        documents = [index(*documents, annotations={"n": f"{depth}-{n}"}) for n in range(5)]
        for document in documents:
            store.put("a", document)
    top = store.put("a", index(*documents), "top")
    assert weight(store.manifests, digest_of(encode(leaf))) == len(encode(leaf)) + len(b"{}") + len(b"layer")
    read: list[str] = []
    named_by = store.manifests.named_by

    def counted(digest: str) -> Named | None:
        read.append(digest)
        return named_by(digest)

    monkeypatch.setattr(store.manifests, "named_by", counted)
    weight(store.manifests, top)
    assert len(read) == len(set(read)) == 1 + 3 * 5


def test_one_collection_works_at_a_time(store: Store) -> None:
    with store.medium.lock("collection", waits=False) as mine:
        assert mine
        assert collection.collect(store.medium, AT_ONCE) is None


@contextmanager
def between(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], object]) -> Iterator[None]:
    """Do `act` once, at the moment when a collection passes `point`."""
    done: list[object] = []

    def passed(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    with monkeypatch.context() as patched:
        patched.setattr("sampan.registry.server.collection.fault.point", passed)
        yield
    assert done


def condemned_at_last(
    store: Store, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], **options: object
) -> Report:
    """Collect, and act after everything was condemned and looked at, right before the first removal."""
    looked = collection.View
    count = 0

    class Acting(looked):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: object) -> None:
            nonlocal count
            super().__init__(*arguments)
            count += 1
            if count == 2:
                act()

    with monkeypatch.context() as patched:
        patched.setattr(collection, "View", Acting)
        return store.collect(**options)


def test_a_blob_that_a_push_was_told_of_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = store.push_blob("a", b"known")
    link = layout.blob_link("a", digest)
    condemned_at_last(store, monkeypatch, lambda: store.content.promise(link, digest))
    assert store.content.find("a", digest) is not None


def test_a_blob_that_is_pushed_again_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = store.push_blob("a", b"again")
    condemned_at_last(store, monkeypatch, lambda: store.push_blob("b", b"again"))
    assert store.content.find("b", digest) is not None


def test_a_blob_that_is_mounted_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = store.push_blob("a", b"mounted")
    condemned_at_last(store, monkeypatch, lambda: store.content.mount("a", "b", digest))
    assert store.content.find("b", digest) is not None


def test_what_a_manifest_names_that_is_put_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"{}", b"layer"):
        store.push_blob("a", data)
    condemned_at_last(store, monkeypatch, lambda: store.put("a", image(b"layer"), "late"))
    assert store.has(digest_of(b"layer"), digest_of(b"{}")) == [True, True]
    assert store.manifests.tags("a") == ["late"]


def test_an_untagged_manifest_that_a_push_was_told_of_keeps_its_layers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = store.push_image("a", "", b"layer")
    parent = store.put("a", index(image(b"layer")))
    condemned_at_last(
        store, monkeypatch, lambda: store.manifests.get("a", parent, promised=True), removes_untagged=True
    )
    assert store.has(parent, child, digest_of(b"layer"), digest_of(b"{}")) == [True] * 4


def test_a_manifest_that_comes_or_loses_its_tag_between_the_looks_stays_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.push_image("a", "tagged", b"tagged")
    for data in (b"{}", b"late"):
        store.push_blob("a", data)
    looked = collection.View._look

    def look(view: collection.View, repository: str) -> None:
        looked(view, repository)
        if view._condemned is None:
            store.put("a", image(b"late"))
            store.manifests.untag("a", "tagged")

    monkeypatch.setattr(collection.View, "_look", look)
    store.collect(removes_untagged=True)
    assert store.has(digest_of(b"late"), digest_of(b"tagged"), digest_of(b"{}")) == [True] * 3


def test_a_manifest_whose_blob_has_just_gone_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"{}", b"layer"):
        store.push_blob("a", data)

    def put() -> None:
        with pytest.raises(Problem) as caught:
            store.put("a", image(b"layer"), "late")
        assert caught.value.code == "MANIFEST_BLOB_UNKNOWN"

    with between(monkeypatch, "registry-gc.unlinked", put):
        store.collect()
    assert store.manifests.tags("a") == []


def test_pushes_and_collections_at_the_same_time_leave_a_whole_registry(store: Store) -> None:
    """The period of grace is nothing here, so that collections take whatever they may; a push retries as clients do."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def push(number: int) -> None:
        for turn in range(12):
            repository, layers = f"r{number % 2}", (b"base", b"layer %d" % (turn % 4), b"own %d" % number)
            while True:
                try:
                    store.push_image(repository, f"t{number}", *layers)
                except Problem as problem:
                    if problem.code == "MANIFEST_BLOB_UNKNOWN":
                        continue
                    raise
                break

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            failures.append(error)

    def collect_on() -> None:
        while not ended.is_set():
            collection.collect(store.medium, Options(grace_seconds=0.005, upload_seconds=60, removes_untagged=True))

    pushing = [threading.Thread(target=guarded, args=(lambda n=number: push(n),)) for number in range(6)]
    collecting = threading.Thread(target=guarded, args=(collect_on,))
    for thread in (*pushing, collecting):
        thread.start()
    for thread in pushing:
        thread.join()
    ended.set()
    collecting.join()
    assert failures == []
    assert verify(store.medium).problems == []
    assert [store.manifests.tags(f"r{number}") for number in range(2)] == [["t0", "t2", "t4"], ["t1", "t3", "t5"]]
