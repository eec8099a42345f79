"""Manifests, tags, lists and referrers of OCI distribution 1.1, over HTTP, on a folder and on an object store."""

import pytest

from sampan.testing.serving import (
    OCI_INDEX,
    OCI_MANIFEST,
    Served,
    descriptor,
    digest_of,
    encode,
    image,
    index,
    refused,
)

LAYER = b"a layer's bytes " * 1000
ABSENT = digest_of(b"absent")


@pytest.mark.parametrize("reference", ["latest", ""])
def test_a_manifest_comes_back_byte_for_byte(registry: Served, reference: str) -> None:
    registry.push_image("manifests/bytes", "first", LAYER)
    data = encode(image(LAYER)) + b"\n \n"
    digest = digest_of(data)
    path = f"/v2/manifests/bytes/manifests/{reference or digest}"
    put = registry("PUT", path, data, {"Content-Type": OCI_MANIFEST})
    assert put.status == 201
    assert put.headers["Location"] == f"/v2/manifests/bytes/manifests/{digest}"
    assert put.headers["Docker-Content-Digest"] == digest
    for method, body in (("GET", data), ("HEAD", b"")):
        for name in (reference or digest, digest):
            answer = registry(method, f"/v2/manifests/bytes/manifests/{name}", headers={"Accept": OCI_INDEX})
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["Content-Type"] == OCI_MANIFEST
            assert answer.headers["Content-Length"] == str(len(data))
            assert answer.headers["Docker-Content-Digest"] == digest


@pytest.mark.parametrize(
    ("media_type", "config_type"),
    [
        ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.container.image.v1+json"),
        (OCI_MANIFEST, "application/vnd.example.anything.v1+json"),
    ],
)
def test_images_of_docker_and_artifacts_are_taken(registry: Served, media_type: str, config_type: str) -> None:
    for data in (b"{}", LAYER):
        registry.push_blob("manifests/kinds", data)
    document = {**image(LAYER), "mediaType": media_type, "config": descriptor(b"{}", config_type)}
    registry.push_manifest("manifests/kinds", "kind", document)
    assert registry("GET", "/v2/manifests/kinds/manifests/kind").headers["Content-Type"] == media_type


@pytest.mark.parametrize("media_type", [OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"])
def test_an_index_is_taken_when_its_manifests_are_there(registry: Served, media_type: str) -> None:
    registry.push_image("manifests/index", "one", b"layer of an index")
    document = {**index(image(b"layer of an index")), "mediaType": media_type}
    registry.push_manifest("manifests/index", "all", document)
    missing = encode({**index(image(b"never pushed")), "mediaType": media_type})
    answer = registry("PUT", "/v2/manifests/index/manifests/none", missing, {"Content-Type": media_type})
    assert refused(answer, 404, "MANIFEST_BLOB_UNKNOWN")


def test_a_manifest_is_pushed_by_digest_under_several_tags(registry: Served) -> None:
    registry.push_image("manifests/tags", "old", LAYER)
    data = encode(image(LAYER, annotations={"a": "b"}))
    path = f"/v2/manifests/tags/manifests/{digest_of(data)}?tag=one&tag=two"
    answer = registry("PUT", path, data, {"Content-Type": OCI_MANIFEST})
    assert (answer.status, answer.headers.get_all("OCI-Tag")) == (201, ["one", "two"])
    assert registry("GET", "/v2/manifests/tags/manifests/two").body == data


def test_a_sha512_manifest(registry: Served) -> None:
    for data in (b"{}", LAYER):
        registry.push_blob("manifests/sha512", data)
    data = encode(image(LAYER))
    path = f"/v2/manifests/sha512/manifests/{digest_of(data, 'sha512')}?tag=long"
    assert registry("PUT", path, data, {"Content-Type": OCI_MANIFEST}).status == 201
    answer = registry("GET", "/v2/manifests/sha512/manifests/long")
    assert (answer.body, answer.headers["Docker-Content-Digest"]) == (data, digest_of(data, "sha512"))


def test_a_manifest_that_names_what_is_missing_is_refused(registry: Served) -> None:
    registry.push_blob("manifests/missing", b"{}")
    data = encode(image(b"never pushed"))
    answer = registry("PUT", "/v2/manifests/missing/manifests/latest", data, {"Content-Type": OCI_MANIFEST})
    assert refused(answer, 404, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == [{"digest": digest_of(b"never pushed")}]
    assert registry("GET", "/v2/manifests/missing/manifests/latest").status == 404


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"[]",
        b'{"schemaVersion":1}',
        b'{"schemaVersion":2}',
        encode({**image(), "mediaType": OCI_INDEX}),
        encode({**image(), "manifests": []}),
        encode({**image(), "config": {"mediaType": "x", "digest": "sha256:x", "size": 2}}),
        encode({**image(), "config": {**descriptor(b"{}", "x"), "size": -1}}),
        encode({**image(), "config": {**descriptor(b"{}", "x"), "digest": "sha384:" + "0" * 96}}),
        b'{"a":' * 5000,
    ],
)
def test_a_manifest_that_is_none_is_refused(registry: Served, data: bytes) -> None:
    answer = registry("PUT", "/v2/manifests/invalid/manifests/latest", data, {"Content-Type": OCI_MANIFEST})
    assert refused(answer, 400, "MANIFEST_INVALID")


@pytest.mark.parametrize("media_type", ["text/html", "application/json", "image/svg+xml", OCI_INDEX])
def test_a_manifest_of_another_type_is_refused(registry: Served, media_type: str) -> None:
    registry.push_blob("manifests/types", b"{}")
    document = {**image(), "annotations": {"a": "<script>alert(1)</script>"}}
    del document["mediaType"]
    answer = registry("PUT", "/v2/manifests/types/manifests/x", encode(document), {"Content-Type": media_type})
    assert refused(answer, 400, "MANIFEST_INVALID")


def test_a_manifest_of_another_digest_is_refused(registry: Served) -> None:
    answer = registry("PUT", f"/v2/manifests/wrong/manifests/{ABSENT}", encode(image()), {"Content-Type": OCI_MANIFEST})
    assert refused(answer, 400, "DIGEST_INVALID")


def test_a_manifest_that_is_too_large_is_refused(registry: Served) -> None:
    for body in (b" " * (65 << 10), iter([b" " * (40 << 10)] * 2)):
        answer = registry("PUT", "/v2/manifests/large/manifests/latest", body, {"Content-Type": OCI_MANIFEST})
        assert refused(answer, 413, "MANIFEST_INVALID")


@pytest.mark.parametrize("tag", ["-x", ".x", "x" * 129, "a%20b"])
def test_a_tag_that_is_none_is_refused(registry: Served, tag: str) -> None:
    answer = registry("PUT", f"/v2/manifests/tag/manifests/{tag}", encode(image()), {"Content-Type": OCI_MANIFEST})
    assert refused(answer, 400, "MANIFEST_INVALID")


@pytest.mark.parametrize("name", ["Upper", "a//b", "a/_b", "a..b", "-a", "a" * 256, "a/%2e%2e/b", "a%2f%2e%2e"])
def test_a_name_that_is_none_is_refused(registry: Served, name: str) -> None:
    assert refused(registry("POST", f"/v2/{name}/blobs/uploads/"), 400, "NAME_INVALID")


def test_a_manifest_that_is_not_there_is_unknown(registry: Served) -> None:
    registry.push_blob("manifests/some", b"{}")
    for reference in ("latest", ABSENT):
        assert refused(registry("GET", f"/v2/manifests/some/manifests/{reference}"), 404, "MANIFEST_UNKNOWN")
        assert registry("HEAD", f"/v2/manifests/some/manifests/{reference}").status == 404
    assert registry("GET", "/v2/never/heard/of/manifests/latest").status == 404


def test_tags_are_listed_in_order_and_in_pages(registry: Served) -> None:
    for tag in ("b", "a", "C", "c", "v1.10", "v1.9"):
        registry.push_image("tags", tag, LAYER)
    every = ["C", "a", "b", "c", "v1.10", "v1.9"]
    answer = registry("GET", "/v2/tags/tags/list")
    assert (answer.json(), answer.headers["Link"]) == ({"name": "tags", "tags": every}, None)
    path, seen = "/v2/tags/tags/list?n=2", []
    while path:
        answer = registry("GET", path)
        seen.append(answer.json()["tags"])
        link = answer.headers["Link"] or ""
        assert not link or link.endswith('>; rel="next"')
        path = link.partition(">")[0].removeprefix("<")
    assert seen == [every[:2], every[2:4], every[4:]]
    assert registry("GET", "/v2/tags/tags/list?last=b").json()["tags"] == every[3:]
    assert registry("GET", "/v2/tags/tags/list?n=1&last=bb").json()["tags"] == ["c"]
    none = registry("GET", "/v2/tags/tags/list?n=0")
    assert (none.json()["tags"], none.headers["Link"]) == ([], None)
    assert refused(registry("GET", "/v2/tags/tags/list?n=-1"), 400, "PAGINATION_NUMBER_INVALID")
    assert refused(registry("GET", "/v2/no/such/tags/list"), 404, "NAME_UNKNOWN")


def test_a_tag_is_deleted_alone(registry: Served) -> None:
    digest = registry.push_image("delete/tag", "one", LAYER)
    registry.push_image("delete/tag", "two", LAYER)
    assert registry("DELETE", "/v2/delete/tag/manifests/one").status == 202
    assert registry("GET", "/v2/delete/tag/tags/list").json()["tags"] == ["two"]
    assert registry("GET", f"/v2/delete/tag/manifests/{digest}").status == 200
    assert refused(registry("DELETE", "/v2/delete/tag/manifests/one"), 404, "MANIFEST_UNKNOWN")


def test_a_manifest_is_deleted_with_its_tags(registry: Served) -> None:
    digest = registry.push_image("delete/manifest", "one", LAYER)
    registry.push_image("delete/manifest", "other", b"another")
    assert registry("DELETE", f"/v2/delete/manifest/manifests/{digest}").status == 202
    assert registry("GET", "/v2/delete/manifest/tags/list").json()["tags"] == ["other"]
    assert registry("GET", f"/v2/delete/manifest/manifests/{digest}").status == 404
    assert refused(registry("DELETE", f"/v2/delete/manifest/manifests/{digest}"), 404, "MANIFEST_UNKNOWN")


def test_a_blob_is_deleted_from_its_repository_alone(registry: Served) -> None:
    digest = registry.push_blob("delete/one", b"twice there")
    registry.push_blob("delete/two", b"twice there")
    assert registry("DELETE", f"/v2/delete/one/blobs/{digest}").status == 202
    assert registry("HEAD", f"/v2/delete/one/blobs/{digest}").status == 404
    assert registry("HEAD", f"/v2/delete/two/blobs/{digest}").status == 200
    assert refused(registry("DELETE", f"/v2/delete/one/blobs/{digest}"), 404, "BLOB_UNKNOWN")


def test_referrers_of_a_manifest_are_listed_and_filtered(registry: Served) -> None:
    subject = image(b"subject")
    digest = registry.push_image("refer", "latest", b"subject")
    about = descriptor(encode(subject), OCI_MANIFEST)
    signature = image(b"signature", subject=about, artifactType="application/example.sig", annotations={"by": "me"})
    plain = image(b"plain", subject=about)
    pushed = {}
    for layer, document in ((b"signature", signature), (b"plain", plain)):
        registry.push_blob("refer", layer)
        data = encode(document)
        answer = registry("PUT", f"/v2/refer/manifests/{digest_of(data)}", data, {"Content-Type": OCI_MANIFEST})
        assert (answer.status, answer.headers["OCI-Subject"]) == (201, digest)
        pushed[layer] = {"mediaType": OCI_MANIFEST, "digest": digest_of(data), "size": len(data)}
    first = {**pushed[b"signature"], "artifactType": "application/example.sig", "annotations": {"by": "me"}}
    second = {**pushed[b"plain"], "artifactType": "application/vnd.oci.image.config.v1+json"}

    answer = registry("GET", f"/v2/refer/referrers/{digest}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, OCI_INDEX)
    assert answer.headers["OCI-Filters-Applied"] is None
    assert answer.json()["schemaVersion"] == 2
    assert answer.json()["manifests"] == sorted([first, second], key=lambda item: item["digest"])

    filtered = registry("GET", f"/v2/refer/referrers/{digest}?artifactType=application/example.sig")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert filtered.json()["manifests"] == [first]

    paged = registry("GET", f"/v2/refer/referrers/{digest}?n=1")
    following = registry("GET", paged.headers["Link"].partition(">")[0].removeprefix("<"))
    assert [*paged.json()["manifests"], *following.json()["manifests"]] == answer.json()["manifests"]

    assert registry("DELETE", f"/v2/refer/manifests/{first['digest']}").status == 202
    assert registry("GET", f"/v2/refer/referrers/{digest}").json()["manifests"] == [second]


def test_a_subject_need_not_be_there(registry: Served) -> None:
    for data in (b"{}", LAYER):
        registry.push_blob("refer/early", data)
    about = {"mediaType": OCI_MANIFEST, "digest": ABSENT, "size": 100}
    digest = registry.push_manifest("refer/early", "", image(LAYER, subject=about))
    found = registry("GET", f"/v2/refer/early/referrers/{ABSENT}").json()["manifests"]
    assert [item["digest"] for item in found] == [digest]


def test_nothing_refers_to_what_nobody_knows(registry: Served) -> None:
    answer = registry("GET", f"/v2/refer/nothing/referrers/{ABSENT}")
    assert (answer.status, answer.json()["manifests"]) == (200, [])
    assert refused(registry("GET", "/v2/refer/nothing/referrers/nonsense"), 400, "DIGEST_INVALID")


def test_referrers_under_the_tag_of_the_fallback_are_listed_too(registry: Served) -> None:
    registry.push_image("refer/fallback", "subject", b"of a fallback")
    digest = digest_of(encode(image(b"of a fallback")))
    entry = image(LAYER, artifactType="application/example.old")
    registry.push_image("refer/fallback", "entry", LAYER, artifactType="application/example.old")
    listed = {**descriptor(encode(entry), OCI_MANIFEST), "artifactType": "application/example.old"}
    fallback = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed]}
    registry.push_manifest("refer/fallback", digest.replace(":", "-"), fallback)
    assert registry("GET", f"/v2/refer/fallback/referrers/{digest}").json()["manifests"] == [listed]


def test_the_catalog_lists_repositories_in_pages(registry: Served) -> None:
    for name in ("catalog/b", "catalog/a", "catalog/a-1", "catalog/a/1"):
        registry.push_blob(name, b"{}")
    every = registry("GET", "/v2/_catalog?n=1000").json()["repositories"]
    assert every == sorted(every)
    assert {"catalog/a", "catalog/a-1", "catalog/a/1", "catalog/b"} <= set(every)
    answer = registry("GET", "/v2/_catalog?n=2&last=catalog/a")
    assert answer.json()["repositories"] == ["catalog/a-1", "catalog/a/1"]
    assert "last=catalog%2Fa%2F1" in answer.headers["Link"]
