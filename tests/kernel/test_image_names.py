"""Images by digest: name@digest beside tags, in listings, lookups and removals as docker has them."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cli.views import images as views
from sampan.engine.image_document import image_document
from sampan.errors import Conflict, Corrupt, NotFound
from sampan.images import origins, removal, selection, store
from sampan.images.model import Deleted, Untagged
from sampan.storage import check, foreign, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths, create, paths_of

REPOSITORY = "localhost:5000/team/app"
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
Store = tuple[Database, Paths]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    paths = paths_of(str(tmp_path / "root"))
    create(paths)
    database = Database(paths.database)
    yield database, paths
    assert check.check(database, paths) == []
    database.close()
    subprocess.run(["rm", "-r", paths.run], check=True)


def layer(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        info = tarfile.TarInfo("file")
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    return out.getvalue()


def image(place: Store, *tags: str, content: bytes = b"x", architecture: str = "amd64", indent: int | None = 3) -> str:
    """An image whose configuration nobody here would write like that."""
    database, paths = place
    data = layer(content)
    diff_id = "sha256:" + hashlib.sha256(data).hexdigest()
    snapshot_id = foreign.receive(database, paths, io.BytesIO(data), diff_id=diff_id)
    config = {"os": "linux", "architecture": architecture, "odd": [1], "rootfs": {"diff_ids": [diff_id]}}
    image_id = store.add_document(database, json.dumps(config, indent=indent).encode(), (snapshot_id,), tags=tags)
    snapshots.release(database, snapshot_id)
    return image_id


def unused(image_id: str) -> list[tuple[str, bool]]:
    return []


def remove(place: Store, text: str, *, force: bool = False) -> list[str]:
    removed = removal.remove(*place, text, force=force, in_use=unused)
    return ["Deleted" if isinstance(entry, Deleted) else entry.reference for entry in removed]


def test_a_configuration_from_elsewhere_keeps_its_bytes(place: Store) -> None:
    image_id = image(place, "app", indent=7)
    row = place[0].row("SELECT config FROM image WHERE id = ?", (image_id,))
    assert row is not None and "sha256:" + hashlib.sha256(str(row[0]).encode()).hexdigest() == image_id
    assert '"odd": [\n' in str(row[0])


def test_a_configuration_that_does_not_fit_is_refused(place: Store) -> None:
    for document in (b"\xff", b"{", b"[]", b"[" * 100_000, b'{"rootfs":{"diff_ids":["sha256:x"]}}'):
        with pytest.raises(Corrupt):
            store.add_document(place[0], document, ())
    image(place, "app")
    wrong = json.dumps({"rootfs": {"diff_ids": [ONE]}}).encode()
    with pytest.raises(Corrupt, match=r"layer sha256:1+ is not here"):
        store.add_document(place[0], wrong, store.find(place[0], "app").layers)


def test_an_image_is_found_and_shown_by_its_digests(place: Store) -> None:
    database, paths = place
    image_id = image(place, REPOSITORY + ":1.0", "other")
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    origins.record_digest(database, "docker.io/library/busybox", TWO, image_id)
    for text in (f"{REPOSITORY}@{ONE}", f"{REPOSITORY}:any@{ONE}", f"busybox@{TWO}"):
        assert store.resolve(database, text) == image_id
    with pytest.raises(NotFound, match=f"^No such image: busybox@{ONE}$"):
        store.resolve(database, f"busybox@{ONE}")
    found = store.find(database, image_id)
    assert image_document(database, paths, found)["RepoDigests"] == [f"busybox@{TWO}", f"{REPOSITORY}@{ONE}"]
    shown = [line[1:4] for line in views.lines_of(found, shows_digests=True, has_column=True)]
    assert shown == [("other", "latest", ""), (REPOSITORY, "1.0", ONE), ("busybox", "", TWO)]
    assert [line[1:4] for line in views.lines_of(found)] == [
        ("other", "latest", ""),
        (REPOSITORY, "1.0", ""),
        ("busybox", "", ""),
    ]
    assert [line.id for line in selection.list_images(database, name=REPOSITORY)] == [image_id]


def test_of_the_images_of_an_index_the_one_for_this_host_is_meant(place: Store) -> None:
    database, _ = place
    host = image(place, content=b"host")
    other = image(place, content=b"other", architecture="s390x")
    for image_id in (host, other):
        origins.record_digest(database, REPOSITORY, ONE, image_id)
    assert store.resolve(database, f"{REPOSITORY}@{ONE}") == host
    assert remove(place, host, force=True)[0] == f"{REPOSITORY}@{ONE}"
    assert store.resolve(database, f"{REPOSITORY}@{ONE}") == other


def test_the_last_tag_of_a_repository_takes_its_digests_along(place: Store) -> None:
    database, _ = place
    image_id = image(place, REPOSITORY + ":1", REPOSITORY + ":2")
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    origins.record_digest(database, REPOSITORY, TWO, image_id)
    assert remove(place, REPOSITORY + ":1") == [REPOSITORY + ":1"]
    assert remove(place, REPOSITORY + ":2") == [
        REPOSITORY + ":2",
        f"{REPOSITORY}@{ONE}",
        f"{REPOSITORY}@{TWO}",
        "Deleted",
        "Deleted",
    ]


def test_another_repositorys_digest_keeps_the_image(place: Store) -> None:
    database, _ = place
    image_id = image(place, "app")
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    assert remove(place, "app") == ["app:latest"]
    assert [line[1:4] for line in views.lines_of(store.get(database, image_id))] == [(REPOSITORY, "", "")]
    assert remove(place, f"{REPOSITORY}@{ONE}") == [f"{REPOSITORY}@{ONE}", "Deleted", "Deleted"]


def test_an_id_takes_one_tag_with_its_digests_but_not_several_repositories(place: Store) -> None:
    database, _ = place
    image_id = image(place, REPOSITORY + ":1")
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    assert remove(place, image_id)[:3] == [REPOSITORY + ":1", f"{REPOSITORY}@{ONE}", "Deleted"]
    image_id = image(place, "app")
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    with pytest.raises(Conflict, match="referenced in multiple repositories"):
        remove(place, image_id)
    assert removal.remove(*place, image_id, force=True, in_use=unused)[:2] == [
        Untagged("app:latest"),
        Untagged(f"{REPOSITORY}@{ONE}"),
    ]


def test_what_has_only_digests_is_dangling_for_a_listing_and_a_prune(place: Store) -> None:
    database, paths = place
    image_id = image(place)
    origins.record_digest(database, REPOSITORY, ONE, image_id)
    for wanted, expected in (("true", [image_id]), ("false", [image_id])):
        found = selection.list_images(database, filters={"dangling": (wanted,)})
        assert [line.id for line in found] == expected
    assert removal.prune(database, paths, in_use=unused).removed[:2] == [
        Untagged(f"{REPOSITORY}@{ONE}"),
        Deleted(image_id),
    ]


@pytest.mark.parametrize(
    ("tags", "digests", "expected"),
    [
        ((), (), True),
        (("docker.io/library/a:1",), (), True),
        (("docker.io/library/a:1",), ("docker.io/library/a@" + ONE, "docker.io/library/a@" + TWO), True),
        (("docker.io/library/a:1", "docker.io/library/a:2"), (), False),
        (("docker.io/library/a:1",), ("docker.io/library/b@" + ONE,), False),
        ((), ("docker.io/library/a@" + ONE, "docker.io/library/b@" + ONE), False),
        ((), ("docker.io/library/a@" + ONE, "docker.io/library/a@" + TWO), True),
    ],
)
def test_what_counts_as_one_name(tags: tuple[str, ...], digests: tuple[str, ...], expected: bool) -> None:
    assert removal.is_single(tags, digests) is expected
