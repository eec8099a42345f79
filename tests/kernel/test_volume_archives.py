"""`volume export` and `volume import` with real containers."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from sampan import Engine
from sampan.errors import Conflict, Corrupt
from sampan.testing.command import Sampan

FILLED = "echo one > /d/one; ln /d/one /d/same; mkdir /d/sub; chown 1000:5 /d/sub; ln -s /etc/passwd /d/link"
LISTED = "cd /d && ls -ln | sed 's/ [A-Z][a-z][a-z] .*:.. / /' && cat one"


def shell(sampan: Sampan, line: str, volume: str = "data") -> str:
    return sampan("run", "--rm", "--network", "none", "-v", f"{volume}:/d", "busybox", "sh", "-c", line).out


@pytest.fixture
def archive(sampan: Sampan, tmp_path: Path) -> str:
    """The tar of the volume `data`."""
    shell(sampan, FILLED)
    sampan("volume", "export", "-o", str(tmp_path / "data.tar"), "data")
    return str(tmp_path / "data.tar")


def test_a_volume_comes_back_from_its_archive(sampan: Sampan, archive: str) -> None:
    before = shell(sampan, LISTED)
    sampan("volume", "rm", "data")
    sampan("volume", "import", "data", archive)
    assert shell(sampan, LISTED) == before
    assert os.stat(archive).st_mode & 0o777 == 0o600


def test_an_import_replaces_what_was_there_or_is_laid_over_it(sampan: Sampan, archive: str) -> None:
    shell(sampan, "rm /d/one; echo two > /d/two")
    sampan("volume", "import", "--merge", "data", archive)
    assert shell(sampan, "ls /d") == "link\none\nsame\nsub\ntwo\n"
    sampan("volume", "import", "data", archive)
    assert shell(sampan, "ls /d") == "link\none\nsame\nsub\n"


def test_compressed_archives_come_from_stdin(sampan: Sampan, archive: str) -> None:
    compressed = subprocess.run(["gzip", "-c", archive], check=True, capture_output=True).stdout
    with Engine(sampan.root) as engine:
        engine.volumes.load("other", io.BytesIO(compressed))
    assert shell(sampan, "cat /d/one", "other") == "one\n"


def test_a_volume_of_a_container_that_runs_is_not_replaced(sampan: Sampan, archive: str) -> None:
    box = sampan("run", "-d", "--name", "box", "-v", "data:/d", "busybox", "sleep", "100000").out.strip()
    refused = sampan("volume", "import", "data", archive, code=1).err
    assert refused.startswith(f"Error response from daemon: import data: volume is in use - [{box}]\n")
    assert "sampan stop box" in refused and "--merge" in refused
    sampan("exec", "box", "rm", "/d/one")
    sampan("volume", "import", "--merge", "data", archive)
    assert sampan("exec", "box", "cat", "/d/one").out == "one\n"
    sampan("stop", "-t", "0", "box")
    sampan("volume", "import", "data", archive)
    sampan("start", "box")
    assert sampan("exec", "box", "cat", "/d/same").out == "one\n"


def test_a_damaged_or_hostile_archive_leaves_the_volume_as_it_was(sampan: Sampan, archive: str, tmp_path: Path) -> None:
    whole = Path(archive).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2 - 100])
    with tarfile.open(tmp_path / "hostile.tar", "w") as made:
        made.addfile(tarfile.TarInfo("new"), io.BytesIO())
        made.addfile(tarfile.TarInfo("../../../../out"), io.BytesIO())
    for name in ("cut.tar", "hostile.tar"):
        assert sampan("volume", "import", "data", str(tmp_path / name), code=1).err
        assert shell(sampan, "cat /d/one; ls /d") == "one\nlink\none\nsame\nsub\n"
    with Engine(sampan.root) as engine, pytest.raises(Corrupt):
        engine.volumes.load("data", io.BytesIO(b"no archive" * 100))
    assert os.listdir(sampan.root + "/tmp") == []


def test_volumes_that_are_file_systems_are_exported_and_laid_over(sampan: Sampan, archive: str, tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    sampan("volume", "create", "-o", "type=none", "-o", f"device={folder}", "-o", "o=bind", "host")
    assert "a file system of its own" in sampan("volume", "import", "host", archive, code=1).err
    sampan("volume", "import", "--merge", "host", archive)
    assert (folder / "one").read_text() == "one\n"
    sampan("volume", "export", "-o", str(tmp_path / "again.tar"), "host")
    with tarfile.open(tmp_path / "again.tar") as read:
        assert "one" in read.getnames()
    sampan("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "fast")
    with Engine(sampan.root) as engine, pytest.raises(Conflict):
        engine.volumes.export("fast", lambda piece: None)
    sampan("run", "-d", "-v", "fast:/d", "busybox", "sh", "-c", "echo fast > /d/one; sleep 100000")
    sampan("volume", "import", "--merge", "fast", archive)
    assert shell(sampan, "cat /d/same", "fast") == "one\n"


def test_mistakes_are_told(sampan: Sampan, archive: str) -> None:
    assert sampan("volume", "export", "nope", code=1).err.startswith(
        "Error response from daemon: get nope: no such volume"
    )
    assert "open /nope.tar: no such file" in sampan("volume", "import", "data", "/nope.tar", code=1).err
    assert "invalid output path" in sampan("volume", "export", "-o", "/nope/x", "data", code=1).err
    assert "includes invalid characters" in sampan("volume", "import", "bad name", archive, code=1).err
    assert sampan("volume", "ls", "-q").out == "data\n"


def test_a_volume_whose_folder_is_gone_is_found_and_restored(sampan: Sampan, archive: str) -> None:
    shutil.rmtree(f"{sampan.root}/volumes/data/_data")
    found = sampan("system", "check", code=None)
    assert "volume data" in found.out and "its folder is missing" in found.out
    sampan("volume", "import", "data", archive)
    assert sampan("system", "check").code == 0
    assert shell(sampan, "cat /d/one") == "one\n"


def test_folders_that_no_path_reaches_are_told_and_can_be_pruned(sampan: Sampan) -> None:
    sampan("volume", "create", "deep")
    folder = os.open(f"{sampan.root}/volumes/deep/_data", os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 250, dir_fd=folder)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert "folders are nested too deeply" in sampan("volume", "export", "deep", code=1).err
    assert sampan("system", "df").code == 0
    assert sampan("volume", "prune", "-af").out.startswith("Deleted Volumes:\ndeep\n")
    assert os.listdir(sampan.root + "/volumes") == os.listdir(sampan.root + "/tmp") == []
