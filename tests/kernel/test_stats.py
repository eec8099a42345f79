"""`stats` of containers that run, that do not, and in every form."""

import json

from sampan.testing.command import Sampan

HEAD = ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("   ") if cell.strip()]


def test_stats_shows_the_columns_of_docker_for_what_runs(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "busy", "-m", "64m", "busybox", "sh", "-c", "sleep 1000 & while :; do :; done")
    sampan("create", "--name", "made", "busybox", "true")
    head, line = sampan("stats", "--no-stream").out.splitlines()
    assert cells(head) == HEAD
    _, name, cpu, memory, _, _, _, pids = cells(line)
    assert (name, pids) == ("busy", "2")
    assert float(cpu.rstrip("%")) > 0
    assert memory.endswith(" / 64MiB")
    everything = sampan("stats", "--no-stream", "-a", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}").out.splitlines()
    assert everything[0] == "made 0B / 0B 0"
    assert len(everything) == 2
    document = json.loads(sampan("stats", "--no-stream", "--format", "json", "busy").out)
    assert list(document) == ["BlockIO", "CPUPerc", "Container", "ID", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs"]
    assert document["Container"] == "busy"
    assert len(sampan("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}}").out.strip()) == 64


def test_stats_goes_on_until_the_named_ones_are_removed(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "one", "busybox", "sleep", "1000")
    with sampan.start("stats", "--format", "{{.Name}}", "one") as live:
        assert live.stdout is not None
        assert live.stdout.readline() == "one\n"
        sampan("rm", "-f", "one")
        live.stdout.read()
        assert live.wait(20) == 0
    assert "No such container: nope" in sampan("stats", "nope", code=1).err
