"""What --log-driver and --log-opt mean, and what is refused, in Docker's words. Pure."""

import re

import pytest

from sampan.containers import watched
from sampan.containers.logs import attributes as logattributes
from sampan.containers.logs import drivers as logdrivers
from sampan.containers.logs.drivers import Files
from sampan.containers.model import Container, Spec
from sampan.containers.options import RunOptions
from sampan.engine.supervision.rotating import pause_seconds
from sampan.errors import SampanError
from sampan.oci.config import ContainerConfig

BASE = RunOptions("busybox")


def options(driver: str = "json-file", **given: str) -> RunOptions:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return BASE._replace(log_driver=driver, log_options=named)


def container(chosen: RunOptions) -> Container:
    config = ContainerConfig(env=("X=a b", "Y=2", "EMPTY="), labels={"app": "shop", "tier": "web"}, cmd=("sleep", "1"))
    return Container("0123456789abcdef" * 4, "box", "sha256:" + "f" * 64, (), Spec(chosen, config), 0)


@pytest.mark.parametrize(
    ("chosen", "files"),
    [
        (options(), Files(0, 1)),
        (options(max_size="-1"), Files(0, 1)),
        (options(max_size="10k"), Files(10_000, 1)),
        (options(max_size="1.5MB", max_file="3"), Files(1_500_000, 3)),
        (options(max_size="5"), Files(5, 1)),
        (options(max_file="3"), Files(0, 3)),
        (options(max_file="2", max_size="1k", compress="true"), Files(1000, 2, True)),
        (options("local"), Files(20_000_000, 5, True)),
        (options("local", max_size="1g", max_file="2", compress="false"), Files(10**9, 2)),
    ],
)
def test_a_log_has_files_of_a_size(chosen: RunOptions, files: Files) -> None:
    assert logdrivers.files(chosen) == files
    assert watched.is_rotated(container(chosen)) is files.is_rotated


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (options("nonsense"), 'error looking up logging plugin nonsense: plugin "nonsense" not found'),
        (options("syslog"), "the log driver syslog is not supported by this version of sampan"),
        (options(nonsense="1"), "unknown log opt 'nonsense' for json-file log driver"),
        (options("local", labels="a"), "unknown log opt 'labels' for log driver local"),
        (options("journald", max_size="1"), "unknown log opt 'max-size' for journald log driver"),
        (options(mode="zz"), "logger: logging mode not supported: zz"),
        (options(mode="non-blocking"), "the log option mode=non-blocking is not supported"),
        (options(max_buffer_size="4m"), "logger: max-buffer-size option is only supported with 'mode=non-blocking'"),
        (options(max_file="0"), "max-file cannot be less than 1"),
        (options(max_file="x"), 'strconv.Atoi: parsing "x": invalid syntax'),
        (options(max_size="0"), "max-size must be a positive number"),
        (options(max_size="x"), "invalid size: 'x'"),
        (options(compress="xx"), 'strconv.ParseBool: parsing "xx": invalid syntax'),
        (options(compress="true"), "compress cannot be true when max-file is less than 2 or max-size is not set"),
        (options(tag="{{.Nonsense}}"), "at <.Nonsense>: can't evaluate field Nonsense in type"),
        (options(tag="{{"), "template: log-tag:1: unclosed action"),
        (options(labels_regex="["), "error parsing regexp: "),
    ],
)
def test_what_cannot_be_is_refused(chosen: RunOptions, message: str) -> None:
    with pytest.raises(SampanError, match=re.escape(message)):
        logdrivers.check(chosen)


def test_a_plain_log_wants_no_supervisor() -> None:
    assert not watched.is_watched(container(options()))
    assert not watched.is_watched(container(options("none")))
    assert not watched.is_watched(container(options(max_size="10m")))
    assert watched.is_watched(container(options(max_size="10m", max_file="2")))


def test_details_are_what_was_chosen_sorted_and_escaped() -> None:
    chosen = options(labels="tier,none", labels_regex="^a", env="X", env_regex="Z", tag="{{.Name}}/{{ .ID }}")
    assert logattributes.details(container(chosen)) == "X=a+b,app=shop,tag=box%2F0123456789ab,tier=web"
    assert logattributes.details(container(options())) == ""


def test_the_monitor_begins_a_single_file_anew_itself() -> None:
    assert logdrivers.monitor_log(options(max_size="1k"), "/c") == ("k8s-file:/c/log", 1000)
    assert logdrivers.monitor_log(options(max_size="1k", max_file="2"), "/c") == ("k8s-file:/c/log", 0)
    assert logdrivers.monitor_log(options("none"), "/c") == ("none", 0)


@pytest.mark.parametrize(
    ("size", "before", "passed", "pause"),
    [(500, 500, 1.0, None), (100, 0, 1.0, 5.0), (900, 0, 1.0, 0.7 / 9), (999, 0, 0.1, 0.02)],
)
def test_a_log_is_looked_at_before_it_can_be_full(size: int, before: int, passed: float, pause: float | None) -> None:
    found = pause_seconds(size, before, passed, 1000)
    assert found == (None if pause is None else pytest.approx(pause, rel=0.5))
