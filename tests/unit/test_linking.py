"""--link in the default network: variables and names."""

from pathlib import Path

from sampan.containers import etc_files, linking
from sampan.containers.linking import Link
from sampan.containers.model import Container, Spec
from sampan.containers.options import NetworkChoice, RunOptions
from sampan.oci.config import ContainerConfig

CONFIG = ContainerConfig(
    exposed_ports=("7001/tcp", "53/udp", "80/tcp", "7000/tcp", "7002/tcp"), env=("PATH=/bin", "A=1", "B=x=y", "C")
)
TARGET = Container("f" * 64, "db", "sha256:1", (), Spec(RunOptions("x"), CONFIG), 1)


def linked(*links: str, network: str = "bridge") -> RunOptions:
    return RunOptions("x", network=network, networks=(NetworkChoice(network, links=links),))


def test_a_link_has_dockers_variables() -> None:
    found = linking.variables("/web/my-db", "172.17.0.2", TARGET)
    assert found[:5] == (
        "MY_DB_PORT=tcp://172.17.0.2:80",
        "MY_DB_PORT_80_TCP=tcp://172.17.0.2:80",
        "MY_DB_PORT_80_TCP_ADDR=172.17.0.2",
        "MY_DB_PORT_80_TCP_PORT=80",
        "MY_DB_PORT_80_TCP_PROTO=tcp",
    )
    assert found[-7:] == (
        "MY_DB_PORT_7000_TCP_START=tcp://172.17.0.2:7000",
        "MY_DB_PORT_7000_TCP_PORT_START=7000",
        "MY_DB_PORT_7000_TCP_END=tcp://172.17.0.2:7002",
        "MY_DB_PORT_7000_TCP_PORT_END=7002",
        "MY_DB_NAME=/web/my-db",
        "MY_DB_ENV_A=1",
        "MY_DB_ENV_B=x=y",
    )


def test_only_the_default_network_has_links_of_this_kind() -> None:
    assert linking.links(linked("db", "db:store", "db")) == (Link("db", "db"), Link("db", "store"))
    assert linking.links(linked("db", network="front")) == ()
    web = TARGET._replace(name="web", spec=Spec(linked("db:store"), CONFIG))
    assert linking.shown(web) == ["/db:/web/store"]
    assert linking.shown(TARGET) is None


def test_a_hosts_file_that_is_too_large_stays_as_it_is(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    text = "10.0.0.9\tbox\n" + "# filling\n" * (etc_files.MOST // 10)
    hosts.write_text(text)
    linking._rewrite(str(hosts), "10.0.0.2", ["box"])
    etc_files.change_addresses(str(tmp_path), TARGET, ["10.0.0.2"])
    assert hosts.read_text() == text
    hosts.write_text("10.0.0.9\tbox\n")
    linking._rewrite(str(hosts), "10.0.0.2", ["box"])
    assert hosts.read_text() == "10.0.0.2\tbox\n"
