"""kill -9 at fifty moments of each of pull, push, load, rmi, image prune and a registry's collection, spread over all
that the verb does: the store is whole, the verb works the next time, and the image is the same to the last byte."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.builder.options import BuildOptions
from sampan.engine import Engine
from sampan.errors import NotFound
from sampan.oci.manifest import ACCEPTED
from sampan.registry.server import collection
from sampan.registry.server.content import Content
from sampan.registry.server.directory import Directory
from sampan.registry.server.verification import verify
from sampan.storage.paths import paths_of
from sampan.testing import leftovers, moments, remains
from sampan.testing.registries import registry
from sampan.testing.serving import digest_of, image, index
from sampan.testing.stores import Store
from sampan.testing.sweep import sweep

KILLS = 50
DOCKERFILE = "FROM scratch\nCOPY one /\nCOPY two /\nCOPY three /\nCMD /one\n"

pytestmark = pytest.mark.xdist_group("kill-sweeps")  # one store is made for all


class Original(NamedTuple):
    """A root that holds app:1 and other:1, which share a layer; app:1 is in the registry at `host` as well."""

    root: str
    host: str
    image_id: str
    digest: str
    saved: bytes

    @property
    def name(self) -> str:
        return f"{self.host}/app:1"


def saved(engine: Engine, name: str) -> bytes:
    pieces: list[bytes] = []
    engine.images.save([name], pieces.append)
    return b"".join(pieces)


@pytest.fixture(scope="module")
def original(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    folder, context = tmp_path_factory.mktemp("registry"), tmp_path_factory.mktemp("context")
    root = base + "/kill-sweeps-original"
    for name in ("one", "two", "three"):
        (context / name).mkdir()
        for number in range(3):
            (context / name / f"{name}-{number}").write_bytes(os.urandom(2000) + bytes(2000))
    with pytest.MonkeyPatch.context() as patch, registry(str(folder)) as host:
        patch.setenv("DOCKER_CONFIG", str(folder / "config"))
        try:
            with Engine(root) as engine:
                engine.build(build(context, DOCKERFILE, f"{host}/app:1"))
                engine.build(build(context, "FROM scratch\nCOPY one /\nCOPY two /x\n", "other:1"))
                engine.database.execute("DELETE FROM build_step")
                engine.images.tag(f"{host}/app:1", "app:1")
                digest = engine.images.push(f"{host}/app:1")
                engine.images.remove(f"{host}/app:1")
                image_id = engine.images.get("app:1").id
                made = Original(root, host, image_id, digest, saved(engine, "app:1"))
            yield made
        finally:
            removed(root)


def build(context: Path, text: str, *tags: str) -> BuildOptions:
    return BuildOptions(context=str(context), dockerfile_text=text, tags=tags)


def removed(root: str) -> None:
    paths = paths_of(root)
    sweep(paths)
    assert leftovers.wait_until_gone([paths]) == []
    for folder in (paths.root, paths.run):
        shutil.rmtree(folder, ignore_errors=True)


class Yard:
    """A root that is laid anew for each kill."""

    def __init__(self, root: str, original: Original) -> None:
        self.root, self._laid, self._original = root, root + ".laid", original

    def lay(self, prepare: Callable[[Engine], object]) -> None:
        """Make the state that each kill begins with."""
        copy(self._original.root, self.root)
        with Engine(self.root) as engine:
            prepare(engine)
        copy(self.root, self._laid)

    def swept(self, work: Callable[[Engine], object], check: Callable[[Engine], object]) -> None:
        """Kill the work at each moment; `check` looks at the store afterwards and does the work again."""
        total = self._counted(work)
        killed = moments.spread(total, KILLS)
        assert len(killed) == KILLS, f"it has only {total} moments"
        for moment in killed:
            copy(self._laid, self.root)
            moments.kill(lambda: self._work(work), moment)
            try:
                self._whole()
                with Engine(self.root) as engine:
                    check(engine)
                self._whole()
            except Exception as error:
                raise AssertionError(f"killed at moment {moment} of {total}") from error

    def _counted(self, work: Callable[[Engine], object]) -> int:
        return moments.count(lambda: self._work(work))

    def _work(self, work: Callable[[Engine], object]) -> None:
        with Engine(self.root) as engine:
            work(engine)

    def _whole(self) -> None:
        with Engine(self.root) as engine:
            engine.containers.list()
            assert engine.system.check(deep=True) == []
        remains.assert_none(self.root)


def copy(source: str, target: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture
def yard(base: str, original: Original, request: pytest.FixtureRequest) -> Iterator[Yard]:
    root = f"{base}/{request.node.name.replace('_', '-')[:40]}"
    made = Yard(root, original)
    yield made
    shutil.rmtree(root + ".laid", ignore_errors=True)
    removed(root)


def without_app(engine: Engine) -> None:
    engine.images.remove("app:1")


def test_a_pull_killed_at_fifty_moments_is_done_the_next_time(yard: Yard, original: Original) -> None:
    def check(engine: Engine) -> None:
        assert engine.images.pull(original.name) == original.image_id
        engine.images.tag(original.name, "app:1")
        assert saved(engine, "app:1") == original.saved
        assert os.listdir(engine.paths.downloads) == []

    yard.lay(without_app)
    yard.swept(lambda engine: engine.images.pull(original.name), check)


def test_a_push_killed_at_fifty_moments_is_done_the_next_time(yard: Yard, original: Original) -> None:
    """Each into a repository of its own: nothing is there from the push before."""
    pushes = 0

    def place() -> str:
        return f"{original.host}/push-{pushes}:1"

    def push(engine: Engine) -> None:
        engine.images.tag("app:1", place())
        engine.images.push(place())

    def check(engine: Engine) -> None:
        nonlocal pushes
        engine.images.tag("app:1", place())
        assert engine.images.push(place()) == original.digest
        assert stored(original.host, f"push-{pushes}") == stored(original.host, "app")
        pushes += 1

    yard.lay(lambda engine: engine.database.execute("DELETE FROM blob"))
    yard.swept(push, check)
    assert pushes == KILLS


def stored(host: str, repository: str) -> list[str]:
    """The digests of the manifest 1 and of all that it names, each read whole from the registry."""
    found = []
    connection = HTTPConnection(host, timeout=30)

    def read(path: str) -> bytes:
        connection.request("GET", f"/v2/{repository}/{path}", headers={"Accept": ", ".join(ACCEPTED)})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, path
        found.append("sha256:" + hashlib.sha256(content).hexdigest())
        return content

    try:
        document = json.loads(read("manifests/1"))
        for named in (document["config"], *document["layers"]):
            read("blobs/" + named["digest"])
            assert found[-1] == named["digest"]
    finally:
        connection.close()
    return found


def test_a_load_killed_at_fifty_moments_is_done_the_next_time(yard: Yard, original: Original, tmp_path: Path) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(original.saved)

    def load(engine: Engine) -> None:
        with open(archive, "rb") as file:
            engine.images.load(file)

    def check(engine: Engine) -> None:
        load(engine)
        assert engine.images.get("app:1").id == original.image_id
        assert saved(engine, "app:1") == original.saved

    yard.lay(without_app)
    yard.swept(load, check)


def test_a_removal_killed_at_fifty_moments_took_the_image_whole_or_not_at_all(yard: Yard, original: Original) -> None:
    other = b""

    def prepare(engine: Engine) -> None:
        nonlocal other
        other = saved(engine, "other:1")

    def check(engine: Engine) -> None:
        try:
            engine.images.get("app:1")
        except NotFound:
            assert len(engine.images.list()) == 1
        else:
            assert saved(engine, "app:1") == original.saved
            engine.images.remove("app:1")
        assert len(os.listdir(engine.paths.layers)) == 2
        assert saved(engine, "other:1") == other

    yard.lay(prepare)
    yard.swept(lambda engine: engine.images.remove("app:1"), check)


def test_an_image_prune_killed_at_fifty_moments_ends_with_nothing_left(yard: Yard) -> None:
    def check(engine: Engine) -> None:
        engine.images.prune(all_unused=True)
        assert engine.images.list() == []
        for folder in (engine.paths.layers, engine.paths.recipes, engine.paths.downloads):
            assert os.listdir(folder) == []

    def prepare(engine: Engine) -> None:
        os.makedirs(engine.paths.downloads, exist_ok=True)
        one, other = ("sha256-" + digit * 64 for digit in "01")
        for name in (one, one + ".parts", other):
            Path(engine.paths.downloads, name).write_bytes(b"begun")

    yard.lay(prepare)
    yard.swept(lambda engine: engine.images.prune(all_unused=True), check)


# A registry of one's own


def test_a_collection_killed_at_fifty_moments_keeps_what_is_needed_and_ends_the_next_time(tmp_path: Path) -> None:
    laid, folder = str(tmp_path / "laid"), str(tmp_path / "store")
    at_once = collection.Options(grace_seconds=-1, upload_seconds=-1, removes_untagged=True)
    kept = fill(laid)

    def collect() -> None:
        assert collection.collect(Directory(folder), at_once) is not None

    copy(laid, folder)
    total = moments.count(collect)
    killed = moments.spread(total, KILLS)
    assert len(killed) == KILLS, f"it has only {total} moments"
    for moment in killed:
        copy(laid, folder)
        moments.kill(collect, moment)
        what = f"killed at moment {moment} of {total}"
        assert verify(Directory(folder)).problems == [], what
        assert kept <= digests(folder), what
        for name in os.listdir(f"{folder}/tmp"):
            os.utime(f"{folder}/tmp/{name}", (0, 0))  # what was being written goes by its age
        collect()
        assert verify(Directory(folder)).problems == [], what
        assert digests(folder) == kept, what
        for name in ("condemned", "uploads", "tmp"):
            assert os.listdir(f"{folder}/{name}") == [], what


def digests(folder: str) -> set[str]:
    return {digest for digest, _ in Content(Directory(folder)).digests("blobs")}


def fill(folder: str) -> set[str]:
    """A registry with images, an index, referrers and rubbish of each kind; the digests that a collection keeps."""
    store = Store(Directory(folder))
    kept = set()
    for repository in ("a", "b/c"):
        for data in (b"{}", b"base", b"own", b"unnamed " + repository.encode(), b"old"):
            store.push_blob(repository, data)
        one = image(b"base", b"own")
        kept |= {
            store.put(repository, one),
            store.put(repository, index(one), "all"),
            store.put(repository, image(b"base"), "latest"),
        }
        store.put(repository, image(b"old"))
        store.put(repository, index(image(b"old")))
        store.uploads.begin(repository)
    return kept | {digest_of(data) for data in (b"{}", b"base", b"own")}
