"""Where a registry may send us, by text and by what a name turns out to be; and answers that drip."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampan.errors import Corrupt, PermissionDenied, SampanError
from sampan.oci import manifest as manifests
from sampan.oci import reference
from sampan.registry import listing
from sampan.registry.accounts import Accounts
from sampan.registry.authority import Authority
from sampan.registry.client import Client
from sampan.registry.endpoints import Endpoint
from sampan.registry.failures import Unreachable
from sampan.registry.reach import ELSEWHERE, HERE, LINK, check_reach, place_of
from sampan.registry.transport import Options, Patience, Transport
from sampan.testing.scripted import Reply, scripted

IMPATIENT = Options("test", patience=Patience(1, 2.0, 0.4, 0.01))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        *((name, HERE) for name in ("localhost", "a.localhost", "LOCALHOST.", "127.0.0.1", "127.1", "127.8.9.10", "0")),
        *((name, HERE) for name in ("0x7f000001", "2130706433", "0177.0.0.1", "0.0.0.0", "::1", "::")),
        *((name, HERE) for name in ("::ffff:127.0.0.1", "0:0:0:0:0:0:0:1", "64:ff9b::7f00:1")),
        *((name, LINK) for name in ("169.254.169.254", "169.254.1", "2852039166", "0xa9fea9fe", "fe80::1%eth0")),
        *(
            (name, LINK)
            for name in ("::ffff:169.254.169.254", "fd00:ec2::254", "224.0.0.1", "ff02::1", "255.255.255.255")
        ),
        *((name, ELSEWHERE) for name in ("registry.example.com", "10.0.0.1", "192.168.1.1", "2001:db8::1", "fd00::1")),
        *((name, ELSEWHERE) for name in ("127.0.0.1.example.com", "localhost.example.com", "1.2.3.4.5", "fec0")),
    ],
)
def test_an_address_is_known_in_every_form(name: str, place: str) -> None:
    assert place_of(name) == place


@pytest.mark.parametrize(
    ("sender", "target", "is_allowed"),
    [
        ("https://registry.example.com", "https://cdn.example.com/x", True),
        ("https://registry.example.com", "https://10.0.0.1/x", True),
        ("https://registry.example.com", "https://127.1/x", False),
        ("https://registry.example.com", "https://[::ffff:127.0.0.1]/x", False),
        ("https://registry.example.com", "http://169.254.169.254/latest/meta-data", False),
        ("http://127.0.0.1:5000", "http://169.254.169.254/latest/meta-data", False),
        ("http://127.0.0.1:5000", "http://localhost:5001/x", True),
        ("http://127.0.0.1:5000", "https://registry.example.com/x", True),
        ("http://169.254.1.1:5000", "http://169.254.1.1:5000/x", True),
    ],
)
def test_nobody_elsewhere_sends_us_here_and_nobody_to_our_link(sender: str, target: str, is_allowed: bool) -> None:
    if is_allowed:
        check_reach(sender, target)
    else:
        with pytest.raises(PermissionDenied, match="redirects to"):
            check_reach(sender, target)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/x", "gopher://x/", "http:///x", "//"])
def test_a_redirect_to_what_is_no_web_address_is_refused(location: str) -> None:
    with scripted() as script, Client(IMPATIENT, Accounts("/nowhere")) as client:
        script.rule = lambda request: Reply(307, {"Location": location})
        with pytest.raises(SampanError, match=r"no URL|circles"):
            client.repository(reference.parse(f"{script.host}/app:1")).manifest("1")


def test_a_redirect_to_the_metadata_of_a_cloud_is_not_followed() -> None:
    with scripted() as script, Client(IMPATIENT, Accounts("/nowhere")) as client:
        script.rule = lambda request: Reply(307, {"Location": "http://169.254.169.254/latest/meta-data/"})
        with pytest.raises(PermissionDenied, match="metadata"):
            client.repository(reference.parse(f"{script.host}/app:1")).manifest("1")


def test_a_name_that_turns_out_to_be_this_host_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of somebody else's that is looked up to 127.0.0.1: the connection is closed before a byte is sent."""
    look_up = socket.getaddrinfo

    def to_here(host: str, *more: object, **named: object) -> object:
        return look_up("127.0.0.1" if host == "rebound.example.com" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", to_here)
    with scripted() as script:
        port = script.host.rpartition(":")[2]
        url = f"http://rebound.example.com:{port}/x"
        transport = Transport(IMPATIENT, {})
        with pytest.raises(PermissionDenied, match="this host itself"):
            transport.send("GET", url, sent_by="https://registry.example.com/v2/")
        assert script.seen == []
        transport.send("GET", url, sent_by=url).discard()  # but a registry that is itself here may have any name
        transport.send("GET", url).discard()
        assert len(script.seen) == 2
        transport.close()


@pytest.mark.parametrize("realm", ["https://127.0.0.1/token", "https://169.254.169.254/token", "https://[::1]/token"])
def test_a_token_service_on_this_host_is_not_named_from_elsewhere(realm: str) -> None:
    authority = Authority(Transport(IMPATIENT, {}), Accounts("/nowhere"))
    endpoint = Endpoint("https", "registry.example.com", "app", "")
    with pytest.raises(PermissionDenied, match="redirects to"):
        authority.answer(endpoint, ["repository:app:pull"], [f'Bearer realm="{realm}"'])


# Lists


def pages(following: Callable[[int], str]) -> list[str]:
    asked: list[str] = []

    def ask(query: str) -> listing.Page:
        asked.append(query)
        return listing.Page(b'{"tags":["a"]}', following(len(asked)))

    return listing.collect(ask, lambda content: listing.tags_of(content, "r"))


def test_pages_that_lead_in_circles_or_never_end_are_refused() -> None:
    assert pages(lambda count: f"last={count}" if count < 3 else "") == ["a"] * 3
    for following in (lambda count: "n=1000", lambda count: f"last={count % 5}"):
        with pytest.raises(Corrupt, match="circles"):
            pages(following)
    with pytest.raises(Corrupt, match="does not end"):
        pages(lambda count: f"last={count}")


# Answers that drip, or are too much


@contextmanager
def saying(*pieces: bytes, then: bytes = b"", every_seconds: float = 0.02) -> Iterator[str]:
    """A server that answers each connection with the pieces and then, until it is closed, with `then` again and
    again: its host:port."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(1 << 16)
                for piece in pieces:
                    connection.sendall(piece)
                while then and not ended.wait(every_seconds):
                    connection.sendall(then)
            except OSError:
                return  # the client has heard enough

    def serve() -> None:
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        server.shutdown(socket.SHUT_RDWR)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("pieces", "then"),
    [
        ((b"H",), b"x"),
        ((OK,), b"X"),
        ((OK, b"X-A: "), b"a"),
        ((OK, b"Content-Length: 4000000\r\n\r\n"), b"{"),
        ((OK, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n{\r\n"),
    ],
    ids=["status", "header", "value", "body", "chunks"],
)
def test_an_answer_that_drips_is_given_up(tmp_path: Path, pieces: tuple[bytes, ...], then: bytes) -> None:
    with saying(*pieces, then=then, every_seconds=0.15) as host, Client(IMPATIENT, Accounts(str(tmp_path))) as client:
        with pytest.raises(Unreachable, match="stalled"):
            client.repository(reference.parse(f"{host}/app:1")).manifest("1")


def test_a_document_that_never_ends_is_given_up_before_it_is_too_large(tmp_path: Path) -> None:
    """Fast enough not to count as silence, and endless all the same."""
    hasty = Options("test", patience=Patience(1, 2.0, 0.05, 0.01))
    pieces = (OK, b"Content-Length: 4000000\r\n\r\n")
    with (
        saying(*pieces, then=b" " * 500, every_seconds=0.005) as host,
        Client(hasty, Accounts(str(tmp_path))) as client,
    ):
        with pytest.raises(Unreachable, match="stalled"):
            client.repository(reference.parse(f"{host}/app:1")).manifest("1")


@pytest.mark.parametrize(
    "pieces",
    [
        (OK, b"X-Long: " + b"a" * 70_000, b"\r\n\r\n"),
        (OK, b"".join(b"X-%d: a\r\n" % count for count in range(200)), b"\r\n"),
        (b"HTTP/1.1 " + b"2" * 70_000, b"\r\n\r\n"),
        (b"HTTP/9.9 99999 ?\r\n\r\n",),
        (b"\x00" * 5000,),
        (OK, b"Content-Length: -5\r\n\r\n", b"x"),
        (OK, b"Content-Length: 1, 2\r\n\r\n", b"x"),
        (OK, b"Transfer-Encoding: chunked\r\n\r\n", b"zzz\r\n"),
        (OK, b"Transfer-Encoding: chunked\r\n\r\n", b"f" * 70_000),
        (OK, b"Content-Type: \xff\xfe\r\nDocker-Content-Digest: \x80\r\nContent-Length: 2\r\n\r\n", b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 300,),
        (OK, b"Content-Length: 0\r\n\r\n", OK, b"Content-Length: 2\r\n\r\n{}"),
    ],
    ids=["line", "count", "status", "version", "zeros", "minus", "two", "chunk", "long-chunk", "bytes", "100", "more"],
)
def test_an_answer_that_is_none_is_an_error_and_no_more(tmp_path: Path, pieces: tuple[bytes, ...]) -> None:
    with saying(*pieces) as host, Client(IMPATIENT, Accounts(str(tmp_path))) as client:
        with pytest.raises(SampanError) as caught:
            found = client.repository(reference.parse(f"{host}/app:1")).manifest("1")
            manifests.parse(found.content, found.media_type)
        assert len(caught.value.message) < 1000
