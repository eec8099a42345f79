"""One build for several platforms: an index with an image each."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.serving import OCI_INDEX, OCI_MANIFEST, Served, serving

BOTH = "linux/amd64,linux/arm64"
CROSS = """FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo tools > /tools
FROM tools AS build
ARG TARGETARCH
RUN echo built for $TARGETARCH > /out
FROM scratch
COPY --from=build /out /out
COPY --from=tools /tools /tools
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(str(tmp_path_factory.mktemp("registry"))) as served:
        yield served


@pytest.fixture
def context(tmp_path: Path) -> str:
    (tmp_path / "Dockerfile").write_text(CROSS)
    return str(tmp_path)


def documents(registry: Served, name: str, reference: str = "latest") -> dict[str, object]:
    kinds = {"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"}
    found = registry("GET", f"/v2/{name}/manifests/{reference}", headers=kinds).json()
    assert isinstance(found, dict)
    return found


def test_what_asks_for_nothing_of_the_target_is_done_once(sampan: Sampan, context: str) -> None:
    printed = sampan("build", "--progress", "plain", "--platform", BOTH, "-t", "many", context).err
    titles = {line.partition("] ")[0].partition(" ")[2] for line in printed.split("\n") if "] RUN " in line}
    assert titles == {"[linux/amd64 tools 2/2", "[linux/amd64 build 1/1", "[linux/amd64->arm64 build 1/1"}


def test_a_cross_compiled_image_is_pushed_as_an_index(sampan: Sampan, context: str, registry: Served) -> None:
    name = f"{registry.host}/cross"
    sampan("build", "--platform", BOTH, "-t", name, "--push", context)
    index = documents(registry, "cross")
    entries = index["manifests"]
    assert isinstance(entries, list)
    assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64"]
    assert index["mediaType"] == OCI_INDEX
    for entry in entries:
        assert documents(registry, "cross", entry["digest"])["mediaType"] == OCI_MANIFEST
    sampan("rmi", name)
    for architecture in ("amd64", "arm64"):
        sampan("pull", "--platform", f"linux/{architecture}", name)
        assert sampan("inspect", "-f", "{{.Architecture}}", name).out == architecture + "\n"


def test_the_same_build_has_the_same_index(sampan: Sampan, context: str, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        sampan("build", "--platform", BOTH, "-t", name, context)
        found = json.loads(sampan("inspect", "-f", "{{json .RepoDigests}}", name).out)
        digests.append({digest.partition("@")[2] for digest in found if digest.startswith(name + "@")})
    assert digests[0] and digests[0] == digests[1]


def test_images_of_one_index_are_listed_and_removed_together(sampan: Sampan, context: str) -> None:
    sampan("build", "--platform", BOTH, "-t", "many", context)
    tree = sampan("images", "--tree").out
    assert "├─ linux/a" in tree and "└─ linux/a" in tree and "many:latest" in tree
    assert "many@" not in tree
    sampan("rmi", "many")
    assert "linux/" not in sampan("images", "--tree").out


def test_a_second_base_for_another_platform_is_found_beside_the_first(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "base").write_text("ARG TARGETARCH\nFROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n")
    sampan("build", "-f", str(tmp_path / "base"), "--platform", BOTH, "-t", "base", str(tmp_path))
    (tmp_path / "Dockerfile").write_text("FROM base\nCOPY base /\n")
    for architecture in ("arm64", "amd64"):
        sampan("build", "--platform", f"linux/{architecture}", "-t", "made", str(tmp_path))
        assert sampan("inspect", "-f", "{{.Architecture}} {{.Config.Labels.arch}}", "made").out.split() == [
            architecture,
            architecture,
        ]


def test_a_command_for_another_platform_needs_an_emulator(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "base").write_text("FROM --platform=$BUILDPLATFORM busybox AS b\nFROM scratch\nCOPY --from=b / /\n")
    sampan("build", "-f", str(tmp_path / "base"), "--platform", "linux/s390x", "-t", "other", str(tmp_path))
    (tmp_path / "Dockerfile").write_text("FROM --platform=linux/s390x other\nRUN true\n")
    refused = sampan("build", str(tmp_path), code=1).err
    assert "cannot run commands for linux/s390x on linux/" in refused
    assert "apt-get install qemu-user-static" in refused


def test_a_platform_that_is_none_is_told_with_its_line(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM --platform=a/b/c/d busybox\n")
    assert "Dockerfile:1" in sampan("build", str(tmp_path), code=1).err


def test_the_files_of_each_platform_have_a_folder(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan("build", "--platform", BOTH, "-o", str(tmp_path / "out"), context)
    assert (tmp_path / "out/linux_arm64/out").read_text() == "built for arm64\n"
    assert (tmp_path / "out/linux_amd64/out").read_text() == "built for amd64\n"
    assert "<none>" not in sampan("images").out


def test_an_archive_holds_all_platforms_and_is_loaded_by_platform(sampan: Sampan, context: str, tmp_path: Path) -> None:
    archive = str(tmp_path / "both.tar")
    sampan("build", "--platform", BOTH, "-t", "both", "-o", f"type=oci,dest={archive}", context)
    assert sampan("images", "-q", "both").out == ""
    sampan("load", "--platform", "linux/arm64", "-i", archive)
    assert sampan("inspect", "-f", "{{.Architecture}}", "both").out == "arm64\n"


def test_dockers_archives_hold_one_platform(sampan: Sampan, context: str, tmp_path: Path) -> None:
    refused = sampan("build", "--platform", BOTH, "-o", f"type=docker,dest={tmp_path}/x.tar", context, code=1).err
    assert "docker exporter does not currently support exporting manifest lists" in refused


def test_annotations_stand_where_their_level_says(sampan: Sampan, context: str, registry: Served) -> None:
    name = f"{registry.host}/noted"
    asked = ["--annotation", "a=1", "--annotation", "index,manifest-descriptor[linux/arm64]:b=2"]
    sampan("build", "--platform", BOTH, "-t", name, "--push", *asked, context)
    index = documents(registry, "noted")
    assert index["annotations"] == {"b": "2"}
    entries = index["manifests"]
    assert isinstance(entries, list)
    assert [entry.get("annotations") for entry in entries] == [None, {"b": "2"}]
    assert documents(registry, "noted", entries[0]["digest"])["annotations"] == {"a": "1"}


def test_a_tag_that_moves_leaves_its_annotations(sampan: Sampan, context: str, registry: Served) -> None:
    name = f"{registry.host}/plain"
    sampan("build", "-t", name, "--push", "--annotation", "a=1", context)
    assert documents(registry, "plain")["annotations"] == {"a": "1"}
    sampan("build", "-t", name, "--push", "--label", "b=2", context)
    kinds = {"Accept": f"{OCI_MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"}
    assert "annotations" not in registry("GET", "/v2/plain/manifests/latest", headers=kinds).json()


@pytest.mark.parametrize("text", ["novalue", "nolevel:a=b", "manifest[linux/amd64]"])
def test_a_wrong_annotation_is_told(sampan: Sampan, context: str, text: str) -> None:
    assert "annotation" in sampan("build", "--annotation", text, context, code=1).err
