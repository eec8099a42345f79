"""The image store on a real file system: import, remove, collect, sweep, check; crashes, races and full disks."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.errors import Conflict, Corrupt, InvalidArgument, NotFound, Unavailable
from sampan.images import importing, removal, selection, store
from sampan.images.bootstrap import busybox
from sampan.images.model import Deleted, Untagged
from sampan.storage import check, gc, leases, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths, create, paths_of

Store = tuple[Database, Paths]


def opened(root: Path) -> Store:
    paths = paths_of(str(root))
    create(paths)
    return Database(paths.database), paths


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    database, paths = opened(tmp_path / "root")
    yield database, paths
    database.close()
    subprocess.run(["rm", "-r", paths.run], check=True)


def rootfs(content: bytes = b"hello", name: str = "etc/greeting") -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    return io.BytesIO(out.getvalue())


def unused(image_id: str) -> list[tuple[str, bool]]:
    return []


def sound(database: Database, paths: Paths) -> None:
    gc.sweep(database, paths)
    assert check.check(database, paths, deep=True) == []


def test_an_imported_image_is_found_by_every_name_it_has(place: Store) -> None:
    database, paths = place
    image_id = importing.import_rootfs(
        database, paths, rootfs(), "me/app:1", changes=['CMD ["sh"]', "ENV A=1 B=$A", "EXPOSE 80"], message="note"
    )
    digits = image_id.removeprefix("sha256:")
    for text in ("me/app:1", "docker.io/me/app:1", image_id, digits, digits[:12], digits[:3], "sha256:" + digits[:8]):
        assert store.find(database, text).id == image_id
    assert store.find(database, f"me/app@{image_id}").id == image_id
    image = store.find(database, "me/app:1")
    assert (image.config.config.cmd, image.config.config.exposed_ports) == (("sh",), ("80/tcp",))
    assert (image.size, image.tags, image.config.architecture) == (5, ("docker.io/me/app:1",), "amd64")
    assert [(row.id, row.size, row.comment) for row in store.history(database, image)] == [(image_id, 5, "note")]
    found, document, layers = store.start_facts(database, "me/app:1")
    assert (found, layers) == (image_id, image.layers)
    assert document.startswith('{"architecture":"amd64"')
    assert leases.all_leases(database) == []
    sound(database, paths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "No such image: nope:latest"),
        ("nope:1", "No such image: nope:1"),
        ("0" * 64, "No such image: sha256:" + "0" * 64),
        ("x@sha256:" + "0" * 64, "No such image: x@sha256:" + "0" * 64),
    ],
)
def test_an_image_that_is_not_there_is_named_as_docker_names_it(place: Store, text: str, message: str) -> None:
    with pytest.raises(NotFound) as caught:
        store.find(place[0], text)
    assert caught.value.message == message


def test_the_same_files_are_one_layer(place: Store) -> None:
    database, paths = place
    one = store.get(database, importing.import_rootfs(database, paths, rootfs(), "one"))
    two = store.get(database, importing.import_rootfs(database, paths, rootfs(), "two"))
    assert one.layers == two.layers and len(os.listdir(paths.layers)) == 1
    removed = removal.remove(database, paths, "one", in_use=unused)
    assert removed == [Untagged("one:latest"), Deleted(one.id)]
    assert removal.remove(database, paths, "two", in_use=unused) == [
        Untagged("two:latest"),
        Deleted(two.id),
        Deleted(two.config.diff_ids[0]),
    ]
    assert os.listdir(paths.layers) == []
    sound(database, paths)


def test_a_tag_moves_and_leaves_its_image_dangling(place: Store) -> None:
    database, paths = place
    old = importing.import_rootfs(database, paths, rootfs(b"old"), "app")
    new = importing.import_rootfs(database, paths, rootfs(b"new"), "app")
    store.tag(database, "app", "localhost:5000/a/b")
    names = {image.id: image.tags for image in selection.list_images(database)}
    assert names == {new: ("docker.io/library/app:latest", "localhost:5000/a/b:latest"), old: ()}
    assert [image.id for image in selection.list_images(database, filters={"dangling": ["true"]})] == [old]
    assert [image.id for image in selection.list_images(database, filters={"before": ["app"]})] == [old]
    assert [image.id for image in selection.list_images(database, filters={"since": [old]})] == [new]
    assert selection.list_images(database, name="a*")[0].tags == ("docker.io/library/app:latest",)
    assert selection.list_images(database, name="none") == []
    pruned = removal.prune(database, paths, in_use=unused)
    assert (pruned.removed[0], pruned.bytes) == (Deleted(old), 3)
    for filters, message in (
        ({"nonsense": ["1"]}, "invalid filter 'nonsense'"),
        ({"dangling": ["perhaps"]}, "invalid filter 'dangling=[perhaps]'"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            selection.list_images(database, filters=filters)
        assert caught.value.message == message
    with pytest.raises(
        InvalidArgument, match=r'^Error parsing reference: "UPPER" is not a valid repository/tag: invalid'
    ):
        store.tag(database, "app", "UPPER")


def test_rmi_refuses_and_answers_as_docker_does(place: Store) -> None:
    database, paths = place
    image_id = importing.import_rootfs(database, paths, rootfs(), "app")
    short = image_id[7:19]
    used = [("75d14f01ae36" + "0" * 52, False)]
    running = [("c3f29ee8b5ef" + "0" * 52, True)]
    with pytest.raises(Conflict) as caught:
        removal.remove(database, paths, "app:latest", in_use=lambda image: used)
    assert caught.value.message == (
        'conflict: unable to remove repository reference "app:latest" (must force) - container 75d14f01ae36 is using'
        f" its referenced image {short}"
    )
    for force in (False, True):
        with pytest.raises(Conflict) as caught:
            removal.remove(database, paths, short, force=force, in_use=lambda image: running)
        assert caught.value.message == (
            f"conflict: unable to delete {short} (cannot be forced) - image is being used by running container"
            " c3f29ee8b5ef"
        )
    store.tag(database, "app", "other:2")
    with pytest.raises(Conflict, match=r"must be forced.* referenced in multiple repositories"):
        removal.remove(database, paths, short, in_use=unused)
    assert removal.remove(database, paths, "other:2", in_use=lambda image: running) == [Untagged("other:2")]
    assert removal.remove(database, paths, "app", force=True, in_use=lambda image: running) == [Untagged("app:latest")]
    assert removal.remove(database, paths, image_id, force=True, in_use=lambda image: used) == [Deleted(image_id)]
    sound(database, paths)


def test_busybox_is_the_same_image_each_time(place: Store) -> None:
    database, paths = place
    image_id = busybox(database, paths)
    assert busybox(database, paths) == image_id
    layer = paths.layer(store.find(database, "busybox").layers[0])
    assert os.readlink(f"{layer}/bin/sh") == "busybox"
    assert os.stat(f"{layer}/tmp").st_mode & 0o7777 == 0o1777
    sound(database, paths)


def test_a_broken_import_leaves_the_store_as_it_was(place: Store) -> None:
    database, paths = place
    for data in (b"no tar at all", rootfs().getvalue()[:700], rootfs(name="../evil").getvalue()):
        with pytest.raises(Corrupt):
            importing.import_rootfs(database, paths, io.BytesIO(data), "bad")
    with pytest.raises(NotFound, match="open /nope: no such file or directory"):
        importing.import_rootfs(database, paths, "/nope", "bad")
    with pytest.raises(InvalidArgument, match="RUN is not a valid change command"):
        importing.import_rootfs(database, paths, rootfs(), "bad", changes=["RUN true"])
    assert (os.listdir(paths.layers), os.listdir(paths.tmp), leases.all_leases(database)) == ([], [], [])
    assert store.all_images(database) == []


def test_collect_spares_what_is_leased_used_or_named_as_root(place: Store) -> None:
    database, paths = place
    ids = []
    for number in range(3):
        snapshot_id = snapshots.new(database, paths)
        snapshots.record(database, snapshot_id, diff_id=f"sha256:{number:064}", size=7)
        ids.append(snapshot_id)
    for snapshot_id in ids[1:]:
        snapshots.release(database, snapshot_id)
    assert gc.collect(database, paths, lambda: [ids[1]]) == ((ids[2],), 7)
    assert snapshots.hold(database, ids[1]) and not snapshots.hold(database, ids[2])
    assert gc.collect(database, paths) == ((), 0)
    for snapshot_id in ids[:2]:
        snapshots.release(database, snapshot_id)
    assert gc.collect(database, paths).bytes == 14
    assert os.listdir(paths.layers) == os.listdir(paths.tmp) == []


def test_check_names_what_is_wrong(place: Store) -> None:
    database, paths = place
    kept = store.get(database, importing.import_rootfs(database, paths, rootfs(b"kept"), "kept"))
    lost = store.get(database, importing.import_rootfs(database, paths, rootfs(b"lost"), "lost"))
    Path(paths.layer(kept.layers[0]), "etc/greeting").write_text("changed")
    snapshots.remove_folder(paths, lost.layers[0])
    os.mkdir(paths.layer("0123456789abcdef"))
    database.execute("UPDATE image SET config = replace(config, '\"os\"', '\"so\"') WHERE id = ?", (kept.id,))
    found = {(problem.where, problem.what.partition(":")[0]) for problem in check.check(database, paths, deep=True)}
    assert found == {
        (f"image {kept.id}", "its configuration does not match its ID"),
        (f"snapshot {kept.layers[0]}", "its files were changed"),
        (f"snapshot {lost.layers[0]}", "its folder is missing"),
        (paths.layer("0123456789abcdef"), "no snapshot has this folder"),
    }


def _churn(root: str, number: int) -> None:
    database, paths = opened(Path(root))
    for turn in range(4):
        name = f"w{number}-{turn}"
        importing.import_rootfs(database, paths, rootfs(f"{turn}".encode()), name)
        importing.import_rootfs(database, paths, rootfs(f"{number}".encode()), "shared")
        if turn % 2:
            removal.remove(database, paths, name, force=True, in_use=unused)
        gc.collect(database, paths)
        gc.sweep(database, paths)
        removal.prune(database, paths, in_use=unused)


def test_many_processes_may_add_remove_and_collect_at_once(place: Store) -> None:
    database, paths = place
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_churn, args=(paths.root, number)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 6
    names = {tag for image in store.all_images(database) for tag in image.tags}
    assert names == {f"docker.io/library/w{n}-{t}:latest" for n in range(6) for t in (0, 2)} | {
        "docker.io/library/shared:latest"
    }
    sound(database, paths)


_IMPORT = """
    import io, sys
    sys.path[:0] = {path!r}
    from test_images import opened, rootfs
    from pathlib import Path
    from sampan.images import importing
    database, paths = opened(Path({root!r}))
    importing.import_rootfs(database, paths, rootfs(b"x" * 5000), "killed")
"""


@pytest.mark.parametrize(("point", "survives"), [("import.unpacked", False), ("import.committed", True)])
def test_an_import_killed_at_any_point_leaves_a_sound_store(place: Store, point: str, survives: bool) -> None:
    database, paths = place
    script = textwrap.dedent(_IMPORT).format(path=[os.path.dirname(__file__)], root=paths.root)
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "SAMPAN_FAULT": point}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(paths.layers)) == 1
    sound(database, paths)
    assert len(os.listdir(paths.layers)) == len(store.all_images(database)) == int(survives)
    assert leases.all_leases(database) == []


def test_a_collection_killed_between_rows_and_files_is_finished_by_a_sweep(place: Store) -> None:
    database, paths = place
    importing.import_rootfs(database, paths, rootfs(), "gone")
    script = (
        textwrap.dedent(_IMPORT).format(path=[os.path.dirname(__file__)], root=paths.root).rpartition("importing.")[0]
    )
    script += 'from sampan.images import removal\nremoval.remove(database, paths, "gone", in_use=lambda image: [])\n'
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "SAMPAN_FAULT": "gc.forgotten"}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(paths.layers)) == 1
    assert len(check.check(database, paths)) == 1
    sound(database, paths)
    assert os.listdir(paths.layers) == []


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", root], check=True)
    try:
        database, paths = opened(root)
        importing.import_rootfs(database, paths, rootfs(), "kept")
        with pytest.raises(Unavailable, match="no space left on device"):
            importing.import_rootfs(database, paths, rootfs(bytes(4 << 20)), "large")
        assert [image.tags for image in store.all_images(database)] == [("docker.io/library/kept:latest",)]
        assert len(os.listdir(paths.layers)) == 1 and os.listdir(paths.tmp) == []
        sound(database, paths)
        importing.import_rootfs(database, paths, rootfs(b"fits"), "fits")
        database.close()
        subprocess.run(["rm", "-r", paths.run], check=True)
    finally:
        subprocess.run(["umount", root], check=True)
