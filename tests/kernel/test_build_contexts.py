"""Sources of ADD behind URLs and in repositories, and contexts that are no folder here."""

import hashlib
import http.server
import io
import os
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

import pytest

from sampan.testing.command import Sampan

LAST = "Wed, 21 Oct 2015 07:28:00 GMT"


class Site:
    """A server on loopback that gives the files of a folder, and notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, int]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            site: ClassVar[Site] = self

            def do_GET(self) -> None:
                self.site.answer(self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0].lstrip("/")
        places = {"link": "http://169.254.169.254/x", "file": "file:///etc/passwd", "loop": "/loop", "moved": "/f"}
        data, status, headers = b"", 404, {}
        if path in places:
            status, headers = 302, {"Location": places[path]}
        elif (self.folder / path).is_file():
            data = (self.folder / path).read_bytes()
            headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Last-Modified": LAST}
            status = 304 if handler.headers.get("If-None-Match") == headers["ETag"] else 200
        self.asked.append((path, status))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 304:
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if status == 200:
            handler.wfile.write(data)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "f").write_text("file\n")
    site = Site(folder)
    yield site
    site.close()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "m").write_text("mine\n")
    return folder


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, site: Site) -> Path:
    """A repository with the tag v1, served at /r.git as plain files. Returns its working copy."""
    if shutil.which("git") is None:
        pytest.fail("these tests need git: apt-get install git")
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "sub" / "s").write_text("one\n")
    (work / "Dockerfile").write_text("FROM busybox\nCOPY . /c/\nRUN --network=none ls -A /c; cat /c/sub/s\n")
    git(work, "init", "-q")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "one")
    git(work, "tag", "-a", "v1", "-m", "v1")
    (work / "sub" / "s").write_text("two\n")
    git(work, "commit", "-q", "-a", "-m", "two")
    publish(work, site)
    return work


def publish(work: Path, site: Site) -> None:
    bare = site.folder / "r.git"
    shutil.rmtree(bare, ignore_errors=True)
    git(work, "clone", "-q", "--bare", ".", str(bare))
    git(bare, "update-server-info")


def build(sampan: Sampan, context: Path | str, dockerfile: str, *arguments: str, code: int = 0) -> str:
    """Build and return what was printed."""
    if isinstance(context, Path):
        (context / "Dockerfile").write_text(dockerfile)
    return sampan("build", "--progress", "plain", "-t", "made", *arguments, str(context), code=code).err


def printed(text: str) -> list[str]:
    """What the steps of a build printed."""
    return [line for _, line in re.findall(r"^#\d+ (\d+\.\d+) (.*)$", text, re.MULTILINE)]


def test_row_ADD_URL(sampan: Sampan, site: Site, context: Path) -> None:
    """ADD URL: mode 0600, mtime from Last-Modified, the name from the URL, an archive stays one."""
    shutil.copyfile(archive(context, {"x": "1"}), site.folder / "t.tgz")
    text = f"FROM busybox\nADD {site.url}/f?q=1#frag {site.url}/t.tgz /x/\nADD --chmod=755 {site.url}/moved /y/\n"
    out = build(sampan, context, text + "RUN --network=none stat -c '%n %a %u %Y' /x/f /x/t.tgz /y/moved")
    assert printed(out) == ["/x/f 600 0 1445412480", "/x/t.tgz 600 0 1445412480", "/y/moved 755 0 1445412480"]


def test_a_url_is_asked_for_again_and_read_again_only_when_it_changed(
    sampan: Sampan, site: Site, context: Path
) -> None:
    text = f"FROM busybox\nADD {site.url}/f /x/\n"
    build(sampan, context, text)
    assert "CACHED" in build(sampan, context, text).partition("ADD ")[2]
    assert site.asked == [("f", 200), ("f", 304)]
    (context / "Dockerfile").write_text(text)
    assert "CACHED" in sampan("--offline", "build", "--progress", "plain", str(context)).err.partition("ADD ")[2]
    assert len(site.asked) == 2
    (site.folder / "f").write_text("another\n")
    assert f"{site.url}/f" in build(sampan, context, text)
    assert site.asked[2:] == [("f", 200)]


def test_row_ADD_checksum(sampan: Sampan, site: Site, context: Path) -> None:
    """ADD --checksum: with one that is known nothing is asked, another one is an error."""
    digest = hashlib.sha256(b"file\n").hexdigest()
    text = f"FROM busybox\nADD --checksum=sha256:{{}} {site.url}/f /x/\n"
    build(sampan, context, text.format(digest))
    build(sampan, context, text.format(digest))
    assert site.asked == [("f", 200)]
    out = build(sampan, context, text.format("0" * 64), code=1)
    assert f"digest mismatch sha256:{digest}: sha256:{'0' * 64}" in out


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "failed to load cache key: invalid response status 404"),
        ("link", "an address of this host's own link"),
        ("file", "is no URL of http"),
        ("loop", "redirects in circles"),
    ],
)
def test_a_url_that_leads_nowhere_good_is_an_error(
    sampan: Sampan, site: Site, context: Path, path: str, message: str
) -> None:
    assert message in build(sampan, context, f"FROM busybox\nADD {site.url}/{path} /x\n", code=1)


def test_row_ADD_git(sampan: Sampan, site: Site, context: Path, repository: Path) -> None:
    """ADD git, ADD --keep-git-dir, and --checksum of a commit."""
    head = git(repository, "rev-parse", "HEAD")
    url = f"{site.url}/r.git"
    out = build(
        sampan,
        context,
        f"FROM busybox\nADD {url} /a\nADD --chown=3 {url}#v1:sub /b/\nADD {url}#{head} /c\n"
        f"ADD --keep-git-dir --checksum={head[:10]} {url}?ref=main&subdir=/ /d\n"
        "RUN --network=none cat /a/sub/s /b/s /c/sub/s; stat -c %u /b/s; ls -A /a; test -d /d/.git && echo kept",
    )
    assert printed(out) == ["two", "one", "two", "3", "Dockerfile", "sub", "kept"]


def test_a_branch_that_moved_is_copied_again(sampan: Sampan, site: Site, context: Path, repository: Path) -> None:
    text = f"FROM busybox\nADD {site.url}/r.git#main:sub /b/\n"
    build(sampan, context, text)
    assert "CACHED" in build(sampan, context, text).partition("ADD ")[2]
    (repository / "sub" / "s").write_text("three\n")
    git(repository, "commit", "-q", "-a", "-m", "three")
    publish(repository, site)
    out = build(sampan, context, text + "RUN --network=none cat /b/s")
    assert printed(out) == ["three"]


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        ("#nope", "repository does not contain ref nope"),
        ("#v1:nope", "invalid subdir /nope"),
        ("#--upload-pack=touch", "is no name of a branch, a tag or a commit"),
        ("?nope=1", 'unexpected query "nope"'),
        ("?checksum=1234567", "expected checksum to match 1234567"),
    ],
)
def test_what_a_repository_does_not_have_is_told(
    sampan: Sampan, site: Site, context: Path, repository: Path, fragment: str, message: str
) -> None:
    assert message in build(sampan, context, f"FROM busybox\nADD {site.url}/r.git{fragment} /x\n", code=1)


def test_a_repository_runs_nothing_here_and_reads_nothing(
    sampan: Sampan, site: Site, context: Path, repository: Path, tmp_path: Path
) -> None:
    """Hooks, filters, links out of it, and submodules that are folders of this host."""
    (tmp_path / "secret").write_text("secret\n")
    proof = tmp_path / "proof"
    (repository / ".gitattributes").write_text("* filter=evil\n")
    (repository / "out").symlink_to(tmp_path / "secret")
    (repository / "sub" / "s").write_text("s\n")
    hook = site.folder / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "evil")
    publish(repository, site)
    text = f"FROM busybox\nADD {site.url}/r.git /x\nRUN --network=none cat /x/out 2>/dev/null || echo no secret"
    assert printed(build(sampan, context, text))[-1] == "no secret"
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "work"), "m")
    git(repository, "commit", "-q", "-m", "submodule")
    publish(repository, site)
    assert "transport 'file' not allowed" in build(sampan, context, text, code=1)
    assert not proof.exists()


def archive(folder: Path, entries: dict[str, str], mode: str = "w:gz") -> Path:
    """An archive of texts; they belong to 5:6."""
    path = folder.parent / "made.tar"
    with tarfile.open(path, mode) as made:  # type: ignore[call-overload]
        for name, text in entries.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid = len(text), 5, 6
            made.addfile(member, io.BytesIO(text.encode()))
    return path


IN_ARCHIVE = {"Dockerfile": "FROM busybox\nCOPY . /c/\nRUN --network=none ls -A /c; stat -c %u:%g /c/skipped\n"}


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_on_standard_input_is_the_context(sampan: Sampan, context: Path, mode: str) -> None:
    """As in BuildKit its files keep their owners, and its .dockerignore is not asked."""
    path = archive(context, {**IN_ARCHIVE, ".dockerignore": "skipped", "skipped": "s"}, mode)
    with open(path, "rb") as stream:
        out = from_stdin(sampan, stream)
    assert printed(out) == [".dockerignore", "Dockerfile", "skipped", "5:6"]


def from_stdin(sampan: Sampan, stream: BinaryIO, *arguments: str) -> str:
    data = stream.read()
    command = sampan.command("build", "--progress", "plain", "-t", "made", *arguments, "-")
    done = subprocess.run(command, input=data, capture_output=True, timeout=120)
    return done.stderr.decode()


def test_a_text_on_standard_input_is_the_dockerfile(sampan: Sampan, context: Path) -> None:
    out = from_stdin(sampan, io.BytesIO(b"FROM busybox\nRUN --network=none echo from a pipe\n"))
    assert printed(out) == ["from a pipe"]
    out = from_stdin(sampan, io.BytesIO(b"FROM busybox\n"), "-f", "Dockerfile")
    assert "ambiguous Dockerfile source" in out
    text = "FROM busybox\nCOPY m /m\nRUN --network=none cat /m\n"
    out = sampan("build", "--progress", "plain", "-f", "-", str(context), stdin=text).err
    assert printed(out) == ["mine"]


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("Dockerfile", "/etc/passwd", "open Dockerfile: no such file or directory"),
        ("sampan.lock", "/etc/passwd", "sampan.lock is a link"),
    ],
)
def test_a_link_in_an_archive_shows_nothing_of_this_host(
    sampan: Sampan, context: Path, name: str, target: str, message: str
) -> None:
    path = archive(context, {} if name == "Dockerfile" else IN_ARCHIVE, "w:")
    with tarfile.open(path, "a") as made:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, target
        made.addfile(link)
    with open(path, "rb") as stream:
        assert message in from_stdin(sampan, stream)


def test_an_archive_that_climbs_out_of_the_context_is_refused(sampan: Sampan, context: Path) -> None:
    path = archive(context, {**IN_ARCHIVE, "../../../evil": "x"})
    with open(path, "rb") as stream:
        assert "leads out of it" in from_stdin(sampan, stream)
    assert not (context.parent / "evil").exists()


def test_contexts_behind_urls_and_in_repositories(sampan: Sampan, site: Site, context: Path, repository: Path) -> None:
    assert printed(build(sampan, f"{site.url}/r.git#v1", "")) == ["Dockerfile", "sub", "one"]
    shutil.copyfile(archive(context, {**IN_ARCHIVE, "skipped": "s"}), site.folder / "c.tgz")
    assert printed(build(sampan, f"{site.url}/c.tgz", "")) == ["Dockerfile", "skipped", "5:6"]
    (site.folder / "D").write_text("FROM busybox\nRUN --network=none echo by URL\n")
    assert printed(build(sampan, f"{site.url}/D", "")) == ["by URL"]
    assert "invalid response status 404" in build(sampan, f"{site.url}/none", "", code=1)
    assert "open Dockerfile: no such file" in build(sampan, f"{site.url}/r.git#v1:sub", "", code=1)


def test_named_contexts_stand_in_for_images_and_stages(
    sampan: Sampan, site: Site, context: Path, repository: Path
) -> None:
    other = context.parent / "other"
    other.mkdir()
    (other / "o").write_text("other\n")
    (other / "out").write_text("out\n")
    (other / ".dockerignore").write_text("out\n")
    named = [
        f"o={other}",
        "docker.io/library/alpine:latest=docker-image://busybox",
        f"stage={other}",
        f"g={site.url}/r.git#v1:sub",
    ]
    out = build(
        sampan,
        context,
        "FROM busybox AS stage\nRUN false\nFROM o AS folder\nFROM alpine\nCOPY --from=o . /o/\nCOPY --from=stage o /s\n"
        "COPY --from=g s /g\nCOPY --from=folder /o /f\n"
        "RUN --network=none --mount=from=o,target=/m ls /o /m; cat /s /g /f",
        *(word for value in named for word in ("--build-context", value)),
    )
    assert printed(out) == ["/m:", "o", "", "/o:", "o", "other", "one", "other"]


@pytest.mark.parametrize(
    ("value", "message"),
    [("x", "invalid context value: x, expected key=value"), ("x=/not/there", "failed to get build context x: stat")],
)
def test_a_named_context_that_is_none_is_told(sampan: Sampan, context: Path, value: str, message: str) -> None:
    assert message in build(sampan, context, "FROM busybox\n", "--build-context", value, code=1)


def test_nothing_of_a_context_from_elsewhere_stays(sampan: Sampan, site: Site, repository: Path) -> None:
    build(sampan, f"{site.url}/r.git#v1", "")
    left = [name for name in os.listdir(f"{sampan.root}/tmp") if name.startswith("build-")]
    assert left == []


def test_a_named_context_is_an_image_in_a_layout(sampan: Sampan, context: Path) -> None:
    """The layout's names are not set here."""
    layout = context.parent / "layout"
    layout.mkdir()
    saved = subprocess.run(sampan.command("save", "busybox"), capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as stream:
        stream.extractall(layout)
    sampan("rmi", "busybox")
    text = "FROM base\nRUN --network=none echo built\n"
    for value in (f"base=oci-layout://{layout}", f"base=oci-layout://{layout}:latest"):
        out = build(sampan, context, text, "--no-cache", "--build-context", value)
        assert printed(out) == ["built"]
    assert "busybox" not in sampan("images").out
    wrong = f"base=oci-layout://{layout}:other"
    assert "other is not in the oci-layout" in build(sampan, context, text, "--build-context", wrong, code=1)


def test_a_dockerfile_uses_no_ssh_key_that_was_not_lent(sampan: Sampan, context: Path) -> None:
    out = build(sampan, context, "FROM busybox\nADD git@127.0.0.1:r.git /x\n", code=1)
    assert "unset ssh forward key default" in out
    assert "--ssh default" in out


def test_offline_nothing_is_asked(sampan: Sampan, site: Site, context: Path) -> None:
    for source in (f"{site.url}/f", f"{site.url}/r.git"):
        (context / "Dockerfile").write_text(f"FROM busybox\nADD {source} /x\n")
        assert "--offline forbids it" in sampan("--offline", "build", str(context), code=1).err
    assert site.asked == []
