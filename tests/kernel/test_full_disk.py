"""A full disk: a clear error, the store as it was, and sampan itself can make room again."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.oci.manifest import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from sampan.testing import remains
from sampan.testing.command import Result, Sampan
from sampan.testing.roots import busybox_store, copied
from sampan.testing.scripted import scripted

DISK_BYTES = 16 << 20
NO_SPACE = "no space left on device"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """A small file system of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(tmp_path)], check=True)
    try:
        yield str(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def small(base: str, disk: str) -> Iterator[Sampan]:
    """The command on a root with busybox:latest on the small disk."""
    with copied(busybox_store(base), disk + "/root") as command:
        yield command


@pytest.fixture
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file that is larger than the small disk."""
    folder = tmp_path_factory.mktemp("big")
    with open(folder / "big", "wb") as file:
        file.write(bytes(DISK_BYTES + 1))  # no holes: a copy would keep them, and need no room
    return folder


def fill(disk: str) -> str:
    """Write to the disk until nothing more fits; the file that does it."""
    path = disk + "/filler"
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def assert_as_before(small: Sampan, layers: list[str]) -> None:
    assert os.listdir(small.root + "/layers") == layers
    assert small("images").out.count("\n") == 2
    assert small("system", "check").code == 0
    remains.assert_none(small.root)
    assert small("run", "--rm", "busybox", "echo", "fine").out == "fine\n"


def refused(result: Result) -> bool:
    return result.code != 0 and NO_SPACE in result.err.lower() and "Hint: " in result.err


def test_a_build_or_import_that_fills_the_disk_leaves_the_store_as_it_was(small: Sampan, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    dockerfile = big / "Dockerfile"
    dockerfile.write_text("FROM busybox\nCOPY big /\n")
    assert refused(small("build", str(big), code=1))
    assert_as_before(small, layers)
    dockerfile.write_text("FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=100\n")
    failed = small("build", str(big), code=1)
    assert NO_SPACE in failed.err.lower()
    assert_as_before(small, layers)
    archive = str(big / "big.tar")
    subprocess.run(["tar", "-C", str(big), "-cf", archive, "big"], check=True)
    assert refused(small("import", archive, "big", code=1))
    assert_as_before(small, layers)


def test_a_container_that_fills_the_disk_ends_with_its_own_code_and_can_be_removed(small: Sampan) -> None:
    layers = os.listdir(small.root + "/layers")
    flood = ("dd", "if=/dev/zero", "of=/flood", "bs=64k")
    assert small("run", "--rm", "-p", "0:80", "busybox", *flood, code=1).err.count("No space left on device") == 1
    assert_as_before(small, layers)
    small("run", "--name", "box", "busybox", *flood, code=1)
    assert small("ps", "-a", "--format", "{{.Names}} {{.Status}}").out.startswith("box Exited (1)")
    assert refused(small("run", "-d", "busybox", "true", code=125))
    small("rm", "box")
    assert_as_before(small, layers)


def test_on_a_full_disk_nothing_begins_and_all_works_once_there_is_room(small: Sampan, disk: str, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    small("run", "-d", "--name", "box", "-v", "/data", "busybox", "sleep", "100000")
    filler = fill(disk)
    archive = big / "empty.tar"
    archive.write_bytes(bytes(10240))
    (big / "Dockerfile").write_text("FROM busybox\nRUN true\n")
    for words in (
        ("run", "--rm", "busybox", "true"),
        ("create", "busybox"),
        ("import", str(archive), "other"),
        ("build", "--no-cache", str(big)),
        ("volume", "create", "other"),
    ):
        assert refused(small(*words, code=None)), words
    assert small("ps", "--format", "{{.Names}}").out == "box\n"
    for _ in range(20):
        assert small("exec", "box", "echo", "hi").out == "hi\n"
    small("kill", "-s", "WINCH", "box")
    small("top", "box")
    small("stop", "-t", "0", "box")
    small("rm", "-v", "box")
    assert small("system", "check").code == 0
    os.unlink(filler)
    assert_as_before(small, layers)


def test_a_load_that_does_not_fit_leaves_the_store_as_it_was(small: Sampan, disk: str, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    subprocess.run(["tar", "-cf", f"{big}/layer.tar", "-C", str(big), "big"], check=True)
    image = json.dumps({"os": "linux", "rootfs": {"diff_ids": ["sha256:" + "0" * 64]}})
    (big / "c.json").write_text(image)
    (big / "manifest.json").write_text('[{"Config":"c.json","Layers":["layer.tar"]}]')
    archive = f"{big}/image.tar"
    subprocess.run(["tar", "-cf", archive, "-C", str(big), "layer.tar", "c.json", "manifest.json"], check=True)
    result = small("load", "-i", archive, code=1)
    assert NO_SPACE in result.err
    assert_as_before(small, layers)
    filler = fill(disk)
    assert NO_SPACE in small("load", "-i", archive, code=1).err
    os.unlink(filler)


def test_a_volume_import_that_fills_the_disk_leaves_the_volume_as_it_was(small: Sampan, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    small("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f")
    archive = str(big / "big.tar")
    subprocess.run(["tar", "-C", str(big), "-cf", archive, "big"], check=True)
    assert refused(small("volume", "import", "data", archive, code=1))
    assert small("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "ls /d; cat /d/f").out == "f\nkept\n"
    assert_as_before(small, layers)


def test_a_cp_or_commit_that_fills_the_disk_says_so_and_leaves_the_store_whole(small: Sampan, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    small("create", "--name", "box", "busybox")
    assert refused(small("cp", str(big / "big"), "box:/big", code=1))
    assert small("system", "check").code == 0
    small("rm", "box")
    assert_as_before(small, layers)
    # Half of the disk is written, so that a copy of it as a layer does not fit.
    small(
        "run", "--name", "box", "busybox", "dd", "if=/dev/zero", "of=/half", "bs=1M", f"count={DISK_BYTES >> 20 >> 1}"
    )
    assert refused(small("commit", "box", "made", code=1))
    assert small("images", "-q").out.count("\n") == 1
    small("rm", "box")
    assert_as_before(small, layers)


@pytest.mark.parametrize("content", [bytes(DISK_BYTES + 1), os.urandom(DISK_BYTES + 1)], ids=["unpacked", "packed"])
def test_a_pull_that_does_not_fit_leaves_the_store_as_it_was(small: Sampan, content: bytes) -> None:
    """What fills the disk is the layer's files, or already its compressed bytes."""
    layers = os.listdir(small.root + "/layers")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as written:
        entry = tarfile.TarInfo("big")
        entry.size = len(content)
        written.addfile(entry, io.BytesIO(content))
    packed = gzip.compress(plain.getvalue(), 1, mtime=0)
    diff_id = "sha256:" + hashlib.sha256(plain.getvalue()).hexdigest()
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    ).encode()
    with scripted() as registry:
        document = {
            "schemaVersion": 2,
            "config": {"mediaType": OCI_CONFIG, "digest": registry.blob("a", config), "size": len(config)},
            "layers": [
                {"mediaType": OCI_LAYER + "+gzip", "digest": registry.blob("a", packed), "size": len(packed)},
            ],
        }
        registry.manifest("a", json.dumps(document).encode(), OCI_MANIFEST, "1")
        assert refused(small("pull", f"{registry.host}/a:1", code=None))
        assert os.listdir(small.root + "/downloads") == []
        assert_as_before(small, layers)


@pytest.fixture
def full_output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder on a disk of its own that has no room for an image."""
    folder = str(tmp_path_factory.mktemp("output"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_an_output_that_does_not_fit_is_told_with_a_hint_and_leaves_no_part(small: Sampan, full_output: str) -> None:
    layers = os.listdir(small.root + "/layers")
    small("create", "--name", "box", "busybox")
    for words in (("save", "-o", f"{full_output}/a", "busybox"), ("export", "-o", f"{full_output}/a", "box")):
        assert refused(small(*words, code=1)), words
        assert os.listdir(full_output) == [], words
    assert refused(small("bundle", "create", "-o", f"{full_output}/a", "busybox", code=1))
    assert os.listdir(full_output) == []
    with open(f"{full_output}/a", "wb") as output:
        saved = subprocess.run(small.command("save", "busybox"), stdout=output, stderr=subprocess.PIPE, text=True)
    assert saved.returncode == 1 and NO_SPACE in saved.stderr and "free some space" in saved.stderr
    os.unlink(f"{full_output}/a")
    Path(full_output, "Dockerfile").write_text("FROM busybox\n")
    fill(full_output)
    assert refused(small("lock", f"{full_output}/Dockerfile", code=1))
    assert sorted(os.listdir(full_output)) == ["Dockerfile", "filler"]
    small("rm", "box")
    assert_as_before(small, layers)


def test_a_copy_does_not_eat_the_space_that_is_kept_to_make_room(small: Sampan, disk: str, big: Path) -> None:
    layers = os.listdir(small.root + "/layers")
    small("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    filler = fill(disk)
    for _ in range(5):
        assert refused(small("cp", str(big / "big"), "box:/big", code=1))
    assert small("exec", "box", "echo", "hi").out == "hi\n"
    small("stop", "-t", "0", "box")
    small("system", "prune", "-f")
    assert small("ps", "-aq").out == ""
    os.unlink(filler)
    assert_as_before(small, layers)
