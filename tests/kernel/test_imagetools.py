"""`buildx imagetools`, and the builder that buildx's verbs speak of."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.serving import OCI_INDEX, Served, serving


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(str(tmp_path_factory.mktemp("registry"))) as served:
        yield served


def push(sampan: Sampan, folder: Path, name: str, platforms: str) -> str:
    """Push an image that differs by platform; its digest."""
    (folder / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n")
    metadata = folder / "metadata"
    arguments = ["--platform", platforms, "-t", name, "--push", "--metadata-file", str(metadata)]
    sampan("build", *arguments, str(folder))
    return str(json.loads(metadata.read_text())["containerimage.digest"])


def test_an_index_is_shown_by_platform(sampan: Sampan, registry: Served, tmp_path: Path) -> None:
    name = f"{registry.host}/both"
    digest = push(sampan, tmp_path, name, "linux/amd64,linux/arm64")
    shown = sampan("buildx", "imagetools", "inspect", name).out
    assert shown.startswith(f"Name:      {name}:latest\nMediaType: {OCI_INDEX}\nDigest:    {digest}\n           \n")
    assert f"\n  Name:      {name}:latest@sha256:" in shown
    assert "\n  Platform:  linux/amd64\n" in shown and "\n  Platform:  linux/arm64\n" in shown
    raw = json.loads(sampan("buildx", "imagetools", "inspect", "--raw", name).out)
    assert len(raw["manifests"]) == 2
    images = json.loads(sampan("buildx", "imagetools", "inspect", "--format", "{{json .Image}}", name).out)
    assert {key: image["config"]["Labels"]["arch"] for key, image in images.items()} == {
        "linux/amd64": "amd64",
        "linux/arm64": "arm64",
    }
    assert sampan("buildx", "imagetools", "inspect", "--format", "{{.Name}}", name).out == f"{name}:latest\n"


def test_images_of_other_repositories_are_put_together(sampan: Sampan, registry: Served, tmp_path: Path) -> None:
    host = registry.host
    push(sampan, tmp_path, f"{host}/one", "linux/amd64")
    push(sampan, tmp_path, f"{host}/two", "linux/arm64")
    create = ("buildx", "imagetools", "create", "-t", f"{host}/joined")
    sampan(*create, "--annotation", "index:a=b", f"{host}/one", f"{host}/two")
    index = registry("GET", "/v2/joined/manifests/latest", headers={"Accept": OCI_INDEX}).json()
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    assert index["annotations"] == {"a": "b"}
    sampan("pull", "--platform", "linux/arm64", f"{host}/joined")
    assert sampan("inspect", "-f", "{{.Config.Labels.arch}}", f"{host}/joined").out == "arm64\n"


def test_a_copy_keeps_its_digest_and_an_index_is_added_to(sampan: Sampan, registry: Served, tmp_path: Path) -> None:
    host = registry.host
    digest = push(sampan, tmp_path, f"{host}/whole", "linux/amd64,linux/arm64")
    create = ("buildx", "imagetools", "create")
    sampan(*create, "-t", f"{host}/copy:1", "--metadata-file", str(tmp_path / "md"), f"{host}/whole")
    assert json.loads((tmp_path / "md").read_text())["containerimage.digest"] == digest
    push(sampan, tmp_path, f"{host}/third", "linux/s390x")
    sampan(*create, "-t", f"{host}/copy:1", "--append", f"{host}/third")
    assert sampan("buildx", "imagetools", "inspect", f"{host}/copy:1").out.count("Platform:") == 3
    printed = sampan(*create, "--dry-run", "-p", "linux/s390x", f"{host}/copy:1").out
    assert [entry["platform"]["architecture"] for entry in json.loads(printed)["manifests"]] == ["s390x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "x"], "can't push without a tag"),
        (["create", "-t", "HOST/x", "HOST/nope"], "not found"),
        (["inspect", "HOST/nope"], "not found"),
        (["create", "-t", "HOST/x", "--annotation", "a=b", "HOST/nope"], "index:"),
        (["nope"], "unknown command"),
    ],
)
def test_a_mistake_is_told(sampan: Sampan, registry: Served, arguments: list[str], message: str) -> None:
    words = [word.replace("HOST", registry.host) for word in arguments]
    assert message in sampan("buildx", "imagetools", *words, code=None).err


def test_there_is_one_builder(sampan: Sampan) -> None:
    assert "default*" in sampan("buildx", "ls").out
    assert "Driver: sampan" in sampan("buildx", "inspect", "--bootstrap").out
    assert sampan("buildx", "version").out.startswith("sampan/buildx v")
    sampan("buildx", "use", "default")
    sampan("buildx", "stop")
    for words in (["use", "x"], ["inspect", "x"], ["rm", "x"], ["rm", "default"], ["create", "--name", "x"]):
        assert "there is one builder" in sampan("buildx", *words, code=1).err
    assert "imagetools" in sampan("buildx", "--help").out
    assert "inspect" in sampan("buildx", "imagetools", "--help").out
