"""Who may use a registry, and how much: logins, tokens, rules, read-only, quotas, limits, TLS."""

import base64
import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sampan.errors import PermissionDenied
from sampan.oci import reference
from sampan.registry.accounts import Accounts
from sampan.registry.client import Client
from sampan.registry.transport import Options, Patience
from sampan.registry.upload import upload
from sampan.testing.serving import OCI_MANIFEST, PROGRAM, Answer, Served, digest_of, encode, image, serving

LAYER = b"a layer"


def users(store: Path, *words: str, password: str = "", code: int = 0) -> str:
    done = subprocess.run(
        [PROGRAM, "registry", "users", "--store", str(store), *words], input=password, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def add(store: Path, name: str, *grants: str) -> None:
    allowed = [word for grant in grants for word in ("--allow", grant)]
    users(store, "add", name, "--password-stdin", *allowed, password=f"password of {name}")


def basic(name: str, password: str = "") -> dict[str, str]:
    pair = f"{name}:{password or f'password of {name}'}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def status(served: Served, headers: Mapping[str, str], method: str, path: str) -> int:
    return served(method, path, headers=headers).status


def test_users_are_listed_changed_and_removed(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    add(tmp_path, "bob", "team/*:pull,push", "base/*")
    listed = [line.split() for line in users(tmp_path).splitlines()[1:]]
    assert listed == [["ann"], ["bob", "team/*", "pull,push"], ["bob", "base/*", "pull"]]
    assert "there is a user ann already" in users(tmp_path, "add", "ann", "--password-stdin", password="x", code=1)
    users(tmp_path, "rm", "bob")
    assert "bob" not in users(tmp_path)
    assert "there is no user bob" in users(tmp_path, "rm", "bob", code=1)
    assert "is none of pull, push, delete" in users(tmp_path, "allow", "ann", "--allow", "x:fly", code=1)
    assert (tmp_path / "auth/users").stat().st_mode & 0o077 == 0


def test_without_a_login_nothing_is_said(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path)) as served:
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/a/tags/list"),
            ("POST", "/v2/a/blobs/uploads/"),
            ("GET", "/v2/_catalog"),
            ("GET", "/"),
            ("GET", "/metrics"),
        ):
            answer = served(method, path)
            assert (answer.status, answer.codes()) == (401, ["UNAUTHORIZED"])
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="sampan"'
            assert status(served, basic("ann", "wrong"), method, path) == 401
            assert status(served, basic("nobody", "wrong"), method, path) == 401
            assert status(served, basic("ann"), method, path) in (200, 202, 404)
        for odd in ("Basic !", "Basic \xff", "Basic", "Bearer x", "x"):
            assert status(served, {"Authorization": odd}, "GET", "/v2/") == 401
        assert served("GET", "/healthz").status == 200


def test_rules_say_who_may_pull_push_and_delete(tmp_path: Path) -> None:
    add(tmp_path, "ann", "*:pull,push,delete")
    add(tmp_path, "bob", "team/*:pull,push")
    users(tmp_path, "allow", "@users", "--allow", "shared/*:pull")
    users(tmp_path, "allow", "*", "--allow", "public/*:pull")
    digest = digest_of(LAYER)
    with serving(str(tmp_path)) as served:
        for name in ("team/app", "shared/base", "public/app", "secret"):
            place = f"/v2/{name}/blobs/uploads/?digest={digest}"
            assert served("POST", place, LAYER, basic("ann")).status == 201
        blob = "/v2/{}/blobs/" + digest
        for name, anonymous, bob in (("team/app", 401, 200), ("shared/base", 401, 200), ("public/app", 200, 200)):
            assert status(served, {}, "GET", blob.format(name)) == anonymous
            assert status(served, basic("bob"), "GET", blob.format(name)) == bob
        for method, path in (
            ("GET", blob.format("secret")),
            ("POST", "/v2/shared/base/blobs/uploads/"),
            ("DELETE", blob.format("team/app")),
        ):
            answer = served(method, path, headers=basic("bob"))
            assert (answer.status, answer.codes()) == (403, ["DENIED"])
        # A blob is not mounted from where its reader could not read it.
        mounted = f"/v2/team/x/blobs/uploads/?mount={digest}&from="
        assert status(served, basic("bob"), "POST", mounted + "secret") == 202
        assert status(served, basic("bob"), "POST", mounted + "shared/base") == 201
        seen = served("GET", "/v2/_catalog", headers=basic("bob")).json()["repositories"]
        assert seen == ["public/app", "shared/base", "team/app", "team/x"]
        assert b"secret" not in served("GET", "/", headers=basic("bob")).body
        assert served("GET", "/repositories/secret", headers=basic("bob")).status == 404


def test_who_has_no_login_is_told_in_dockers_words(tmp_path: Path) -> None:
    add(tmp_path / "store", "ann")
    with serving(str(tmp_path / "store")) as served:
        name = reference.parse(f"{served.address.partition('://')[2]}/a:1")
        with Client(Options("test"), Accounts(str(tmp_path))) as client:
            with pytest.raises(PermissionDenied) as caught:
                client.repository(name).manifest("1")
            assert caught.value.message == f'Head "{served.address}/v2/a/manifests/1": no basic auth credentials'
            with pytest.raises(PermissionDenied) as caught:
                client.repository(name, for_writing=True).begin_upload()
            assert caught.value.message == "no basic auth credentials"
            assert caught.value.hint == f"log in first: sampan login {name.registry}"


def test_a_change_of_users_holds_at_once(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path)) as served:
        assert status(served, basic("ann"), "GET", "/v2/") == 200
        users(tmp_path, "passwd", "ann", "--password-stdin", password="another")
        assert status(served, basic("ann"), "GET", "/v2/") == 401
        assert status(served, basic("ann", "another"), "GET", "/v2/") == 200
        users(tmp_path, "rm", "ann")
        assert status(served, basic("ann", "another"), "GET", "/v2/") == 401


def test_anonymous_pull_is_for_pulls_alone(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path), "--anonymous-pull") as served:
        place = f"/v2/a/blobs/uploads/?digest={digest_of(LAYER)}"
        assert served("POST", place, LAYER).status == 401
        assert served("POST", place, LAYER, basic("ann")).status == 201
        assert served("GET", f"/v2/a/blobs/{digest_of(LAYER)}").body == LAYER
        assert served("GET", "/v2/_catalog").json() == {"repositories": ["a"]}
        assert served("GET", "/v2/").headers["WWW-Authenticate"].startswith("Bearer ")


def bearer(answer: Answer) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_the_token_service_grants_what_the_rules_allow(tmp_path: Path) -> None:
    add(tmp_path, "ann", "team/*:pull,push")
    with serving(str(tmp_path), "--auth", "token") as served:
        refused = served("POST", "/v2/team/app/blobs/uploads/")
        assert refused.headers["WWW-Authenticate"] == (
            f'Bearer realm="{served.address}/token",service="sampan-registry",scope="repository:team/app:pull,push"'
        )
        for path in ("/", "/metrics"):
            assert served("GET", path).headers["WWW-Authenticate"] == 'Basic realm="sampan"'
        scope = urlencode({"service": "sampan-registry", "scope": "repository:team/app:pull,push,delete"})
        granted = served("GET", f"/token?{scope}&account=ann", headers=basic("ann"))
        assert granted.json()["expires_in"] > 60 and "refresh_token" not in granted.json()
        assert status(served, bearer(granted), "GET", "/v2/") == 200
        assert status(served, bearer(granted), "POST", "/v2/team/app/blobs/uploads/") == 202
        lacking = served("POST", "/v2/team/other/blobs/uploads/", headers=bearer(granted))
        assert lacking.status == 401 and 'error="insufficient_scope"' in lacking.headers["WWW-Authenticate"]
        denied = served("DELETE", "/v2/team/app/manifests/x", headers=bearer(granted))
        assert (denied.status, denied.codes()) == (403, ["DENIED"])
        anonymous = served("GET", f"/token?{scope}")
        assert status(served, bearer(anonymous), "POST", "/v2/team/app/blobs/uploads/") == 401
        for path in ("/", "/metrics", "/v2/_catalog"):
            assert [status(served, bearer(token), "GET", path) for token in (granted, anonymous)] == [200, 401]
        assert served("GET", f"/token?{scope}", headers=basic("ann", "wrong")).status == 401
        assert status(served, basic("ann"), "POST", "/v2/team/app/blobs/uploads/") == 202


def test_a_token_that_was_changed_is_refused(tmp_path: Path) -> None:
    add(tmp_path, "ann", "team/*:pull")
    with serving(str(tmp_path), "--auth", "token") as served:
        token = served("GET", "/token?scope=repository:team/app:pull", headers=basic("ann")).json()["token"]
        head, claims, signature = token.split(".")
        forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
        forged["access"][0]["actions"] = ["pull", "push"]
        body = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
        for changed in (
            f"{head}.{body}.{signature}",
            f"{unsigned}.{body}.",
            token[:-4] + "AAAA",
            "x",
            "",
            "\xff.b.\xff",
        ):
            answer = served("GET", "/v2/team/app/tags/list", headers={"Authorization": f"Bearer {changed}"})
            assert answer.status == 401


def test_a_login_that_is_kept_ends_with_its_password(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with serving(str(tmp_path), "--auth", "token") as served:

        def ask(**fields: str) -> Answer:
            return served("POST", "/token", urlencode({"service": "sampan-registry", **fields}).encode(), form)

        wanted = {"username": "ann", "password": "password of ann", "access_type": "offline"}
        first = ask(grant_type="password", **wanted)
        assert first.status == 200
        refresh = first.json()["refresh_token"]
        again = ask(grant_type="refresh_token", refresh_token=refresh, scope="repository:a:pull,push")
        assert status(served, bearer(again), "POST", "/v2/a/blobs/uploads/") == 202
        assert ask(grant_type="password", **{**wanted, "password": "wrong"}).status == 401
        # Neither kind of token stands for the other.
        assert status(served, {"Authorization": f"Bearer {refresh}"}, "GET", "/v2/") == 401
        assert ask(grant_type="refresh_token", refresh_token=again.json()["token"]).status == 401
        offline = served("GET", "/token?offline_token=true", headers=basic("ann"))
        assert "refresh_token" in offline.json()
        users(tmp_path, "passwd", "ann", "--password-stdin", password="another")
        assert ask(grant_type="refresh_token", refresh_token=refresh).status == 401


def test_who_fails_too_often_has_to_wait(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path)) as served:
        for _ in range(20):
            assert status(served, basic("ann", "guess"), "GET", "/v2/") == 401
        answer = served("GET", "/v2/", headers=basic("ann", "guess"))
        assert (answer.status, answer.codes()) == (429, ["TOOMANYREQUESTS"])
        assert int(answer.headers["Retry-After"]) > 0


def test_who_guesses_many_at_once_has_to_wait_too(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path)) as served, ThreadPoolExecutor(60) as pool:
        codes = list(pool.map(lambda n: status(served, basic("ann", f"guess{n}"), "GET", "/v2/"), range(60)))
    assert set(codes) == {401, 429}
    assert codes.count(401) <= 22


@pytest.mark.parametrize(
    ("text", "said"),
    [("ann", "users:1: NAME:HASH is wanted"), ("ann:{SHA}x", "users:1: the hash of ann is of a kind")],
)
def test_a_mistake_in_the_users_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "users").write_text(text)
    words = [PROGRAM, "registry", "serve", "--listen", "127.0.0.1:0", "--users", str(tmp_path / "users")]
    done = subprocess.run([*words, str(tmp_path / "store")], capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stderr


def test_a_read_only_registry_changes_nothing(tmp_path: Path) -> None:
    with serving(str(tmp_path)) as served:
        digest = served.push_image("a", "latest", LAYER)
    with serving(str(tmp_path), "--read-only") as served:
        assert served("GET", "/v2/a/manifests/latest").status == 200
        for method, path in (
            ("POST", "/v2/a/blobs/uploads/"),
            ("PUT", "/v2/a/manifests/latest"),
            ("DELETE", f"/v2/a/manifests/{digest}"),
            ("DELETE", f"/v2/a/blobs/{digest_of(LAYER)}"),
        ):
            answer = served(method, path)
            assert (answer.status, answer.codes()) == (405, ["UNSUPPORTED"])


def test_deleting_can_be_switched_off(tmp_path: Path) -> None:
    with serving(str(tmp_path), "--no-delete") as served:
        digest = served.push_image("a", "latest", LAYER)
        for path in ("/v2/a/manifests/latest", f"/v2/a/manifests/{digest}", f"/v2/a/blobs/{digest_of(LAYER)}"):
            answer = served("DELETE", path)
            assert (answer.status, answer.codes()) == (405, ["UNSUPPORTED"])
        assert served("DELETE", served.begin("a")).status == 204


@pytest.mark.parametrize("flag", ["--quota", "--repository-quota"])
def test_a_quota_is_kept(tmp_path: Path, flag: str) -> None:
    with serving(str(tmp_path), flag, "10k") as served:
        first = b"x" * 6000
        served.push_blob("a", first)
        second = b"y" * 6000
        answer = served("POST", f"/v2/a/blobs/uploads/?digest={digest_of(second)}", second)
        assert (answer.status, answer.codes()) == (403, ["DENIED"])
        location = served.begin("a")
        assert served("PATCH", location, iter([second])).status == 403
        assert served("GET", location).status == 404
        other = served("POST", f"/v2/b/blobs/uploads/?digest={digest_of(second)}", second)
        assert other.status == (403 if flag == "--quota" else 201)


def test_a_client_that_meets_a_quota_is_not_sent_to_log_in(tmp_path: Path) -> None:
    content = b"x" * 6000
    with serving(str(tmp_path / "store"), "--quota", "1k") as served:
        name = reference.parse(f"{served.address.partition('://')[2]}/a:1")
        with Client(Options("test"), Accounts(str(tmp_path))) as client:
            target = client.repository(name, for_writing=True)
            with pytest.raises(PermissionDenied, match="quota exceeded") as caught:
                upload(target, lambda start, size: content[start : start + size], digest_of(content), 6000, Patience())
    assert caught.value.hint == ""


@pytest.mark.parametrize("flag", ["--quota", "--repository-quota"])
def test_unfinished_uploads_count_for_a_quota(tmp_path: Path, flag: str) -> None:
    with serving(str(tmp_path), flag, "10k") as served:
        part, place = b"x" * 6000, served.begin("a")
        assert served("PATCH", place, iter([part])).status == 202
        second = served.begin("a")
        answer = served("PATCH", second, iter([b"y" * 6000]))
        assert (answer.status, answer.codes()) == (403, ["DENIED"])
        other = served("POST", f"/v2/b/blobs/uploads/?digest={digest_of(part)}", part)
        assert other.status == (403 if flag == "--quota" else 201)
        served("DELETE", f"/v2/b/blobs/{digest_of(part)}")
        if flag == "--repository-quota":  # an upload does not count twice, while it goes on and when it is a blob
            assert served("PATCH", place, iter([b"x" * 3000])).status == 202
            assert served("PUT", f"{place}?digest={digest_of(b'x' * 9000)}").status == 201
            assert served("PATCH", served.begin("a"), iter([b"y" * 2000])).status == 403
        else:
            assert served("DELETE", place).status == 204
            served.push_blob("a", b"y" * 6000)


def test_limits_of_blobs_and_uploads(tmp_path: Path) -> None:
    with serving(str(tmp_path), "--max-blob", "1k", "--max-uploads", "2") as served:
        answer = served("POST", f"/v2/a/blobs/uploads/?digest={digest_of(LAYER)}", b"x" * 1025)
        assert (answer.status, answer.codes()) == (413, ["SIZE_INVALID"])
        assert served("PATCH", served.begin("a"), iter([b"x" * 1025])).status == 413
        served.begin("a")
        served.begin("a")
        answer = served("POST", "/v2/a/blobs/uploads/")
        assert (answer.status, answer.codes(), answer.headers["Retry-After"]) == (429, ["TOOMANYREQUESTS"], "10")


def test_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*words.split(), *named], check=True, capture_output=True)
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key))
    (tmp_path / "store").mkdir()
    with serving(str(tmp_path / "store"), *flags) as served:
        assert served.address.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(certificate))
        place = f"{served.address}/v2/a/blobs/uploads/?digest={digest_of(LAYER)}"
        push = urllib.request.Request(place, LAYER, method="POST")
        with urllib.request.urlopen(push, context=trusted) as answer:
            assert answer.status == 201
        with urllib.request.urlopen(f"{served.address}{answer.headers['Location']}", context=trusted) as answer:
            assert answer.read() == LAYER


def test_a_full_disk_is_said_and_not_kept_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "registry", str(disk)], check=True)
    try:
        with serving(str(disk)) as served:
            served.push_image("a", "latest", LAYER)
            data = b"x" * (6 << 20)
            whole = served("POST", f"/v2/a/blobs/uploads/?digest={digest_of(data)}", data)
            assert (whole.status, "disk is full" in whole.body.decode()) == (503, True)
            assert served("PATCH", served.begin("a"), data).status == 503
            served.push_image("a", "next", b"there is room again")
        assert list((disk / "uploads").iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_client_that_leaves_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with serving(str(tmp_path)) as served:
        location = served.begin("a")
        host, _, port = served.host.partition(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
            connection.sendall(head.encode() + b"x" * 600_000)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        data = b"x" * 900_000
        size = int(served("GET", location).headers["Range"].partition("-")[2]) + 1
        assert 0 < size <= 600_000
        answer = served("PATCH", location, data[size:], {"Content-Range": f"{size}-{len(data) - 1}"})
        assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(data) - 1}")
        assert served("PUT", f"{location}?digest={digest_of(data)}").status == 201


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_upload_goes_on_in_another_process_and_after_a_restart(tmp_path: Path, scheme: str) -> None:
    store = f"{scheme}{tmp_path}"
    with serving(store) as one, serving(store) as two:
        location = one.begin("a")
        assert one("PATCH", location, b"first ").status == 202
        assert two("PATCH", location, b"second ").status == 202
        assert one.end(9) and two.end() == 0
    with serving(store) as three:
        digest = digest_of(b"first second third")
        assert three("PUT", f"{location}?digest={digest}", b"third").status == 201
        assert three("GET", f"/v2/a/blobs/{digest}").body == b"first second third"


def test_an_answer_comes_before_the_body_of_a_client_that_asks(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    with serving(str(tmp_path), "--anonymous-pull") as served:
        host, _, port = served.host.partition(":")
        for headers, first in (({}, b"HTTP/1.1 401"), (basic("ann"), b"HTTP/1.1 100 Continue")):
            with socket.create_connection((host, int(port))) as connection:
                lines = [f"{name}: {value}" for name, value in headers.items()]
                data = encode(image())
                head = ["PUT /v2/a/manifests/x HTTP/1.1", "Host: x", "Expect: 100-continue", *lines]
                head += [f"Content-Type: {OCI_MANIFEST}", f"Content-Length: {len(data)}", "", ""]
                connection.sendall("\r\n".join(head).encode())
                assert connection.recv(4096).startswith(first)


def test_a_signal_ends_it_in_peace(tmp_path: Path) -> None:
    with serving(str(tmp_path)) as served:
        served.push_blob("a", LAYER)
        assert served.end() == 0


@pytest.mark.parametrize("way", ["basic", "token"])
def test_a_wrong_password_is_not_taken_for_the_right_one_that_is_kept(tmp_path: Path, way: str) -> None:
    add(tmp_path / "store", "ann", "team/*:pull")
    config = tmp_path / "client"

    def login(host: str, password: str) -> tuple[int, str]:
        words = (PROGRAM, "--root", str(tmp_path / "root"), "--config", str(config), "login", host, "-u", "ann")
        done = subprocess.run([*words, "--password-stdin"], input=password, capture_output=True, text=True)
        return done.returncode, done.stderr

    with serving(str(tmp_path / "store"), "--auth", way) as served:
        host = served.address.partition("://")[2]
        assert login(host, "wrong")[0] == 1
        assert not (config / "config.json").exists()
        assert login(host, "password of ann")[0] == 0
        kept = (config / "config.json").read_bytes()
        assert ("identitytoken" in json.loads(kept)["auths"][host]) is (way == "token")
        code, said = login(host, "wrong")
        assert code == 1
        assert "401 Unauthorized" in said or "unauthorized: authentication required" in said
        assert (config / "config.json").read_bytes() == kept
