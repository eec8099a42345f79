"""/etc/hosts and /etc/resolv.conf of a container."""

from sampan.networks import files


def test_hosts_has_the_fixed_names_the_extra_ones_and_its_own() -> None:
    assert files.hosts_text(["172.17.0.2"], ["web.example", "web"], [("db", "10.0.0.9")]).splitlines() == [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "ff00::0\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        "10.0.0.9\tdb",
        "172.17.0.2\tweb.example web",
    ]


HOST = """\
# a comment
nameserver 127.0.0.53
nameserver 192.0.2.53 # ours
search old
search a.example b.example
options edns0
"""


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_name_servers_on_the_hosts_loopback_are_left_out() -> None:
    assert _lines(files.resolv_conf_text(HOST)) == [
        "nameserver 192.0.2.53",
        "search a.example b.example",
        "options edns0",
    ]


def test_without_a_reachable_name_server_dockers_choice_stands_in() -> None:
    assert _lines(files.resolv_conf_text("nameserver 127.0.0.1\n")) == ["nameserver 8.8.8.8", "nameserver 8.8.4.4"]
    assert _lines(files.resolv_conf_text("")) == ["nameserver 8.8.8.8", "nameserver 8.8.4.4"]


def test_what_is_asked_for_replaces_what_the_host_has() -> None:
    text = files.resolv_conf_text(
        HOST, dns=["127.0.0.1", "10.0.0.1"], search=["x.example"], options=["ndots:2", "rotate"]
    )
    assert _lines(text) == [
        "nameserver 127.0.0.1",
        "nameserver 10.0.0.1",
        "search x.example",
        "options ndots:2 rotate",
    ]


def test_a_search_of_a_dot_means_no_search() -> None:
    assert "search" not in "".join(_lines(files.resolv_conf_text(HOST, search=["."])))


def test_with_the_hosts_network_its_loopback_is_reachable() -> None:
    assert _lines(files.resolv_conf_text(HOST, shares_host_network=True))[0] == "nameserver 127.0.0.53"


def test_systemd_resolveds_stub_is_recognised() -> None:
    assert files.names_resolved_stub("nameserver 127.0.0.53\noptions edns0\n")
    assert not files.names_resolved_stub(HOST)


def test_own_addresses_change_and_every_other_line_stays() -> None:
    text = files.hosts_text(["172.17.0.2", "10.0.0.5"], ["web"], [("db", "10.0.0.9"), ("web", "10.0.0.8")])
    text += "10.1.1.1 mine"
    changed = files.with_own_addresses(text, ["172.17.0.2", "fd00::2"], ["web"], [("web", "10.0.0.8")])
    gone, came = "10.0.0.5\tweb", "fd00::2\tweb"
    assert [line for line in text.splitlines() if line != gone] + [came] == changed.splitlines()
    assert files.with_own_addresses(changed, ["172.17.0.2", "fd00::2"], ["web"], [("web", "10.0.0.8")]) == changed


def test_a_container_that_is_called_localhost_keeps_its_loopback() -> None:
    text = files.hosts_text(["172.17.0.2"], ["localhost"])
    assert files.with_own_addresses(text, [], ["localhost"]) == files.hosts_text([], [])
