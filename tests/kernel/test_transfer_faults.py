"""Whatever goes wrong between a pull or a push and its registry: it ends well, or clearly, and nothing stays."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.builder.options import BuildOptions
from sampan.engine import Engine
from sampan.errors import SampanError
from sampan.registry import partial
from sampan.storage import leases
from sampan.testing.engines import opened
from sampan.testing.interference import FAULTS, Plan, interfering
from sampan.testing.registries import registry

PATIENCE = "3,2,0.2,0.01"
# What a second try cannot mend: the registry says no.
FINAL = {"401"}


class Harbour(NamedTuple):
    """An engine with app:1, the proxy's host:port, and what goes wrong there."""

    engine: Engine
    host: str
    plan: Plan


@pytest.fixture(scope="module")
def harbour(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbour]:
    folder = tmp_path_factory.mktemp("registry")
    context = tmp_path_factory.mktemp("context")
    (context / "a").write_bytes(os.urandom(3 << 20))
    (context / "b").write_text("b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPAN_REGISTRY_PATIENCE", PATIENCE)
        patch.setenv("DOCKER_CONFIG", str(folder / "config"))
        with (
            registry(str(folder)) as upstream,
            interfering(upstream) as (host, plan),
            opened(base + "/faults") as engine,
        ):
            text = "FROM busybox\nCOPY a /\nCOPY b /\n"
            engine.build(BuildOptions(context=str(context), dockerfile_text=text, tags=(f"{host}/app:1", "app:1")))
            engine.images.push(f"{host}/app:1")
            yield Harbour(engine, host, plan)


def assert_clean(engine: Engine, what: str) -> None:
    assert engine.system.check() == [], what
    assert leases.all_leases(engine.database) == [], what
    assert os.listdir(engine.paths.tmp) == [], what


def forget(harbour: Harbour) -> None:
    """Nothing of the image is here, nor begun."""
    harbour.engine.database.execute("DELETE FROM build_step")
    for name in (f"{harbour.host}/app:1", "app:1"):
        try:
            harbour.engine.images.remove(name, force=True)
        except SampanError:
            continue
    harbour.engine.images.prune(all_unused=True)
    partial.clean(harbour.engine.paths.downloads, 0)


def pulled(harbour: Harbour) -> str:
    """Pull, and what went wrong: "" when nothing did."""
    try:
        harbour.engine.images.pull(f"{harbour.host}/app:1")
    except SampanError as error:
        assert error.message, "an error says what is wrong"
        return error.message
    return ""


def test_a_pull_survives_each_fault_at_each_request(harbour: Harbour) -> None:
    forget(harbour)
    harbour.plan.set()
    assert pulled(harbour) == ""
    count = len(harbour.plan.seen)
    assert count == 5  # manifest, configuration, three layers
    unmended = []
    for fault in FAULTS:
        for at in (1, 2, count):
            forget(harbour)
            harbour.plan.set(fault, at)
            problem = pulled(harbour)
            what = f"{fault} at {at} ({harbour.plan.seen[at - 1]}): {problem}"
            assert_clean(harbour.engine, what)
            if problem and fault not in FINAL:
                unmended.append(what)
            if problem:
                harbour.plan.set()
                assert pulled(harbour) == "", f"after {what}"
    assert not unmended, "\n".join(unmended)


def test_a_pull_gives_up_clearly_where_a_fault_stays(harbour: Harbour) -> None:
    for fault in FAULTS:
        for at in (1, 2, 4):
            forget(harbour)
            harbour.plan.set(fault, at, always=True)
            problem = pulled(harbour)
            what = f"{fault} from {at} on: {problem}"
            assert problem or fault == "cut-sent", what  # a pull sends no body that could be cut
            assert_clean(harbour.engine, what)
    forget(harbour)
    harbour.plan.set()
    assert pulled(harbour) == ""


def first_of_each_kind(requests: list[str]) -> list[int]:
    """The numbers, from 1, of requests that are the first of their method and kind of object."""
    kinds = [re.sub(r"[^/]*\d.*", "", request) for request in requests]
    return [kinds.index(kind) + 1 for kind in dict.fromkeys(kinds)]


def test_a_push_survives_each_fault_at_each_request(harbour: Harbour) -> None:
    harbour.plan.set()
    if pulled(harbour):
        pytest.fail("the image is not here")
    image = harbour.engine.images.get(f"{harbour.host}/app:1").id

    def pushed(name: str) -> str:
        harbour.engine.database.execute("DELETE FROM blob")
        harbour.engine.images.tag(image, name)
        try:
            harbour.engine.images.push(name)
        except SampanError as error:
            assert error.message
            return error.message
        return ""

    harbour.plan.set()
    assert pushed(f"{harbour.host}/clean:1") == ""
    moments = first_of_each_kind(harbour.plan.seen)
    unmended = []
    for fault in FAULTS:
        if fault in ("truncate", "corrupt"):
            continue  # answers to a push have no body that is read
        for at in moments:
            harbour.plan.set(fault, at)
            name = f"{harbour.host}/{fault}/{at}:1"
            problem = pushed(name)
            seen = harbour.plan.seen[at - 1] if len(harbour.plan.seen) >= at else "nothing"
            what = f"{fault} at {at} ({seen}): {problem}"
            assert_clean(harbour.engine, what)
            if problem and fault not in FINAL:
                unmended.append(what)
            harbour.plan.set()
            if problem:
                assert pushed(name) == "", f"after {what}"
            harbour.engine.images.remove(name)
    assert not unmended, "\n".join(unmended)
    for fault in FAULTS:
        harbour.plan.set(fault, 3, always=True)
        problem = pushed(f"{harbour.host}/always/{fault}:1")
        assert_clean(harbour.engine, problem)
        assert problem or fault in ("truncate", "corrupt", "stall", "cut-body"), fault
    harbour.plan.set()
    forget(harbour)
    assert pulled(harbour) == ""


def test_a_pull_that_is_interrupted_goes_on_where_it_stopped(harbour: Harbour, tmp_path: Path) -> None:
    forget(harbour)
    harbour.plan.set("cut-body", 3, always=True)
    assert "EOF" in pulled(harbour)
    begun = sum(os.stat(f"{harbour.engine.paths.downloads}/{name}").st_size for name in begun_files(harbour))
    assert begun > 100_000
    harbour.plan.set()
    assert pulled(harbour) == ""
    assert not begun_files(harbour)
    forget(harbour)
    harbour.plan.set("cut-body", 3, always=True)
    assert pulled(harbour)
    assert harbour.engine.images.prune().bytes < 100_000 and begun_files(harbour)  # it may go on
    assert harbour.engine.images.prune(all_unused=True).bytes > 100_000 and not begun_files(harbour)


def begun_files(harbour: Harbour) -> list[str]:
    return [name for name in os.listdir(harbour.engine.paths.downloads) if not name.endswith(".parts")]
