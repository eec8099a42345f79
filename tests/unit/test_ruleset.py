"""The text and the keys of the firewall table."""

from sampan.networks.ruleset import BOUND_PORTS, PORTS, BridgeRules, Forward, render

WEB = Forward("tcp", "0.0.0.0", 8080, "172.17.0.2", 80)
DNS = Forward("udp", "127.0.0.1", 53, "172.18.0.2", 5353)


def test_a_table_replaces_the_one_before_in_one_transaction() -> None:
    lines = render("sampan_x", [], []).splitlines()
    assert lines[:3] == ["add table ip sampan_x", "delete table ip sampan_x", "table ip sampan_x {"]
    assert lines[-1] == "}"


def test_networks_and_ports_become_elements() -> None:
    networks = [BridgeRules("sp0", "172.17.0.0/16", False), BridgeRules("sp1", "172.18.0.0/16", True)]
    text = render("t", networks, [WEB, DNS])
    assert 'set bridges { type ifname; elements = { "sp0", "sp1" } }' in text
    assert 'set internal { type ifname; elements = { "sp1" } }' in text
    assert 'elements = { "sp0" . "sp0", "sp1" . "sp1" }' in text
    assert "elements = { 172.17.0.0/16, 172.18.0.0/16 }" in text
    assert "elements = { tcp . 8080 : 172.17.0.2 . 80 }" in text
    assert "elements = { 127.0.0.1 . udp . 53 : 172.18.0.2 . 5353 }" in text


def test_keys_and_values_are_padded_to_registers() -> None:
    assert (WEB.map, WEB.key.hex(), WEB.value.hex()) == (PORTS, "060000001f900000", "ac11000200500000")
    assert (DNS.map, DNS.key.hex(), DNS.value.hex()) == (BOUND_PORTS, "7f0000011100000000350000", "ac12000214e90000")


def test_a_network_with_ipv6_has_a_second_table_for_it() -> None:
    dual = BridgeRules("sp0", "172.17.0.0/16", False, "fd00::/64", is_open=False, is_masked=False)
    web6 = Forward("tcp", "::", 8080, "fd00::2", 80)
    old, _, text = render("t", [dual, BridgeRules("sp1", "172.18.0.0/16", False)], [WEB, web6]).partition("table ip6")
    assert "8080 : fd00::2 . 80" not in old and "8080 : 172.17.0.2 . 80" in old
    assert "elements = { fd00::/64 }" in text and "172." not in text
    assert 'set bridges { type ifname; elements = { "sp0" } }' in text
    assert "set within { type ifname . ifname; }" in text and "set masked { type ipv6_addr; flags interval; }" in text
    assert "tcp . 8080 : fd00::2 . 80" in text and "ip6 daddr != ::1" in text
    assert (web6.family, web6.map, web6.key.hex()) == ("ip6", PORTS, "060000001f900000")
    assert web6.value.hex() == "fd000000000000000000000000000002" + "00500000"
    assert "table ip6" not in render("t", [BridgeRules("sp1", "172.18.0.0/16", False)], [WEB])
