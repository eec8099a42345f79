"""Events: what each verb tells, as Docker tells it, and readers that miss nothing."""

import asyncio
import errno
import json
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan import Engine
from sampan.aio import AsyncEngine
from sampan.linux import inotify
from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal

TABLE = Path(__file__).parent / "events_as_docker.txt"
NOW = ("--since", "0", "--until", "0s")


class Told(NamedTuple):
    """A command, its exit code, and the events that it causes."""

    words: str
    code: int
    events: tuple[str, ...]


def table() -> Iterator[Told]:
    for block in re.split(r"^\$ ", TABLE.read_text(), flags=re.MULTILINE)[1:]:
        words, *events = block.splitlines()
        code = re.search(r" \[([0-9]+)\]$", words)
        yield Told(words.removesuffix(code[0]) if code else words, int(code[1]) if code else 0, tuple(events))


def so_far(sampan: Sampan) -> list[str]:
    """All events, with ids and numbers that differ from run to run taken out."""
    lines = sampan("events", *NOW).out.splitlines()
    plain = [re.sub(r"[0-9a-f]{64}", "ID", line.partition(" ")[2]) for line in lines]
    return [re.sub(r"(execDuration|reclaimed)=[0-9]+", r"\1=N", line) for line in plain]


def test_every_verb_tells_what_docker_tells(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nLABEL x=y\nRUN echo f > /f\n")
    places = {"EXPORTED": str(tmp_path / "exported.tar"), "CONTEXT": str(tmp_path)}
    different = []
    count = len(so_far(sampan))
    for told in table():
        words = [places.get(word, word) for word in shlex.split(told.words)]
        sampan(*words, code=told.code)
        found = so_far(sampan)
        if tuple(found[count:]) != told.events:
            shown = "\n  ".join(found[count:])
            different.append(f"$ {told.words}\n  {shown}\nbut docker tells\n  " + "\n  ".join(told.events))
        count = len(found)
    assert not different, "\n".join(different)


def test_the_end_of_a_detached_container_and_its_restart_are_told_by_who_notices_them(sampan: Sampan) -> None:
    with Engine(sampan.root) as engine:
        events = engine.events(filters={"container": ["again"]})
        sampan("run", "-d", "--name", "again", "--restart", "on-failure:1", "--network", "none", "busybox", "false")
        actions = [next(events).action for _ in range(5)]
    assert actions == ["create", "start", "die", "start", "die"]


def test_a_health_check_is_told_with_its_command_and_a_status_once(sampan: Sampan) -> None:
    with Engine(sampan.root) as engine:
        events = engine.events(filters={"type": ["container"]})
        check = ("--health-cmd", "true", "--health-interval", "200ms")
        sampan("run", "-d", "--name", "fit", "--network", "none", *check, "busybox", "sleep", "1000")
        actions = [next(events).action for _ in range(9)]
    probe = ["exec_create: /bin/sh -c true", "exec_start: /bin/sh -c true", "exec_die"]
    assert actions == ["create", "start", *probe, "health_status: healthy", *probe]


def test_a_reader_gets_every_event_once_while_several_processes_write(sampan: Sampan) -> None:
    names = [f"box{number}" for number in range(12)]
    with Engine(sampan.root) as engine:
        events = engine.events(filters={"event": ["create", "destroy"]})
        writers = [sampan.start("create", "--name", name, "busybox", "true") for name in names]
        found = [next(events).attributes["name"] for _ in names]
        assert sorted(found) == sorted(names)
        assert [writer.communicate()[1] for writer in writers] == [""] * len(names)
        sampan("rm", *names)
        assert [next(events).attributes["name"] for _ in names] == names


def test_a_reader_does_without_the_kernel_s_watches_where_there_are_none(
    sampan: Sampan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> int:
        raise OSError(errno.EMFILE, "inotify_init1")

    monkeypatch.setattr(inotify, "modified", refuse)
    with Engine(sampan.root) as engine:
        events = engine.events(filters={"event": ["create"]})
        sampan("create", "--name", "box", "busybox", "true")
        assert next(events).attributes["name"] == "box"


def test_a_live_reader_prints_as_it_happens_and_ends_with_130_when_it_is_interrupted(sampan: Sampan) -> None:
    reader = sampan.start("events", "--since", "0", "--filter", "container=live", "--format", "json")
    assert reader.stdout is not None
    container_id = sampan("create", "--name", "live", "--label", "role=x", "busybox", "true").out.strip()
    event = json.loads(reader.stdout.readline())
    assert {key: event[key] for key in ("status", "id", "from", "Type", "Action", "scope")} == {
        "status": "create",
        "id": container_id,
        "from": "busybox",
        "Type": "container",
        "Action": "create",
        "scope": "local",
    }
    assert event["Actor"] == {
        "ID": container_id,
        "Attributes": {"image": "busybox", "name": "live", "role": "x"},
    }
    assert event["timeNano"] // 10**9 == event["time"]
    reader.send_signal(signal.SIGINT)
    assert reader.communicate() == ("", "")
    assert reader.returncode == 130


def test_who_attaches_changes_the_size_and_interrupts_is_told(sampan: Sampan) -> None:
    with Terminal(sampan.command("run", "-it", "--name", "box", "--network", "none", "busybox", "sh")) as terminal:
        terminal.expect("#")
        terminal.resize(31, 91)
        terminal.press("stty size\r")
        terminal.expect("31 91")
        terminal.press("\x10\x11")
        terminal.wait()
    with Terminal(sampan.command("attach", "box")) as terminal:
        terminal.press("\r")
        terminal.expect("#")
        terminal.press("exit\r")
        assert terminal.wait() == 0
    events = [line.partition(" ID ") for line in so_far(sampan) if line.startswith("container")]
    sizes = [tail for head, _, tail in events if head == "container resize"]
    assert sizes[0] == "(height=24, image=busybox, name=box, width=80)"
    assert "(height=31, image=busybox, name=box, width=91)" in sizes
    actions = [head.partition(" ")[2] for head, *_ in events if head != "container resize"]
    assert actions == ["create", "attach", "start", "attach", "die"]


def test_a_signal_that_is_passed_on_is_told(sampan: Sampan) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    running = sampan.start("run", "--name", "box", "--network", "none", "busybox", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 5
    events = [line for line in so_far(sampan) if line.startswith("container")]
    assert events[-2:] == [
        "container kill ID (image=busybox, name=box, signal=15)",
        "container die ID (execDuration=N, exitCode=5, image=busybox, name=box)",
    ]


def test_a_reader_ends_at_its_time_even_when_nothing_happens(sampan: Sampan) -> None:
    assert sampan("events", "--filter", "type=plugin", "--until", "-300ms").out == ""


def test_events_come_to_asyncio_until_nobody_listens(sampan: Sampan) -> None:
    async def work() -> list[str]:
        found = []
        async with AsyncEngine(sampan.root) as engine:
            async for event in engine.events(since_ns=1, filters={"event": ["create", "destroy"]}):
                found.append(event.action)
                if event.action == "create":
                    await engine.containers.remove(event.actor)
                else:
                    return found
        return found

    sampan("create", "--name", "box", "busybox", "true")
    assert asyncio.run(work()) == ["create", "destroy"]


def test_an_interrupted_start_ends_in_the_events_too(sampan: Sampan) -> None:
    start = ("run", "--name", "box", "--network", "none", "busybox", "true")
    sampan(*start, code=-signal.SIGKILL, env={"SAMPAN_FAULT": "start.recorded:1"})
    sampan("ps")
    actions = [line.split()[1] for line in so_far(sampan) if line.startswith("container")]
    assert actions == ["create", "attach", "start", "die"]


def test_mistakes_are_answered_as_docker_answers_them(sampan: Sampan) -> None:
    assert sampan("events", "--since", "x", code=1).err == 'failed to parse value as time or duration: "x"\n'
    late = "Error response from daemon: `since` time (20) cannot be after `until` time (10.500000000)\n"
    assert sampan("events", "--since", "20", "--until", "10.5", code=1).err == late
    unknown = "can't evaluate field Nope in type *events.Message\n"
    assert sampan("events", "--format", "{{.Nope}}", code=64).err.endswith(unknown)
    assert sampan("events", "--filter", "nonsense=1", "--until", "1").out == ""
