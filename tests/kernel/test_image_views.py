"""Looking at images: mount, diff, squash, --tree, --platform, filters."""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cli.views import image_tree
from sampan.engine import Engine
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.images import comparison, origins
from sampan.images.archive import saving
from sampan.images.comparison import FieldChange, FileChange
from sampan.linux import syscall
from sampan.oci.config import ContainerConfig, ImageConfig
from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.faults import kill_at, passes

CORPUS = Path(__file__).parent.parent / "corpus" / "archives"
TINY = "sha256:b4539758df3d67612283d4c51b1650959f0f2cdcc66c277c4ccc48dae14b3d1f"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "root")) as made:
        yield made
        made.images.unmount_all()
        assert made.system.check(deep=True) == []
        assert made.database.rows("SELECT resource FROM lease") == []
        made.system.shutdown()


def rootfs(files: dict[str, tuple[bytes, int]]) -> io.BytesIO:
    """A tar of name to (content, mode)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, (content, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return io.BytesIO(out.getvalue())


def tiny(engine: Engine) -> str:
    engine.images.load(io.BytesIO((CORPUS / "docker.tar.gz").read_bytes()))
    return TINY


def test_an_image_is_shown_in_a_folder_until_it_is_unmounted(engine: Engine, tmp_path: Path) -> None:
    tiny(engine)
    folder = engine.images.mount("tiny:1")
    assert folder.startswith(engine.paths.run)
    assert Path(folder, "d/two").read_text() == "two\n"
    with pytest.raises(OSError, match="Read-only"):
        Path(folder, "x").write_text("x")
    assert engine.images.mount("tiny:latest") == folder
    mine = tmp_path / "mine"
    mine.mkdir()
    assert engine.images.mount(TINY, str(mine)) == str(mine)
    assert {entry.target for entry in engine.images.mounted()} == {folder, str(mine)}
    assert engine.system.check() == []
    assert [entry.target for entry in engine.images.unmount(str(mine))] == [str(mine)]
    assert [entry.target for entry in engine.images.unmount("tiny:1")] == [folder]
    assert not os.path.exists(folder) and os.listdir(mine) == []
    with pytest.raises(NotFound, match="is not mounted"):
        engine.images.unmount("tiny:1")


def test_a_mounted_image_is_kept_and_when_forced_away_its_layers_are(engine: Engine) -> None:
    tiny(engine)
    folder = engine.images.mount("tiny:1")
    engine.images.remove("tiny:1")
    engine.images.remove("tiny:latest")
    with pytest.raises(Conflict, match=rf"image is mounted at {folder}$"):
        engine.images.remove("localhost:5000/team/tiny:x")
    with pytest.raises(Conflict, match=r"unable to delete b4539758df3d \(must be forced\) - image is mounted"):
        engine.images.remove(TINY)
    assert engine.images.prune(all_unused=True).removed == []
    engine.images.remove(TINY, force=True)
    assert Path(folder, "one").read_text() == "one\n"
    engine.images.unmount("b4539758df3d")
    assert os.listdir(engine.paths.layers) == []


def test_a_folder_that_cannot_be_used_is_refused(engine: Engine, tmp_path: Path) -> None:
    tiny(engine)
    other = engine.images.import_rootfs(rootfs({"f": (b"x", 0o644)}))
    with pytest.raises(InvalidArgument, match="no such file or directory"):
        engine.images.mount("tiny:1", str(tmp_path / "missing"))
    with pytest.raises(InvalidArgument, match="is not a directory"):
        engine.images.mount("tiny:1", __file__)
    with pytest.raises(Conflict, match="something is mounted at /proc already"):
        engine.images.mount("tiny:1", "/proc")
    folder = engine.images.mount("tiny:1")
    with pytest.raises(Conflict, match="shows another image"):
        engine.images.mount(other, folder)
    inside = os.open(folder, os.O_RDONLY)
    with pytest.raises(Conflict, match="is in use"):
        engine.images.unmount("tiny:1")
    os.close(inside)
    syscall.umount(folder)  # as a user may do
    assert engine.images.mounted() == []
    assert engine.images.mount("tiny:1") == folder


def test_a_mount_that_is_killed_at_any_point_leaves_nothing_that_is_not_known(sampan: Sampan) -> None:
    for moment in passes(sampan, "image", "mount", "busybox"):
        sampan("image", "unmount", "--all")
        kill_at(sampan, moment, "image", "mount", "busybox")
        assert sampan("system", "check").code == 0
        folder = sampan("image", "mount", "busybox").out.strip()
        assert os.path.exists(folder + "/bin/busybox")
    assert sampan("image", "mount").out.split()[1] == folder
    for moment in passes(sampan, "image", "unmount", "busybox"):
        sampan("image", "mount", "busybox")
        kill_at(sampan, moment, "image", "unmount", "busybox")
        assert sampan("system", "check").code == 0
    remains.assert_none(sampan.root)
    sampan("image", "mount", "busybox")
    sampan("system", "shutdown")
    with open("/proc/self/mountinfo") as file:
        assert sampan.root not in file.read()


SAME = {"same": (b"same", 0o644)}
BEFORE = SAME | {"grown": (b"1", 0o644), "gone": (b"", 0o644), "mode": (b"m", 0o644), "flip": (b"a", 0o644)}
AFTER = SAME | {"grown": (b"123", 0o644), "new/deep": (b"", 0o644), "mode": (b"m", 0o755), "flip": (b"b", 0o644)}


def test_files_that_differ_between_two_images_are_listed(engine: Engine) -> None:
    first = engine.images.import_rootfs(rootfs(BEFORE), "app:1", changes=("ENV A=1", "CMD one", "LABEL k=v"))
    engine.images.import_rootfs(rootfs(AFTER), "app:2", changes=("ENV A=2 B=3", "CMD one", "EXPOSE 80"))
    changed, fields = engine.images.diff("app:1", "app:2")
    assert changed == [
        FileChange("C", "/flip", 1, 1, ("content",)),
        FileChange("D", "/gone", 0, None),
        FileChange("C", "/grown", 1, 3, ("content",)),
        FileChange("C", "/mode", 1, 1, ("mode",)),
        FileChange("A", "/new"),
        FileChange("A", "/new/deep", None, 0),
    ]
    assert fields == [
        FieldChange("Env A", "1", "2"),
        FieldChange("Env B", None, "3"),
        FieldChange("ExposedPorts", None, ["80/tcp"]),
        FieldChange("Labels k", "v", None),
    ]
    assert engine.images.diff("app:1", first) == ([], [])
    tiny(engine)
    assert [change.path for change in engine.images.diff("tiny:1", "app:1")[0] if change.kind == "D"] == [
        "/d", "/d/two", "/one",
    ]  # fmt: skip


def test_configurations_are_compared_field_by_field() -> None:
    old = ImageConfig("amd64", "linux", ContainerConfig(cmd=("a",), user="1"), ())
    new = ImageConfig("arm64", "linux", ContainerConfig(cmd=("b",)), (), author="Ann")
    assert comparison.compare_configs(old, new) == [
        FieldChange("Architecture", "amd64", "arm64"),
        FieldChange("Author", None, "Ann"),
        FieldChange("Cmd", ["a"], ["b"]),
        FieldChange("User", "1", None),
    ]


def test_diff_on_the_command_line(sampan: Sampan, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(rootfs({"f": (b"12", 0o600), "g": (b"x", 0o644)}).getvalue())
    sampan("import", "-c", "USER 5", str(archive), "one")
    archive.write_bytes(rootfs({"f": (b"1", 0o644), "h": (b"x", 0o644)}).getvalue())
    sampan("import", str(archive), "two")
    assert sampan("image", "diff", "one", "two").out == ('C /f  (2B -> 1B, mode)\nD /g\nA /h\n- User: "5"\n')
    document = json.loads(sampan("image", "diff", "--format", "json", "one", "two").out)
    assert document["Files"][1] == {"Kind": "D", "Path": "/g", "Before": 1, "After": None, "What": []}
    assert document["Config"] == [{"name": "User", "before": "5", "after": None}]


def test_a_squashed_image_has_the_same_files_in_one_layer(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        'FROM busybox\nRUN echo big > /big\nRUN rm /big && echo a > /a\nCMD ["cat", "/a"]\n'
    )
    sampan("build", "-q", "-t", "app", str(tmp_path))
    first = subprocess.run(sampan.command("save", "--squash", "app"), stdout=subprocess.PIPE, check=True).stdout
    assert first == subprocess.run(sampan.command("save", "--squash", "app"), stdout=subprocess.PIPE, check=True).stdout
    sampan("tag", "app", "before")
    path = tmp_path / "s.tar"
    path.write_bytes(first)
    out = sampan("load", "-i", str(path)).out
    assert out.startswith("The image app:latest already exists, renaming the old one with ID sha256:")
    assert sampan("image", "diff", "before", "app").out == ""
    assert sampan("image", "inspect", "-f", "{{len .RootFS.Layers}}", "app").out == "1\n"
    assert sampan("run", "--rm", "app").out == "a\n"
    assert sampan("system", "check").code == 0


def test_a_squashed_configuration_keeps_all_but_layers_and_history() -> None:
    config = {"os": "linux", "odd": 1, "created": "2026-01-01T00:00:00Z", "history": [{}, {}], "rootfs": {}}
    squashed = json.loads(saving.squashed(json.dumps(config).encode(), "sha256:x"))
    assert squashed["odd"] == 1
    assert squashed["rootfs"] == {"type": "layers", "diff_ids": ["sha256:x"]}
    assert squashed["history"] == [{"created": "2026-01-01T00:00:00Z", "comment": "squashed from 2 steps"}]


def test_the_tree_shows_all_names_and_the_platforms_of_one_index(engine: Engine) -> None:
    tiny(engine)
    other = engine.images.import_rootfs(rootfs({"f": (b"x" * 2000, 0o644)}))
    alone = engine.images.import_rootfs(rootfs({"g": (b"x", 0o644)}))
    for image_id in (TINY, other):
        origins.record_digest(engine.database, "localhost:5000/multi", "sha256:" + "1" * 64, image_id)
    images = sorted(engine.images.list(), key=lambda image: [TINY, other, alone].index(image.id))
    lines = image_tree.text(images, {alone}).splitlines()
    assert lines[0].endswith("Info ->  U In Use")
    assert [line.split() for line in lines[2:]] == [
        ["IMAGE", "ID", "DISK", "USAGE", "CONTENT", "SIZE", "EXTRA"],
        ["tiny:1"],
        ["tiny:latest"],
        ["localhost:5000/team/tiny:x"],
        ["localhost:5000/multi@sha256:" + "1" * 64, "2.01kB", "0B"],
        ["├─", "linux/amd64", TINY[7:19], "8B", "0B"],
        ["└─", "linux/amd64", other[7:19], "2kB", "0B"],
        ["<untagged>", alone[7:19], "1B", "0B", "U"],
    ]


def test_looking_at_images_of_another_platform_is_answered_as_docker_does(sampan: Sampan) -> None:
    assert sampan("images", "--tree", "-q", code=1).err == "--quiet is not yet supported with --tree\n"
    assert "busybox:latest" in sampan("images", "--tree").out
    wrong = (
        "Error response from daemon: image with reference busybox was found but its platform (linux/amd64) does not"
        " match the specified platform (linux/s390x)\n"
    ).replace("amd64", sampan("version", "-f", "{{.Server.Arch}}").out.strip())
    for words in (("history",), ("image", "inspect"), ("rmi",)):
        assert sampan(*words, "--platform", "linux/s390x", "busybox", code=1).err == wrong
    assert sampan("save", "--platform", "linux/s390x", "busybox", code=1).err.startswith(
        "Error response from daemon: no suitable export target found for platform linux/s390x\n"
    )
    assert sampan("images", "--filter", "until=xx", code=1).err.startswith(
        'Error response from daemon: failed to parse value as time or duration: "xx"\n'
    )


def test_a_prune_that_is_only_asked_for_tells_what_it_would_free(sampan: Sampan, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(rootfs({"f": (b"x" * 5000, 0o644)}).getvalue())
    image_id = sampan("import", str(archive)).out.strip()
    asked = sampan("image", "prune", "--dry-run").out
    assert asked.startswith(f"Images that would be deleted:\ndeleted: {image_id}\n")
    assert asked.endswith("\nTotal reclaimable space: 5kB (5000 bytes)\n")
    assert sampan("images", "-q", "--no-trunc", "--filter", "dangling=true").out.strip() == image_id
    done = sampan("image", "prune", "-f").out
    asked = asked.replace("Images that would be deleted", "Deleted Images").replace(
        "reclaimable space", "reclaimed space"
    )
    assert done == asked.replace(" (5000 bytes)", "")
    assert sampan("image", "prune", "-a", "--dry-run").out.startswith(
        "Images that would be deleted:\nuntagged: busybox:latest\n"
    )
    assert "busybox" in sampan("images").out
