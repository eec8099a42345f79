"""Base images without a registry: a Debian or Ubuntu release made from its own packages by mmdebstrap, reproducibly.

The same packages give the same digest: what depends on the moment or on this host is removed or made equal, files that
the installation wrote get the time of the newest file that a package brought, and so does the image.
"""

import os
import re
import time
from collections.abc import Callable, Sequence

from sampan.errors import InvalidArgument, Unavailable, Unsupported
from sampan.images import clock, importing, releases
from sampan.images.busybox import busybox as busybox
from sampan.images.tidying import tidy
from sampan.linux import process
from sampan.oci.config import ContainerConfig
from sampan.storage.database import Database
from sampan.storage.paths import Paths

Progress = Callable[[str, int], object]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MERGED_USR = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:~-]*")
# (what mmdebstrap or apt prints, what to show, percent when it begins, percent when it ends)
_STAGES = (
    ("I: running apt-get update", "reading package lists", 2, 15),
    ("I: downloading packages", "downloading packages", 15, 35),
    ("I: extracting archives", "extracting packages", 35, 50),
    ("I: installing essential packages", "installing essential packages", 50, 70),
    ("I: installing remaining packages", "installing the other packages", 70, 90),
    ("I: cleaning package lists", "cleaning up", 90, 92),
)
_STEPS = ("Get:", "Unpacking ", "Setting up ")
_KEPT_LINES = 200


def bootstrap(
    database: Database,
    paths: Paths,
    name: str = "debian:bookworm-slim",
    *,
    include: Sequence[str] = (),
    tag: str = "",
    on_progress: Progress = lambda stage, percent: None,
) -> str:
    """Make the release that `name` names an image, with the packages of `include`, tagged `tag` or else `name`.

    `on_progress` gets the stage in words and the percentage done. Returns the image's ID. Raises InvalidArgument for a
    name that is no release, NotFound where the host's apt sources do not reach it, Unsupported without mmdebstrap,
    Unavailable with what apt said when a package is not there or the network fails.
    """
    release = releases.release_of(name)
    for package in include:
        if not _PACKAGE.fullmatch(package):
            raise InvalidArgument(f"{package!r} is no package name")
    sources = releases.sources_for(release)
    with importing.building(database, paths) as snapshot_id:
        root = paths.layer(snapshot_id)
        began = int(time.time())
        _install(root, release, sources, include, on_progress)
        on_progress("making the image reproducible", 92)
        newest = tidy(root, is_slim=release.is_slim, began=began)
        on_progress("computing the digest", 96)
        image_id = importing.finish(
            database,
            paths,
            snapshot_id,
            config=ContainerConfig(env=("PATH=" + _PATH,), cmd=("bash",)),
            created=clock.rfc3339(newest * 10**9),
            created_by=" ".join(["sampan image bootstrap", name, *(f"--include={package}" for package in include)]),
            comment=f"{release.distribution} {release.suite} from packages",
            tag=tag or name,
        )
    on_progress("done", 100)
    return image_id


def _install(
    root: str,
    release: releases.Release,
    sources: Sequence[releases.Source],
    include: Sequence[str],
    on_progress: Progress,
) -> None:
    progress = _Output(on_progress)
    try:
        code = process.stream(
            _command(root, release, sources, include),
            progress.line,
            # mmdebstrap leaves out what depends on the clock when it is told the time.
            environment={"SOURCE_DATE_EPOCH": "86400", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except FileNotFoundError as error:
        raise Unsupported(
            f"{error.filename} is not on this host", hint="install the package mmdebstrap (apt-get install mmdebstrap)"
        ) from error
    if code:
        raise Unavailable(
            f"making {release.distribution} {release.suite} failed: {progress.reason()}",
            hint="see whether `apt-get update` works on this host, and whether the packages of --include exist",
        )


def _command(
    root: str, release: releases.Release, sources: Sequence[releases.Source], include: Sequence[str]
) -> list[str]:
    command = [
        # When this process is killed, so is the installation.
        *("setpriv", "--pdeathsig", "TERM"),
        # What it mounts in the new root is seen by nobody else, and gone with it, however it ends.
        *("unshare", "--mount", "--propagation", "slave"),
        *("mmdebstrap", "--mode=root", "--format=directory", "--verbose", "--skip=output/dev"),
        # What Debian counts as required, and apt.
        "--variant=minbase",
        '--aptopt=Apt::Install-Recommends "false"',
    ]
    if os.path.isdir(_MERGED_USR):
        # Merged from the start: else a package that merges it comes along, and with it all of Perl.
        command.append("--hook-dir=" + _MERGED_USR)
    if release.is_slim:
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _SLIM_EXCLUDES]
        command += [f"--dpkgopt=path-include={pattern}" for pattern in _SLIM_INCLUDES]
    if include:
        command.append("--include=" + ",".join(include))
    return [*command, release.suite, root, *(source.line for source in sources)]


_SLIM_EXCLUDES = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/groff/*",
    "/usr/share/lintian/*",
    "/usr/share/linda/*",
)
_SLIM_INCLUDES = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")


class _Output:
    """Turns what mmdebstrap and apt print into stages and percentages."""

    def __init__(self, on_progress: Progress) -> None:
        self._report = on_progress
        self._stage, self._begin, self._end = "", 0, 2
        self._expected, self._steps, self._percent = 1, 0, -1
        self._lines: list[str] = []

    def line(self, text: str) -> None:
        self._lines = [*self._lines[1 - _KEPT_LINES :], text]
        for mark, stage, begin, end in _STAGES:
            if text.startswith(mark):
                self._stage, self._begin, self._end, self._steps, self._expected = stage, begin, end, 0, 20
        counted = re.match(r"\d+ upgraded, (\d+) newly installed", text)
        if counted:
            # apt unpacks and sets up each package.
            self._expected = max(1, int(counted[1]) * (1 if self._begin < 50 else 2))
            self._steps = 0
        if text.startswith(_STEPS):
            self._steps += 1
        share = min(1.0, self._steps / self._expected)
        percent = int(self._begin + (self._end - self._begin) * share)
        if self._stage and percent > self._percent:
            self._percent = percent
            self._report(self._stage, percent)

    def reason(self) -> str:
        """The lines that say why it failed."""
        errors = [line for line in self._lines if line.startswith("E:") and "mmdebstrap failed" not in line]
        return "; ".join(line[2:].strip() for line in errors[:3]) or " ".join(self._lines[-2:]) or "no output"
