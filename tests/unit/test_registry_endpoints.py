"""Where registries are spoken to, through which proxy, and what they challenge with: tables."""

from typing import Any

import pytest

from sampan.errors import Corrupt, InvalidArgument, PermissionDenied
from sampan.oci import reference
from sampan.registry import challenges, endpoints, transport
from sampan.registry.proxies import proxy_for
from sampan.settings.model import Registry


def urls(text: str, *rules: Registry, for_writing: bool = False) -> list[str]:
    found = endpoints.resolve(reference.parse(text), rules, for_writing=for_writing)
    return [f"{item.base}/v2/{item.repository}{'' if item.is_verified else ' unverified'}" for item in found]


HUB = "https://registry-1.docker.io/v2/library/busybox"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("busybox", [HUB]),
        ("index.docker.io/busybox", [HUB]),
        ("me/app", ["https://registry-1.docker.io/v2/me/app"]),
        ("ghcr.io/team/app:1", ["https://ghcr.io/v2/team/app"]),
        ("registry.example.com:5000/a", ["https://registry.example.com:5000/v2/a"]),
        ("localhost:5000/a", ["http://localhost:5000/v2/a", "https://localhost:5000/v2/a unverified"]),
        ("127.0.0.1:5000/a", ["http://127.0.0.1:5000/v2/a", "https://127.0.0.1:5000/v2/a unverified"]),
        ("[::1]:5000/a", ["http://[::1]:5000/v2/a", "https://[::1]:5000/v2/a unverified"]),
        ("127.0.0.1.example.com/a", ["https://127.0.0.1.example.com/v2/a"]),
        ("localhost.example.com/a", ["https://localhost.example.com/v2/a"]),
    ],
)
def test_a_registry_is_spoken_to_with_tls_unless_it_is_this_host(text: str, expected: list[str]) -> None:
    assert urls(text) == expected


def test_what_the_settings_call_insecure_is_tried_without_tls_last() -> None:
    rule = Registry("plain.example.com", insecure=True)
    assert urls("plain.example.com/a", rule) == [
        "https://plain.example.com/v2/a unverified",
        "http://plain.example.com/v2/a unverified",
    ]
    assert urls("other.example.com/a", rule) == ["https://other.example.com/v2/a"]


@pytest.mark.parametrize(
    ("text", "rule", "first"),
    [
        (
            "busybox",
            Registry("docker.io", mirrors=("https://m.example.com",)),
            "https://m.example.com/v2/library/busybox",
        ),
        ("a.io/x/y", Registry("a.io", mirrors=("https://m.example.com/hub/",)), "https://m.example.com/v2/hub/x/y"),
        ("a.io/x/y", Registry("a.io/x", mirrors=("https://m.example.com/hub",)), "https://m.example.com/v2/hub/y"),
        ("a.io/x/y", Registry("a.io/x", mirrors=("https://m.example.com",)), "https://m.example.com/v2/y"),
        ("a.io/x", Registry("a.io", mirrors=("http://localhost:5000",)), "http://localhost:5000/v2/x unverified"),
    ],
)
def test_mirrors_come_first_by_prefix(text: str, rule: Registry, first: str) -> None:
    assert urls(text, rule)[0] == first
    assert len(urls(text, rule)) == 2
    assert len(urls(text, rule, for_writing=True)) == 1


def test_the_longest_prefix_decides_and_mirrors_keep_their_order() -> None:
    rules = (
        Registry("a.io", mirrors=("https://all.example.com",)),
        Registry("a.io/team", mirrors=("https://one.example.com", "https://two.example.com")),
    )
    assert [url.split("/")[2] for url in urls("a.io/team/app", *rules)] == [
        "one.example.com",
        "two.example.com",
        "a.io",
    ]
    assert [url.split("/")[2] for url in urls("a.io/teams/app", *rules)] == ["all.example.com", "a.io"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        (
            'Bearer realm="https://auth.example.com/token",service="r",scope="repository:a:pull,push"',
            [
                (
                    "bearer",
                    {"realm": "https://auth.example.com/token", "service": "r", "scope": "repository:a:pull,push"},
                )
            ],
        ),
        ('Bearer  realm = "x" , service=https://foo/bar', [("bearer", {"realm": "x", "service": "https://foo/bar"})]),
        ('Negotiate, Basic realm="x"', [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('NTLM abcd==, Basic realm="a\\"b"', [("ntlm", {}), ("basic", {"realm": 'a"b'})]),
        (', Basic realm=""', [("basic", {"realm": ""})]),
        ('bAsIc REALM="x"', [("basic", {"realm": "x"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ("", []),
    ],
)
def test_challenges_are_read_as_http_has_them(header: str, expected: list[Any]) -> None:
    assert [(item.scheme, dict(item.parameters)) for item in challenges.parse([header])] == expected


@pytest.mark.parametrize(
    "header", ['"oops"', 'realm="x"', 'Basic realm="x', "Basic realm=x y=z=\x00\x01(", "x" * 20_000]
)
def test_challenges_that_are_none_are_refused(header: str) -> None:
    with pytest.raises(Corrupt):
        challenges.parse([header])


def service(realm: str, scheme: str = "https", host: str = "registry.example.com") -> str:
    challenge = challenges.Challenge("bearer", {"realm": realm})
    return challenges.token_service(challenge, scheme=scheme, host=host).realm


@pytest.mark.parametrize(
    ("realm", "scheme", "host"),
    [
        ("https://auth.example.com/token", "https", "registry.example.com"),
        ("http://127.0.0.1:5001/token", "http", "localhost:5000"),
        ("http://plain.example.com/token", "http", "plain.example.com"),
        ("https://auth.example.com/token", "http", "localhost:5000"),
    ],
)
def test_token_services_with_tls_or_on_this_host_are_asked(realm: str, scheme: str, host: str) -> None:
    assert service(realm, scheme, host) == realm


@pytest.mark.parametrize(
    ("realm", "scheme", "host", "kind"),
    [
        ("http://auth.example.com/token", "https", "registry.example.com", PermissionDenied),
        ("http://registry.example.com/token", "https", "registry.example.com", PermissionDenied),
        ("http://other.example.com/token", "http", "plain.example.com", PermissionDenied),
        ("http://localhost/token", "https", "registry.example.com", PermissionDenied),
        ("file:///etc/passwd", "https", "registry.example.com", Corrupt),
        ("https://user:pass@auth.example.com/", "https", "registry.example.com", Corrupt),
        ("https:///token", "https", "registry.example.com", Corrupt),
        ("https://a.example.com/\r\nX: y", "https", "registry.example.com", Corrupt),
        ("https://a.example.com:99999999/", "https", "registry.example.com", Corrupt),
        ("https://a.example.com\\@b.example.com/", "https", "registry.example.com", Corrupt),
        ("", "https", "registry.example.com", Corrupt),
    ],
)
def test_other_token_services_are_not(realm: str, scheme: str, host: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        service(realm, scheme, host)


PROXY = {"HTTPS_PROXY": "http://proxy.example.com:3128", "HTTP_PROXY": "http://plain.example.com:3128"}


@pytest.mark.parametrize(
    ("scheme", "name", "port", "environment", "expected"),
    [
        ("https", "a.io", 443, PROXY, "http://proxy.example.com:3128"),
        ("http", "a.io", 80, PROXY, "http://plain.example.com:3128"),
        ("https", "a.io", 443, {"https_proxy": "proxy:1"}, "http://proxy:1"),
        ("https", "a.io", 443, {}, ""),
        ("http", "localhost", 5000, PROXY, ""),
        ("http", "127.0.0.1", 5000, PROXY, ""),
        ("http", "::1", 5000, PROXY, ""),
        ("https", "a.io", 443, {**PROXY, "NO_PROXY": "*"}, ""),
        ("https", "a.io", 443, {**PROXY, "NO_PROXY": "b.io, a.io"}, ""),
        ("https", "x.a.io", 443, {**PROXY, "no_proxy": "a.io"}, ""),
        ("https", "x.a.io", 443, {**PROXY, "NO_PROXY": ".a.io"}, ""),
        ("https", "a.io", 443, {**PROXY, "NO_PROXY": ".a.io"}, "http://proxy.example.com:3128"),
        ("https", "xa.io", 443, {**PROXY, "NO_PROXY": "a.io"}, "http://proxy.example.com:3128"),
        ("https", "a.io", 5000, {**PROXY, "NO_PROXY": "a.io:5000"}, ""),
        ("https", "a.io", 5001, {**PROXY, "NO_PROXY": "a.io:5000"}, "http://proxy.example.com:3128"),
        ("https", "10.1.2.3", 443, {**PROXY, "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https", "fd00::7", 443, {**PROXY, "NO_PROXY": "fd00::/16"}, ""),
        ("http", "a.io", 80, {**PROXY, "REQUEST_METHOD": "GET"}, ""),
    ],
)
def test_proxies_are_as_the_environment_says(
    scheme: str, name: str, port: int, environment: dict[str, str], expected: str
) -> None:
    assert proxy_for(scheme, name, port, environment) == expected


def test_a_proxy_that_is_none_is_told() -> None:
    with pytest.raises(InvalidArgument, match="HTTPS_PROXY"):
        proxy_for("https", "a.io", 443, {"HTTPS_PROXY": "socks5://x"})


def test_a_wait_follows_the_registry_or_grows() -> None:
    patience = transport.Patience(first_wait_seconds=1.0)
    assert patience.wait(0, 7.0) == 7.0
    assert patience.wait(0, 100_000.0) == 120.0
    assert 0.5 <= patience.wait(0, None) <= 1.0
    assert 4.0 <= patience.wait(3, None) <= 8.0
    assert patience.wait(30, None) <= 15.0
