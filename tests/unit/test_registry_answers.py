"""What a registry answers is not believed: where it sends us, what it asks for, and numbers that are none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.engine import registries
from sampan.errors import Corrupt, PermissionDenied
from sampan.oci import reference
from sampan.registry import listing
from sampan.registry.accounts import Accounts
from sampan.registry.authority import Authority, Grant
from sampan.registry.client import Client, Repository
from sampan.registry.endpoints import Endpoint
from sampan.registry.failures import refused
from sampan.registry.reach import check_reach, origin_of
from sampan.registry.transport import Options, Patience, _retry_after
from sampan.storage.paths import Paths
from sampan.testing.scripted import Reply, Request, Script, scripted


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(Options("test", patience=Patience(attempts=1)), Accounts(str(tmp_path))) as made:
        yield made


def repository(client: Client, script: Script) -> Repository:
    return client.repository(reference.parse(f"{script.host}/app:1"), for_writing=True)


@pytest.mark.parametrize(
    "url",
    ["http://evil\\@good/x", "http://me@good/x", "http://good/a b", "http://good/\x7f", "http://good:x/", "ftp://a"],
)
def test_a_url_that_can_be_read_in_two_ways_is_none(url: str) -> None:
    with pytest.raises(Corrupt):
        origin_of(url)


def test_a_redirect_to_a_host_before_a_backslash_is_not_followed(client: Client, script: Script) -> None:
    with scripted() as elsewhere:
        script.rule = lambda request: Reply(307, {"Location": f"http://{elsewhere.host}\\@{script.host}/x"})
        with pytest.raises(Corrupt, match="is no URL"):
            repository(client, script).ping()
        assert elsewhere.seen == []


def test_login_gives_no_password_to_whom_the_registry_redirects_to(
    client: Client, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "client", lambda *given: contextlib.nullcontext(client))
    with scripted() as elsewhere:
        asks = {"WWW-Authenticate": f'Bearer realm="http://{elsewhere.host}/token"'}
        elsewhere.rule = lambda request: Reply(401, asks) if request.path == "/v2/" else Reply(body=b'{"token":"t"}')
        script.rule = lambda request: Reply(307, {"Location": f"http://{elsewhere.host}/v2/"})
        with pytest.raises(PermissionDenied, match="not sent there"):
            registries.Registries(Paths("", "", "")).login(script.host, "me", "secret")
        assert [request.path for request in elsewhere.seen] == ["/v2/"]


class Tokens:
    """A transport with a token service behind it."""

    patience = Patience(attempts=1)

    def __init__(self, body: bytes = b'{"token":"t"}') -> None:
        self.body, self.verified = body, list[bool]()

    def send(self, method: str, url: str, *, is_verified: bool, **more: Any) -> Any:
        self.verified.append(is_verified)
        return SimpleNamespace(status=200, content=lambda most: self.body)


def header(tokens: Tokens, realm: str = "https://registry.example.com/token", repository: str = "app") -> str:
    endpoint = Endpoint("https", "registry.example.com", repository, "", is_verified=False)
    authority = Authority(tokens, Accounts("/nowhere"))  # type: ignore[arg-type]
    return authority.answer(endpoint, ["repository:app:pull"], [f'Bearer realm="{realm}"'])


def test_only_an_insecure_registry_itself_may_be_anybody() -> None:
    tokens = Tokens()
    for realm in (
        "https://registry.example.com/token",
        "https://registry.example.com:5001/t",
        "https://auth.example.com",
    ):
        assert header(tokens, realm) == "Bearer t"
    assert tokens.verified == [False, False, True]


def test_a_link_to_the_next_page_is_short() -> None:
    assert listing.next_page('</v2/app/tags/list?last=b&n=2>; rel="next"') == "last=b&n=2"
    assert listing.next_page("<?" * 5000 + '>; rel="next"') == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (" 7 ", 7.0),
        ("²", None),
        ("Thu, 01 Jan 1970 00:00:09 GMT", 9.0),
        ("Mon, 01 Jan 2024 00:00:00 +9999999999999999", None),
    ],
)
def test_a_wait_that_is_no_number_is_none(text: str, seconds: float | None) -> None:
    assert _retry_after(text, 0) == seconds


def test_a_token_is_ascii_and_its_time_is_bounded() -> None:
    assert header(Tokens(b'{"token":"t","expires_in":1' + b"0" * 400 + b"}")) == "Bearer t"
    with pytest.raises(Corrupt, match="no header can hold"):
        header(Tokens('{"token":"\u20ac"}'.encode()))


def test_an_upload_does_not_go_on_at_this_host_itself() -> None:
    answer: Any = SimpleNamespace(url="https://registry.example.com/v2/", headers={"location": "https://127.0.0.1/x"})
    name: Any = SimpleNamespace(name=reference.parse("registry.example.com/app"))
    with pytest.raises(PermissionDenied, match="this host itself"):
        Repository._location(name, answer)
    check_reach("http://localhost:5000/v2/", "http://[::1]:5000/x")


def test_tokens_that_have_ended_are_forgotten() -> None:
    authority = Authority(Tokens(), Accounts("/nowhere"))  # type: ignore[arg-type]
    authority._grants = {("", str(count)): Grant("ended", 0.1) for count in range(2000)} | {("", "x"): Grant("good", 0)}
    endpoint = Endpoint("https", "registry.example.com", "app", "")
    authority.answer(endpoint, ["a"], ['Bearer realm="https://registry.example.com/token"'])
    assert [grant.header for grant in authority._grants.values()] == ["good", "Bearer t"]


def test_a_push_that_is_denied_says_why(client: Client, script: Script) -> None:
    """The answer to HEAD has no body."""

    def rule(request: Request) -> Reply:
        if request.path == "/v2/":
            return Reply()
        body = b'{"errors":[{"code":"DENIED","message":"not yours"}]}'
        return Reply(403, body=b"" if request.method == "HEAD" else body)

    script.rule = rule
    with pytest.raises(PermissionDenied, match=r"^denied: not yours$"):
        repository(client, script).has_blob("sha256:" + "a" * 64)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "unauthorized: authentication required"),
        (401, b'{"details":"incorrect username or password"}', "unauthorized: incorrect username or password"),
        (403, b'{"errors":[{"code":"DENIED","message":null}]}', "denied: requested access to the resource is denied"),
        (403, b"<html>", "received unexpected HTTP status: 403 Forbidden"),
    ],
)
def test_a_refusal_is_told_in_dockers_words(status: int, body: bytes, words: str) -> None:
    assert refused(status, body).message == words
