"""Mistakes are answered as Docker 28.5 answers them: exit code, first line of stderr, stdout."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied

TABLE = Path(__file__).parent / "errors_as_docker.tsv"
APP = "FROM busybox\nEXPOSE 80 53/udp\nUSER 1000:1000\nCMD sleep 100000\n"
# A subnet of this process's own: other sessions may run on the same host.
FRONT = f"10.{100 + os.getpid() // 250 % 100}.{os.getpid() % 250}.0/24"


class Row(NamedTuple):
    """One command line and what Docker says to it."""

    words: str
    code: int
    err: str
    out: str


def rows() -> list[Row]:
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    fields = [(line + "\t\t").split("\t") for line in lines]
    return [Row(words, int(code), err, out) for words, code, err, out, *_ in fields]


@pytest.fixture(scope="module")
def harbour(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sampan]:
    """Five containers: plain runs, full has a network, an address and a volume, done has exited, made was never
    started, held is paused."""
    context = tmp_path_factory.mktemp("app")
    (context / "Dockerfile").write_text(APP)
    with copied(busybox_store(base), base + "/errors-as-docker") as sampan:
        sampan("build", "-q", "-t", "app:1.0", str(context))
        sampan("network", "create", "--subnet", FRONT, "front")
        sampan("run", "-d", "--name", "plain", "busybox", "sleep", "100000")
        full = ("--network", "front", "--ip", FRONT.replace(".0/24", ".10"), "-v", "data:/data")
        sampan("run", "-d", "--name", "full", *full, "app:1.0")
        sampan("run", "--name", "done", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3", code=3)
        sampan("create", "--name", "made", "busybox", "true")
        sampan("run", "-d", "--name", "held", "busybox", "sleep", "100000")
        sampan("pause", "held")
        yield sampan


def without_ids(text: str) -> str:
    text = re.sub(r"[0-9a-f]{64}|\b[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"to [0-9]+\.00, as there are only [0-9]+ CPUs", "to N.00, as there are only N CPUs", text)
    return re.sub(r"\b(crun|runc) create failed", "RUNTIME create failed", text)


def test_mistakes_are_answered_as_docker_answers_them(harbour: Sampan) -> None:
    """One test: the rows build on each other, and must not be dealt out to several workers."""
    different = []
    for row in rows():
        found = harbour(*shlex.split(row.words), code=None)
        complaints = [line for line in found.err.splitlines() if not line.startswith("Hint: ")]
        first = without_ids(complaints[0]) if complaints else ""
        answer = (found.code, first, without_ids(found.out.rstrip("\n")))
        if answer != row[1:]:
            different.append(f"{row.words}\n  wanted {row[1:]}\n  found  {answer}")
    assert not different, "\n".join(different)
