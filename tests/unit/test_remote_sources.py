"""What words mean elsewhere: URLs of files, repositories, named contexts; where the bytes of a context are."""

import pytest

from sampan.builder.files import sizes
from sampan.builder.files.trees import Entry
from sampan.builder.plan import named, remote
from sampan.builder.plan.steps import Remote
from sampan.dockerfile.stages import Origin
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://h/a%20b.tgz?x=1#frag", Remote("http", "https://h/a%20b.tgz?x=1", "a b.tgz")),
        ("https://h", Remote("http", "https://h", "__unnamed__")),
        ("https://h/%2e%2e", Remote("http", "https://h/%2e%2e", "__unnamed__")),
        ("https://h/x.git", Remote("git", "https://h/x.git", "x.git")),
        ("https://h/x.git#v1:a/../b/", Remote("git", "https://h/x.git", "x.git", ref="v1", subdir="b")),
        ("git@h:o/x.git#main", Remote("git", "git@h:o/x.git", "x.git", ref="main")),
        ("ssh://git@h/x", Remote("git", "ssh://git@h/x", "x")),
        (
            "https://h/x.git?tag=v1&subdir=/s&keep-git-dir&submodules=false&commit=1234567",
            Remote("git", "https://h/x.git", "x.git", "1234567", "refs/tags/v1", "s", True, False),
        ),
        ("file:///etc/passwd", None),
        ("ftp://h/x", None),
        ("a/b@c", None),
        ("git@-oProxyCommand=x:y", None),
    ],
)
def test_a_source_of_add_is_elsewhere_or_not(text: str, found: Remote | None) -> None:
    assert remote.parse(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssh://-oProxyCommand=x/y", "names no host"),
        ("https://h:x/y", "Port could not be cast"),
        ("u@h:-x", "cannot begin with -"),
        ("https://h/x.git#--upload-pack=x", "is no name of a branch"),
        ("https://h/x.git#a..b", "is no name of a branch"),
        ("https://h/x.git?nope=1", 'unexpected query "nope"'),
        ("https://h/x.git?ref=a#b", "ref conflict: b vs a"),
        ("https://h/x.git?checksum=zz", 'invalid checksum "zz"'),
        ("https://h/x.git?submodules=maybe", 'invalid submodules value "maybe"'),
    ],
)
def test_a_source_that_means_nothing_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        remote.parse(text)


def test_a_context_at_github_needs_no_scheme() -> None:
    assert remote.parse_context("github.com/o/r#v1") == Remote("git", "https://github.com/o/r.git", "r.git", ref="v1")
    assert remote.parse("github.com/o/r") is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hush@h/x", "https://xxxxx:xxxxx@h/x"),
        ("https://token@h/x.git#v1", "https://xxxxx@h/x.git#v1"),
        ("https://me:hu@sh@h/x", "https://xxxxx:xxxxx@h/x"),
        ("unable to access 'https://token@h/x'", "unable to access 'https://xxxxx@h/x'"),
        ("https://h/x?mail=me@h", "https://h/x?mail=me@h"),
        ("git@h:x", "git@h:x"),
    ],
)
def test_credentials_in_a_url_are_not_shown(url: str, shown: str) -> None:
    assert remote.redacted(url) == shown


@pytest.mark.parametrize("name", ["alpine", "docker.io/library/alpine:latest", "alpine:latest", "ALPINE"])
def test_a_named_context_is_found_by_every_form_of_its_name(name: str) -> None:
    contexts = named.parse(("docker.io/library/alpine=docker-image://busybox:1", "src=../src"))
    assert named.origin(name, contexts) == Origin(None, "busybox:1")
    assert named.origin("alpine:3", contexts) is None
    assert named.origin("src", contexts) == Origin(None, context="src")


def _file(path: str, size: int) -> Entry:
    return Entry(path, "f", 0o644, 0, 0, "", 0, 1, 0, 0, (0, 0, size, 0, 0))


def test_the_folder_that_is_most_of_a_context_and_seldom_meant_is_named() -> None:
    large = _file("web/node_modules/x/y", 60 << 20)
    found = sizes.measure([large, large, _file("a", 5)])
    assert (found.bytes, found.files) == ((60 << 20) + 5, 2)
    assert [folder.path for folder in found.folders] == ["web", "web/node_modules", "web/node_modules/x"]
    assert sizes.heavy(found) == sizes.Folder("web/node_modules", 60 << 20, 1)
    assert sizes.heavy(sizes.measure([large, _file("data/x", 70 << 20)])) is None
    assert sizes.heavy(sizes.measure([_file(".git/x", 40 << 20)])) is None
