"""images/releases.py and bootstrap.py: which release a name means, and what mmdebstrap's output says."""

import pytest

from sampan.errors import InvalidArgument, NotFound
from sampan.images import bootstrap, releases
from sampan.images.releases import Release, Source


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("debian:bookworm-slim", Release("debian", "bookworm", True)),
        ("debian:bookworm", Release("debian", "bookworm", False)),
        ("debian:12-slim", Release("debian", "bookworm", True)),
        ("debian", Release("debian", "stable", False)),
        ("docker.io/library/ubuntu:jammy", Release("ubuntu", "jammy", False)),
        ("ubuntu:24.04", Release("ubuntu", "noble", False)),
    ],
)
def test_a_reference_names_a_release(name: str, release: Release) -> None:
    assert releases.release_of(name) == release


@pytest.mark.parametrize("name", ["alpine:3", "me/debian:x", "debian:1.2.3", "debian:-x", "debian@sha256:" + "0" * 64])
def test_what_is_no_release_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        releases.release_of(name)


LISTED = """\
http://a.example/debian/\tbookworm\tmain\tDebian\tPackages
http://a.example/debian/\tbookworm\tmain\tDebian\tSources
http://a.example/debian/\tbookworm\tnon-free-firmware\tDebian\tPackages
http://a.example/debian/\tbookworm-updates\tmain\t$(ORIGIN)\tPackages
http://a.example/debian/\tbookworm-backports\tmain\tDebian\tPackages
http://a.example/security/\tbookworm-security\tmain\tDebian\tPackages
http://vendor.example/\tbookworm\tmain\tVendor\tPackages
http://vendor.example/\tbookworm\tstable\tVendor\tPackages
"""


def test_sources_are_the_distribution_s_own_and_move_to_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampan.linux.process.run", lambda command: (0, LISTED, ""))
    monkeypatch.setattr(releases, "_host", lambda: ("debian", "bookworm"))
    own = releases.sources_for(Release("debian", "bookworm", False))
    assert own == (
        Source("http://a.example/debian/", "bookworm", ("main",)),
        Source("http://a.example/debian/", "bookworm-updates", ("main",)),
        Source("http://a.example/security/", "bookworm-security", ("main",)),
    )
    moved = releases.sources_for(Release("debian", "trixie", True))
    assert [source.line for source in moved] == [
        "deb http://a.example/debian/ trixie main",
        "deb http://a.example/debian/ trixie-updates main",
        "deb http://a.example/security/ trixie-security main",
    ]
    with pytest.raises(NotFound):
        releases.sources_for(Release("ubuntu", "jammy", False))


def test_progress_only_grows_and_errors_are_kept() -> None:
    seen: list[tuple[str, int]] = []
    output = bootstrap._Output(lambda stage, percent: seen.append((stage, percent)))
    for line in (
        "I: running apt-get update...",
        "Get:1 somewhere",
        "I: downloading packages with apt...",
        "0 upgraded, 2 newly installed, 0 to remove",
        "Get:1 a",
        "Get:2 b",
        "I: installing essential packages...",
        "Setting up x",
        "E: Unable to locate package nope",
        "E: mmdebstrap failed to run",
    ):
        output.line(line)
    percents = [percent for _, percent in seen]
    assert percents == sorted(set(percents)) and percents[-1] >= 50
    assert ("downloading packages", 35) in seen
    assert output.reason() == "Unable to locate package nope"
