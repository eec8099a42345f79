"""What builds say of images: the flags, the statements, the provenance."""

import json
from typing import Any

import pytest

from sampan.builder.attestations import provenance, recipe, wanted
from sampan.builder.attestations.provenance import Facts, Material
from sampan.builder.attestations.wanted import Attestations, Provenance
from sampan.builder.options import BuildOptions, Secret
from sampan.builder.plan import graph
from sampan.builder.plan.steps import Plan
from sampan.dockerfile import parser
from sampan.errors import Corrupt, InvalidArgument
from sampan.oci import attestations
from sampan.oci import manifest as manifests
from sampan.oci.attestations import Predicate
from sampan.oci.config import ContainerConfig
from sampan.oci.manifest import Descriptor, Index
from sampan.oci.platform import Platform

AMD64 = Platform("linux", "amd64")
DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
LAYERS = tuple(Descriptor(media_type=manifests.OCI_LAYER, digest=f"sha256:{n}" + "a" * 63, size=n) for n in range(4))
DOCKERFILE = """FROM base AS one
ARG WHO
ARG API_TOKEN
RUN --mount=type=cache,target=/c --mount=type=secret,id=s make
FROM one
WORKDIR /app
COPY --chown=7:8 --chmod=640 a b /app/
COPY --from=other /x /y
"""


@pytest.mark.parametrize(
    ("attests", "short", "sbom", "expected"),
    [
        ([], "", "", Attestations()),
        ([], "true", "", Attestations(Provenance("min"))),
        ([], "false", "", Attestations()),
        ([], "mode=max", "true", Attestations(Provenance("max"), sbom=True)),
        (["type=provenance"], "", "", Attestations(Provenance("max"))),
        (["type=provenance,version=v1,builder-id=x"], "", "", Attestations(Provenance("max", "v1", "x"))),
        (["type=sbom"], "", "false", Attestations()),
        (["type=provenance,disabled=true"], "", "", Attestations()),
        ([], "mode=min,reproducible=true", "", Attestations(Provenance("min", is_reproducible=True))),
    ],
)
def test_flags_say_what_is_made(attests: list[str], short: str, sbom: str, expected: Attestations) -> None:
    assert wanted.parse(attests, short, sbom) == expected


@pytest.mark.parametrize(
    "text",
    ["type=provenance,mode=all", "type=provenance,version=v3", "type=x", "mode=min", "type", "", "type=sbom,mode=min",
     "type=provenance,reproducible=maybe"],
)  # fmt: skip
def test_mistakes_in_attest_are_told(text: str) -> None:
    with pytest.raises(InvalidArgument):
        wanted.parse([text])


def _index(*predicates: Predicate, names: tuple[str, ...] = ()) -> tuple[Index, dict[str, bytes]]:
    made = attestations.attested(predicates, names, AMD64, DIGEST)
    image = Descriptor(media_type=manifests.OCI_MANIFEST, digest=DIGEST, size=3)
    return Index(media_type=manifests.OCI_INDEX, manifests=(image, made.entry)), dict(made.blobs)


def test_an_attestation_is_laid_out_as_buildkit_does() -> None:
    index, blobs = _index(Predicate("https://x/y", {"a": 1}), names=("docker.io/demo/x:1", "localhost:5000/x:2"))
    entry = index.manifests[1]
    assert manifests.platform_of(entry) is None
    assert entry.annotations["vnd.docker.reference.type"] == "attestation-manifest"
    manifest = json.loads(blobs[entry.digest])
    (layer,) = manifest["layers"]
    assert (layer["mediaType"], layer["annotations"]) == (
        "application/vnd.in-toto+json",
        {"in-toto.io/predicate-type": "https://x/y"},
    )
    config = json.loads(blobs[manifest["config"]["digest"]])
    assert config == {
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }  # fmt: skip
    said = json.loads(blobs[layer["digest"]])
    assert [subject["name"] for subject in said["subject"]] == [
        "pkg:docker/demo/x@1?platform=linux%2Famd64",
        "pkg:docker/localhost:5000/x@2?platform=linux%2Famd64",
    ]


def test_statements_are_found_again_and_can_be_said_of_another_manifest() -> None:
    index, blobs = _index(Predicate("https://x/y", {"a": 1}), Predicate("https://x/z", {}))
    found = attestations.statements_about(index, DIGEST, blobs.get)
    assert [attestations.kind_of(said) for said in found] == ["https://x/y", "https://x/z"]
    assert attestations.statements_about(index, OTHER, blobs.get) == ()
    assert attestations.about_manifest(found[0], DIGEST) is found[0]
    moved = json.loads(attestations.about_manifest(found[0], OTHER))
    assert moved["subject"] == [{"name": "_", "digest": {"sha256": "2" * 64}}]
    assert attestations.beside(found, DIGEST).entry == index.manifests[1]


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"[]", b"{}", b'{"predicateType":1,"subject":[]}', b'{"predicateType":"x"}',
     b'{"predicateType":"x","subject":[1]}', b"[" * 100_000, b"\xff"],
)  # fmt: skip
def test_what_is_no_statement_is_corrupt(said: bytes) -> None:
    with pytest.raises(Corrupt):
        attestations.kind_of(said)


def _plan(options: BuildOptions) -> Plan:
    return graph.plan(parser.parse(DOCKERFILE), options, AMD64, AMD64, lambda key: ContainerConfig())


def _said(mode: str, version: str = "v0.2", invocation: str = "id", **fields: Any) -> dict[str, Any]:
    arguments = {"WHO": "you", "API_TOKEN": "zebra", "http_proxy": "http://u:zebra@h"}
    options = BuildOptions(build_args=arguments, labels={"l": "m"}, secrets=(Secret("s", "/p"),), **fields)
    plan = _plan(options)
    facts = Facts(
        "Dockerfile", DOCKERFILE, "linux/amd64", "linux/amd64", "then", "now", invocation,
        (Material("pkg:docker/base@latest", OTHER),), LAYERS,
    )  # fmt: skip
    made = recipe.recipe_of(plan, {"base": "docker.io/library/base:latest@" + OTHER})
    return dict(provenance.predicate(Provenance(mode, version), facts, options, made).content)


def test_max_says_arguments_steps_and_layers_and_no_secret() -> None:
    said = _said("max", target="")
    assert said["invocation"]["parameters"] == {
        "frontend": "dockerfile.v0",
        "args": {"build-arg:WHO": "you", "label:l": "m"},
        "secrets": [{"id": "s", "optional": True}],
        "locals": [{"name": "context"}, {"name": "dockerfile"}],
    }
    assert said["metadata"]["completeness"] == {"parameters": False, "environment": True, "materials": False}
    assert "zebra" not in json.dumps(said)
    ops = [entry["op"]["Op"] for entry in said["buildConfig"]["llbDefinition"]]
    assert ops[0]["source"]["identifier"] == "docker-image://docker.io/library/base:latest@" + OTHER
    assert [mount["dest"] for mount in ops[1]["exec"]["mounts"]] == ["/", "/c", "/run/secrets/s"]
    assert ops[-1] == {}
    own = said["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]
    assert [len(layers[0]) for layers in own["layers"].values()] == [1, 2, 3, 4]
    assert set(own["layers"]) == {f"{step}:0" for step, place in own["source"]["locations"].items() if place}


def test_every_input_of_a_step_is_an_earlier_step() -> None:
    for position, entry in enumerate(_said("max")["buildConfig"]["llbDefinition"]):
        assert entry["id"] == f"step{position}"
        assert all(int(one.removeprefix("step").removesuffix(":0")) < position for one in entry.get("inputs", ()))


def test_min_leaves_arguments_labels_secrets_steps_and_the_dockerfile_out() -> None:
    said = _said("min")
    assert said["invocation"]["parameters"]["args"] == {}
    assert "secrets" not in said["invocation"]["parameters"]
    assert "buildConfig" not in said
    assert said["metadata"]["https://mobyproject.org/buildkit@v1#metadata"] == {}
    assert said["materials"] == [{"uri": "pkg:docker/base@latest", "digest": {"sha256": "2" * 64}}]


def test_version_1_says_the_same_in_its_own_fields() -> None:
    said = _said("max", "v1")
    definition = said["buildDefinition"]
    assert definition["externalParameters"]["configSource"] == {"path": "Dockerfile"}
    assert definition["externalParameters"]["request"]["args"] == {"build-arg:WHO": "you", "label:l": "m"}
    assert definition["internalParameters"]["builderPlatform"] == "linux/amd64"
    assert definition["resolvedDependencies"][0]["digest"] == {"sha256": "2" * 64}
    assert said["runDetails"]["metadata"]["invocationId"] == "id"


@pytest.mark.parametrize("version", ["v0.2", "v1"])
def test_a_reproducible_build_says_the_same_each_time(version: str) -> None:
    said = json.dumps(_said("max", version, invocation=""))
    assert said == json.dumps(_said("max", version, invocation=""))
    assert "then" not in said


def test_the_password_of_an_address_is_not_told() -> None:
    said = _said("min", origin="https://me:zebra@example.org/x.git#main")
    assert said["invocation"]["configSource"]["uri"] == "https://example.org/x.git#main"
    assert "locals" not in said["invocation"]["parameters"]
