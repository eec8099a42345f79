"""Users, failures, detach keys, log lines and the runtime specification, decided without a kernel."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers.logs import line as logline
from sampan.containers.logs import shown as logs
from sampan.containers.options import LogOptions
from sampan.containers.streams import DetachFilter, detach_sequence
from sampan.errors import InvalidArgument
from sampan.runtime import failures, users
from sampan.runtime.spec import SpecMount, SpecOptions, User, make_spec

PASSWD = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:1000:1001:web:/srv:/bin/false\n"
GROUP = "root:x:0:\nwww:x:33:web,other\nweb:x:1001:\n"


@pytest.mark.parametrize(
    ("text", "expected", "home"),
    [
        ("", User(0, 0, (0,)), "/root"),
        ("web", User(1000, 1001, (1001, 33)), "/srv"),
        ("1000", User(1000, 1001, (1001, 33)), "/srv"),
        ("web:www", User(1000, 33, (33,)), "/srv"),
        ("4242", User(4242, 0, (0,)), "/"),
        ("4242:99", User(4242, 99, (99,)), "/"),
    ],
)
def test_users_are_looked_up_as_docker_does(text: str, expected: User, home: str) -> None:
    found = users.resolve(text, PASSWD, GROUP)
    assert (found.user, found.home) == (expected, home)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("root:nogroup", "unable to find group nogroup: no matching entries in group file"),
        ("99999999999", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown_users_are_told_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        users.resolve(text, PASSWD, GROUP)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-24T11:35:31.258389Z: executable file `nosuch` not found in $PATH: No such file or directory", 127),
        ("open executable: Permission denied", 126),
        ("open executable: Operation not permitted", 126),
        ("the path `/etc/passwd` exists but it is not executable: Operation not permitted", 126),
        ("the path `/etc` is not a regular file: Operation not permitted", 126),
        ('time="x" level=error msg="exec: \\"nosuch\\": executable file not found in $PATH"', 127),
        ("something else", 125),
        ("", 125),
    ],
)
def test_the_runtimes_complaint_decides_the_exit_code(text: str, code: int) -> None:
    assert failures.start_failed("crun", text, "nosuch").exit_code == code


def test_detach_keys_are_read_as_docker_reads_them() -> None:
    assert detach_sequence("") == b"\x10\x11"
    assert detach_sequence("ctrl-a,b") == b"\x01b"
    with pytest.raises(InvalidArgument, match="invalid detach keys"):
        detach_sequence("nonsense")


@given(st.lists(st.binary(max_size=5), max_size=6))
def test_what_is_typed_passes_whole_up_to_the_detach_keys(pieces: list[bytes]) -> None:
    keys = b"\x10\x11"
    filter_ = DetachFilter(keys)
    passed, detached = b"", False
    for piece in pieces:
        more, detached = filter_.feed(piece)
        passed += more
        if detached:
            break
    typed = b"".join(pieces)
    if keys in typed:
        assert detached and passed == typed[: typed.index(keys)]
    else:
        assert not detached and typed in (passed, passed + keys[:1])


@given(st.lists(st.text(alphabet="abc \u00e9", max_size=6), max_size=30), st.integers(0, 35))
def test_the_tail_of_a_log_is_its_last_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], tail: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    path = folder / "log"
    stored = [f"2026-11-24T11:35:31.258389{number:03}+00:00 stdout F {line}\n" for number, line in enumerate(lines)]
    path.write_text("".join(stored))
    found = [line.text.decode() for line in logs.read(str(folder), LogOptions(tail=tail))]
    wanted = lines[max(len(lines) - tail, 0) :] if tail else []
    assert found == [line + "\n" for line in wanted]


def test_log_lines_in_local_time_are_shown_in_utc() -> None:
    line = logline.parse(b"2026-11-24T13:35:31.258389123+02:00 stderr P part")
    assert line == ("2026-11-24T11:35:31.258389123Z", "stderr", b"part")
    assert logline.parse(b"cut off") is None
    assert logline.nanoseconds("1970-01-01T00:00:01.5Z") == 1_500_000_000


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert list(logs.read(str(tmp_path / "none"), LogOptions())) == []
    assert os.listdir(tmp_path) == []


def test_an_asked_mount_replaces_the_base_mount_and_deeper_ones_come_later() -> None:
    options = SpecOptions(
        args=("x",),
        env=(),
        rootfs="/r",
        cgroups_path="/c",
        mounts=(
            SpecMount("/a/b/c", "bind", "/1", ()),
            SpecMount("/dev/shm", "bind", "/2", ()),
            SpecMount("/a", "bind", "/3", ()),
        ),
    )
    destinations = [mount["destination"] for mount in make_spec(options)["mounts"]]
    assert destinations.count("/dev/shm") == 1
    assert destinations.index("/a") < destinations.index("/a/b/c")


def test_namespaces_are_private_joined_or_the_hosts() -> None:
    options = SpecOptions(args=("x",), env=(), rootfs="/r", cgroups_path="/c", network="/proc/1/ns/net", pid="host")
    found = {entry["type"]: entry.get("path") for entry in make_spec(options)["linux"]["namespaces"]}
    assert found == {"mount": None, "network": "/proc/1/ns/net", "ipc": None, "uts": None, "cgroup": None}


def test_only_root_has_its_capabilities_in_effect() -> None:
    options = SpecOptions(args=("x",), env=(), rootfs="/r", cgroups_path="/c", user=User(1000, 1000))
    capabilities = make_spec(options)["process"]["capabilities"]
    assert capabilities["effective"] == capabilities["permitted"] == []
    assert "inheritable" not in capabilities and len(capabilities["bounding"]) == 14
