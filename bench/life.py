"""Scenarios of containers that live longer than a command: stopping, copying, serving, being many."""

import os
import time

from bench.engines import CommandFailed, Engine
from bench.scenarios import IMAGE, Scenario, running

MEGABYTES = 500
MANY = 200
_PORTS = {"sampan": 18081, "docker": 18082, "podman": 18083}  # two of them may share a network namespace
_OBEDIENT = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")


def stop(engine: Engine) -> float:
    engine.try_to("rm", "-f", "bench")
    engine("run", "-d", "--network", "none", "--name", "bench", IMAGE, *_OBEDIENT)
    return engine("stop", "bench").seconds


def with_file(engine: Engine) -> None:
    """A running container, and a file of random bytes outside of it and in it."""
    path = engine.folder + "/file"
    if not os.path.exists(path):
        block = os.urandom(1 << 20)
        with open(path, "wb") as file:
            for _ in range(MEGABYTES):
                file.write(block)
    running(engine)
    engine("cp", path, "bench:/kept")


def copy_in(engine: Engine) -> float:
    seconds = engine("cp", engine.folder + "/file", "bench:/copy").seconds
    engine("exec", "bench", "rm", "/copy")
    return seconds


def copy_out(engine: Engine) -> float:
    seconds = engine("cp", "bench:/kept", engine.folder + "/copy").seconds
    os.unlink(engine.folder + "/copy")
    return seconds


def serving(engine: Engine) -> None:
    """A web server with a large file on a published port."""
    engine.try_to("rm", "-f", "bench")
    serve = f"dd if=/dev/zero of=/big bs=1M count={MEGABYTES} 2>/dev/null; touch /ready; exec httpd -f -p 80 -h /"
    engine("run", "-d", "-p", f"{_PORTS[engine.name]}:80", "--name", "bench", IMAGE, "sh", "-c", serve)
    for _ in range(200):
        if not any(engine.try_to("exec", "bench", "test", "-e", "/ready").codes):
            break
        time.sleep(0.1)
    time.sleep(0.2)


def fetch(engine: Engine) -> float:
    """Fetch it from the host by an address of the host's, through the published port: loopback would lead through
    docker's proxy, and flatter us."""
    gateway = engine("inspect", "-f", "{{.NetworkSettings.Gateway}}", "bench").output.strip()
    timing = engine.stopwatch.run(
        ["busybox", "wget", "-q", "-O", "/dev/null", f"http://{gateway}:{_PORTS[engine.name]}/big"]
    )
    if any(timing.codes):
        raise CommandFailed(timing.output)
    return timing.seconds


_CROWD = tuple(f"many{number}" for number in range(MANY))


def crowd(engine: Engine) -> None:
    for name in _CROWD:
        engine("run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "100000")


LINES = 1_000_000
LOGGED_MEGABYTES = 300


def with_log(engine: Engine) -> None:
    engine.try_to("rm", "-f", "bench")
    engine("run", "-d", "--network", "none", "--name", "bench", IMAGE, "seq", str(LINES))
    engine("wait", "bench")


def write_log(engine: Engine) -> float:
    """A container that writes as fast as its log takes it."""
    engine.try_to("rm", "-f", "bench")
    script = f"yes {'x' * 99} | head -c {LOGGED_MEGABYTES}000000"
    engine("run", "-d", "--network", "none", "--name", "bench", IMAGE, "sh", "-c", script)
    return engine("wait", "bench").seconds


LIFE = (
    Scenario(f"logs of {LINES:,} lines", lambda engine: engine("logs", "bench").seconds, with_log, 0.8, rounds=3),
    Scenario(f"{LOGGED_MEGABYTES} MB into a log", write_log, lambda _engine: None, 1.0, rounds=5),
    Scenario("stop of an obedient process", stop, lambda _engine: None, 0.6),
    Scenario(f"cp of {MEGABYTES} MB into a container", copy_in, with_file, 0.8, rounds=3),
    Scenario(f"cp of {MEGABYTES} MB out of a container", copy_out, with_file, 0.8, rounds=3),
    Scenario(f"{MEGABYTES} MB through a published port", fetch, serving, 1.0),
    Scenario(
        f"ps, {MANY} running containers",
        lambda engine: engine("ps").seconds,
        crowd,
        150,
        is_absolute=True,
        containers=_CROWD,
    ),
)
