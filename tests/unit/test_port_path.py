"""Why a published port is reached, in plain words."""

from sampan.engine.port_path import PortFacts, explain
from sampan.networks.ruleset import Forward

ALL = Forward("tcp", "0.0.0.0", 8080, "172.17.0.2", 80)
LOCAL = Forward("udp", "127.0.0.1", 53, "172.17.0.2", 5353)
FACTS = PortFacts("web", True, "sampan_x", True, "bridge", False, (LOCAL, ALL))


def test_a_port_on_all_addresses_goes_around_the_hosts_firewall() -> None:
    lines = explain(FACTS)
    assert lines[0] == (
        "tcp port 8080 of every IPv4 address of this host leads to port 80 of web (172.17.0.2 in network bridge)."
    )
    assert lines[1] == "Rule: nft list map ip sampan_x ports"
    assert "goes around the host's firewall" in lines[2] and "8080" in lines[3]
    assert lines[5].startswith("udp port 53 of 127.0.0.1 leads to port 5353 of web")
    assert lines[6] == "Rule: nft list map ip sampan_x bound_ports"
    assert lines[7].startswith("Only programs of this host reach it")
    assert any("publish_local_only = true" in line for line in lines)


def test_a_port_of_this_host_alone_needs_no_advice() -> None:
    lines = explain(FACTS._replace(forwards=(LOCAL,)))
    assert len(lines) == 3 and "publish_local_only" not in " ".join(lines)


def test_flushed_rules_internal_networks_and_ipv6_are_told_of() -> None:
    assert any("system check --repair" in line for line in explain(FACTS._replace(is_firewall_whole=False)))
    inner = explain(FACTS._replace(is_internal=True, network="inner", forwards=(ALL,)))
    assert inner[-1] == "Network inner is internal: only this host itself gets there."
    new = explain(FACTS._replace(forwards=(Forward("tcp", "::", 8080, "fd00::2", 80),)))
    assert "every IPv6 address" in new[0] and new[1] == "Rule: nft list map ip6 sampan_x ports"


def test_who_does_not_run_or_has_none_says_so() -> None:
    assert explain(FACTS._replace(is_running=False)) == [
        "web does not run. Its ports are published while it does: sampan start web"
    ]
    assert explain(FACTS._replace(forwards=()))[0].startswith("web has published no port")


def test_who_has_no_network_of_its_own_is_sent_elsewhere() -> None:
    assert "the host's own network" in explain(FACTS._replace(mode="host", forwards=()))[0]
    assert explain(FACTS._replace(mode="container:db", forwards=()))[0].endswith("sampan port --why db")
