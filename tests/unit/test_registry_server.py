"""What a registry decides without input or output: paths, ranges, pages, rules, tokens, names of imported images."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.linux import crypt
from sampan.registry.server import bodies, layout, paging, ranges
from sampan.registry.server.collection import height, reachable
from sampan.registry.server.importing import target
from sampan.registry.server.manifests import Named, Stored, describe
from sampan.registry.server.metrics import Metrics
from sampan.registry.server.problems import Problem
from sampan.registry.server.routes import Route, action, find, is_write
from sampan.registry.server.tokens import Tokens
from sampan.registry.server.users import allowed, parse_rule, parse_rules, parse_users
from sampan.testing.serving import OCI_MANIFEST, encode, image

SHA256, SHA512 = "sha256:" + "0" * 64, "sha512:" + "f" * 128


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2/", Route("version")),
        ("/v2/a/manifests/latest", Route("manifest", "a", "latest")),
        ("/v2/a/manifests/manifests/v1", Route("manifest", "a/manifests", "v1")),
        ("/v2/a/blobs/uploads/", Route("uploads", "a")),
        ("/v2/a/blobs/uploads", Route("uploads", "a")),
        ("/v2/a/blobs/uploads/0123", Route("upload", "a", "0123")),
        (f"/v2/a/b/blobs/{SHA256}", Route("blob", "a/b", SHA256)),
        (f"/v2/blobs/uploads/blobs/{SHA256}", Route("blob", "blobs/uploads", SHA256)),
        ("/v2/tags/list/tags/list", Route("tags", "tags/list")),
        (f"/v2/a/referrers/{SHA512}", Route("referrers", "a", SHA512)),
        ("/repositories/a/b@x", Route("page", "", "a/b@x")),
        ("/v2/manifests/latest", None),
        ("/v3/", None),
    ],
)
def test_a_path_has_a_route(path: str, route: Route | None) -> None:
    assert find(path) == route


def test_a_small_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.01)

    async def wait() -> None:
        async with bodies.in_time():
            await asyncio.sleep(60)

    with pytest.raises(Problem, match="in time") as refused:
        asyncio.run(wait())
    assert refused.value.status == 408


@pytest.mark.parametrize(("length", "is_kept"), [(100, True), (17 << 10, False)])
def test_a_referrers_descriptor_stays_small(length: int, is_kept: bool) -> None:
    data = encode(image(annotations={"a": "x" * length}))
    assert ("annotations" in describe(Stored(SHA256, OCI_MANIFEST, data))) == is_kept


@pytest.mark.parametrize(
    ("kind", "method", "needed", "writes"),
    [
        ("manifest", "GET", "pull", False),
        ("manifest", "PUT", "push", True),
        ("manifest", "DELETE", "delete", True),
        ("upload", "GET", "push", True),
        ("upload", "DELETE", "push", True),
        ("uploads", "POST", "push", True),
        ("tags", "HEAD", "pull", False),
    ],
)
def test_a_request_needs_a_right(kind: str, method: str, needed: str, writes: bool) -> None:
    route = Route(kind, "a", "x")
    assert (action(route, method), is_write(route, method)) == (needed, writes)


@given(st.text(max_size=40))
def test_no_name_leads_outside(text: str) -> None:
    try:
        name = layout.checked_name(text)
    except Problem as problem:
        assert problem.code == "NAME_INVALID"
    else:
        assert not {"", ".", ".."} & set(name.split("/"))
        assert not any(part.startswith("_") for part in name.split("/"))


@pytest.mark.parametrize("text", [SHA256, SHA512])
def test_digests_become_names_and_come_back(text: str) -> None:
    assert layout.is_digest(text)
    assert layout.undashed(layout.dashed(text)) == text


def test_the_fallbacks_tag_is_cut() -> None:
    assert layout.fallback_tag(SHA256) == "sha256-" + "0" * 64
    assert layout.fallback_tag(SHA512) == "sha512-" + "f" * 64
    assert layout.is_tag(layout.fallback_tag(SHA512))


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(0, 1200))
def test_a_range_is_a_part(size: int, first: int, last: int) -> None:
    text = f"bytes={first}-{last}"
    if first >= size or last < first:
        with pytest.raises(Problem) as caught:
            ranges.part_of(text, size)
        assert caught.value.status == 416
    else:
        assert ranges.part_of(text, size) == (first, min(last, size - 1) - first + 1)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True).map(sorted), st.integers(1, 9))
def test_pages_make_up_the_whole(items: list[str], count: int) -> None:
    seen: list[str] = []
    query = {"n": str(count)}
    while True:
        page, link = paging.page(items, query, path="/x")
        seen += page
        if not link:
            break
        assert len(page) == count
        query["last"] = page[-1]
    assert seen == items


def test_rules_cover_users_and_repositories() -> None:
    rules = parse_rules("# who\nann team/* pull,push\n@users shared/* pull # all\n* public/* pull\n\n")
    assert allowed(rules, "ann", "team/app/x") == {"pull", "push"}
    assert allowed(rules, "bob", "team/app") == frozenset()
    assert allowed(rules, "bob", "shared/app") == {"pull"}
    assert allowed(rules, "", "shared/app") == frozenset()
    assert allowed(rules, "", "public/app") == {"pull"}


@pytest.mark.parametrize("text", ["ann team/*", "ann Team pull", "ann team fly", "a:b team pull", "ann [a] pull"])
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_rule(text)
    with pytest.raises(InvalidArgument, match="rules:2: "):
        parse_rules("* a pull\n" + text)


def test_passwords_are_kept_as_bcrypt() -> None:
    hashed = crypt.hash_password("secret")
    assert hashed.startswith("$2y$") and hashed != crypt.hash_password("secret")
    assert crypt.matches("secret", hashed)
    assert not crypt.matches("Secret", hashed)
    assert parse_users(f"# comment\nann:{hashed}\n") == {"ann": hashed}
    for password in ("", "x" * 73, "a\0b"):
        with pytest.raises(InvalidArgument):
            crypt.hash_password(password)


@pytest.mark.parametrize("hashed", ["", "*", "!", "$2y$10$short", "{SHA}x", "$apr1$a$b", "plain"])
def test_what_is_no_hash_fits_no_password(hashed: str) -> None:
    assert not crypt.matches("", hashed)
    assert not crypt.matches("plain", hashed)


def test_a_token_says_who_and_what_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(b"k" * 32, "service")
    token = tokens.grant("ann", {"a": ["pull"]})
    assert tokens.read(token) == ("ann", {"a": frozenset({"pull"})})
    assert Tokens(b"l" * 32, "service").read(token) is None
    assert Tokens(b"k" * 32, "another").read(token) is None
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert tokens.read(token) is None


@given(st.text(max_size=60))
def test_what_is_no_token_is_none(text: str) -> None:
    tokens = Tokens(b"k" * 32, "service")
    assert tokens.read(text) is None
    assert tokens.login(text, {}) is None


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("team/app:1.0", "", ("team/app", "1.0")),
        ("docker.io/library/busybox:latest", "", ("library/busybox", "latest")),
        ("localhost:5000/app", "", ("app", "latest")),
        ("1.0", "team/app", ("team/app", "1.0")),
        ("", "team/app", ("team/app", "latest")),
        ("x/y:2", "team/app:3", ("team/app", "3")),
    ],
)
def test_an_imported_image_gets_a_name(text: str, name: str, expected: tuple[str, str]) -> None:
    assert target(text, name) == expected


def test_an_image_without_a_name_is_refused() -> None:
    for text in ("", "Team/App:1", "a/../b:1"):
        with pytest.raises(InvalidArgument):
            target(text, "")


def test_what_roots_lead_to_is_kept() -> None:
    documents: dict[str, Named | None] = {
        "index": Named((), ("child", "elsewhere"), ""),
        "child": Named(("blob",), (), ""),
        "signature": Named(("blob",), (), "child"),
        "about-signature": Named((), (), "signature"),
        "loose": Named((), (), ""),
        "lost": None,
    }
    assert reachable(documents, ["index"]) == {"index", "child", "signature", "about-signature"}
    assert reachable(documents, ["lost", "nowhere"]) == {"lost"}
    assert [height(documents, name) for name in ("index", "child", "lost", "nowhere")] == [2, 1, 0, 0]


def test_metrics_are_what_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.end(metrics.begin(), "blob", "GET", 200, 10)
    metrics.end(metrics.begin(), "other", "<odd>", 404, 0)
    lines = metrics.text().splitlines()
    assert 'sampan_registry_requests_total{route="other",method="other",status="404"} 1' in lines
    assert 'sampan_registry_request_seconds_bucket{route="blob",le="+Inf"} 1' in lines
    assert "sampan_registry_sent_bytes_total 10" in lines
