"""Containers of one user-defined network find each other by name."""

from sampan.containers import wake
from sampan.storage.paths import paths_of
from sampan.testing.command import Sampan
from sampan.testing.waiting import until


def resolved(sampan: Sampan, container: str, name: str) -> str:
    """What nslookup says to a name, "" when there is no such name."""
    found = sampan("exec", container, "nslookup", name, code=None)
    return found.out if found.code == 0 else ""


def address(sampan: Sampan, container: str) -> str:
    return sampan("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container).out.strip()


def test_names_and_aliases_resolve_in_a_network_of_ones_own(sampan: Sampan) -> None:
    sampan("network", "create", "front")
    sampan("run", "-d", "--name", "db", "--network", "front", "--network-alias", "store", "busybox", "sleep", "1000")
    sampan("run", "-d", "--name", "web", "--network", "front", "busybox", "sleep", "1000")
    wanted = address(sampan, "db")
    assert wanted in resolved(sampan, "web", "db")
    assert wanted in resolved(sampan, "web", "store")
    assert wanted in resolved(sampan, "web", "DB.front")
    assert not resolved(sampan, "web", "nobody")
    assert "nameserver 127.0.0.11" in sampan("exec", "web", "cat", "/etc/resolv.conf").out


def test_a_name_goes_with_its_container(sampan: Sampan) -> None:
    sampan("network", "create", "front")
    sampan("run", "-d", "--name", "web", "--network", "front", "busybox", "sleep", "1000")
    sampan("run", "-d", "--name", "db", "--network", "front", "busybox", "sleep", "1000")
    assert resolved(sampan, "web", "db")
    sampan("rm", "-f", "db")
    assert not resolved(sampan, "web", "db")


def test_networks_do_not_know_each_others_names(sampan: Sampan) -> None:
    for name in ("front", "back"):
        sampan("network", "create", name)
        sampan("run", "-d", "--name", f"in-{name}", "--network", name, "busybox", "sleep", "1000")
    assert resolved(sampan, "in-front", "in-front")
    assert not resolved(sampan, "in-front", "in-back")


def test_the_default_bridge_has_no_names_and_needs_no_supervisor(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "plain", "busybox", "sleep", "1000")
    assert "127.0.0.11" not in sampan("exec", "plain", "cat", "/etc/resolv.conf").out
    assert not wake.is_supervised(paths_of(sampan.root))


def test_a_container_may_be_a_name_server_itself(sampan: Sampan) -> None:
    sampan("network", "create", "front")
    sampan("run", "-d", "--name", "ns", "--network", "front", "busybox", "nc", "-l", "-p", "53")
    assert resolved(sampan, "ns", "ns")


def test_the_supervisor_ends_after_the_last_container_with_names(sampan: Sampan) -> None:
    sampan("network", "create", "front")
    sampan("run", "-d", "--name", "web", "--network", "front", "busybox", "sleep", "1000")
    until(lambda: wake.is_supervised(paths_of(sampan.root)), "a supervisor serves the names", 20)
    sampan("rm", "-f", "web")
    until(lambda: not wake.is_supervised(paths_of(sampan.root)), "the supervisor has nothing to do", 20)
