"""A pull-through cache: what it fetches, once; what it serves when the upstream moves, lies or is gone."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path

from sampan.registry.server import layout
from sampan.registry.server.directory import Directory
from sampan.registry.server.verification import verify
from sampan.testing.command import Sampan
from sampan.testing.serving import Served, digest_of, encode, image, index, serving

LAYER = bytes(range(256)) * 20_000


@contextmanager
def cached(tmp_path: Path, *flags: str) -> Iterator[tuple[Served, Served]]:
    """An upstream, and a cache of it that asks for each tag each time."""
    with serving(str(tmp_path / "upstream")) as upstream:
        words = ("--mirror", upstream.address, "--mirror-config", str(tmp_path), "--mirror-fresh", "0s", *flags)
        with serving(str(tmp_path / "cache"), *words) as cache:
            yield upstream, cache


def requests(served: Served, route: str, method: str = "GET") -> int:
    """How many requests of a kind a registry has answered with 200."""
    text = served("GET", "/metrics").body.decode()
    wanted = f'sampan_registry_requests_total{{route="{route}",method="{method}",status="200"}} '
    return sum(int(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def pull(served: Served, name: str, tag: str) -> None:
    """All of an image, as a client pulls it."""
    manifest = served("GET", f"/v2/{name}/manifests/{tag}")
    assert manifest.status == 200, manifest
    for part in (manifest.json()["config"], *manifest.json()["layers"]):
        blob = served("GET", f"/v2/{name}/blobs/{part['digest']}")
        assert (blob.status, digest_of(blob.body)) == (200, part["digest"])


def test_an_image_is_fetched_once_and_outlives_its_upstream(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        digest = upstream.push_image("team/app", "v1", LAYER)
        for _ in range(2):
            pull(cache, "team/app", "v1")
        assert (requests(upstream, "manifest"), requests(upstream, "blob")) == (1, 2)
        upstream.push_image("team/app", "never-pulled", b"other")
        assert cache("GET", "/v2/team/app/tags/list").json()["tags"] == ["never-pulled", "v1"]
        upstream.end()
        assert cache("GET", "/v2/team/app/tags/list").json()["tags"] == ["v1"]
        pull(cache, "team/app", "v1")
        pull(cache, "team/app", digest)
        assert cache("HEAD", f"/v2/team/app/blobs/{digest_of(LAYER)}").headers["Content-Length"] == str(len(LAYER))
        gone = cache("GET", "/v2/team/app/manifests/v2")
        assert (gone.status, gone.codes()) == (503, ["UNKNOWN"])
    assert verify(Directory(str(tmp_path / "cache"))).problems == []


def test_a_tag_that_moves_is_followed(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        for layer in (b"one", b"two"):
            upstream.push_image("app", "latest", layer)
            pull(cache, "app", "latest")
            assert cache("GET", "/v2/app/manifests/latest").body == encode(image(layer))
        assert cache("GET", f"/v2/app/manifests/{digest_of(encode(image(b'one')))}").status == 200


def test_many_who_want_the_same_cause_one_fetch(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        upstream.push_image("app", "latest", LAYER)
        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(lambda _: pull(cache, "app", "latest"), range(16)):
                pass
        assert (requests(upstream, "manifest"), requests(upstream, "blob")) == (1, 2)


def test_an_index_needs_not_all_of_its_images(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        for layer in (b"amd64", b"arm64"):
            upstream.push_image("app", layer.decode(), layer)
        upstream.push_manifest("app", "all", index(image(b"amd64"), image(b"arm64")))
        document = cache("GET", "/v2/app/manifests/all").json()
        pull(cache, "app", document["manifests"][0]["digest"])
        assert requests(upstream, "blob") == 2
    assert verify(Directory(str(tmp_path / "cache"))).problems == []


def test_a_part_and_the_size_of_what_is_not_here_yet(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        digest = upstream.push_blob("app", LAYER)
        path = f"/v2/app/blobs/{digest}"
        answer = cache("GET", path, headers={"Range": "bytes=100-199"})
        assert (answer.status, answer.body) == (206, LAYER[100:200])
        other = upstream.push_blob("app", LAYER + b"x")
        assert cache("HEAD", f"/v2/app/blobs/{other}").headers["Content-Length"] == str(len(LAYER) + 1)


def test_what_the_upstream_has_not_is_unknown(tmp_path: Path) -> None:
    with cached(tmp_path) as (_, cache):
        assert cache("GET", "/v2/app/manifests/latest").codes() == ["MANIFEST_UNKNOWN"]
        assert cache("GET", f"/v2/app/blobs/{digest_of(b'none')}").codes() == ["BLOB_UNKNOWN"]


def test_what_is_not_what_its_digest_says_is_never_sent_whole_nor_kept(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        digest = upstream.push_blob("app", LAYER)
        (tmp_path / "upstream" / layout.blob(digest)).write_bytes(LAYER[:-1] + b"?")
        try:
            answer = cache("GET", f"/v2/app/blobs/{digest}")
        except IncompleteRead as cut:
            assert len(cut.partial) < len(LAYER)
        else:
            assert answer.status == 503
        assert cache("GET", f"/v2/app/blobs/{digest}", headers={"Range": "bytes=0-1"}).status >= 400
        (tmp_path / "upstream" / layout.blob(digest)).write_bytes(LAYER)
        assert cache("GET", f"/v2/app/blobs/{digest}").body == LAYER


def test_a_cache_takes_no_push(tmp_path: Path) -> None:
    with cached(tmp_path) as (_, cache):
        for method, path in (("POST", "/v2/app/blobs/uploads/"), ("PUT", "/v2/app/manifests/latest")):
            answer = cache(method, path)
            assert (answer.status, answer.codes()) == (405, ["UNSUPPORTED"])


def test_what_nobody_asks_for_goes(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        upstream.push_image("app", "latest", LAYER)
        pull(cache, "app", "latest")
    command, store = Sampan(str(tmp_path / "root")), str(tmp_path / "cache")
    kept = command("registry", "gc", "--grace", "0s", "--cached", "1h", store)
    assert kept.out.startswith("0 manifests, 0 blobs")
    for path in (tmp_path / "cache").rglob("*"):  # as it is an hour later
        os.utime(path, (time.time() - 3600,) * 2)
    gone = command("registry", "gc", "--grace", "1m", "--cached", "1m", store)
    assert "1 manifest, 3 blobs" in gone.out
    assert verify(Directory(store)).problems == []


def test_referrers_are_asked_for_upstream_and_served_while_it_is_gone(tmp_path: Path) -> None:
    with cached(tmp_path) as (upstream, cache):
        digest = upstream.push_image("team/app", "v1", LAYER)
        subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
        config = upstream.push_blob("team/app", b"{}")
        signature = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.example.signature",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
            "layers": [],
            "subject": subject,
        }
        signed = upstream.push_manifest("team/app", digest_of(encode(signature)), signature)
        path = f"/v2/team/app/referrers/{digest}"
        for query, expected in (("", [signed]), ("?artifactType=application/vnd.example.other", [])):
            listed = cache("GET", path + query).json()["manifests"]
            assert [one["digest"] for one in listed] == expected
        assert cache("GET", f"/v2/team/app/manifests/{signed}").status == 200
        upstream.end()
        assert [one["digest"] for one in cache("GET", path).json()["manifests"]] == [signed]
