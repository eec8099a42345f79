"""tag, rmi, import, prune, volumes, networks, and what concerns the whole store, on a real root."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from sampan.testing import busybox
from sampan.testing.command import Sampan
from sampan.testing.terminal import Terminal

QUESTION = "Are you sure you want to continue? [y/N] "


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A compressed root file system."""
    plain = tmp_path / "rootfs.tar"
    plain.write_bytes(busybox.rootfs())
    subprocess.run(["gzip", "-1", plain], check=True)
    return tmp_path / "rootfs.tar.gz"


def test_an_imported_image_runs_as_its_changes_say(sampan: Sampan, rootfs: Path) -> None:
    changes = ("-c", 'CMD ["echo","hi"]', "-c", "LABEL a=b", "-m", "from a file")
    image = sampan("import", *changes, str(rootfs), "mine:1").out.strip()
    assert sampan("run", "--rm", "mine:1").out == "hi\n"
    assert sampan("inspect", "-f", "{{.Id}} {{.Config.Labels.a}}", "mine:1").out == f"{image} b\n"
    assert sampan("history", "--format", "{{.Comment}}", "mine:1").out == "from a file\n"
    missing = sampan("import", "/nope.tar", "x", code=1).err
    assert missing == "open /nope.tar: no such file or directory\n"


def test_an_image_goes_with_its_last_name(sampan: Sampan, rootfs: Path) -> None:
    image = sampan("import", str(rootfs), "mine:1").out.strip()
    sampan("tag", "mine:1", "localhost:5000/mine:2")
    assert sampan("rmi", "mine:1").out == "Untagged: mine:1\n"
    lines = sampan("rmi", "localhost:5000/mine:2").out.splitlines()
    assert lines[:2] == ["Untagged: localhost:5000/mine:2", f"Deleted: {image}"]
    assert sampan("rmi", "mine:1", code=1).err == "Error response from daemon: No such image: mine:1\n"
    assert sampan("rmi", "-f", "mine:1").err == "Error response from daemon: No such image: mine:1\n"
    assert sampan("tag", "mine:1", "x", code=1).err == "Error response from daemon: No such image: mine:1\n"


def test_an_image_in_use_stays(sampan: Sampan) -> None:
    sampan("create", "--name", "made", "busybox")
    assert 'unable to remove repository reference "busybox" (must force)' in sampan("rmi", "busybox", code=1).err
    assert sampan("image", "prune", "-af").out == "Total reclaimed space: 0B\n"
    assert sampan("images", "-q").out


def test_images_without_a_name_are_dangling_and_pruned(sampan: Sampan, tmp_path: Path) -> None:
    for text in ("one", "two"):
        (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN echo {text} > /text\n")
        sampan("build", "-q", "-t", "app", str(tmp_path))
    dangling = sampan("images", "-q", "--no-trunc", "--filter", "dangling=true").out.strip()
    lines = sampan("image", "prune", "-f").out.splitlines()
    assert lines[:2] == ["Deleted Images:", f"deleted: {dangling}"]
    assert lines[-1].startswith("Total reclaimed space: ")
    assert sampan("images", "--format", "{{.Repository}}").out.split() == ["app", "busybox"]


@pytest.mark.parametrize(
    ("noun", "warning"),
    [
        ("container", "WARNING! This will remove all stopped containers."),
        ("image", "WARNING! This will remove all dangling images."),
        ("volume", "WARNING! This will remove anonymous local volumes not used by at least one container."),
    ],
)
def test_prune_asks_and_takes_anything_but_yes_for_no(sampan: Sampan, noun: str, warning: str) -> None:
    container = sampan("create", "-v", "/x", "busybox").out.strip()
    for answer in ("", "n\n", "maybe\n"):
        assert sampan(noun, "prune", stdin=answer).out.rstrip("\n") == f"{warning}\n{QUESTION}"
    assert sampan("ps", "-aq", "--no-trunc").out == f"{container}\n"
    assert sampan(noun, "prune", stdin="y\n").out.endswith("B\n")
    unknown = sampan(noun, "prune", "-f", "--filter", "nonsense=1", code=1).err
    assert unknown.startswith("Error response from daemon: invalid filter 'nonsense'")


def test_container_prune_tells_what_it_removed(sampan: Sampan) -> None:
    running = sampan("run", "-d", "busybox", "sleep", "100000").out.strip()
    made = sampan("create", "busybox").out.strip()
    assert sampan("container", "prune", "-f").out == f"Deleted Containers:\n{made}\n\nTotal reclaimed space: 0B\n"
    assert sampan("container", "prune", "-f").out == "Total reclaimed space: 0B\n"
    assert sampan("ps", "-aq", "--no-trunc").out == f"{running}\n"


def test_volumes_are_made_listed_used_and_removed(sampan: Sampan) -> None:
    assert sampan("volume", "create", "--label", "tier=back", "data").out == "data\n"
    container = sampan("create", "-v", "data:/data", "-v", "/anonymous", "busybox").out.strip()
    assert sampan("volume", "ls", "-q", "--filter", "label=tier=back").out == "data\n"
    assert sampan("volume", "ls", "-q", "--filter", "dangling=true").out == ""
    used = sampan("volume", "rm", "data", code=1).err
    assert used.startswith(f"Error response from daemon: remove data: volume is in use - [{container}]")
    sampan("rm", container)
    assert len(sampan("volume", "prune", "-f").out.splitlines()) == 4
    assert sampan("volume", "ls", "-q").out == "data\n"
    assert sampan("volume", "prune", "-af").out == "Deleted Volumes:\ndata\n\nTotal reclaimed space: 0B\n"
    assert sampan("volume", "rm", "data", code=1).err == "Error response from daemon: get data: no such volume\n"


def test_networks_are_made_listed_and_removed(sampan: Sampan) -> None:
    network = sampan("network", "create", "--label", "tier=front", "front").out.strip()
    assert sampan("network", "ls", "--no-trunc", "-q", "--filter", "label=tier").out.strip() == network
    assert sampan("network", "ls", "--format", "{{.Name}}").out.split() == ["bridge", "front", "host", "none"]
    again = sampan("network", "create", "front", code=1).err
    assert again.startswith("Error response from daemon: network with name front already exists")
    sampan("run", "-d", "--name", "web", "--network", "front", "busybox", "sleep", "100000")
    assert "network front has active endpoints" in sampan("network", "rm", "front", code=1).err
    sampan("rm", "-f", "web")
    assert sampan("network", "rm", "front").out == "front\n"
    assert "is a pre-defined network and cannot be removed" in sampan("network", "rm", "bridge", code=1).err


def test_a_range_of_host_ports_gives_the_first_that_is_free(sampan: Sampan) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]
        published = ("-p", f"127.0.0.1:{first}-{first + 9}:80")
        for name in ("one", "two"):
            sampan("run", "-d", "--name", name, *published, "busybox", "sleep", "100000")
        one, two = (int(sampan("port", name, "80").out.rpartition(":")[2]) for name in ("one", "two"))
        assert first < one < two <= first + 9
        full = ("--name", "three", "-p", f"127.0.0.1:{first}-{first}:80")
        assert "address already in use" in sampan("run", *full, "busybox", "true", code=125).err
        sampan("rm", "three")
        none = ("--name", "three", "-p", f"127.0.0.1:{one}-{one}:80", "busybox", "true")
        assert "port is already allocated" in sampan("run", *none, code=125).err


def test_check_df_version_and_info_describe_the_store(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    assert sampan("system", "check").out == "No problems found.\n"
    rows = [json.loads(line) for line in sampan("system", "df", "--format", "json").out.splitlines()]
    assert [(row["Type"], row["TotalCount"], row["Active"]) for row in rows] == [
        ("Images", "1", "1"),
        ("Containers", "1", "1"),
        ("Local Volumes", "0", "0"),
        ("Build Cache", "0", "0"),
        ("Store", "1", "1"),
    ]
    assert "Images space usage:" in sampan("system", "df", "-v").out
    assert sampan("info", "-f", "{{.ContainersRunning}} {{.Swarm.LocalNodeState}}").out == "1 inactive\n"
    assert " Running: 1\n" in sampan("info").out.replace("  ", " ")
    assert sampan("version").out.startswith("Client:\n Version:           ")
    assert sampan("version", "-f", "{{.Nope}}", code=1).err == (
        'template: version:1:2: executing "version" at <.Nope>: can\'t evaluate field Nope in type system.versionInfo\n'
    )
    assert sampan("system", "shutdown", "-t", "0").out == "box\n"
    assert sampan("ps", "-aq", "--filter", "status=exited").out


def test_check_names_what_is_broken(sampan: Sampan) -> None:
    layer = sampan("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "busybox").out.strip()
    Path(layer, "etc/passwd").write_text("root::0:0:root:/root:/bin/sh\n")
    result = sampan("system", "check", code=1)
    assert layer.rpartition("/")[2] in result.out


def test_bootstrap_prints_the_id_and_tells_the_size(empty_sampan: Sampan) -> None:
    made = empty_sampan("image", "bootstrap", "-t", "mini:1", "-t", "mini:2", "busybox")
    assert made.err.startswith("mini:1: ")
    assert empty_sampan("images", "-q", "--no-trunc").out.split() == [made.out.strip()] * 2
    quiet = empty_sampan("image", "bootstrap", "-q", "busybox")
    assert (quiet.out, quiet.err) == (made.out, "")
    refused = empty_sampan("image", "bootstrap", "nonsense", code=1).err
    assert refused.startswith("Error response from daemon: cannot bootstrap nonsense")
    with Terminal(empty_sampan.command("image", "bootstrap", "busybox")) as terminal:
        terminal.expect(made.out.strip())
