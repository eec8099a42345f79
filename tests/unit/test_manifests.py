"""Manifests and indexes: read strictly, chosen from as Docker chooses, written the same each time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import Corrupt, NotFound, SampanError, Unsupported
from sampan.oci import manifest as manifests
from sampan.oci.manifest import Index, Manifest
from sampan.oci.platform import Platform

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
CONFIG = {"mediaType": manifests.OCI_CONFIG, "digest": A, "size": 2}
LAYER = {"mediaType": manifests.OCI_LAYER + "+gzip", "digest": B, "size": 3}
IMAGE = {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
AMD = {"os": "linux", "architecture": "amd64"}
ENTRY = {"mediaType": manifests.OCI_MANIFEST, "digest": A, "size": 2, "platform": AMD}
LIST = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [ENTRY]}


def read(document: Any, content_type: str = "") -> Manifest | Index:
    return manifests.parse(json.dumps(document).encode(), content_type)


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def test_an_image_manifest_is_read_whole() -> None:
    found = read(IMAGE, manifests.OCI_MANIFEST)
    assert isinstance(found, Manifest)
    assert found.is_image
    assert (found.config.digest, [layer.digest for layer in found.layers]) == (A, [B])


def test_what_the_document_leaves_out_its_carrier_says() -> None:
    found = read(without(IMAGE, "mediaType"), manifests.DOCKER_MANIFEST + "; charset=utf-8")
    assert found.media_type == manifests.DOCKER_MANIFEST
    assert read(without(LIST, "mediaType")).media_type == manifests.OCI_INDEX


def test_null_is_what_go_writes_for_nothing() -> None:
    found = read({**IMAGE, "layers": None, "annotations": None})
    assert isinstance(found, Manifest)
    assert found.layers == ()


def test_an_artifact_is_a_manifest_and_no_image() -> None:
    found = read({**IMAGE, "config": {**CONFIG, "mediaType": manifests.OCI_EMPTY}})
    assert isinstance(found, Manifest)
    assert not found.is_image


@pytest.mark.parametrize(
    ("document", "content_type", "words"),
    [
        ({**IMAGE, "manifests": []}, "", "is an index too"),
        ({**LIST, "layers": []}, "", "is an index too"),
        ({**LIST, "config": CONFIG}, "", "is an index too"),
        (IMAGE, manifests.OCI_INDEX, "calls itself"),
        (without(IMAGE, "mediaType"), manifests.OCI_INDEX, "fields of another kind"),
        (without(LIST, "mediaType"), manifests.DOCKER_MANIFEST, "fields of another kind"),
        ({**IMAGE, "mediaType": manifests.OCI_INDEX}, "", "fields of another kind"),
        (without(IMAGE, "config"), "", "names no configuration"),
        ({**IMAGE, "schemaVersion": 3}, "", "schema version"),
        (without(IMAGE, "schemaVersion"), "", "schema version"),
        ({**IMAGE, "config": {**CONFIG, "digest": "sha256:../../etc"}}, "", "digest that is none"),
        ({**IMAGE, "layers": [{**LAYER, "size": -1}]}, "", "a size of -1"),
        ({**IMAGE, "layers": [{**LAYER, "size": 1 << 62}]}, "", "a size of"),
        ({**IMAGE, "layers": [{**LAYER, "size": "3"}]}, "", "cannot be read"),
        ({**IMAGE, "layers": [LAYER] * 1025}, "", "1025 layers"),
        ({**LIST, "manifests": [ENTRY] * 4097}, "", "4097 entries"),
        ([IMAGE], "", "no object"),
        ("x", "", "no object"),
    ],
)
def test_what_could_mislead_is_refused(document: Any, content_type: str, words: str) -> None:
    with pytest.raises(Corrupt, match=words):
        read(document, content_type)


def test_documents_of_schema_1_are_told_apart() -> None:
    for document in ({"schemaVersion": 1, "fsLayers": []}, {**IMAGE, "fsLayers": []}):
        with pytest.raises(Unsupported, match="schema 1"):
            read(document)


def test_nesting_and_size_are_bounded_before_anything_is_decoded() -> None:
    with pytest.raises(Corrupt, match="nested"):
        manifests.parse(b'{"a":' * 500_000 + b"1" + b"}" * 500_000)
    with pytest.raises(Corrupt, match="larger"):
        manifests.parse(b" " * (manifests.MOST_BYTES + 1))
    assert isinstance(read({**IMAGE, "annotations": {"brackets": "[{" * 50}}), Manifest)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        manifests.parse(data)
    except SampanError:
        pass


def entry(digest: str, os: str, architecture: str, variant: str = "") -> dict[str, Any]:
    return {
        **ENTRY,
        "digest": "sha256:" + digest * 64,
        "platform": {"os": os, "architecture": architecture, "variant": variant},
    }


@pytest.mark.parametrize(
    ("wanted", "digest"),
    [
        (Platform("linux", "amd64"), "1"),
        (Platform("linux", "arm64"), "2"),
        (Platform("linux", "arm", "v7"), "4"),
        (Platform("linux", "arm", "v6"), "3"),
        (Platform("linux", "arm", "v8"), "4"),
    ],
)
def test_the_nearest_platform_is_chosen(wanted: Platform, digest: str) -> None:
    entries = [
        entry("0", "unknown", "unknown"),
        entry("1", "linux", "amd64"),
        entry("2", "linux", "arm64", "v8"),
        entry("3", "linux", "arm", "v6"),
        entry("4", "linux", "arm", "v7"),
        entry("5", "windows", "amd64"),
        entry("6", "linux", "amd64"),
    ]
    index = read({**LIST, "manifests": entries})
    assert isinstance(index, Index)
    assert manifests.choose(index, wanted).digest == "sha256:" + digest * 64


def test_a_platform_that_is_missing_is_told_with_those_that_are_there() -> None:
    index = read(LIST)
    assert isinstance(index, Index)
    with pytest.raises(
        NotFound, match="no matching manifest for linux/arm64/v8 in the manifest list entries"
    ) as caught:
        manifests.choose(index, Platform("linux", "arm64"), "app:1")
    assert "linux/amd64" in caught.value.hint


def test_what_is_written_is_read_again_and_the_same_each_time() -> None:
    for document in (read(IMAGE), read(LIST)):
        written = manifests.encode(document)
        assert manifests.parse(written) == document
        assert manifests.encode(manifests.parse(written)) == written


def test_brackets_are_looked_for_in_one_pass() -> None:
    """Also where strings do not end: each of them is taken once, however long it is."""
    signs = manifests._SIGNS
    assert signs.findall(rb'{"a\"b{":["x\\"]}') == [b"{", rb'"a\"b{"', b"[", rb'"x\\"', b"]", b"}"]
    for tail in (rb"\"" * (2 << 20), b"a" * (4 << 20), b"\\" * (4 << 20) + b"\\"):
        assert [len(sign) for sign in signs.findall(b'{"a":"' + tail)] == [1, 3, len(tail) + 1]
    with pytest.raises(Corrupt):
        manifests.parse(b'{"a":"' + rb"\"" * (1 << 20))
