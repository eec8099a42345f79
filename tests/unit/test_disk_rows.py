"""What a folder takes of the disk, and whose row of `system df` it is."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.engine.disk import Disk, Owners, Room, rows
from sampan.linux.measuring import tree_blocks, tree_bytes
from sampan.storage.blocks import Blocks

NOTHING = Blocks({}, {}, {}, {}, {}, {}, 0)
NOBODY = Owners((), (), (), (), (), (), (), (), ())
names = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1 << 40))
some = st.frozensets(st.sampled_from("abcdefgh"))


def du(path: Path) -> int:
    return int(subprocess.run(["du", "-s", "-B1", str(path)], check=True, capture_output=True).stdout.split()[0])


def test_blocks_are_what_du_counts_of_links_holes_folders_and_devices(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "plain").write_bytes(b"x" * 5000)
    os.link(tmp_path / "deep" / "plain", tmp_path / "again")
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(1 << 30)
    os.symlink("/" + "long" * 50, tmp_path / "link")
    os.link(tmp_path / "link", tmp_path / "same", follow_symlinks=False)
    os.mkfifo(tmp_path / "fifo")
    for number in range(300):
        (tmp_path / "deep" / "er" / f"{number:060}").touch()
    assert tree_blocks(str(tmp_path)) == du(tmp_path)
    assert tree_bytes(str(tmp_path)) == 5000 + (1 << 30)


@pytest.mark.parametrize("name", ["file", "link", "nothing"])
def test_blocks_of_what_is_no_folder_are_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "big").write_bytes(bytes(100_000))
    (tmp_path / "file").write_bytes(bytes(9000))
    (tmp_path / "link").symlink_to("folder")
    assert tree_blocks(str(tmp_path / name)) == (du(tmp_path / name) if name != "nothing" else 0)


def test_a_layer_of_an_image_and_of_the_cache_is_counted_once_and_goes_with_its_recipe() -> None:
    blocks = NOTHING._replace(layers={"image": 10, "cache": 20, "made": 40}, recipes={"image": 1}, rest=5)
    owners = NOBODY._replace(recorded={"image", "cache"}, cached={"cache"})
    assert rows(blocks, owners) == Disk(Room(11, 11), Room(0), Room(0), Room(20, 20), Room(45))


def test_what_is_needed_runs_or_is_used_is_not_reclaimable() -> None:
    blocks = Blocks(
        {"a": 1, "b": 2},
        {},
        {"runs": 4, "ended": 8},
        {"held": 16, "free": 32},
        {"busy": 64, "idle": 128},
        {"x": 256},
        0,
    )
    owners = Owners(
        recorded={"a", "b"},
        cached=(),
        needed={"a"},
        containers={"runs", "ended"},
        stopped={"ended"},
        volumes={"held", "free"},
        unused_volumes={"free"},
        caches={"busy", "idle"},
        idle_caches={"idle"},
        begun_reclaimable=256,
    )
    assert rows(blocks, owners) == Disk(Room(259, 258), Room(12, 8), Room(48, 32), Room(192, 128), Room(0))


@given(
    st.builds(Blocks, names, names, names, names, names, names, st.integers(0, 1 << 40)),
    st.builds(Owners, *[some] * 9, st.integers(0, 1 << 50)),
)
def test_the_rows_take_together_what_the_store_takes(blocks: Blocks, owners: Owners) -> None:
    found = rows(blocks, owners)
    assert found.taken == blocks.total
    assert all(0 <= room.reclaimable <= room.taken for room in found)
