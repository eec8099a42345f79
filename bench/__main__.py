"""python -m bench [--rounds N] [--peer DIR] [--place DIR] [--only WORD]

Measures each scenario on every engine in turns, prints a table and writes docs/benchmarks.md. `make bench BENCH='...'`
passes options. `--peer` (or $PEER_DIR) names the folder of a reference engine that runs in namespaces of its own.
"""

import argparse
import os
import subprocess
import sys
from statistics import median

from bench import imports, memory, report
from bench.builds import BUILDS, classic_build
from bench.engines import HERE, CommandFailed, Engine, engines, peer_pid
from bench.life import LIFE
from bench.report import BARE, Row
from bench.scenarios import IMAGE, SCENARIOS, Scenario
from bench.transfers import Transfers
from sampan.testing import busybox
from sampan.testing.roots import private_folder

TRANSFERS = """
Each round of load, pull and push has an image that no engine and no registry has seen: files of this Debian in one
layer of 170 MB, or in 20 of 0.4 MB, and one of its own before them. Pull and push are against the same docker-registry
on loopback.
"""
REGISTRY = """
## A registry of one's own

`python -m bench.registry` measures `sampan registry serve` beside docker-registry; figures and what they rest on are in
[decision 019](decisions/019-own-registry.md).
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[2])
    parser.add_argument("--rounds", type=int, default=15, help="measured rounds of each scenario; slow ones take fewer")
    parser.add_argument("--peer", default=os.environ.get("PEER_DIR", ""), help="folder of a reference engine")
    parser.add_argument("--place", default="", help="folder for roots and contexts; every engine must see it")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    return parser.parse_args()


def give_image(place: str, found: list[Engine]) -> None:
    """The same busybox image for everyone."""
    archive = os.path.join(place, "busybox.tar")
    with open(archive, "wb") as file:
        file.write(busybox.rootfs())
    for engine in found:
        engine("import", "--change", 'CMD ["/bin/sh"]', archive, IMAGE)


def measure(scenario: Scenario, found: list[Engine], rounds: int) -> Row:
    seconds: dict[str, list[float]] = {engine.name: [] for engine in found}
    able = [engine for engine in found if is_able(scenario, engine)]
    for _ in range(max(3, rounds // scenario.rounds)):
        for engine in able:
            seconds[engine.name].append(scenario.run(engine))
        if scenario.bare is not None:
            seconds.setdefault(BARE, []).append(scenario.bare())
    for engine in able:
        engine.try_to("rm", "-f", *scenario.containers)
    scenario.tidy()
    return Row(scenario, {name: values for name, values in seconds.items() if values})


def is_able(scenario: Scenario, engine: Engine) -> bool:
    """Prepare the scenario and run it once; an engine other than sampan that cannot is left out, and why is shown."""
    try:
        scenario.prepare(engine)
        scenario.run(engine)
    except CommandFailed as error:
        if engine.name == "sampan":
            raise
        print(f"bench: {engine.name} is left out of '{scenario.name}': {error}", file=sys.stderr)
        return False
    return True


def main() -> int:
    options = arguments()
    place = options.place or ("/tmp/sampan-bench" if options.peer else private_folder("sampan-bench"))
    os.makedirs(place, exist_ok=True)
    found = engines(place, options.peer)
    give_image(place, found)
    transfers = Transfers(peer_pid(options.peer) if options.peer else 0)
    rows = []
    print(report.HEAD, end="")
    for scenario in (*SCENARIOS, *BUILDS, *transfers.scenarios(), *LIFE):
        if options.only in scenario.name:
            row = measure(scenario, found, options.rounds)
            rows.append(row)
            print(report.line(row), end="", flush=True)
    transfers.close()
    if options.only:
        return shut_down(found)
    text = document(found, rows)
    print(text[text.index("## Memory") :])
    with open(os.path.join(HERE, "docs/benchmarks.md"), "w") as file:
        file.write(text)
    print("written: docs/benchmarks.md")
    return shut_down(found)


def document(found: list[Engine], rows: list[Row]) -> str:
    sampan = found[0]
    classic = [median([classic_build(engine) for _ in range(5)]) for engine in found if engine.name == "docker"]
    text = "# Benchmarks\n\n`make bench` wrote this page. Numbers are medians of whole commands, measured in turns.\n\n"
    text += report.machine({engine.name: engine.version() for engine in found})
    text += "\n## Times\n\n" + report.HEAD + "".join(report.line(row) for row in rows)
    text += "\n`docker build` is BuildKit, docker's default."
    if classic:
        text += f" Its old builder answers the 10 unchanged steps in {classic[0] * 1000:.0f} ms."
    text += (
        "\n"
        + TRANSFERS
        + "\n## Memory\n\nPSS, besides the container's own process:\n"
        + report.memory_lines(memory.measure(sampan))
    )
    text += "\n## Imports of `sampan run`\n\n" + report.import_lines(imports.measure(sampan))
    return text + REGISTRY


def shut_down(found: list[Engine]) -> int:
    found[0]("system", "shutdown")
    for engine in found:
        engine.stopwatch.close()
    subprocess.run(["rm", "-rf", "--one-file-system", *(engine.folder for engine in found)], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
