"""Which distribution release a reference names, and where this host's own apt sources have it."""

import re
from typing import NamedTuple

from sampan.errors import InvalidArgument, NotFound, Unsupported
from sampan.linux import process
from sampan.oci import reference

_NUMBERS = {
    "debian": {"11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky", "latest": "stable"},
    "ubuntu": {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "26.04": "resolute", "latest": "noble"},
}
_SUITE = re.compile(r"[a-z][a-z0-9-]*")
_POCKETS = ("", "-updates", "-security")
_OFFICIAL = frozenset(("main", "universe"))


class Release(NamedTuple):
    """What is to be made: `suite` as apt knows it."""

    distribution: str
    suite: str
    is_slim: bool


class Source(NamedTuple):
    """One archive of apt: its URI, the suite there, and components."""

    uri: str
    suite: str
    components: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"deb {self.uri} {self.suite} {' '.join(self.components)}"


def release_of(name: str) -> Release:
    """debian:bookworm-slim, ubuntu:jammy, debian:12 ... as a release. Raises InvalidArgument for anything else."""
    wanted = reference.parse(name)
    distribution = wanted.repository.removeprefix("library/")
    if distribution not in _NUMBERS or wanted.digest:
        raise InvalidArgument(
            f"cannot bootstrap {name}: only Debian and Ubuntu releases can be made from packages",
            hint="write debian:RELEASE, debian:RELEASE-slim or ubuntu:RELEASE, and -t for another name",
        )
    tag = wanted.tag.removesuffix("-slim")
    suite = _NUMBERS[distribution].get(tag, tag)
    if not _SUITE.fullmatch(suite):
        raise InvalidArgument(
            f"{tag!r} is no release of {distribution}", hint="write its code name, as in debian:bookworm"
        )
    return Release(distribution, suite, wanted.tag.endswith("-slim"))


def sources_for(release: Release) -> tuple[Source, ...]:
    """The archives of a release, from this host's apt sources. Raises NotFound, Unsupported where apt is missing.

    A release that the host does not use itself is looked for where the host's own release comes from.
    """
    host_distribution, host_suite = _host()
    configured = _configured()
    own = _of_suite(configured, release.suite)
    if own:
        return own
    if host_distribution == release.distribution:
        moved = [
            source._replace(suite=source.suite.replace(host_suite, release.suite, 1))
            for source in _of_suite(configured, host_suite)
        ]
        if moved:
            return tuple(moved)
    raise NotFound(
        f"the apt sources of this host do not lead to {release.distribution} {release.suite}",
        hint=f"add a source for it to /etc/apt/sources.list.d, or import a root file system (sampan import), or use a"
        f" release of {host_distribution}",
    )


def _of_suite(configured: list[Source], suite: str) -> tuple[Source, ...]:
    wanted = {suite + pocket for pocket in _POCKETS}
    return tuple(source for source in configured if source.suite in wanted)


def _configured() -> list[Source]:
    """The distribution's own archives among the host's sources, in order, with `main` and `universe` only."""
    form = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)\t$(CREATED_BY)"
    try:
        code, listed, error = process.run(["apt-get", "indextargets", "--format", form])
    except FileNotFoundError as missing:
        raise Unsupported(
            "apt-get is not on this host", hint="import a root file system instead: sampan import ROOTFS.tar NAME"
        ) from missing
    if code:
        raise NotFound(f"the apt sources of this host cannot be read: {error.strip()}")
    components: dict[tuple[str, str], list[str]] = {}
    for line in listed.splitlines():
        uri, suite, component, origin, kind = line.split("\t")
        # Other vendors call their suites by the same code names.
        foreign = not origin.startswith("$(") and origin not in ("Debian", "Ubuntu")
        if kind == "Packages" and component in _OFFICIAL and not foreign:
            found = components.setdefault((uri, suite), [])
            if component not in found:
                found.append(component)
    return [Source(uri, suite, tuple(sorted(found))) for (uri, suite), found in components.items()]


def _host() -> tuple[str, str]:
    fields: dict[str, str] = {}
    with open("/etc/os-release") as file:
        for line in file:
            key, _, value = line.strip().partition("=")
            fields[key] = value.strip("\"'")
    return fields.get("ID", ""), fields.get("VERSION_CODENAME", "")
