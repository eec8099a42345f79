"""ps, images, history, inspect, port, top and what else only looks, on real containers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan import Engine
from sampan.errors import InvalidArgument
from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal


@pytest.fixture
def some(sampan: Sampan, tmp_path: Path) -> Iterator[Sampan]:
    """One container that runs with everything set, one that ended, one that was only made."""
    sampan("network", "create", "front")
    sampan("run", "-d", "--name", "web", "--network", "front", "-p", "127.0.0.1:0:80", "-v", "data:/data", "-v",
           f"{tmp_path}:/host:ro", "-l", "role=web", "-e", "A=1", "busybox", "sleep", "100000")  # fmt: skip
    sampan("run", "--name", "done", "busybox", "sh", "-c", "exit 3", code=3)
    sampan("create", "--name", "made", "busybox", "true")
    yield sampan


def names(sampan: Sampan, *arguments: str) -> list[str]:
    return sampan("ps", "--format", "{{.Names}}", *arguments).out.split()


def test_ps_lists_what_runs_and_with_a_all(some: Sampan) -> None:
    titles = ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert some("ps").out.split("\n")[0].split() == titles
    assert names(some) == ["web"]
    assert names(some, "-a") == ["made", "done", "web"]
    assert names(some, "-n", "2") == ["made", "done"]
    assert names(some, "-l") == ["made"]
    states = some("ps", "-a", "--format", "{{.State}} {{.Status}}").out
    assert "exited Exited (3)" in states
    assert "created Created" in states


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("status=exited",), ["done"]),
        (("exited=3",), ["done"]),
        (("label=role",), ["web"]),
        (("label=role=web", "name=we"), ["web"]),
        (("label=role=db",), []),
        (("volume=data",), ["web"]),
        (("network=front",), ["web"]),
        (("before=done",), ["web"]),
        (("since=done",), ["made"]),
        (("ancestor=busybox",), ["made", "done", "web"]),
        (("ancestor=nosuch",), []),
    ],
)
def test_ps_filters(some: Sampan, filters: tuple[str, ...], expected: list[str]) -> None:
    arguments = [word for text in filters for word in ("--filter", text)]
    assert names(some, "-a", *arguments) == expected


def test_ps_leaves_out_what_does_not_run_as_docker_does(some: Sampan) -> None:
    assert names(some, "--filter", "status=exited") == ["done"]
    assert names(some, "--filter", "exited=3") == []
    port = some("port", "web", "80").out.rpartition(":")[2].strip()
    assert names(some, "-a", "--filter", f"publish={port}") == ["web"]
    some("stop", "-t", "0", "web")
    assert names(some, "-a", "--filter", f"publish={port}") == []


def test_ps_finds_what_was_made_from_an_image_and_what_was_built_on_it(some: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCMD sleep 5\n")
    some("build", "-q", "-t", "child", str(tmp_path))
    some("create", "--name", "grown", "child")
    assert names(some, "-a", "--filter", "ancestor=busybox") == ["grown", "made", "done", "web"]
    assert names(some, "-a", "--filter", "ancestor=child") == ["grown"]


def test_python_has_the_same_filters(some: Sampan) -> None:
    with Engine(some.root) as engine:
        assert [one.name for one in engine.containers.list(filters={"ancestor": ["busybox"]})] == ["web"]
        assert [one.name for one in engine.containers.list(all=True, filters={"exited": ["3"]})] == ["done"]
        assert [one.name for one in engine.containers.list(filters={"status": ["created"]})] == ["made"]
        with pytest.raises(InvalidArgument):
            engine.containers.list(filters={"nonsense": ["1"]})


def test_ps_shows_health_restarts_and_limits_where_there_is_room(some: Sampan) -> None:
    some("update", "--pids-limit", "50", "web")
    with Terminal(some.command("ps")) as narrow:
        assert narrow.wait() == 0
        assert "LIMITS" not in narrow.shown
    with Terminal(["sh", "-c", 'read go; exec "$0" "$@"', *some.command("ps")]) as wide:
        wide.resize(24, 250)
        wide.press("\r")
        assert wide.wait() == 0
        assert "NAMES" in wide.shown
        assert "LIMITS" in wide.shown
        assert "50 processes" in wide.shown
        assert "HEALTH" not in wide.shown
    assert "LIMITS" not in some("ps").out


def test_ps_knows_an_image_by_each_of_its_names(some: Sampan) -> None:
    some("tag", "busybox", "other:2")
    image = some("images", "-q", "--no-trunc", "busybox").out.strip()
    for name in ("other:2", image, image.removeprefix("sha256:")[:12]):
        assert names(some, "--filter", f"ancestor={name}") == ["web"]


def test_ps_gives_a_row_as_json_and_sizes_where_they_are_asked_for(some: Sampan) -> None:
    some("exec", "web", "sh", "-c", "printf 12345 > /five")
    row = json.loads(some("ps", "--format", "{{json .}}").out)
    assert list(row) == sorted(row)
    assert row["Size"].startswith("5B (virtual ")
    assert row["Mounts"].split(",")[0] == "data"
    assert json.loads(some("ps", "--format", "json").out)["Size"] == "0B"


def test_port_and_top(some: Sampan) -> None:
    number = some("inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "web").out.strip()
    assert some("port", "web").out == f"80/tcp -> 127.0.0.1:{number}\n"
    assert some("port", "web", "80").out == f"127.0.0.1:{number}\n"
    refused = some("port", "web", "81/udp", code=1)
    assert refused.err.startswith("Error: No public port '81/udp' published for web")
    titles, process = some("top", "web").out.splitlines()
    assert titles.split()[:2] == ["UID", "PID"]
    assert process.endswith("sleep 100000")
    assert some("top", "web", "-o", "pid,comm").out.split()[-1] == "sleep"
    assert "is not running" in some("top", "done", code=1).err


def test_top_speaks_as_ps_does(some: Sampan) -> None:
    titles, process = some("top", "web").out.splitlines()
    assert re.sub(r" +", " ", titles) == "UID PID PPID C STIME TTY TIME CMD"
    starts = [title.start() for title in re.finditer(r"\S+", titles)]
    assert [process[start:].split()[0] for start in starts] == process.split()[:8]
    assert some("top", "web", "-o", "pid,comm").out.splitlines()[0].split() == ["PID", "COMMAND"]
    refused = some("top", "web", "-o", "nonsense", code=1)
    assert refused.err.startswith(
        'Error response from daemon: ps: error: unknown user-defined format specifier "nonsense"'
    )
    refused = some("top", "web", "-o", "comm", code=1)
    assert refused.err.startswith("Error response from daemon: Couldn't find PID field in ps output")


def test_inspect_tells_sizes_of_containers_alone(some: Sampan) -> None:
    some("exec", "web", "sh", "-c", "printf 12345 > /five")
    written, root = some("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "web").out.split()
    assert int(written) == 5
    assert int(root) > 5
    assert some("inspect", "-f", "{{.SizeRw}}", "web").out == "<nil>\n"
    both = some("inspect", "-s", "-f", "{{.Id}}", "web", "busybox")
    assert both.err == "WARNING: --size ignored for image\n"


def test_inspect_finds_containers_images_networks_and_volumes(some: Sampan) -> None:
    found = json.loads(some("inspect", "web", "busybox", "front", "data").out)
    assert found[0]["State"]["Status"] == "running"
    assert found[0]["Config"]["Env"][0] == "A=1"
    assert found[1]["RepoTags"] == ["busybox:latest"]
    assert found[2]["Driver"] == "bridge"
    assert [entry["Name"] for entry in found[2]["Containers"].values()] == ["web"]
    assert found[3]["Mountpoint"].endswith("/volumes/data/_data")
    assert found == [
        json.loads(some(kind, "inspect", name).out)[0]
        for kind, name in (("container", "web"), ("image", "busybox"), ("network", "front"), ("volume", "data"))
    ]


def test_inspect_shows_what_there_is_and_complains_of_the_rest(some: Sampan) -> None:
    result = some("inspect", "-f", "{{.State.ExitCode}}", "done", "nope", code=1)
    assert (result.out, result.err) == ("3\n", "Error: No such object: nope\n")
    assert some("inspect", "--type", "image", "web", code=1).out == "[]\n"
    assert 'unknown type: "nonsense"' in some("inspect", "--type", "nonsense", "web", code=1).err


def test_a_beginning_that_two_containers_share_is_no_name(some: Sampan) -> None:
    digits: dict[str, int] = {}
    while 2 not in digits.values():
        first = some("create", "busybox", "true").out[0]
        digits[first] = digits.get(first, 0) + 1
    shared = next(first for first, count in digits.items() if count == 2)
    message = f"Error response from daemon: multiple IDs found with provided prefix: {shared}\n"
    assert some("inspect", shared, code=1).err == message


def test_pause_unpause_and_rename(some: Sampan) -> None:
    assert some("pause", "web").out == "web\n"
    assert "(Paused)" in some("ps", "--format", "{{.Status}}").out
    assert "is already paused" in some("pause", "web", code=1).err
    some("unpause", "web")
    assert "is not paused" in some("unpause", "web", code=1).err
    some("rename", "web", "shop")
    assert names(some) == ["shop"]
    taken = some("rename", "shop", "done", code=1).err
    assert 'Conflict. The container name "/done" is already in use' in taken
    assert taken.endswith("Error: failed to rename container named shop\n")


def test_a_bare_variable_takes_the_image_s_away(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nENV MODE=fast KEPT=1\n")
    sampan("build", "-q", "-t", "app", str(tmp_path))
    show = "echo ${MODE-none} ${KEPT-none}"
    assert sampan("run", "--rm", "-e", "MODE", "app", "sh", "-c", show).out == "none 1\n"
    sampan("run", "-d", "--name", "box", "app", "sleep", "100000")
    assert sampan("exec", "-e", "KEPT", "box", "sh", "-c", show).out == "fast none\n"
    assert sampan("exec", "-e", "MODE", "box", "sh", "-c", show, env={"MODE": "slow"}).out == "slow 1\n"
