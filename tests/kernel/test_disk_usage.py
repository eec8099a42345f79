"""`system df` is what `du` measures on the store, after whatever was done to it."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from sampan.engine.disk import Disk
from sampan.engine.engine import Engine
from sampan.testing.command import Sampan

HELD = ("layers", "recipes", "containers", "volumes", "cache-mounts", "downloads")


def du(path: str) -> int:
    return int(subprocess.run(["du", "-s", "-B1", path], check=True, capture_output=True).stdout.split()[0])


def held(root: str) -> int:
    """Bytes of blocks of what people put into the store: without the database, whose log grows with what is done."""
    return sum(du(f"{root}/{name}") for name in HELD if os.path.isdir(f"{root}/{name}"))


def usage(root: str) -> Disk:
    engine = Engine(root)
    try:
        return engine.system.disk_usage().disk
    finally:
        engine.database.close()


def assert_true(sampan: Sampan, after: object) -> None:
    """What the command shows, added up."""
    shown = sampan("system", "df", "--format", "{{.Size}}").out.split()
    found, measured = sum(map(number, shown)), du(sampan.root)
    assert abs(found - measured) <= measured / 100, (after, found, measured)


def number(shown: str) -> float:
    """Bytes of a size as people read it: 1.5kB."""
    digits = shown.rstrip("kMGB")
    return float(digits) * 1000 ** "BkMG".index(shown.removeprefix(digits)[0])


class Life:
    """Verbs on one root, chosen by a seed."""

    def __init__(self, sampan: Sampan, folder: Path, seed: int) -> None:
        self.sampan, self.folder, self.chance = sampan, folder, random.Random(seed)

    def step(self) -> str:
        name = self.chance.choice(
            ("build", "run", "running", "commit", "volume", "load", "rm", "rmi", "volume_rm", "cache_prune", "prune")
        )
        getattr(self, name)()
        return name

    def build(self) -> None:
        size = self.chance.randrange(400_000)
        many = "truncate -s 50M /hole; rm /bin/vi; seq 500 | sed s,^,/d, | xargs touch"
        lines = f"head -c {size} /dev/zero > /f; ln /f /g; {many}"
        cache = "--mount=type=cache,target=/c"
        (self.folder / "Dockerfile").write_text(
            f"FROM busybox\nRUN {cache} head -c {size} /dev/zero > /c/x\nRUN {lines}\n"
        )
        self.sampan("build", "-q", "-t", f"app{self.chance.randrange(3)}", str(self.folder))

    def run(self) -> None:
        size = self.chance.randrange(300_000)
        line = f"head -c {size} /dev/zero > /w; head -c {size} /dev/zero > /anon/x; ln -s /nothing /anon/l; seq 2000"
        self.sampan("run", "-v", "/anon", "busybox", "sh", "-c", line)

    def running(self) -> None:
        self.sampan("run", "-d", "-v", f"v{self.chance.randrange(3)}:/d", "busybox", "sleep", "100000")

    def commit(self) -> None:
        for container in self._some("ps", "-aq"):
            self.sampan("commit", container, f"made{self.chance.randrange(3)}")

    def volume(self) -> None:
        self.sampan(
            "run", "--rm", "-v", f"v{self.chance.randrange(3)}:/d", "busybox", "sh", "-c", "cp /bin/busybox /d/$$"
        )

    def load(self) -> None:
        archive = str(self.folder.parent / "saved.tar")
        self.sampan("save", "-o", archive, "busybox")
        self.sampan("load", "-i", archive)

    def rm(self) -> None:
        for container in self._some("ps", "-aq"):
            self.sampan("rm", "-f", container)

    def rmi(self) -> None:
        for image in self._some("images", "-q", "--filter", "reference=app*"):
            self.sampan("rmi", "-f", image, code=None)

    def volume_rm(self) -> None:
        for name in self._some("volume", "ls", "-q"):
            self.sampan("volume", "rm", name, code=None)

    def cache_prune(self) -> None:
        self.sampan("builder", "prune", "-f")

    def prune(self) -> None:
        self.sampan("system", "prune", "-f", "--volumes")

    def _some(self, *words: str) -> list[str]:
        found = self.sampan(*words).out.split()
        return self.chance.sample(found, min(len(found), 1))


@pytest.mark.parametrize("seed", [1, 2])
def test_df_is_what_du_measures_after_every_step_of_a_life(sampan: Sampan, tmp_path: Path, seed: int) -> None:
    context = tmp_path / "context"
    context.mkdir()
    life = Life(sampan, context, seed)
    assert_true(sampan, "the beginning")
    done = []
    for _ in range(18):
        done.append(life.step())
        assert_true(sampan, done)
    assert sampan("system", "check").out == "No problems found.\n"


def test_what_is_reclaimable_is_what_the_prunes_free(sampan: Sampan, tmp_path: Path) -> None:
    life = Life(sampan, tmp_path, 3)
    for _ in range(2):
        life.build()
    life.run()
    life.running()
    sampan("volume", "create", "empty")
    sampan("rmi", "-f", "app0", code=None)
    for words, rooms in (
        (("container", "prune", "-f"), ("containers",)),
        (("volume", "prune", "-af"), ("volumes",)),
        (("system", "prune", "-af"), ("images", "cache")),
    ):
        told = usage(sampan.root)
        before = held(sampan.root)
        sampan(*words)
        expected = sum(getattr(told, name).reclaimable for name in rooms)
        assert expected > 0, words
        assert before - held(sampan.root) == expected, words
    assert all(room.reclaimable == 0 for room in usage(sampan.root))
    assert_true(sampan, "prunes")


def test_nothing_survives_a_prune_of_everything(sampan: Sampan, tmp_path: Path) -> None:
    life = Life(sampan, tmp_path, 4)
    for verb in (life.build, life.run, life.running, life.commit, life.volume, life.load, life.build):
        verb()
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY Dockerfile /\n")
    sampan("build", "-q", str(tmp_path))
    for container in sampan("ps", "-q").out.split():
        sampan("kill", container)
        sampan("wait", container)
    sampan("system", "prune", "-af", "--volumes")
    sampan("volume", "prune", "-af")
    survivors = sorted(
        os.path.relpath(f"{top}/{name}", sampan.root) for top, _, names in os.walk(sampan.root) for name in names
    )
    assert [name for name in survivors if not name.startswith("state.db")] == ["reserve"]
    assert all(os.listdir(f"{sampan.root}/{name}") == [] for name in HELD if os.path.isdir(f"{sampan.root}/{name}"))
    assert os.listdir(f"{sampan.root}/tmp") == []
    assert sampan("system", "check").out == "No problems found.\n"


@pytest.mark.parametrize("stray", ["forgotten", "downloads/notes.txt", "build-contexts/x", "recipes/0123456789abcdef"])
def test_a_file_that_is_nobodys_is_told_by_check(sampan: Sampan, stray: str) -> None:
    path = Path(sampan.root, stray)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert stray in sampan("system", "check", code=1).out
    path.unlink()
    assert sampan("system", "check").out == "No problems found.\n"
