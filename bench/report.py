"""Results as a table, for the terminal and for docs/benchmarks.md."""

import os
import platform
from statistics import median
from typing import NamedTuple

from bench.imports import Imports
from bench.memory import CHECKED, Memory
from bench.scenarios import Scenario


class Row(NamedTuple):
    """One scenario's durations in seconds, by engine."""

    scenario: Scenario
    seconds: dict[str, list[float]]


BARE = "bare"  # among the engines: the same work without one

HEAD = "| scenario | sampan | docker | podman | sampan / docker | bar | |\n|---|---|---|---|---|---|---|\n"


def line(row: Row) -> str:
    """One line of the table: medians in ms, the ratio, the bar and whether it is kept."""
    middle = {name: median(values) * 1000 for name, values in row.seconds.items()}
    cells = [f"{middle[name]:.0f} ms" if name in middle else "" for name in ("sampan", "docker", "podman")]
    ratio = middle["sampan"] / middle["docker"] if "docker" in middle else None
    measured = middle["sampan"] if row.scenario.is_absolute else ratio
    if BARE in middle:
        measured = middle["sampan"] / middle[BARE]
    bar = f"{row.scenario.bar:.0f} ms" if row.scenario.is_absolute else f"{row.scenario.bar:.2f}"
    verdict = "" if measured is None else "kept" if measured <= row.scenario.bar else "**missed**"
    shown = "" if ratio is None else f"{ratio:.2f}"
    if BARE in middle:
        bar, verdict = f"{bar} of {middle[BARE]:.0f} ms bare: {measured:.2f}", verdict
    return f"| {row.scenario.name} | {' | '.join(cells)} | {shown} | {bar} | {verdict} |\n"


def memory_lines(memory: Memory) -> str:
    megabyte = 1_000_000
    return (
        f"- per idle detached container: {memory.per_container / megabyte:.1f} MB (bar 3)\n"
        f"- supervisor while it watches {CHECKED} health checks: {memory.supervisor / megabyte:.1f} MB (bar 30)\n"
        f"- resident when no container runs: {memory.resident_without_containers / megabyte:.1f} MB (bar 0)\n"
    )


def import_lines(imports: Imports) -> str:
    slowest = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in imports.slowest)
    return f"{imports.modules} modules, {imports.milliseconds:.1f} ms; the slowest, in ms: {slowest}.\n"


def machine(versions: dict[str, str]) -> str:
    """The machine and the programs that were measured, as a list."""
    with open("/proc/cpuinfo") as file:
        names = [text.partition(":")[2].strip() for text in file if text.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024 // 1024
    with open("/etc/os-release") as file:
        release = next(text.partition("=")[2].strip().strip('"') for text in file if text.startswith("PRETTY_NAME"))
    facts = [f"{os.cpu_count()} x {names[0] if names else platform.machine()}, {memory} GB"]
    facts += [f"{release}, Linux {platform.release()}, Python {platform.python_version()}"]
    facts += [f"{name}: {version}" for name, version in versions.items()]
    return "".join(f"- {fact}\n" for fact in facts)
