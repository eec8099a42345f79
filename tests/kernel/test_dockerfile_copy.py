"""COPY and ADD, row by row as spec/dockerfile.tsv names them."""

import io
import os
import re
import tarfile
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

LOOK = "\nRUN --network=none "


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """a.txt 0600, d/{f,h.go,hard,sub/{f,deep/g.go}} with a link, an archive, and an ignore file."""
    (tmp_path / "d" / "sub" / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "d/f", "d/h.go", "d/sub/f", "d/sub/deep/g.go", "left-out"):
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "a.txt").chmod(0o600)
    os.chown(tmp_path / "a.txt", 1000, 1000)
    os.utime(tmp_path / "a.txt", (1_500_000_000, 1_500_000_000))
    (tmp_path / "d").chmod(0o750)
    (tmp_path / "d" / "dl").symlink_to("sub")
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "b[1].txt").write_text("bracket\n")
    os.link(tmp_path / "d" / "h.go", tmp_path / "d" / "hard")
    (tmp_path / ".dockerignore").write_text("left-out\n")
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as made:
        member = tarfile.TarInfo("in/x")
        member.size, member.mode, member.uid = 1, 0o640, 7
        made.addfile(member, io.BytesIO(b"1"))
    return tmp_path


def build(sampan: Sampan, context: Path, dockerfile: str, *arguments: str, code: int = 0) -> str:
    """Build and return what was printed."""
    (context / "Dockerfile").write_text(dockerfile)
    return sampan("build", "--progress", "plain", "-t", "made", *arguments, str(context), code=code).err


def printed(text: str) -> list[str]:
    """What the steps of a build printed."""
    return [line for _, line in re.findall(r"^#\d+ (\d+\.\d+) (.*)$", text, re.MULTILINE)]


ROWS = [
    (
        "COPY COPY [flags] SRC… DST",
        'COPY a.txt b.txt /x/\nCOPY ["a.txt", "/y z"]',
        "ls /x; cat '/y z'",
        "a.txt b.txt a.txt",
    ),
    ("COPY source rules", "COPY d /../link *.nope [ab].txt /x/", "ls /x", "a.txt b.txt dl f h.go hard link sub"),
    (
        "COPY source rules: behind a wildcard no link is followed",
        "COPY d/*/f /x/\nCOPY d/dl/f /y",
        "cat /x/f /y",
        "d/sub/f d/sub/f",
    ),
    ("COPY source rules: a bracket is escaped", "COPY b[[]1].txt /x", "cat /x", "bracket"),
    (
        "COPY destination",
        "WORKDIR /w\nCOPY a.txt p/q/\nCOPY a.txt r/s",
        "stat -c '%n %a' p p/q r/s",
        "p 755 p/q 755 r/s 600",
    ),
    (
        "COPY --chown",
        "COPY --chown=www-data d/f /n/a\nCOPY --chown=5 a.txt /b\nCOPY --chown=5:staff a.txt /c",
        "stat -c %u:%g /n /n/a /b /c",
        "33:33 33:33 5:5 5:50",
    ),
    (
        "COPY --chmod",
        "ARG M=711\nCOPY --chmod=$M d /n/x\nCOPY --chmod=go=u,u+x a.txt /b",
        "stat -c %a /n /n/x /n/x/f /b",
        "711 711 711 766",
    ),
    (
        "COPY --link",
        "RUN ln -s /real /l && mkdir /real\nCOPY --link --chown=www-data a.txt /l/",
        "ls /real; stat -c '%n %F %u' /l /l/a.txt",
        "/l directory 33 /l/a.txt regular file 33",
    ),
    (
        "COPY --exclude",
        "COPY --exclude=*.go --exclude=sub/f d /x/\nCOPY --exclude=a.* *.txt /y/",
        "find /x /y ! -type d | sort",
        "/x/dl /x/f /x/hard /x/sub/deep/g.go /y/b.txt /y/b[1].txt",
    ),
    (
        "COPY --exclude: folders of what stays are as they were",
        "COPY --exclude=** --exclude=!d/h.go . /x/",
        "find /x -mindepth 1; stat -c %a /x/d",
        "/x/d /x/d/h.go 750",
    ),
    (
        "COPY --parents",
        "COPY --parents d/sub/f /p/\nCOPY --parents d/./**/*.go /q/\nCOPY --parents ./d/sub/./deep /r",
        "find /p /q /r -type f | sort; stat -c %a /p/d",
        "/p/d/sub/f /q/h.go /q/sub/deep/g.go /r/deep/g.go 750",
    ),
    (
        "COPY heredoc source",
        'ENV V=v\nCOPY <<a <<"b" <<-c /x/\n$V\na\n$V\nb\n\tC\nc',
        "cat /x/a /x/b /x/c; stat -c %a /x/a",
        "v $V C 644",
    ),
    (
        "COPY metadata",
        "COPY link /l\nCOPY d /x\nCOPY a.txt /a",
        "stat -c '%F' /l /x/dl; stat -c '%a %u %Y' /a; stat -c %h /x/hard",
        "regular file symbolic link 600 0 1500000000 2",
    ),
    (
        "COPY --from",
        "RUN echo s > /s && chown 9 /s && ln -s /s /sl\nFROM busybox\nCOPY --from=0 /sl /a\n"
        "COPY --from=base s /b\nCOPY --from=busybox /etc/group /g",
        "cat /a; stat -c %u /b; grep -c root /g",
        "s 9 1",
    ),
    ("ADD local archive", "ADD t.tgz /x/\nADD a.txt /y/", "stat -c '%n %a %u' /x/in/x; ls /y", "/x/in/x 640 7 a.txt"),
    ("ADD --unpack", "ADD --unpack=false t.tgz /x/\nADD --unpack=true t.tgz /y/", "ls /x /y", "/x: t.tgz  /y: in"),
    (
        "(.dockerignore) Dockerfile",
        "COPY . /x",
        "ls -a /x | grep -e Docker -e left -e ignore",
        ".dockerignore Dockerfile",
    ),
]


# What COPY does from the context, ADD does too.
ROWS += [
    (f"ADD{row[4:]}".replace("ADD COPY", "ADD ADD"), text.replace("COPY", "ADD"), command, expected)
    for row, text, command, expected in ROWS
    if row.startswith("COPY") and "--from" not in text and "--parents" not in text and ":" not in row
]


@pytest.mark.parametrize(("row", "text", "command", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_row(sampan: Sampan, context: Path, row: str, text: str, command: str, expected: str) -> None:
    out = build(sampan, context, f"FROM busybox AS base\n{text}{LOOK}{command}")
    assert " ".join(printed(out)) == expected


IGNORED = [
    ("(.dockerignore) lines", "\ufeff# comment\n\n  a.txt  \nd\r\n", "b.txt b[1].txt left-out link t.tgz"),
    ("(.dockerignore) cleaning", "/a.txt\n./b.txt\nd/../link\n/d/\n", "b[1].txt left-out t.tgz"),
    (
        "(.dockerignore) matching",
        "*.txt\nd/?\nd/[h]*\nleft-ou[^x]\nsub\n",
        "d d/dl d/sub d/sub/deep d/sub/deep/g.go d/sub/f link t.tgz",
    ),
    ("(.dockerignore) **", "**/*.go\n**/f\nd/**/deep\n*.t*\n", "d d/dl d/hard d/sub left-out link"),
    ("(.dockerignore) directories", "d\n*t*\n", "link"),
    ("(.dockerignore) !", "*\n!d/sub\nd/sub/f\n!**/g.go\n", "d d/sub d/sub/deep d/sub/deep/g.go"),
    ("(.dockerignore) remote", "*\n", ""),
]


@pytest.mark.parametrize(("row", "rules", "expected"), IGNORED, ids=[row[0] for row in IGNORED])
def test_row_of_dockerignore(sampan: Sampan, context: Path, row: str, rules: str, expected: str) -> None:
    """The Dockerfile's own ignore file is asked, the context's is not: (.dockerignore) location."""
    (context / "Dockerfile.dockerignore").write_text(rules + "Dockerfile*\n.dockerignore\n", newline="")
    text = "FROM busybox AS base\nRUN --network=none mkdir /o && echo > /o/o\nFROM busybox\nCOPY . /x\n"
    text += "COPY --from=base /o /o\n"
    out = build(sampan, context, text + LOOK + "ls /o; cd /x && find . -mindepth 1 | cut -c3- | sort")
    assert " ".join(printed(out)[1:]) == expected


@pytest.mark.parametrize(
    ("row", "line", "message"),
    [
        ("COPY source rules", "COPY nothing /x", '"/nothing": not found'),
        ("COPY source rules", "COPY http://127.0.0.1/x /x", "source can't be a URL for COPY"),
        ("COPY --chmod", "COPY --chmod=99 a.txt /x", "it should be octal string and between 0 and 07777"),
        ("COPY --chown", "COPY --chown=nobody-here a.txt /x", "unable to find user nobody-here"),
        ("COPY --from", "COPY --from=9 a.txt /x", "invalid stage index 9"),
        ("COPY destination", "COPY a.txt /bin/sh/x", "not a directory"),
        ("ADD --checksum", f"ADD --checksum=sha256:{'0' * 64} a.txt /x", "checksum requires HTTP(S) or Git sources"),
        (
            "ADD --checksum",
            "ADD --checksum=sha256:1 a.txt b.txt /x/",
            "checksum can't be specified for multiple sources",
        ),
        ("ADD URL", "ADD file:///etc/passwd /x", "not found"),
        ("ADD git", "ADD ssh://-oProxyCommand=x/y /x", "names no host"),
        ("(.dockerignore) lines", "COPY left-out /x", "not found"),
    ],
)
def test_row_with_a_mistake(sampan: Sampan, context: Path, row: str, line: str, message: str) -> None:
    assert message in build(sampan, context, f"FROM busybox\n{line}\n", code=1)


def layers(sampan: Sampan) -> list[str]:
    return sampan("image", "inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", "made").out.split()


def test_a_linked_layer_stays_when_what_is_below_it_changes(sampan: Sampan, context: Path) -> None:
    text = "FROM busybox\nRUN --network=none echo {} > /v\nCOPY --link d /x/\nCOPY d /y/\n"
    build(sampan, context, text.format(1))
    first = layers(sampan)
    out = build(sampan, context, text.format(2))
    again = layers(sampan)
    assert re.search(r"COPY --link d /x/\n#\d+ CACHED", out) is not None
    assert first[-2] == again[-2]
    assert first[-3] != again[-3]


def test_key_of_a_copy_is_what_is_in_its_files_and_not_their_times(sampan: Sampan, context: Path) -> None:
    """COPY cache key, ADD cache key."""
    text = "FROM busybox\nCOPY d /x/\nADD b.txt /y/\n"
    build(sampan, context, text)
    os.utime(context / "d" / "f", (1, 1))
    assert build(sampan, context, text).count("CACHED") == 3
    (context / "d" / "f").chmod(0o600)
    assert build(sampan, context, text).count("CACHED") == 1


def test_the_size_of_the_context_is_told_and_a_folder_that_is_most_of_it(sampan: Sampan, context: Path) -> None:
    heavy = context / "web" / "node_modules" / "x"
    heavy.parent.mkdir(parents=True)
    with open(heavy, "wb") as file:
        file.truncate(60 << 20)
    out = build(sampan, context, "FROM scratch\nCOPY web /\n")
    assert "transferring context: 62.9MB" in out
    assert "web/node_modules is 62.9MB of the 62.9MB that steps take" in out


def test_context_ls_tells_sizes_and_which_line_decides(sampan: Sampan, context: Path) -> None:
    (context / ".dockerignore").write_text("# what is not sent\nd\n!d/sub\n")
    out = sampan("context", "ls", str(context)).out.splitlines()
    assert out[0].endswith("keeps out 18B in 3 files")
    assert [line.split()[0] for line in out[2:]] == ["FOLDER", ".", "d", "d/sub", "d/sub/deep"]
    for path, said in (
        ("d/f", "d/f is kept out by line 2 of .dockerignore: d"),
        ("d/sub/f", "d/sub/f is in the context: line 3 of .dockerignore takes it back in: !d/sub"),
        ("a.txt", "a.txt is in the context: no line of .dockerignore is about it"),
    ):
        assert sampan("context", "ls", "--why", path, str(context)).out == said + "\n"
    assert "nothing is not in" in sampan("context", "ls", "--why", "nothing", str(context), code=None).err
