"""Taking part in a container that runs: several at once, signals, the keys that leave."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from sampan.linux import process
from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal
from sampan.testing.waiting import until

ECHO = "while read line; do echo got $line; done"
ESCAPE = "read escape sequence"


def test_several_are_attached_at_once_and_all_see_everything(sampan: Sampan) -> None:
    sampan("run", "-di", "--name", "box", "--network", "none", "busybox", "sh", "-c", ECHO)
    watching = subprocess.Popen(sampan.command("attach", "--no-stdin", "box"), stdout=subprocess.PIPE, text=True)
    one, two = (
        subprocess.Popen(
            sampan.command("attach", "box"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for _ in range(2)
    )
    assert watching.stdout and one.stdin and one.stdout and two.stdin and two.stdout
    for speaker, word in ((one, "hello"), (two, "there")):
        until(lambda: count_attached(sampan) == 3, "all three are attached")
        assert speaker.stdin
        speaker.stdin.write(word + "\n")
        for listener in (watching, one, two):
            assert listener.stdout
            assert listener.stdout.readline() == f"got {word}\n"
    sampan("stop", "-t", "0", "box")
    assert [listener.wait(20) for listener in (watching, one, two)] == [137, 137, 137]


def count_attached(sampan: Sampan) -> int:
    """How many are connected to the container's monitor: one of its sockets is the one that it listens on."""
    with open(f"{sampan.root}/containers/{os.listdir(sampan.root + '/containers')[0]}/conmon.pid") as file:
        descriptors = f"/proc/{file.read()}/fd"
    return sum(os.readlink(f"{descriptors}/{name}").startswith("socket:") for name in os.listdir(descriptors)) - 1


def test_who_does_not_take_part_in_the_input_leaves_it_alone(sampan: Sampan) -> None:
    sampan("run", "-di", "--name", "box", "--network", "none", "busybox", "sh", "-c", "read line; echo got $line")
    watching = subprocess.Popen(
        sampan.command("attach", "--no-stdin", "box"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdin
    until(lambda: count_attached(sampan) == 1, "it is attached")
    watching.stdin.write("not for it\n")
    watching.stdin.close()
    until(lambda: count_attached(sampan) == 1, "the one that watches is attached")
    assert sampan("attach", "box", stdin="for it\n").out == "got for it\n"
    assert watching.wait(20) == 0


@pytest.mark.parametrize("proxy", [True, False])
def test_signals_are_passed_on_unless_sig_proxy_is_off(sampan: Sampan, proxy: bool) -> None:
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    sampan("run", "-d", "--name", "box", "--network", "none", "busybox", "sh", "-c", "sleep 0.2; " + script)
    attached = subprocess.Popen(
        sampan.command("attach", f"--sig-proxy={'true' if proxy else 'false'}", "box"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert attached.stdout
    until(lambda: "ready" in sampan("logs", "box").out, "the trap is set")
    until(lambda: count_attached(sampan) == 1, "it is attached")
    attached.send_signal(signal.SIGTERM)
    assert attached.wait(20) == (7 if proxy else -signal.SIGTERM)
    running = sampan("inspect", "-f", "{{.State.Running}}", "box").out.strip()
    assert running == ("false" if proxy else "true")


@pytest.mark.parametrize("configured", [False, True])
def test_the_keys_that_leave_may_be_said_in_docker_s_config(sampan: Sampan, tmp_path: Path, configured: bool) -> None:
    keys, environment = "\x10\x11", {}
    if configured:
        (tmp_path / "config.json").write_text(json.dumps({"detachKeys": "ctrl-x,y", "auths": {}}))
        keys, environment = "\x18y", {"DOCKER_CONFIG": str(tmp_path)}
    with Terminal(sampan.command("run", "-it", "--name", "box", "busybox", "/bin/sh"), environment) as terminal:
        terminal.expect("# ")
        terminal.press(keys)
        assert terminal.wait() == 0
        assert ESCAPE not in terminal.shown
    for words in (("attach", "box"), ("exec", "-it", "box", "/bin/sh")):
        with Terminal(sampan.command(*words), environment) as terminal:
            terminal.press("\r")
            terminal.expect("# ")
            terminal.press(keys)
            terminal.expect(ESCAPE)
            assert terminal.wait() == 1
    with Terminal(sampan.command("attach", "--detach-keys", "ctrl-a", "box"), environment) as terminal:
        terminal.press("\r")
        terminal.expect("# ")
        terminal.press("\x01")
        assert terminal.wait() == 1
    assert sampan("inspect", "-f", "{{.State.Running}}", "box").out == "true\n"


def test_without_its_monitor_a_container_cannot_be_attached_to_and_says_so(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "1000")
    with open(f"{sampan.root}/containers/{os.listdir(sampan.root + '/containers')[0]}/conmon.pid") as file:
        monitor = int(file.read())
    started = process.start_time(monitor)
    os.kill(monitor, signal.SIGKILL)
    assert process.wait_gone(monitor, started, 10.0)
    assert "has lost its monitor" in sampan("attach", "box", code=1).err
