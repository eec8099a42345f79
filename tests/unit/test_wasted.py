"""Files of layers that later layers hide."""

import os
from pathlib import Path

from sampan.images.wasted import LayerUse, uses
from sampan.storage.paths import Paths


def layer(root: Path, name: str, files: dict[str, int], gone: tuple[str, ...] = (), opaque: str = "") -> None:
    """A layer in overlayfs form: files with their sizes, whiteouts, and a folder that hides what is below it."""
    top = root / "layers" / name
    top.mkdir(parents=True)
    for path, size in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(bytes(size))
    for path in gone:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(top / path, 0o20000, 0)
    if opaque:
        (top / opaque).mkdir(parents=True, exist_ok=True)
        os.setxattr(top / opaque, "trusted.overlay.opaque", b"y")


def test_what_is_removed_replaced_or_hidden_is_wasted_where_it_was_added(tmp_path: Path) -> None:
    layer(tmp_path, "a", {"cache/one": 100, "cache/deep/two": 50, "app": 10, "kept": 5, "opaque/x": 7, "dir/file": 3})
    layer(tmp_path, "b", {"app": 20, "opaque/y": 1}, gone=("cache",), opaque="opaque")
    layer(tmp_path, "c", {"dir": 2})
    paths = Paths(str(tmp_path), str(tmp_path / "run"), "00000000")
    assert uses(paths, ["a", "b", "c"]) == (
        LayerUse(175, 6, 170, ("cache/one", "cache/deep/two", "app")),
        LayerUse(21, 2, 0),
        LayerUse(2, 1, 0),
    )


def test_a_link_hides_a_file_and_a_file_a_folder(tmp_path: Path) -> None:
    layer(tmp_path, "a", {"file": 4, "folder/x": 6})
    layer(tmp_path, "b", {"folder": 1})
    os.symlink("/", tmp_path / "layers/b/file")
    paths = Paths(str(tmp_path), str(tmp_path / "run"), "00000000")
    assert [use.wasted for use in uses(paths, ["a", "b"])] == [10, 0]
