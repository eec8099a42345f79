"""Blobs and uploads, errors and headers of OCI distribution 1.1, over HTTP, on a folder and on an object store."""

import random

import pytest

from sampan.testing.serving import (
    Served,
    descriptor,
    digest_of,
    image,
    index,
    refused,
)

LAYER = b"a layer's bytes " * 1000
ABSENT = digest_of(b"absent")


def test_version(registry: Served) -> None:
    answer = registry("GET", "/v2/")
    assert (answer.status, answer.json()) == (200, {})
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_blob_is_pulled_whole_and_asked_for(registry: Served) -> None:
    digest = registry.push_blob("blobs/pull", LAYER)
    for method, body in (("GET", LAYER), ("HEAD", b"")):
        answer = registry(method, f"/v2/blobs/pull/blobs/{digest}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Length"] == str(len(LAYER))
        assert answer.headers["Docker-Content-Digest"] == digest
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_blob_that_is_not_in_the_repository_is_unknown(registry: Served, method: str) -> None:
    registry.push_blob("blobs/other", b"in another repository")
    for digest in (ABSENT, digest_of(b"in another repository")):
        answer = registry(method, f"/v2/blobs/nothing/blobs/{digest}")
        assert answer.status == 404
        assert method == "HEAD" or answer.codes() == ["BLOB_UNKNOWN"]


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=10-", 206, 10, len(LAYER)),
        ("bytes=-7", 206, len(LAYER) - 7, len(LAYER)),
        (f"bytes=5-{len(LAYER) + 100}", 206, 5, len(LAYER)),
        ("bytes=0-1,5-6", 200, 0, len(LAYER)),
        ("lines=0-1", 200, 0, len(LAYER)),
    ],
)
def test_a_range_of_a_blob(registry: Served, asked: str, status: int, start: int, end: int) -> None:
    digest = registry.push_blob("blobs/range", LAYER)
    answer = registry("GET", f"/v2/blobs/range/blobs/{digest}", headers={"Range": asked})
    assert (answer.status, answer.body) == (status, LAYER[start:end])
    assert answer.headers["Content-Range"] == (f"bytes {start}-{end - 1}/{len(LAYER)}" if status == 206 else None)


@pytest.mark.parametrize("asked", [f"bytes={len(LAYER)}-", "bytes=9-5", "bytes=-0", "bytes=x-y"])
def test_a_range_that_holds_nothing_is_416(registry: Served, asked: str) -> None:
    digest = registry.push_blob("blobs/range", LAYER)
    answer = registry("GET", f"/v2/blobs/range/blobs/{digest}", headers={"Range": asked})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(LAYER)}"


def test_a_range_goes_with_the_blob_that_it_was_begun_for(registry: Served) -> None:
    digest = registry.push_blob("blobs/range", LAYER)
    for tag, status in ((digest, 206), (ABSENT, 200)):
        headers = {"Range": "bytes=0-9", "If-Range": f'"{tag}"'}
        assert registry("GET", f"/v2/blobs/range/blobs/{digest}", headers=headers).status == status


def test_what_the_client_has_is_not_sent_again(registry: Served) -> None:
    registry.push_image("current", "latest", LAYER)
    digest = registry.push_blob("current", LAYER)
    for path in ("/v2/current/manifests/latest", f"/v2/current/blobs/{digest}"):
        tag = registry("HEAD", path).headers["ETag"]
        answer = registry("GET", path, headers={"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
        assert registry("GET", path, headers={"If-None-Match": '"other"'}).status == 200


def test_an_empty_blob(registry: Served) -> None:
    digest = digest_of(b"")
    location = registry.begin("blobs/empty")
    assert registry("PUT", f"{location}?digest={digest}").status == 201
    answer = registry("GET", f"/v2/blobs/empty/blobs/{digest}")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "0", b"")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_in_one_request(registry: Served, algorithm: str) -> None:
    data = f"whole {algorithm}".encode()
    digest = digest_of(data, algorithm)
    answer = registry("POST", f"/v2/push/whole/blobs/uploads/?digest={digest}", data)
    assert answer.status == 201
    assert answer.headers["Docker-Content-Digest"] == digest
    assert registry("GET", answer.headers["Location"]).body == data


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_in_a_post_and_a_put(registry: Served, algorithm: str) -> None:
    data = f"two requests {algorithm}".encode()
    location = registry.begin("push/two", f"?digest-algorithm={algorithm}")
    answer = registry("PUT", f"{location}?digest={digest_of(data, algorithm)}", data)
    assert answer.status == 201
    assert registry("GET", answer.headers["Location"]).body == data


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_in_chunks_and_gone_on_with(registry: Served, algorithm: str) -> None:
    data = f"{algorithm} chunk ".encode() * 5000
    location, size = registry.begin("push/chunks"), 0
    for end in (20_000, 45_000):
        headers = {"Content-Range": f"{size}-{end - 1}", "Content-Type": "application/octet-stream"}
        answer = registry("PATCH", location, data[size:end], headers)
        assert answer.status == 202
        assert answer.headers["Range"] == f"0-{end - 1}"
        location, size = answer.headers["Location"], end
        state = registry("GET", location)
        assert (state.status, state.headers["Range"]) == (204, f"0-{end - 1}")
        location = state.headers["Location"]
    headers = {"Content-Range": f"{size}-{len(data) - 1}"}
    answer = registry("PUT", f"{location}?digest={digest_of(data, algorithm)}", data[size:], headers)
    assert answer.status == 201
    assert registry("GET", answer.headers["Location"]).body == data
    assert registry("GET", location).codes() == ["BLOB_UPLOAD_UNKNOWN"]


def test_a_stream_without_a_length_is_taken(registry: Served) -> None:
    location = registry.begin("push/stream")
    answer = registry("PATCH", location, iter([b"first ", b"second"]))
    assert (answer.status, answer.headers["Range"]) == (202, "0-11")
    assert registry("PUT", f"{location}?digest={digest_of(b'first second')}").status == 201


@pytest.mark.parametrize("given", ["5-9", "0-9", "20-29", "bytes 10-19", "10", "x-y"])
def test_a_chunk_that_does_not_follow_is_416(registry: Served, given: str) -> None:
    location = registry.begin("push/gap")
    registry("PATCH", location, b"0123456789", {"Content-Range": "0-9"})
    answer = registry("PATCH", location, b"0123456789", {"Content-Range": given})
    assert refused(answer, 416, "BLOB_UPLOAD_INVALID")
    assert answer.headers["Range"] == "0-9"


def test_a_chunk_of_another_length_than_its_range_is_refused(registry: Served) -> None:
    location = registry.begin("push/length")
    assert refused(registry("PATCH", location, b"0123", {"Content-Range": "0-9"}), 400, "SIZE_INVALID")


def test_content_of_another_digest_is_refused_and_not_kept(registry: Served) -> None:
    assert refused(registry("POST", f"/v2/push/wrong/blobs/uploads/?digest={ABSENT}", b"x"), 400, "DIGEST_INVALID")
    location = registry.begin("push/wrong")
    registry("PATCH", location, b"x")
    assert refused(registry("PUT", f"{location}?digest={ABSENT}"), 400, "DIGEST_INVALID")
    assert registry("HEAD", f"/v2/push/wrong/blobs/{ABSENT}").status == 404


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "A" * 64, "nonsense"])
def test_a_digest_that_is_none_is_refused(registry: Served, digest: str) -> None:
    location = registry.begin("push/digests")
    assert refused(registry("PUT", f"{location}?digest={digest}"), 400, "DIGEST_INVALID")
    if digest:
        assert refused(registry("GET", f"/v2/push/digests/blobs/{digest}"), 400, "DIGEST_INVALID")


def test_an_algorithm_that_is_not_supported_is_refused(registry: Served) -> None:
    answer = registry("POST", "/v2/push/digests/blobs/uploads/?digest-algorithm=md5")
    assert refused(answer, 400, "DIGEST_INVALID")


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_an_upload_is_unknown_elsewhere_and_when_it_never_was(registry: Served, method: str) -> None:
    identifier = registry.begin("push/mine").rpartition("/")[2]
    for path in (f"/v2/push/yours/blobs/uploads/{identifier}", "/v2/push/mine/blobs/uploads/nonsense"):
        answer = registry(method, f"{path}?digest={ABSENT}", b"x" if method in ("PATCH", "PUT") else None)
        assert refused(answer, 404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_can_be_cancelled(registry: Served) -> None:
    location = registry.begin("push/cancel")
    registry("PATCH", location, b"some")
    assert registry("DELETE", location).status == 204
    assert registry("GET", location).status == 404


def test_a_blob_is_mounted_from_another_repository(registry: Served) -> None:
    digest = registry.push_blob("mount/source", b"mounted")
    answer = registry("POST", f"/v2/mount/target/blobs/uploads/?mount={digest}&from=mount/source")
    assert answer.status == 201
    assert registry("GET", answer.headers["Location"]).body == b"mounted"
    again = registry("POST", f"/v2/mount/target/blobs/uploads/?mount={digest}")
    assert again.status == 201


def test_what_cannot_be_mounted_is_uploaded(registry: Served) -> None:
    for query in (f"mount={ABSENT}&from=mount/source", f"mount={ABSENT}", f"mount={ABSENT}&from=no/such"):
        answer = registry("POST", f"/v2/mount/target/blobs/uploads/?{query}")
        assert answer.status == 202
        assert "/blobs/uploads/" in answer.headers["Location"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v2/a/tags/list"), ("POST", "/v2/a/manifests/latest"), ("PUT", "/v2/"), ("GET", "/v2/a/blobs/uploads/")],
)
def test_a_method_that_is_not_offered_is_405(registry: Served, method: str, path: str) -> None:
    answer = registry(method, path)
    assert refused(answer, 405, "UNSUPPORTED")
    assert answer.headers["Allow"]


def test_what_is_nowhere_is_404(registry: Served) -> None:
    for path in ("/v1/", "/v2/a/nothing/here", "/nowhere"):
        assert registry("GET", path).status == 404


def test_an_error_has_the_document_of_the_specification(registry: Served) -> None:
    answer = registry("GET", f"/v2/nothing/blobs/{ABSENT}")
    assert answer.headers["Content-Type"] == "application/json"
    (error,) = answer.json()["errors"]
    assert set(error) == {"code", "message", "detail"}


def test_health_and_metrics(registry: Served) -> None:
    assert registry("GET", "/healthz").body == b"ok\n"
    registry("GET", "/v2/")
    text = registry("GET", "/metrics").body.decode()
    assert 'sampan_registry_requests_total{route="version",method="GET",status="200"}' in text
    for line in text.splitlines():
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0


def test_the_page_shows_what_there_is_and_runs_nothing(registry: Served) -> None:
    registry.push_image("page", "v1", LAYER)
    document = image(LAYER, layers=[descriptor(LAYER, "text/<script>alert(1)</script>")])
    digest = registry.push_manifest("page", "odd", document)
    registry.push_manifest("page", "all", index(document))
    front, repository = registry("GET", "/"), registry("GET", "/repositories/page")
    assert b'<a href="/repositories/page">page</a>' in front.body
    assert b"16.41 kB" in repository.body
    shown = registry("GET", f"/repositories/page@{digest}")
    assert digest_of(LAYER).encode() in shown.body
    assert b"text/&lt;script&gt;" in shown.body
    for answer in (front, repository, shown):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"<script" not in answer.body
    assert registry("GET", "/repositories/<b>").status == 404


def test_no_odd_request_makes_it_fail(registry: Served) -> None:
    choose = random.Random(5).choice
    paths = ("/v2/odd/blobs/" + ABSENT, "/v2/odd/blobs/uploads/", "/v2/odd/blobs/uploads/" + "0" * 32)
    paths += ("/v2/odd/manifests/x", "/v2/odd/referrers/" + ABSENT, "/v2/odd/tags/list", "/token", "/v2/_catalog")
    paths += ("/v2/%2e%2e/x/manifests/%00", "/v2//blobs/uploads/", "/repositories/%ff@x", "/v2/a@b/tags/list")
    queries = ("", "?n=x", "?last=%ff", "?digest=%00", f"?mount={ABSENT}&from=..", "?tag=%2e%2e", "?scope=:::")
    headers = (
        {},
        {"Range": "bytes=-"},
        {"Content-Range": "9-1"},
        {"If-None-Match": ',,"'},
        {"Content-Encoding": "gzip"},
    )
    headers += ({"Content-Type": "x"}, {"Authorization": "Basic \xff"}, {"Authorization": "Bearer a.b.c"})
    bodies = (None, b"", b"x", b"\xff" * 100, b'{"schemaVersion":2,"manifests":[{}]}')
    for _ in range(300):
        method, path = choose(("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "ODD")), choose(paths) + choose(queries)
        assert registry(method, path, choose(bodies), choose(headers)).status < 500, (method, path)
