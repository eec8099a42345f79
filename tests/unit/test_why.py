"""From the facts about a container to the reasons that `why` gives."""

from typing import Any

import pytest

from sampan.containers.model import Container, Spec
from sampan.containers.options import RestartPolicy, RunOptions
from sampan.containers.program import Trouble
from sampan.engine.why.facts import Facts
from sampan.engine.why.reasons import explain
from sampan.oci.config import ContainerConfig

SECOND = 10**9
NOW = 1_000 * SECOND


def container(**changed: Any) -> Container:
    options = RunOptions(
        image="busybox",
        restart=changed.pop("restart", RestartPolicy()),
        memory_bytes=changed.pop("memory_bytes", 0),
    )
    base = Container(
        "c" * 64,
        "box",
        "sha256:i",
        (),
        Spec(options, ContainerConfig()),
        1,
        status="exited",
        started_at=NOW - 100 * SECOND,
        finished_at=NOW - 60 * SECOND,
        boot_id="this",
    )
    return base._replace(**changed)


def facts(changed: dict[str, Any], **others: Any) -> Facts:
    return Facts(container(**changed), NOW, boot_id="this", machine="amd64", **others)


CREATED = {"status": "created", "started_at": 0, "finished_at": 0}
UNHEALTHY = {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"ExitCode": 1, "Output": "refused\nmore"}]}


@pytest.mark.parametrize(
    ("situation", "kinds", "says"),
    [
        (facts({"exit_code": 0}), ["finished"], "without an error"),
        (facts({"exit_code": 3}), ["failed"], "exit code 3"),
        (facts({"exit_code": 126}), ["not-executable"], "126"),
        (facts({"exit_code": 127}, log=("sh: foo: not found",)), ["command-not-found"], "(foo)"),
        (
            facts({"exit_code": 127}, log=("x: error while loading shared libraries: libz.so.1: cannot open shared",)),
            ["missing-library"],
            "libz.so.1",
        ),
        (
            facts({"exit_code": 127}, log=("Error loading shared library libz.so: No such file or directory",)),
            ["missing-library"],
            "libz.so",
        ),
        (facts({"exit_code": 139}), ["signal"], "SIGSEGV"),
        (facts({"exit_code": 134}), ["signal"], "SIGABRT"),
        (facts({"exit_code": 132}), ["signal"], "processor"),
        (facts({"exit_code": 159}), ["signal"], "forbidden"),
        (facts({"exit_code": 128 + 37}), ["signal"], "SIGRTMIN+3"),
        (facts({"exit_code": 137}), ["signal"], "SIGKILL"),
        (facts({"exit_code": 137, "stopped_by_user": True}), ["stopped"], "did not end by itself"),
        (facts({"exit_code": 143, "stopped_by_user": True}), ["stopped", "signal"], "A user ended it"),
        (
            facts({"exit_code": 137, "oom_killed": True, "memory_bytes": 8 << 20}, memory_peak_bytes=8 << 20),
            ["out-of-memory"],
            "limit of 8 MiB; it used 8 MiB",
        ),
        (facts({"exit_code": 255, "error": "monitor lost"}), ["monitor-lost"], "conmon"),
        (facts({"exit_code": 255, "error": "monitor lost", "boot_id": "other"}), ["reboot"], "rebooted"),
        (facts({"exit_code": 255}), ["failed"], "exit code 255"),
        (facts(CREATED), ["never-started"], "never been started"),
        (facts({**CREATED, "error": "no room"}), ["start-failed"], "no room"),
        (facts({**CREATED, "error": "the start was interrupted"}), ["interrupted-start"], "killed before"),
        (
            facts({**CREATED, "error": "port is already allocated"}, holders=(("80/tcp", "web"),)),
            ["port-taken", "start-failed"],
            "container web",
        ),
        (
            facts({**CREATED, "error": "address already in use"}, holders=(("80/tcp", ""),)),
            ["port-taken", "start-failed"],
            "program of the host",
        ),
        (facts({"status": "paused"}), ["paused"], "frozen"),
        (facts({"status": "running"}), [], "runs since"),
        (facts({"status": "running", "health": UNHEALTHY}), ["unhealthy"], "said: refused"),
        (facts({"status": "running", "restart_count": 2}), ["restarted"], "2 times"),
        (
            facts({"status": "restarting", "exit_code": 1, "restart": RestartPolicy("always")}, restart_seconds=1.5),
            ["failed", "restarting"],
            "in 1.5 s",
        ),
        (
            facts({"exit_code": 1, "restart_count": 3, "restart": RestartPolicy("on-failure", 3)}),
            ["failed", "restarted", "gave-up"],
            "allows no more",
        ),
        (facts({"status": "removing"}), ["finished"], "is removing"),
    ],
)
def test_each_state_has_its_reasons(situation: Facts, kinds: list[str], says: str) -> None:
    found = explain(situation)
    assert [reason.kind for reason in found.reasons] == kinds
    assert says in " ".join([found.summary, *(reason.text for reason in found.reasons)])


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Trouble("not-found", "serve"), "'serve' is not in the container's $PATH"),
        (Trouble("not-found", "/serve"), "'/serve' is not in the container."),
        (Trouble("is-directory", "/srv"), "a folder"),
        (Trouble("not-executable", "/serve", "0644"), "mode 0644"),
        (Trouble("no-interpreter", "/serve", "/bin/bash"), "a script for /bin/bash"),
        (Trouble("carriage-return", "/serve", "/bin/sh"), "CRLF"),
        (Trouble("wrong-architecture", "/serve", "arm64"), "for arm64, and this machine is amd64"),
        (Trouble("no-loader", "/serve", "/lib/ld-musl-x86_64.so.1"), "needs the loader /lib/ld-musl"),
        (Trouble("missing-library", "/serve", "libpq.so.5"), "shared library libpq.so.5"),
        (Trouble("not-a-program", "/serve"), "neither begins with #!"),
        (Trouble("unreadable", "/serve", "permission denied"), "cannot be read"),
    ],
)
def test_what_keeps_a_program_from_starting_is_told(trouble: Trouble, says: str) -> None:
    found = explain(facts({"exit_code": 1}, trouble=trouble))
    assert [reason.kind for reason in found.reasons] == [trouble.kind]
    assert says in found.reasons[0].text
