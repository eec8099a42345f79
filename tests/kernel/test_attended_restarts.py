"""Restart policies of what somebody attends or signals: the first run belongs to the terminal, the others to nobody."""

import signal

from sampan import Engine
from sampan.testing.command import Sampan
from sampan.testing.waiting import until

BOX = ("--name", "box", "--network", "none", "busybox", "sh", "-c")


def state(sampan: Sampan) -> str:
    return sampan("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "box").out.strip()


def test_a_foreground_run_ends_with_its_first_end_and_the_policy_goes_on(sampan: Sampan) -> None:
    done = sampan("run", "--restart", "on-failure:2", *BOX, "echo once; exit 4", code=4)
    assert done.out == "once\n"
    until(lambda: state(sampan) == "exited 2", "it was started twice more")
    assert sampan("logs", "box").out == "once\n" * 3


def test_a_policy_given_while_it_is_attended_counts(sampan: Sampan) -> None:
    running = sampan.start("run", *BOX, "trap 'exit 1' USR1; echo up; while :; do sleep 0.05; done")
    assert running.stdout is not None
    assert running.stdout.readline() == "up\n"
    sampan("update", "--restart", "on-failure:1", "box")
    sampan("exec", "box", "kill", "-USR1", "1")
    assert running.wait(30) == 1
    until(lambda: state(sampan).endswith(" 1"), "it was started again")


def test_an_interrupted_foreground_run_is_not_started_again(sampan: Sampan) -> None:
    script = "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done"
    running = sampan.start("run", "--restart", "always", *BOX, script)
    assert running.stdout is not None
    assert running.stdout.readline() == "up\n"
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 7
    assert state(sampan) == "exited 0"


def test_a_signal_that_is_to_end_it_does_and_another_leaves_the_policy_as_it_is(sampan: Sampan) -> None:
    script = "trap 'exit 7' TERM; trap 'exit 8' HUP; echo up; while :; do sleep 0.05; done"
    with Engine(sampan.root) as engine:
        happened = engine.events(filters={"container": ["box"], "event": ["start", "die"]})
        sampan("run", "-d", "--restart", "always", *BOX, script)
        assert next(happened).action == "start"
        until(lambda: sampan("logs", "box").out == "up\n", "it is up")
        sampan("kill", "-s", "HUP", "box")
        assert [next(happened).action for _ in range(2)] == ["die", "start"]
        until(lambda: sampan("logs", "box").out == "up\n" * 2, "it is up again")
        sampan("kill", "-s", "TERM", "box")
        assert next(happened).attributes["exitCode"] == "7"
        assert sampan("wait", "box").out == "7\n"
        assert state(sampan).startswith("exited")
