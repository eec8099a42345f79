"""What stands beside an image that was built: its provenance, and the packages in it."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sampan.oci.attestations import PREDICATE_TYPE
from sampan.testing.command import Sampan
from sampan.testing.serving import OCI_MANIFEST, Served

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKERFILE = """FROM busybox AS build
ARG WHO=me
RUN mkdir -p /usr/lib/node_modules/left /var/lib/dpkg && echo $WHO > /who \
 && echo '{"name":"left","version":"1.0.0","license":"MIT"}' > /usr/lib/node_modules/left/package.json \
 && printf 'Package: curl\\nStatus: install ok installed\\nVersion: 7.88\\n' > /var/lib/dpkg/status
FROM build
COPY file /file
"""


@pytest.fixture
def context(tmp_path: Path) -> str:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "file").write_text("hello\n")
    return str(folder)


def layout(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]


def blob(files: dict[str, bytes], digest: str) -> Any:
    return json.loads(files["blobs/" + digest.replace(":", "/")])


def statements(files: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The index of an archive, and what is said of its first image, by kind."""
    index = blob(files, json.loads(files["index.json"])["manifests"][0]["digest"])
    image, attestation = index["manifests"]
    assert attestation["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert attestation["annotations"] == {
        "vnd.docker.reference.digest": image["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    manifest = blob(files, attestation["digest"])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.in-toto+json"] * len(
        manifest["layers"]
    )
    found = {layer["annotations"][PREDICATE_TYPE]: blob(files, layer["digest"]) for layer in manifest["layers"]}
    for said in found.values():
        assert said["subject"][0]["digest"]["sha256"] == image["digest"].partition(":")[2]
    return index, found


def test_an_archive_has_provenance_and_packages_beside_the_image(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan(
        "build", "--provenance=mode=max", "--sbom=true", "--build-arg", "WHO=you", "-t", "demo/x:1",
        "-o", f"type=oci,dest={tmp_path}/x.tar", context,
    )  # fmt: skip
    _, said = statements(layout(tmp_path / "x.tar"))
    assert list(said) == ["https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2"]
    packages = said["https://spdx.dev/Document"]["predicate"]["packages"]
    assert [(package["name"], package.get("versionInfo")) for package in packages[1:]] == [
        ("curl", "7.88"),
        ("left", "1.0.0"),
    ]
    predicate = said["https://slsa.dev/provenance/v0.2"]["predicate"]
    assert predicate["invocation"]["parameters"]["args"] == {"build-arg:WHO": "you"}
    assert predicate["materials"][0]["uri"] == "pkg:docker/busybox@latest?platform=linux%2Famd64"
    assert len(predicate["buildConfig"]["llbDefinition"]) == 5


def test_the_registry_gets_the_attestations_and_gives_the_image_back(
    sampan: Sampan, context: str, registry: Served
) -> None:
    name = f"{registry.host}/attested:1"
    sampan("build", "--provenance=true", "--sbom=true", "-t", name, "--push", context)
    index = registry("GET", "/v2/attested/manifests/1", headers={"Accept": OCI_INDEX}).json()
    image, attestation = index["manifests"]
    place = f"/v2/attested/manifests/{attestation['digest']}"
    manifest = registry("GET", place, headers={"Accept": OCI_MANIFEST}).json()
    for layer in manifest["layers"]:
        said = registry("GET", f"/v2/attested/blobs/{layer['digest']}").json()
        assert said["subject"][0]["digest"]["sha256"] == image["digest"].partition(":")[2]
    packages = json.loads(sampan("buildx", "imagetools", "inspect", "--format", "{{json .SBOM}}", name).out)
    assert [package["name"] for package in packages["SPDX"]["packages"]][1:] == ["curl", "left"]
    told = json.loads(sampan("buildx", "imagetools", "inspect", "--format", "{{json .Provenance}}", name).out)
    assert told["SLSA"]["buildType"] == "https://mobyproject.org/buildkit@v1"
    sampan("rmi", "-f", name)
    sampan("pull", name)
    assert sampan("run", "--rm", name, "cat", "/who").out == "me\n"


def test_an_archive_with_attestations_loads(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan("build", "--provenance=true", "-t", "demo/y:1", "-o", f"type=oci,dest={tmp_path}/y.tar", context)
    sampan("load", "-i", f"{tmp_path}/y.tar")
    assert sampan("run", "--rm", "demo/y:1", "cat", "/file").out == "hello\n"


def test_min_says_nothing_of_arguments_labels_and_steps(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan(
        "build", "--provenance=mode=min", "--build-arg", "WHO=zebra", "--label", "stripes=zebra",
        "-o", f"type=oci,dest={tmp_path}/x.tar", context,
    )  # fmt: skip
    _, said = statements(layout(tmp_path / "x.tar"))
    assert "zebra" not in json.dumps(said)
    assert "buildConfig" not in said["https://slsa.dev/provenance/v0.2"]["predicate"]


@pytest.mark.parametrize("version", ["v0.2", "v1"])
def test_arguments_that_look_secret_are_left_out(sampan: Sampan, context: str, tmp_path: Path, version: str) -> None:
    dockerfile = Path(context) / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("ARG WHO=me", "ARG WHO=me\nARG API_TOKEN\nARG http_proxy"))
    sampan(
        "build", "--attest", f"type=provenance,mode=max,version={version}",
        "--build-arg", "API_TOKEN=zebra-1", "--build-arg", "http_proxy=http://u:zebra-2@localhost:1",
        "-o", f"type=oci,dest={tmp_path}/x.tar", context,
    )  # fmt: skip
    _, said = statements(layout(tmp_path / "x.tar"))
    assert list(said) == [f"https://slsa.dev/provenance/{version}"]
    assert "zebra" not in json.dumps(said)


def test_the_value_of_a_secret_that_would_be_told_fails_the_build(sampan: Sampan, context: str, tmp_path: Path) -> None:
    (Path(context) / "Dockerfile").write_text("FROM busybox AS plain\nCOPY file /file\n")
    secret = tmp_path / "secret"
    secret.write_text("striped-horse\n")
    result = sampan(
        "build", "--provenance=mode=max", "--secret", f"id=s,src={secret}", "--build-arg", "WHO=striped-horse",
        "--target", "plain", "-t", "demo/z", context,
        code=None,
    )  # fmt: skip
    assert result.code != 0
    assert "the value of secret s is in the image's attestations" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--provenance=mode=most"], "invalid mode 'most'"),
        (["--attest", "type=poem"], "unknown attestation type: poem"),
        (["--attest", "mode=max"], "attestation type not specified"),
        (["--attest", "type=sbom,generator=x/y"], "generators are images that are run"),
        (["--sbom=true", "-o", "out"], "attestations are not supported by the local exporter"),
    ],
)
def test_mistakes_name_the_flag(sampan: Sampan, context: str, arguments: list[str], message: str) -> None:
    result = sampan("build", *arguments, context, code=None)
    assert result.code != 0
    assert message in result.err


def test_what_is_said_goes_through_save_load_and_push(
    sampan: Sampan, context: str, registry: Served, tmp_path: Path
) -> None:
    name = f"{registry.host}/carried:1"
    sampan("build", "--provenance=mode=max", "--sbom=true", "-t", name, context)
    sampan("save", "-o", f"{tmp_path}/1.tar", name)
    _, first = statements(layout(tmp_path / "1.tar"))
    sampan("rmi", "-f", name)
    sampan("load", "-i", f"{tmp_path}/1.tar")
    sampan("save", "-o", f"{tmp_path}/2.tar", name)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    sampan("push", name)
    index = registry("GET", "/v2/carried/manifests/1", headers={"Accept": OCI_INDEX}).json()
    image, attestation = index["manifests"]
    place = f"/v2/carried/manifests/{attestation['digest']}"
    manifest = registry("GET", place, headers={"Accept": OCI_MANIFEST}).json()
    for layer in manifest["layers"]:
        said = registry("GET", f"/v2/carried/blobs/{layer['digest']}").json()
        assert said["subject"][0]["digest"]["sha256"] == image["digest"].partition(":")[2]
        assert said["predicate"] == first[said["predicateType"]]["predicate"]


def test_a_name_that_means_another_image_says_nothing_of_the_first(
    sampan: Sampan, context: str, tmp_path: Path
) -> None:
    sampan("build", "--provenance=true", "-t", "moved:1", context)
    sampan("tag", "busybox", "moved:1")
    sampan("save", "-o", f"{tmp_path}/x.tar", "moved:1")
    assert b"in-toto" not in (tmp_path / "x.tar").read_bytes()


def test_image_sbom_lists_the_packages_of_any_image(sampan: Sampan, context: str) -> None:
    sampan("build", "-t", "plain:1", context)
    lines = sampan("image", "sbom", "plain:1").out.splitlines()
    assert [line.split() for line in lines] == [
        ["NAME", "VERSION", "TYPE"],
        ["curl", "7.88", "deb"],
        ["left", "1.0.0", "npm"],
    ]
    document = json.loads(sampan("image", "sbom", "--format", "spdx-json", "plain:1").out)
    assert (document["spdxVersion"], document["name"]) == ("SPDX-2.3", "plain:1")
    assert (
        "--format poem: write table or spdx-json" in sampan("image", "sbom", "--format", "poem", "plain:1", code=1).err
    )
