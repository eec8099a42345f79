"""A registry that lies, moves its tags, sends us elsewhere or asks for passwords gets nothing and leaves nothing."""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sampan.engine import Engine
from sampan.errors import SampanError
from sampan.oci import manifest as manifests
from sampan.registry import partial
from sampan.storage import leases
from sampan.testing.engines import opened
from sampan.testing.scripted import Reply, Request, Script, scripted


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as written:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        written.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def configuration(*plain: bytes, **more: Any) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [digest(item) for item in plain]}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs, **more}).encode()


def descriptor(media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content), **more}


def image(config: bytes, *packed: bytes) -> bytes:
    layers = [descriptor(manifests.OCI_LAYER + "+gzip", item) for item in packed]
    document = {"schemaVersion": 2, "config": descriptor(manifests.OCI_CONFIG, config), "layers": layers}
    return json.dumps({**document, "mediaType": manifests.OCI_MANIFEST}).encode()


PLAIN = tar("file", b"content")
PACKED = gzip.compress(PLAIN, mtime=0)
CONFIG = configuration(PLAIN)
IMAGE = image(CONFIG, PACKED)


def serve(script: Script, repository: str = "app", tag: str = "1") -> None:
    """An honest image, to be spoiled."""
    script.blob(repository, CONFIG)
    script.blob(repository, PACKED)
    script.manifest(repository, IMAGE, manifests.OCI_MANIFEST, tag)


pytestmark = pytest.mark.xdist_group("hostile-registries")  # they share one root


@pytest.fixture(scope="module")
def engine(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPAN_REGISTRY_PATIENCE", "2,2,0.3,0.01")
        patch.setenv("DOCKER_CONFIG", str(tmp_path_factory.mktemp("config")))
        with opened(base + "/hostile-registries") as made:
            yield made


@pytest.fixture
def script(engine: Engine) -> Iterator[Script]:
    for found in engine.images.list():
        engine.images.remove(found.id, force=True)
    engine.images.prune(all_unused=True)
    partial.clean(engine.paths.downloads, 0)
    with scripted() as made:
        yield made


def refused(engine: Engine, script: Script, name: str = "app:1") -> str:
    """What the pull says; it must fail, and leave nothing."""
    with pytest.raises(SampanError) as caught:
        engine.images.pull(f"{script.host}/{name}")
    assert engine.images.list() == []
    assert engine.system.check() == []
    assert leases.all_leases(engine.database) == []
    assert os.listdir(engine.paths.tmp) == []
    return caught.value.message


def test_the_honest_image_comes(engine: Engine, script: Script) -> None:
    serve(script)
    engine.images.pull(f"{script.host}/app:1")
    assert engine.images.get(f"{script.host}/app:1").id == digest(CONFIG)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: s.manifest("app", b"[" * 100_000, manifests.OCI_MANIFEST, "1"), "nested"),
        (lambda s: s.manifest("app", b" " * (5 << 20), manifests.OCI_MANIFEST, "1"), "larger than"),
        (lambda s: s.manifest("app", IMAGE, manifests.OCI_INDEX, "1"), "calls itself"),
        (lambda s: s.manifest("app", IMAGE[:-1] + b',"manifests":[]}', manifests.OCI_MANIFEST, "1"), "an index too"),
        (lambda s: s.manifest("app", image(CONFIG, *[PACKED] * 1025), manifests.OCI_MANIFEST, "1"), "1025 layers"),
        (lambda s: s.manifest("app", image(CONFIG, PACKED, PACKED), manifests.OCI_MANIFEST, "1"), "2 layers"),
        (lambda s: s.blob("app", PACKED[:-1], digest(PACKED)), "bytes"),
        (lambda s: s.blob("app", PACKED + b"x", digest(PACKED)), "bytes"),
        (lambda s: s.blob("app", PACKED[:-1] + b"x", digest(PACKED)), "verification failed"),
        (lambda s: s.blob("app", CONFIG + b" ", digest(CONFIG)), "larger than"),
        (lambda s: s.blob("app", CONFIG.replace(b"amd64", b"amd65"), digest(CONFIG)), "verification failed"),
    ],
)
def test_what_is_not_what_it_says_is_refused(engine: Engine, script: Script, spoil: Any, words: str) -> None:
    serve(script)
    spoil(script)
    assert words in refused(engine, script)


def test_a_layer_that_is_not_the_configurations_is_refused(engine: Engine, script: Script) -> None:
    other = gzip.compress(tar("file", b"another"), mtime=0)
    script.blob("app", CONFIG)
    script.blob("app", other)
    script.manifest("app", image(CONFIG, other), manifests.OCI_MANIFEST, "1")
    assert "diff ID" in refused(engine, script)


def test_a_path_out_of_the_layer_is_refused(engine: Engine, script: Script) -> None:
    plain = tar("../../../outside", b"x")
    packed = gzip.compress(plain, mtime=0)
    config = configuration(plain)
    script.blob("app", config)
    script.blob("app", packed)
    script.manifest("app", image(config, packed), manifests.OCI_MANIFEST, "1")
    refused(engine, script)


@pytest.mark.parametrize("os_name", ["windows", "freebsd"])
def test_an_image_for_another_system_is_refused(engine: Engine, script: Script, os_name: str) -> None:
    config = configuration(PLAIN, os=os_name)
    script.blob("app", config)
    script.manifest("app", image(config, PACKED), manifests.OCI_MANIFEST, "1")
    assert "operating system is not supported" in refused(engine, script)


def test_what_helm_or_oras_stored_is_no_image(engine: Engine, script: Script) -> None:
    document = json.loads(IMAGE)
    document["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    script.manifest("app", json.dumps(document).encode(), manifests.OCI_MANIFEST, "1")
    assert "no image of a container" in refused(engine, script)


def test_a_tag_that_moves_in_the_middle_mixes_nothing(engine: Engine, script: Script) -> None:
    """The index names the image by digest: what the tag says a moment later is of no account."""
    serve(script, tag="old")
    other_plain = tar("file", b"other")
    other_packed = gzip.compress(other_plain, mtime=0)
    other_config = configuration(other_plain)
    script.blob("app", other_config)
    script.blob("app", other_packed)
    moved = image(other_config, other_packed)
    platform = {
        "os": "linux",
        "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"),
    }
    index = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "manifests": [descriptor(manifests.OCI_MANIFEST, IMAGE, platform=platform)],
    }
    script.manifest("app", json.dumps(index).encode(), manifests.OCI_INDEX, "1")

    def rule(request: Request) -> Reply | None:
        if request.path.endswith("/manifests/1") and len(script.seen) > 1:
            return Reply(200, {"Content-Type": manifests.OCI_MANIFEST}, moved)
        return None

    script.rule = rule
    engine.images.pull(f"{script.host}/app:1")
    assert engine.images.get(f"{script.host}/app:1").id == digest(CONFIG)
    assert sum(request.path.endswith("/manifests/1") for request in script.seen) == 1


def test_an_index_that_lies_about_its_entries_is_refused(engine: Engine, script: Script) -> None:
    serve(script, tag="real")
    entry = descriptor(manifests.OCI_MANIFEST, IMAGE)
    for wrong in ({**entry, "size": 3}, {**entry, "mediaType": manifests.OCI_INDEX}):
        document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [wrong]}
        script.manifest("app", json.dumps(document).encode(), manifests.OCI_INDEX, "1")
        refused(engine, script)


def test_an_index_in_itself_ends(engine: Engine, script: Script) -> None:
    inner: bytes = json.dumps({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": []}).encode()
    for _ in range(5):
        script.manifest("app", inner, manifests.OCI_INDEX, "1")
        entry = descriptor(manifests.OCI_INDEX, inner)
        inner = json.dumps({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [entry]}).encode()
    refused(engine, script)


# Passwords and tokens


def login(config: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"auth": base64.b64encode(b"me:secret").decode()}
    (config / "config.json").write_text(json.dumps({"auths": {host: entry}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(config))


def test_a_redirect_does_not_carry_credentials_to_another_host(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(tmp_path, script.host, monkeypatch)
    with scripted() as elsewhere:
        serve(script)
        elsewhere.replies["/blob"] = Reply(body=PACKED)

        def rule(request: Request) -> Reply | None:
            if "authorization" not in request.headers:
                return Reply(401, {"WWW-Authenticate": 'Basic realm="r"'})
            if request.path.endswith(digest(PACKED)):
                return Reply(307, {"Location": f"http://{elsewhere.host}/blob"})
            return None

        script.rule = rule
        engine.images.pull(f"{script.host}/app:1")
        assert [request.path for request in elsewhere.seen] == ["/blob"]
        assert all("authorization" not in request.headers for request in elsewhere.seen)


def test_who_is_redirected_to_and_asks_for_a_password_gets_none(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(tmp_path, script.host, monkeypatch)
    with scripted() as elsewhere:
        elsewhere.rule = lambda request: Reply(401, {"WWW-Authenticate": 'Basic realm="r"'})
        script.rule = lambda request: Reply(307, {"Location": f"http://{elsewhere.host}/x"})
        refused(engine, script)
        assert elsewhere.seen
        assert all("authorization" not in request.headers for request in elsewhere.seen)


def test_redirects_in_circles_end(engine: Engine, script: Script) -> None:
    script.rule = lambda request: Reply(307, {"Location": request.path})
    assert "circles" in refused(engine, script)
    assert len(script.seen) < 60


@pytest.mark.parametrize(
    "realm", ["http://tokens.example.com/t", "file:///etc/passwd", "gopher://127.0.0.1/x", "https://a@b.example.com/t"]
)
def test_a_token_service_that_is_none_is_not_asked(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, realm: str
) -> None:
    login(tmp_path, script.host, monkeypatch)
    script.rule = lambda request: Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'})
    refused(engine, script)


def test_a_registry_that_never_takes_the_token_is_not_asked_for_ever(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(tmp_path, script.host, monkeypatch)

    def rule(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return Reply(body=b'{"token":"T","expires_in":300}')
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{script.host}/token",service="s"'})

    script.rule = rule
    assert "secret" not in refused(engine, script)
    assert len(script.seen) <= 5


def test_tokens_are_asked_for_once_and_renewed(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(tmp_path, script.host, monkeypatch)
    serve(script)

    def rule(request: Request) -> Reply | None:
        if request.path.startswith("/token"):
            assert request.headers["authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
            assert "scope=repository%3Aapp%3Apull" in request.path
            return Reply(body=json.dumps({"access_token": f"T{len(script.seen)}"}).encode())
        if request.headers.get("authorization") in (None, "Bearer T2") and len(script.seen) != 3:
            return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{script.host}/token",service="s"'})
        return None

    script.rule = rule
    engine.images.pull(f"{script.host}/app:1")
    paths = [request.path.partition("?")[0] for request in script.seen]
    assert paths.count("/token") == 2
    assert not any(b"secret" in request.body for request in script.seen)


def test_an_identity_token_is_exchanged_by_post(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"auth": base64.b64encode(b"me:").decode(), "identitytoken": "I"}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {script.host: entry}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    serve(script)

    def rule(request: Request) -> Reply | None:
        if request.path == "/token":
            assert request.method == "POST"
            assert b"grant_type=refresh_token" in request.body and b"refresh_token=I" in request.body
            return Reply(body=b'{"access_token":"T","expires_in":300}')
        if request.headers.get("authorization") != "Bearer T":
            return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{script.host}/token",service="s"'})
        return None

    script.rule = rule
    engine.images.pull(f"{script.host}/app:1")


def test_offline_opens_no_connection(engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPAN_OFFLINE", "1")
    assert "app:1" in refused(engine, script)
    assert script.seen == []


# Bombs


def pack_zstd(plain: Iterator[bytes]) -> bytes:
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join([*map(compressor.compress, plain), compressor.flush()])


def zeros(count: int) -> Iterator[bytes]:
    """A tar of one file that holds so many MiB of nothing."""
    entry = tarfile.TarInfo("file")
    entry.size = count << 20
    yield entry.tobuf()
    for _ in range(count):
        yield bytes(1 << 20)
    yield bytes(1024)


def test_a_layer_that_unpacks_to_thousands_of_times_its_size_is_refused(engine: Engine, script: Script) -> None:
    packed = pack_zstd(zeros(400))
    assert len(packed) < 100_000
    config = configuration(b"")
    script.blob("app", config)
    script.blob("app", packed)
    script.manifest("app", image(config, packed), manifests.OCI_MANIFEST, "1")
    assert "looks like a bomb" in refused(engine, script)


@pytest.mark.parametrize("claimed", [1 << 45, 8**11 - 1])
def test_a_file_that_says_it_is_larger_than_any_disk_is_refused(engine: Engine, script: Script, claimed: int) -> None:
    entry = tarfile.TarInfo("file")
    entry.size = claimed
    packed = gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096), mtime=0)
    config = configuration(b"")
    script.blob("app", config)
    script.blob("app", packed)
    script.manifest("app", image(config, packed), manifests.OCI_MANIFEST, "1")
    refused(engine, script)


@pytest.mark.parametrize("size", [-1, 1 << 62, 1.5, "5", None, True])
def test_a_size_that_is_none_is_refused(engine: Engine, script: Script, size: object) -> None:
    serve(script)
    document = json.loads(IMAGE)
    document["layers"][0]["size"] = size
    script.manifest("app", json.dumps(document).encode(), manifests.OCI_MANIFEST, "1")
    refused(engine, script)


def test_an_index_of_too_many_entries_is_refused(engine: Engine, script: Script) -> None:
    entries = [{"mediaType": manifests.OCI_MANIFEST, "digest": digest(b""), "size": 1}] * 5000
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": entries}
    script.manifest("app", json.dumps(document).encode(), manifests.OCI_INDEX, "1")
    assert "5000 entries" in refused(engine, script)


def test_an_index_that_calls_itself_a_manifest_is_refused(engine: Engine, script: Script) -> None:
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": []}
    script.manifest("app", json.dumps(document).encode(), manifests.OCI_MANIFEST, "1")
    assert "calls itself" in refused(engine, script)


def test_all_tags_of_a_list_in_circles_are_refused(engine: Engine, script: Script) -> None:
    serve(script)
    link = {"Link": '</v2/app/tags/list?n=1000&last=1>; rel="next"'}
    script.replies["/v2/app/tags/list"] = Reply(200, link, b'{"name":"app","tags":["1"]}')
    with pytest.raises(SampanError, match="circles"):
        engine.images.pull(f"{script.host}/app", all_tags=True)
    assert len(script.seen) < 10


def test_nothing_on_the_disk_and_nothing_that_is_shown_holds_a_password_or_a_token(
    engine: Engine, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(tmp_path, script.host, monkeypatch)
    serve(script)
    token = "t0ken-that-nobody-else-has"

    def rule(request: Request) -> Reply | None:
        if request.path.startswith("/token"):
            return Reply(body=json.dumps({"token": token}).encode())
        if request.headers.get("authorization") != f"Bearer {token}":
            return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{script.host}/token",service="s"'})
        return Reply(500, body=b"no") if request.path.endswith("/refused") else None

    script.rule = rule
    heard: list[object] = []
    name = f"{script.host}/app"
    engine.images.pull(f"{name}:1", on_event=heard.append)
    with pytest.raises(SampanError) as caught:
        engine.images.pull(f"{name}:refused", on_event=heard.append)
    shown = [heard, caught.value, caught.value.hint, engine.images.inspect(f"{name}:1")]
    shown += [engine.images.history(f"{name}:1"), engine.system.info()]
    files = [path.read_bytes() for path in Path(engine.paths.root).rglob("*") if path.is_file()]
    for secret in ("me:secret", base64.b64encode(b"me:secret").decode(), token):
        assert not any(secret in str(item) for item in shown)
        assert not any(secret.encode() in content for content in files)
