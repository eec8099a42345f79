"""What settings files do to containers and networks, and what a mistake in them stops."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Result, Sampan
from sampan.testing.roots import busybox_store, copied

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/settings") as sampan:
        yield sampan


@pytest.fixture
def configured(yard: Sampan, tmp_path: Path) -> Callable[[str], Run]:
    """The command with a settings file of that text."""

    def write(text: str) -> Run:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return lambda *words, code=0: yard(*words, code=code, env={"SAMPAN_CONFIG": str(path)})

    return write


SITE = """
init = true
runtime = "crun"

[log]
driver = "local"
options = { max-size = "1m" }

[dns]
servers = ["192.0.2.53"]
search = ["site.test"]
options = ["ndots:3"]

[limits]
memory = "64m"
pids = 99
shm_size = "8m"
ulimits = { nofile = "100:200" }
"""
SCRIPT = """
cat /proc/1/comm; grep -v '^#' /etc/resolv.conf; ulimit -n; df -m /dev/shm | awk 'NR == 2 {print $2}'
"""


def test_a_container_has_what_the_site_wants(configured: Callable[[str], Run]) -> None:
    sampan = configured(SITE)
    sampan("run", "-d", "--name", "usual", "busybox", "sleep", "9999")
    inside = sampan("exec", "usual", "sh", "-c", SCRIPT).out.splitlines()
    assert inside == ["docker-init", "nameserver 192.0.2.53", "search site.test", "options ndots:3", "100", "8"]
    host = json.loads(sampan("inspect", "usual").out)[0]["HostConfig"]
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m"}}
    assert (host["Memory"], host["PidsLimit"], host["ShmSize"]) == (64 << 20, 99, 8 << 20)
    assert (host["Runtime"], host["Init"]) == ("crun", True)
    sampan("rm", "-f", "usual")


def test_an_option_wins(configured: Callable[[str], Run]) -> None:
    sampan = configured(SITE)
    options = (
        "--init=false", "--runtime", "runc", "--log-driver", "json-file", "--dns", "192.0.2.1", "--memory", "0",
        "--pids-limit", "-1", "--shm-size", "4m", "--ulimit", "nofile=50",
    )  # fmt: skip
    sampan("run", "-d", "--name", "own", *options, "busybox", "sleep", "9999")
    inside = sampan("exec", "own", "sh", "-c", SCRIPT).out.splitlines()
    assert inside[:2] == ["sleep", "nameserver 192.0.2.1"]
    assert inside[-2:] == ["50", "4"]
    host = json.loads(sampan("inspect", "own").out)[0]["HostConfig"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert (host["Memory"], host["PidsLimit"], host["Runtime"]) == (0, None, "runc")
    sampan("rm", "-f", "own")


def test_published_ports_can_be_kept_on_this_host(yard: Sampan, configured: Callable[[str], Run]) -> None:
    run = (
        "run",
        "-d",
        "--name",
        "near",
        "--expose",
        "90",
        "-P",
        "-p",
        "80",
        "-p",
        "0.0.0.0::81",
        "busybox",
        "sleep",
        "9",
    )
    expected = {"80": "127.0.0.1", "81": "0.0.0.0", "90": "127.0.0.1"}
    local = configured("publish_local_only = true\n")
    for sampan, words in ((local, run), (yard, ("--publish-local-only", *run))):
        sampan(*words)
        lines = [
            line.replace("/tcp -> ", " ").rpartition(":")[0].split() for line in sampan("port", "near").out.splitlines()
        ]
        assert {line[0]: line[1] for line in lines} == expected
        sampan("rm", "-f", "near")
    open_again = yard("--publish-local-only=false", *run, env={"SAMPAN_CONFIG": ""})
    assert open_again.code == 0
    assert "127.0.0.1" not in yard("port", "near").out
    yard("rm", "-f", "near")


def test_a_build_asks_the_same_name_servers(configured: Callable[[str], Run], tmp_path: Path) -> None:
    sampan = configured(SITE)
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN cat /etc/resolv.conf\nRUN --network=host echo end\n")
    output = sampan("build", "--allow", "network.host", "--progress", "plain", "--no-cache", str(tmp_path)).err
    assert "nameserver 192.0.2.53" in output
    assert "search site.test" in output


def test_networks_get_their_subnets_from_the_pools(configured: Callable[[str], Run]) -> None:
    sampan = configured('[[address_pools]]\nbase = "10.213.16.0/20"\nsize = 27\n')
    for name in ("one", "two"):
        sampan("network", "create", name)
    form = "{{(index .IPAM.Config 0).Subnet}}"
    found = sampan("network", "inspect", "-f", form, "one", "two").out.split()
    assert found == ["10.213.16.0/27", "10.213.16.32/27"]
    sampan("network", "rm", "one", "two")


def test_info_is_silent_about_what_nobody_set(configured: Callable[[str], Run]) -> None:
    sampan = configured("")
    assert sampan("info", "-f", "{{.DefaultAddressPools}} {{.PublishLocalOnly}}").out == "[] false\n"
    assert "DefaultAddressPools" not in sampan("info", "--format", "json").out
    assert "Address Pools" not in sampan("info").out


def test_info_and_settings_show_what_is_in_force(configured: Callable[[str], Run]) -> None:
    sampan = configured(
        SITE
        + '[[address_pools]]\nbase = "10.213.0.0/16"\nsize = 24\n'
        + '[[registries]]\nname = "r.test:5000"\ninsecure = true\n'
    )
    document = json.loads(sampan("info", "--format", "json").out)
    assert (document["LoggingDriver"], document["DefaultRuntime"]) == ("local", "crun")
    assert document["DefaultAddressPools"] == [{"Base": "10.213.0.0/16", "Size": 24}]
    assert document["RegistryConfig"]["IndexConfigs"]["r.test:5000"]["Secure"] is False
    text = sampan("info").out
    assert "Default Address Pools:" in text
    assert "Base: 10.213.0.0/16, Size: 24" in text
    shown = {line.split()[0]: line.split()[1:] for line in sampan("system", "settings").out.splitlines()}
    assert shown["limits.memory"][0] == "64m"
    assert shown["limits.memory"][1].endswith("config.toml:15")
    assert shown["publish_local_only"] == ["false", "default"]
    rows = [json.loads(line) for line in sampan("system", "settings", "--format", "json").out.splitlines()]
    assert {"Name": "log.driver", "Value": "local"}.items() <= next(
        r for r in rows if r["Name"] == "log.driver"
    ).items()


def test_a_mistake_stops_what_needs_settings_alone(yard: Sampan, configured: Callable[[str], Run]) -> None:
    yard("run", "-d", "--name", "there", "busybox", "sleep", "9999")
    sampan = configured('\n[limits]\nmemory = "lots"\n')
    refused = sampan("run", "--rm", "busybox", "true", code=125)
    assert 'config.toml:3: limits.memory = "lots": a size is wanted, such as 512m or 2g' in refused.err
    assert 'for example: memory = "2g"' in refused.err
    assert sampan("exec", "there", "echo", "goes on").out == "goes on\n"
    sampan("stop", "-t", "0", "there")
    sampan("start", "there")
    sampan("rm", "-f", "there")
    missing = yard("run", "busybox", "true", code=125, env={"SAMPAN_CONFIG": "/nowhere/config.toml"})
    assert "the settings file /nowhere/config.toml does not exist" in missing.err
