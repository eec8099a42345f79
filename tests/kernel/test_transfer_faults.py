"""Whatever goes wrong between a pull or a push and its registry, at whichever request: it ends well, or clearly, and
nothing stays. Against a registry that is open to all, and one that wants a token for everything."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from sampan.builder.options import BuildOptions
from sampan.engine import Engine
from sampan.errors import SampanError
from sampan.registry import partial
from sampan.registry.server.directory import Directory
from sampan.registry.server.verification import verify
from sampan.storage import leases
from sampan.testing.engines import opened
from sampan.testing.interference import FAULTS, Plan, interfering
from sampan.testing.registries import registry
from sampan.testing.serving import PROGRAM, serving

PATIENCE = "4,2,0.25,0.01"
FINAL = {"401", "404"}
"""What another try does not mend: the registry says no."""
SPOILS_TOKEN = {"corrupt", "truncate", "stranger"}
"""What is wrong with a token then, only the registry can tell."""
ABOUT_ACCESS = {"cut", "401", "500", "stranger"}
LARGE = 1_100_000  # goes up in chunks; what is smaller, in one piece
DOCKERFILE = "FROM scratch\nCOPY base /\nCOPY large /\nCOPY small /\n"


class Harbour(NamedTuple):
    """An engine with app:1, the proxy's host:port, and what goes wrong there."""

    engine: Engine
    host: str
    plan: Plan
    is_guarded: bool

    @property
    def name(self) -> str:
        return f"{self.host}/app:1"


@pytest.fixture(scope="module", params=["open", "token"])
def harbour(base: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Harbour]:
    folder, context = tmp_path_factory.mktemp("registry"), tmp_path_factory.mktemp("context")
    for name, size in (("base", 3000), ("large", LARGE), ("small", 10)):
        (context / name).write_bytes(os.urandom(size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPAN_REGISTRY_PATIENCE", PATIENCE)
        patch.setenv("DOCKER_CONFIG", str(folder / "config"))
        with (
            registry(str(folder)) if request.param == "open" else guarded(str(folder / "store")) as upstream,
            interfering(upstream) as (host, plan),
            opened(f"{base}/faults-{request.param}") as engine,
        ):
            if request.param == "token":
                account = {"auths": {host: {"auth": base64.b64encode(b"ann:secret").decode()}}}
                (folder / "config").mkdir()
                (folder / "config" / "config.json").write_text(json.dumps(account))
            tags = (f"{host}/app:1", "app:1")
            engine.build(BuildOptions(context=str(context), dockerfile_text=DOCKERFILE, tags=tags))
            engine.images.push(f"{host}/app:1")
            yield Harbour(engine, host, plan, request.param == "token")
        if request.param == "token":
            assert verify(Directory(str(folder / "store"))).problems == []


@contextmanager
def guarded(store: str) -> Iterator[str]:
    """A registry of our own that ann alone may use, with a token: its host:port."""
    added = [PROGRAM, "registry", "users", "--store", store, "add", "ann", "--password-stdin"]
    subprocess.run(added, input="secret", text=True, check=True, capture_output=True)
    with serving(store, "--auth", "token") as made:
        yield made.host


def assert_clean(engine: Engine, what: str) -> None:
    assert engine.system.check() == [], what
    assert leases.all_leases(engine.database) == [], what
    assert os.listdir(engine.paths.tmp) == [], what


def forget(harbour: Harbour) -> None:
    """Nothing of the image is here, nor begun."""
    harbour.engine.database.execute("DELETE FROM build_step")
    for name in (harbour.name, "app:1"):
        try:
            harbour.engine.images.remove(name, force=True)
        except SampanError:
            continue
    harbour.engine.images.prune(all_unused=True)
    partial.clean(harbour.engine.paths.downloads, 0)


def problem_of(act: Callable[[], object]) -> str:
    """What went wrong, "" when nothing did."""
    try:
        act()
    except SampanError as error:
        assert error.message, "an error says what is wrong"
        return error.message
    return ""


def pulled(harbour: Harbour) -> str:
    return problem_of(lambda: harbour.engine.images.pull(harbour.name))


def kinds(requests: list[str]) -> set[str]:
    """METHOD and kind of object of each request."""
    return {" ".join((request.split()[0], kind_of(request.split()[1]))) for request in requests}


def kind_of(path: str) -> str:
    if "mount=" in path:
        return "mount"
    found = [kind for kind in ("manifests", "uploads", "blobs", "token") if f"/{kind}" in path]
    return found[0] if found else path


class Outcome(NamedTuple):
    """A fault at a request, which came after another, and what came of it."""

    fault: str
    before: str
    request: str
    problem: str

    @property
    def is_mended(self) -> bool:
        """Whether it ended as it should: well, but for what no other try makes better."""
        if self.fault in SPOILS_TOKEN and kind_of(self.request) == "token":
            return True
        if self.fault == "stranger" and kind_of(self.before) == "token":
            return True  # a token that is refused as soon as it was given is not asked for again
        return not self.problem or self.fault in FINAL


def outcome(harbour: Harbour, fault: str, at: int, problem: str) -> Outcome:
    seen = ["", *harbour.plan.seen, *[""] * at]  # the order of threads may leave a request out
    found = Outcome(fault, seen[at - 1], seen[at], problem)
    assert_clean(harbour.engine, str(found))
    return found


def moments(harbour: Harbour) -> list[tuple[str, int]]:
    """Each fault at each of the requests that were seen: (fault, number from 1). What is the same with a token and
    without is not done twice, nor is content spoiled that an answer does not have."""
    found = []
    for at, request in enumerate(harbour.plan.seen, 1):
        method, path = request.split()
        has_content = method == "GET"
        for fault in FAULTS:
            is_done_without = harbour.is_guarded and kind_of(path) != "token" and fault not in ABOUT_ACCESS
            if not is_done_without and (has_content or fault not in ("corrupt", "truncate")):
                found.append((fault, at))
    return found


def test_a_pull_survives_each_fault_at_each_request(harbour: Harbour) -> None:
    forget(harbour)
    harbour.plan.set()
    assert pulled(harbour) == ""
    assert {"GET manifests", "GET blobs"} <= kinds(harbour.plan.seen)
    outcomes = []
    for fault, at in moments(harbour):
        forget(harbour)
        harbour.plan.set(fault, at)
        outcomes.append(outcome(harbour, fault, at, pulled(harbour)))
        if outcomes[-1].problem:
            harbour.plan.set()
            assert pulled(harbour) == "", f"after {outcomes[-1]}"
    assert [found for found in outcomes if not found.is_mended] == []


def test_a_pull_gives_up_clearly_where_a_fault_stays(harbour: Harbour) -> None:
    for fault in FAULTS:
        for at in (2,) if harbour.is_guarded else (1, 4):
            forget(harbour)
            harbour.plan.set(fault, at, always=True)
            found = outcome(harbour, fault, at, pulled(harbour))
            assert found.problem or fault in ("delay", "stranger"), found
    forget(harbour)
    harbour.plan.set()
    assert pulled(harbour) == ""


class Pusher:
    """Pushes the image to one place after the other; its lowest layer is mounted from app, the others are sent."""

    def __init__(self, harbour: Harbour) -> None:
        self._harbour = harbour
        self._engine = harbour.engine
        harbour.plan.set()
        assert pulled(harbour) == ""
        image = self._engine.images.get(harbour.name)
        self._id = image.id
        self._base = image.config.diff_ids[0]

    def __call__(self, name: str) -> str:
        """What went wrong."""
        self._engine.database.execute(
            "DELETE FROM blob WHERE diff_id != ? OR repository != ?",
            (self._base, self._harbour.name.rpartition(":")[0]),
        )
        self._engine.images.tag(self._id, name)
        return problem_of(lambda: self._engine.images.push(name))


def test_a_push_survives_each_fault_at_each_request(harbour: Harbour) -> None:
    push = Pusher(harbour)
    harbour.plan.set()
    assert push(f"{harbour.host}/clean:1") == ""
    wanted = {"HEAD blobs", "POST mount", "POST uploads", "PATCH uploads", "PUT uploads", "PUT manifests"}
    assert wanted <= kinds(harbour.plan.seen)
    outcomes = []
    for fault, at in moments(harbour):
        harbour.plan.set(fault, at)
        name = f"{harbour.host}/{fault}/{at}:1"
        outcomes.append(outcome(harbour, fault, at, push(name)))
        if outcomes[-1].problem:
            harbour.plan.set()
            assert push(name) == "", f"after {outcomes[-1]}"
        harbour.engine.images.remove(name)
    assert [found for found in outcomes if not found.is_mended] == []
    forget(harbour)
    harbour.plan.set()
    assert pulled(harbour) == ""


def test_a_push_gives_up_clearly_where_a_fault_stays(harbour: Harbour) -> None:
    push = Pusher(harbour)
    for fault in FAULTS:
        at = 2 if harbour.is_guarded else 3
        harbour.plan.set(fault, at, always=True)
        name = f"{harbour.host}/always/{fault}:1"
        found = outcome(harbour, fault, at, push(name))
        is_harmless = fault in (*SPOILS_TOKEN, "delay", "stall", "cut-body")  # most answers have no body
        assert found.problem or is_harmless, found
        harbour.engine.images.remove(name)


def test_a_pull_that_is_interrupted_goes_on_where_it_stopped(harbour: Harbour) -> None:
    def begun() -> list[str]:
        return [name for name in os.listdir(harbour.engine.paths.downloads) if not name.endswith(".parts")]

    def interrupted() -> None:
        forget(harbour)
        harbour.plan.set()
        assert pulled(harbour) == ""
        at = 1 + next(number for number, request in enumerate(harbour.plan.seen) if kind_of(request) == "blobs")
        forget(harbour)
        harbour.plan.set("cut-body", at + 1, always=True)
        assert "EOF" in pulled(harbour)

    interrupted()
    sizes = [os.stat(f"{harbour.engine.paths.downloads}/{name}").st_size for name in begun()]
    assert sum(sizes) > 100_000
    harbour.plan.set()
    assert pulled(harbour) == ""
    assert not begun()
    interrupted()
    assert harbour.engine.images.prune().bytes < 100_000 and begun()  # it may go on
    assert harbour.engine.images.prune(all_unused=True).bytes > 100_000 and not begun()
