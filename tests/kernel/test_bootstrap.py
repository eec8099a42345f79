"""images/bootstrap.py with the host's own package sources."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.errors import NotFound, Unavailable
from sampan.images import bootstrap, store
from sampan.storage import check
from sampan.storage.database import Database
from sampan.storage.paths import create, paths_of


@pytest.fixture(autouse=True)
def run_folders(tmp_path: Path) -> Iterator[None]:
    yield
    for name in ("one", "two", "root"):
        shutil.rmtree(paths_of(str(tmp_path / name)).run, ignore_errors=True)


def _host_release() -> str:
    fields = dict(
        line.strip().split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return f"{fields['ID']}:{fields['VERSION_CODENAME']}"


def test_the_same_packages_give_the_same_image(tmp_path: Path) -> None:
    ids, seen = set(), []
    for name in ("one", "two"):
        paths = paths_of(str(tmp_path / name))
        create(paths)
        database = Database(paths.database)
        release = _host_release() + "-slim"
        image_id = bootstrap.bootstrap(
            database, paths, release, on_progress=lambda stage, percent: seen.append(percent)
        )
        image = store.find(database, release)
        assert (image.id, image.config.config.cmd) == (image_id, ("bash",))
        assert check.check(database, paths, deep=True) == []
        ids.add(image_id)
        layer = Path(paths.layer(image.layers[0]))
        assert (layer / "etc/machine-id").read_text() == ""
        assert not list((layer / "var/lib/apt/lists").iterdir())
        database.close()
    assert len(ids) == 1
    assert seen[-1] == 100


def test_a_package_that_is_not_there_leaves_no_trace(tmp_path: Path) -> None:
    paths = paths_of(str(tmp_path / "root"))
    create(paths)
    database = Database(paths.database)
    with pytest.raises(Unavailable, match="no-such-package-anywhere"):
        bootstrap.bootstrap(database, paths, _host_release(), include=["no-such-package-anywhere"])
    with pytest.raises(NotFound):
        store.find(database, _host_release())
    assert check.check(database, paths) == []
    database.close()
