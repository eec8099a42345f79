"""What is refused before a container is made, in the words of Docker's engine."""

import pytest

from sampan.containers import refusals
from sampan.containers.options import PortBinding, RunOptions
from sampan.errors import SampanError, Unsupported

BASE = RunOptions("busybox")
LOG = "json-file log driver"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BASE._replace(nano_cpus=3 * 10**9), "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        (BASE._replace(nano_cpus=-(10**9)), "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        (BASE._replace(cpuset_cpus="a-b"), "Invalid value a-b for cpuset cpus: invalid format: a-b"),
        (BASE._replace(cpuset_mems="0,"), "Invalid value 0, for cpuset mems: invalid format: 0,"),
        (BASE._replace(uts_mode="host", hostname="x"), "conflicting options: hostname and the UTS mode"),
        (
            BASE._replace(network="container:a", ports=(PortBinding(80),)),
            "conflicting options: port publishing and the container type network mode",
        ),
        (BASE._replace(network="container:a", dns=("1.1.1.1",)), "conflicting options: dns and the network mode"),
        (BASE._replace(log_options={"nope": "1"}), f"unknown log opt 'nope' for {LOG}"),
        (BASE._replace(log_driver="nope"), 'error looking up logging plugin nope: plugin "nope" not found'),
        (BASE._replace(stop_signal="NOPE"), "invalid signal: NOPE"),
        (
            BASE._replace(network_aliases=("web",)),
            "network-scoped aliases are only supported for user-defined networks",
        ),
    ],
)
def test_impossible_options_are_refused(options: RunOptions, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        refusals.check(options, 2)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "options",
    [
        BASE._replace(log_driver="syslog"),
        BASE._replace(log_options={"mode": "non-blocking"}),
    ],
)
def test_what_would_have_no_effect_is_refused(options: RunOptions) -> None:
    with pytest.raises(Unsupported):
        refusals.check(options, 2)


def test_a_cpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SampanError, match="Requested CPUs are not available - requested 4095, available: "):
        refusals.check(BASE._replace(cpuset_cpus="4095"), 2)
