"""Volumes and mounts with real containers: options of the local driver, parts, images, binds that end at a mount."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan import Engine
from sampan.containers.options import Mount, RunOptions
from sampan.errors import InvalidArgument
from sampan.testing.command import Sampan

MEMORY = ("-o", "type=tmpfs", "-o", "device=tmpfs")
FILLED = "mkdir -p /x/a/b; echo f > /x/a/f; ln -s /etc /x/out; ln -s a /x/in; ln -s ../../.. /x/up"


def shell(sampan: Sampan, *words: str, code: int = 0) -> str:
    """Output of a shell line in a new container; options come before it."""
    *options, line = words
    return sampan("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c", line, code=code).out


def host_mounts(root: str) -> list[str]:
    with open("/proc/self/mounts") as file:
        return [line for line in file if root in line]


@pytest.fixture
def mounted_below(tmp_path: Path) -> Iterator[Path]:
    """A folder of the host in which another file system is mounted, at `below`."""
    (tmp_path / "tree" / "below").mkdir(parents=True)
    below = str(tmp_path / "tree" / "below")
    subprocess.run(["mount", "-t", "tmpfs", "none", below], check=True)
    yield tmp_path / "tree"
    subprocess.run(["umount", below], check=True)


def test_a_volume_in_memory_has_its_options_and_is_mounted_in_the_container_alone(sampan: Sampan) -> None:
    sampan("volume", "create", *MEMORY, "-o", "o=size=1m,uid=1000", "fast")
    out = shell(sampan, "-v", "fast:/x", "grep ' /x ' /proc/mounts; stat -c %u /x")
    assert out == "tmpfs /x tmpfs rw,relatime,size=1024k,uid=1000 0 0\n1000\n"
    options = sampan("volume", "inspect", "-f", "{{json .Options}}", "fast").out
    assert options == '{"device":"tmpfs","o":"size=1m,uid=1000","type":"tmpfs"}\n'
    sampan("run", "-d", "--name", "box", "-v", "fast:/x", "busybox", "sleep", "100000")
    assert host_mounts(sampan.root) == []


def test_containers_that_run_share_what_a_volume_has_in_memory(sampan: Sampan, tmp_path: Path) -> None:
    sampan("volume", "create", *MEMORY, "fast")
    sampan("run", "-d", "--name", "first", "-v", "fast:/x", "busybox", "sleep", "100000")
    sampan("exec", "first", "sh", "-c", "echo shared > /x/f")
    sampan("run", "-d", "--name", "second", "-v", "fast:/y", "busybox", "sleep", "100000")
    sampan("create", "--name", "third", "-v", "fast:/z", "busybox")
    sampan("cp", "third:/z/f", str(tmp_path / "f"))
    assert (tmp_path / "f").read_text() == "shared\n"
    sampan("rm", "-f", "first")
    assert sampan("exec", "second", "cat", "/y/f").out == "shared\n"
    sampan("rm", "-f", "second")
    assert shell(sampan, "-v", "fast:/x", "ls /x") == ""


def test_containers_that_start_at_once_have_one_and_the_same_in_memory(sampan: Sampan) -> None:
    sampan("volume", "create", *MEMORY, "fast")
    sampan("volume", "create", *MEMORY, "other")
    started = [
        sampan.start(
            "run", "-d", "--name", f"c{n}", "-v", f"{first}:/x", "-v", f"{second}:/y", "busybox", "sleep", "100000"
        )
        for n, (first, second) in enumerate([("fast", "other"), ("other", "fast")] * 2)
    ]
    assert [process.wait() for process in started] == [0] * 4
    sampan("exec", "c0", "sh", "-c", "echo fast > /x/f; echo other > /y/f")
    assert [sampan("exec", f"c{n}", "cat", "/x/f").out.strip() for n in range(4)] == ["fast", "other", "fast", "other"]


def test_a_volume_of_a_folder_of_the_host_is_seen_by_every_verb(sampan: Sampan, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    sampan("volume", "create", "-o", "type=none", "-o", f"device={folder}", "-o", "o=bind", "host")
    sampan("run", "--name", "box", "-v", "host:/home", "busybox", "sh", "-c", "echo one > /home/f")
    assert (folder / "f").read_text() == "one\n"
    (tmp_path / "g").write_text("two\n")
    sampan("cp", str(tmp_path / "g"), "box:/home/g")
    assert (folder / "g").read_text() == "two\n"
    assert "home/f" not in sampan("export", "box").out
    sampan("snapshot", "box", "with-data")
    assert sampan("run", "--rm", "with-data", "cat", "/home/g").out == "two\n"
    assert host_mounts(sampan.root) == []


def test_a_volume_that_is_a_file_system_is_filled_from_the_image(sampan: Sampan) -> None:
    sampan("volume", "create", *MEMORY, "fast")
    assert shell(sampan, "-v", "fast:/etc", "test -e /etc/passwd && grep -c ' /etc ' /proc/mounts") == "1\n"


def test_a_read_only_volume_cannot_be_written_to(sampan: Sampan, tmp_path: Path) -> None:
    sampan("volume", "create", "-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind,ro", "host")
    assert shell(sampan, "-v", "host:/x", "touch /x/f 2>/dev/null || echo refused") == "refused\n"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("-o", "type=none", "-o", "device=/nope", "-o", "o=bind"), 127, "flags: 0x1000: no such file or directory"),
        ((*MEMORY, "-o", "o=nonsense=1"), 125, "data: nonsense=1: invalid argument"),
        (("-o", "type=nonsense", "-o", "device=x"), 125, "no such device"),
    ],
)
def test_a_volume_that_cannot_be_mounted_says_so_as_docker_does(
    sampan: Sampan, options: tuple[str, ...], code: int, message: str
) -> None:
    sampan("volume", "create", *options, "bad")
    result = sampan("run", "--rm", "-v", "bad:/x", "busybox", "true", code=code)
    folder = f"{sampan.root}/volumes/bad/_data"
    assert f"error while mounting volume '{folder}': failed to mount local volume: mount " in result.err
    assert message in result.err
    assert sampan("ps", "-aq").out == ""


def test_mount_makes_a_volume_with_options_and_labels(sampan: Sampan) -> None:
    mount = 'type=volume,src=made,dst=/x,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,uid=5"'
    assert "size=1024k,uid=5" in shell(sampan, "--mount", mount + ",volume-label=a=b", "grep ' /x ' /proc/mounts")
    assert sampan("volume", "inspect", "-f", "{{json .Labels}}", "made").out == '{"a":"b"}\n'


def test_a_part_of_a_volume_is_mounted_and_no_link_leads_out(sampan: Sampan) -> None:
    shell(sampan, "-v", "data:/x", FILLED)

    def part(path: str, line: str, code: int = 0) -> str:
        words = ("--mount", f"src=data,dst=/y,volume-subpath={path}", "busybox", "sh", "-c", line)
        result = sampan("run", "--rm", *words, code=code)
        return result.out or result.err

    assert part("a", "ls /y") == part("in", "ls /y") == "b\nf\n"
    assert part("a/f", "cat /y") == "f\n"
    for link in ("out", "up"):
        assert "path concatenation escapes the base directory" in part(link, "true", 125)
    assert "no such file or directory" in part("nope", "true", 127)


def test_an_image_is_mounted_read_only_and_its_layers_stay(sampan: Sampan) -> None:
    sampan("tag", "busybox", "tools")
    line = "ls /y | head -1; touch /y/q 2>/dev/null || echo refused"
    assert shell(sampan, "--mount", "type=image,src=tools,dst=/y", line) == "bin\nrefused\n"
    out = shell(sampan, "--mount", "type=image,src=tools,dst=/y,image-subpath=bin", "ls /y | head -1")
    assert out == "[\n"
    assert "No such image: nope" in sampan("run", "--mount", "type=image,src=nope,dst=/y", "busybox", code=125).err


def test_volumes_from_takes_a_mounted_image_too(sampan: Sampan) -> None:
    sampan("create", "--name", "lender", "--mount", "type=image,src=busybox,dst=/y", "busybox")
    assert shell(sampan, "--volumes-from", "lender", "ls /y | head -1") == "bin\n"


def test_the_layers_of_a_mounted_image_outlive_it(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY Dockerfile /tool\n")
    sampan("build", "-q", "-t", "tools", str(tmp_path))
    sampan("create", "--name", "box", "--mount", "type=image,src=tools,dst=/y", "busybox", "cat", "/y/tool")
    sampan("rmi", "-f", "tools")
    sampan("system", "check", "--repair")
    assert sampan("start", "-a", "box").out.startswith("FROM busybox\n")
    shown = sampan("inspect", "-f", "{{(index .Mounts 0).Type}} {{(index .Mounts 0).Name}}", "box").out
    assert shown == "image tools\n"


@pytest.mark.parametrize(
    ("options", "below", "is_writable"),
    [
        ("", True, True),
        (",bind-recursive=disabled", False, False),
        (",ro", True, False),
        (",ro,bind-recursive=writable", True, True),
        (",ro,bind-propagation=rprivate,bind-recursive=readonly", True, False),
    ],
)
def test_what_is_mounted_below_a_bind_comes_along_as_asked(
    sampan: Sampan, mounted_below: Path, options: str, below: bool, is_writable: bool
) -> None:
    line = "grep -c ' /y/below ' /proc/mounts; touch /y/below/f 2>/dev/null; true"
    out = shell(sampan, "--mount", f"type=bind,src={mounted_below},dst=/y{options}", line)
    assert out == ("1\n" if below else "0\n")
    assert os.path.exists(mounted_below / "below" / "f") == is_writable


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_read_only_covers_what_is_mounted_below_with_both_runtimes(
    sampan: Sampan, mounted_below: Path, runtime: str
) -> None:
    line = "touch /y/below/f 2>/dev/null || echo refused"
    assert shell(sampan, "--runtime", runtime, "-v", f"{mounted_below}:/y:ro", line) == "refused\n"


def test_cp_into_a_stopped_container_finds_read_only_what_its_processes_would(
    sampan: Sampan, mounted_below: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    for name, mode in (("all", "ro"), ("top", "ro,bind-recursive=writable")):
        sampan("create", "--name", name, "--mount", f"type=bind,src={mounted_below},dst=/y,{mode}", "busybox")
    assert "read-only" in sampan("cp", str(tmp_path / "file"), "all:/y/below/f", code=1).err
    assert "read-only" in sampan("cp", str(tmp_path / "file"), "top:/y/f", code=1).err
    sampan("cp", str(tmp_path / "file"), "top:/y/below/f")
    assert (mounted_below / "below" / "f").read_text() == "x"


def test_two_mounts_at_one_place_are_refused(sampan: Sampan) -> None:
    for other in (("--tmpfs", "/y"), ("-v", "b2:/y"), ("--mount", "src=b2,dst=/y")):
        result = sampan("create", "-v", "b1:/y", *other, "busybox", code=1)
        assert "Duplicate mount point: /y" in result.err
    assert shell(sampan, "-v", "/y", "-v", "b1:/y", "echo fine") == "fine\n"
    assert sampan("volume", "ls", "-q").out == "b1\n"


def test_volumes_from_takes_volumes_binds_and_parts_but_no_tmpfs(sampan: Sampan, tmp_path: Path) -> None:
    shell(sampan, "-v", "data:/x", "mkdir /x/a")
    mounts = (
        "-v",
        "data:/vol",
        "-v",
        f"{tmp_path}:/bind:ro",
        "--tmpfs",
        "/tm",
        "--mount",
        "src=data,dst=/sub,volume-subpath=a",
    )
    sampan("create", "--name", "lender", *mounts, "busybox")
    line = 'for d in vol bind tm sub; do grep -q " /$d " /proc/mounts && touch /$d/f 2>/dev/null && echo $d; done; true'
    assert shell(sampan, "--volumes-from", "lender", line) == "vol\nsub\n"
    assert shell(sampan, "--volumes-from", "lender:ro", line) == ""
    assert sampan("create", "--volumes-from", "lender:nonsense", "busybox", code=1).err.startswith(
        "Error response from daemon: invalid mode: nonsense"
    )


PROPAGATED = """
mount --make-rshared / && cd {folder} || exit 9
{run} -d --runtime {runtime} --name {runtime} \
  --mount type=bind,src={folder},dst=/y,bind-propagation=rslave busybox sleep 99
mount -t tmpfs none below && {sampan} exec {runtime} grep -c " /y/below " /proc/mounts
umount below; {sampan} exec {runtime} grep -c " /y/below " /proc/mounts
{run} --rm --runtime {runtime} -v {folder}:/y:rshared busybox echo shared
"""


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_mounts_that_the_host_makes_later_reach_a_container_that_asked_for_them(
    sampan: Sampan, tmp_path: Path, runtime: str
) -> None:
    (tmp_path / "below").mkdir()
    program = " ".join(sampan.command())
    script = PROPAGATED.format(folder=tmp_path, runtime=runtime, sampan=program, run=f"{program} run --network none")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == ["1", "0", "shared"], done.stderr


def test_a_bind_that_the_host_does_not_share_says_so(sampan: Sampan, tmp_path: Path) -> None:
    program = " ".join(
        sampan.command("run", "--rm", "--network", "none", "-v", f"{tmp_path}:/y:rshared", "busybox", "true")
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 125
    assert f"path {tmp_path} is mounted on /" in done.stderr and " but it is not a shared mount" in done.stderr


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (Mount("nonsense", "", "/x"), 'invalid mount config for type "nonsense": mount type unknown'),
        (Mount("volume", "data", "/x", subpath="../y", long_form=True), "subpath must be a relative path within"),
        (Mount("bind", "", "/x", long_form=True), "field Source must not be empty"),
    ],
)
def test_the_engine_refuses_what_the_command_line_refuses(sampan: Sampan, mount: Mount, message: str) -> None:
    with Engine(sampan.root) as engine, pytest.raises(InvalidArgument, match=message):
        engine.run("busybox", options=RunOptions("busybox", mounts=(mount,)))
