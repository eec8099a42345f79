"""The inspect documents of images, volumes and networks have the shape of Docker 28.5."""

import json

from sampan.engine import image_document, networks, volumes
from sampan.images.model import Image
from sampan.networks.endpoints import Endpoint
from sampan.networks.store import Network
from sampan.oci.config import ContainerConfig, HealthConfig, History, ImageConfig
from sampan.storage.paths import Paths
from sampan.volumes.store import Volume

PATHS = Paths("/r", "/run/sampan/k", "k")
DIFF_IDS = ("sha256:" + "1" * 64, "sha256:" + "2" * 64)
KEYS = (
    "Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Architecture Os Size GraphDriver RootFS"
    " Metadata Config"
)


def image(config: ContainerConfig, layers: int = 2) -> Image:
    document = ImageConfig(
        "amd64",
        "linux",
        config,
        DIFF_IDS[:layers],
        history=(History(comment="buildkit.dockerfile.v0"),),
        created="2026-11-23T23:43:06Z",
        author="Ann <ann@example.org>",
    )
    tags = ("docker.io/library/app:1.0", "example.org/app:2")
    return Image("sha256:" + "a" * 64, document, ("low", "high")[:layers], 42, tags, document.created)


def test_an_image_has_dockers_keys_in_dockers_order() -> None:
    shown = image_document.compose(PATHS, image(ContainerConfig()), 10**18)
    assert list(shown) == KEYS.split()
    assert shown["RepoTags"] == ["app:1.0", "example.org/app:2"]
    assert shown["Comment"] == "buildkit.dockerfile.v0"
    assert shown["GraphDriver"]["Data"] == {"LowerDir": "/r/layers/low", "UpperDir": "/r/layers/high"}
    assert shown["RootFS"] == {"Type": "layers", "Layers": list(DIFF_IDS)}
    assert shown["Metadata"] == {"LastTagTime": "2001-09-09T01:46:40Z"}


def test_an_image_without_layers_or_tag() -> None:
    shown = image_document.compose(PATHS, image(ContainerConfig(), layers=0)._replace(tags=()), 0)
    assert shown["RootFS"] == {"Type": "layers"}
    assert shown["GraphDriver"]["Data"] == {}
    assert shown["Metadata"] == {"LastTagTime": "0001-01-01T00:00:00Z"}


def test_a_bare_configuration_shows_its_null_fields() -> None:
    shown = image_document.compose(PATHS, image(ContainerConfig(cmd=("sh",))), 0)["Config"]
    assert json.dumps(shown) == (
        '{"Cmd": ["sh"], "Entrypoint": null, "Env": null, "Labels": null, "OnBuild": null, "User": "", "Volumes": null,'
        ' "WorkingDir": ""}'
    )


def test_a_full_configuration_is_sorted_by_name() -> None:
    config = ContainerConfig(
        user="1000:1000",
        env=("A=1",),
        exposed_ports=("80/tcp",),
        healthcheck=HealthConfig(("CMD-SHELL", "true"), interval_ns=2, timeout_ns=1, start_period_ns=1, retries=2),
        shell=("/bin/sh", "-c"),
        stop_signal="SIGQUIT",
        on_build=("RUN echo later",),
        labels={"b": "2", "a": "1"},
    )
    shown = image_document.compose(PATHS, image(config), 0)["Config"]
    assert list(shown) == sorted(shown)
    assert {"ExposedPorts", "Healthcheck", "Shell", "StopSignal"} <= set(shown)
    assert list(shown["Healthcheck"]) == ["Interval", "Retries", "StartPeriod", "Test", "Timeout"]
    assert list(shown["Labels"]) == ["a", "b"]


def test_a_volume() -> None:
    volume = Volume("data", "local", {"tier": "back"}, {}, False, 1795477386 * 10**9 + 123, "/r/volumes/data/_data")
    assert json.dumps(volumes.document(volume)) == (
        '{"CreatedAt": "2026-11-23T23:43:06Z", "Driver": "local", "Labels": {"tier": "back"},'
        ' "Mountpoint": "/r/volumes/data/_data", "Name": "data", "Options": null, "Scope": "local"}'
    )


def test_an_anonymous_volume_says_so_in_a_label() -> None:
    volume = Volume("0123", "local", {}, {}, True, 0, "")
    assert volumes.document(volume)["Labels"] == {"com.docker.volume.anonymous": ""}
    assert volumes.document(volume._replace(anonymous=False))["Labels"] is None


def test_a_network_shows_who_is_in_it() -> None:
    front = Network("n1", "front", "bridge", "front0", "10.89.0.0/24", "10.89.0.1", False, {}, {}, 10**18, False)
    endpoint = Endpoint("e1", "c1", "n1", "front", "10.89.0.10", 24, "10.89.0.1", "02:42:0a:59:00:0a", "v1")
    shown = networks.document(front, [endpoint], lambda container_id: f"name of {container_id}")
    assert " ".join(shown) == (
        "Name Id Created Scope Driver EnableIPv4 EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom ConfigOnly"
        " Containers Options Labels"
    )
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [{"Subnet": "10.89.0.0/24", "Gateway": "10.89.0.1"}],
    }
    assert shown["Containers"] == {
        "c1": {
            "Name": "name of c1",
            "EndpointID": "e1",
            "MacAddress": "02:42:0a:59:00:0a",
            "IPv4Address": "10.89.0.10/24",
            "IPv6Address": "",
        }
    }


def test_a_network_shows_all_that_was_asked_of_it() -> None:
    back = Network(
        "n1", "back", "bridge", "b", "10.89.0.0/24", "10.89.0.254", True, {"b": "2", "a": "1"}, {"o": "1"}, 1, False,
        "fd00::/64", "fd00::1", "10.89.0.128/25", "", {"router": "10.89.0.2", "six": "fd00::9"}, {"i": "1"}, True,
    )  # fmt: skip
    endpoint = Endpoint(
        "e1", "c1", "n1", "back", "10.89.0.10", 24, "", "02:42:0a:59:00:0a", "v1", ip6="fd00::2", prefix_length6=64
    )
    shown = networks.document(back, [endpoint], str)
    assert (shown["EnableIPv6"], shown["Internal"], shown["Attachable"]) == (True, True, True)
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": {"i": "1"},
        "Config": [
            {
                "Subnet": "10.89.0.0/24",
                "IPRange": "10.89.0.128/25",
                "Gateway": "10.89.0.254",
                "AuxiliaryAddresses": {"router": "10.89.0.2"},
            },
            {"Subnet": "fd00::/64", "Gateway": "fd00::1", "AuxiliaryAddresses": {"six": "fd00::9"}},
        ],
    }
    assert shown["Containers"]["c1"]["IPv6Address"] == "fd00::2/64"
    assert list(shown["Labels"]) == ["a", "b"]


def test_host_and_none_have_no_addresses() -> None:
    none = Network("n0", "none", "null", "", "", "", False, {}, {}, 10**18, False)
    assert networks.document(none, [], str)["IPAM"] == {"Driver": "default", "Options": None, "Config": None}
