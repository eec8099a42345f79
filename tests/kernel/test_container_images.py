"""What becomes of a container's files: diff, export, commit, snapshot and clone."""

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.faults import Pass, kill_at
from sampan.testing.waiting import until

SLEEP = ("sleep", "100000")
WORK = "echo n > /new; mkdir -p /d/e; echo x >> /etc/passwd; rm /etc/group"


@pytest.fixture
def plain(sampan: Sampan) -> Sampan:
    sampan("run", "-d", "--name", "plain", "--network", "none", "busybox", *SLEEP)
    sampan("exec", "plain", "sh", "-c", WORK)
    return sampan


def test_diff_shows_what_docker_shows(plain: Sampan) -> None:
    wanted = ["A /d", "A /d/e", "A /new", "C /etc", "C /etc/passwd", "D /etc/group"]
    for _ in range(2):
        assert sorted(plain("diff", "plain").out.splitlines()) == wanted
        plain("stop", "-t", "0", "plain")
    plain("create", "--name", "made", "busybox", "true")
    assert plain("container", "diff", "made").out == ""


def test_diff_knows_a_folder_that_was_made_anew_and_a_file_that_became_a_folder(plain: Sampan) -> None:
    plain("exec", "plain", "sh", "-c", "mkdir -p /o && cp /bin/busybox /o/ && echo 1 > /o/old")
    plain("commit", "plain", "base")
    script = "rm -rf /o && mkdir /o && echo 2 > /o/young; rm /new && mkdir /new"
    plain("run", "--name", "box", "base", "sh", "-c", script)
    lines = plain("diff", "box").out.splitlines()
    assert {"C /o", "D /o/busybox", "D /o/old", "A /o/young", "C /new"} == set(lines)


def test_names_in_diff_do_not_steer_the_terminal(plain: Sampan) -> None:
    plain("exec", "plain", "sh", "-c", "echo > \"$(printf '/tmp/\\033[31mred\\nA fake')\"")
    out = plain("diff", "plain").out
    assert "\033" not in out
    assert "A fake" not in out.splitlines()


def test_an_export_has_the_files_and_no_volumes(sampan: Sampan, tmp_path: Path) -> None:
    sampan("run", "-d", "--name", "box", "-v", "/vol", "--tmpfs", "/fast", "busybox", *SLEEP)
    sampan("exec", "box", "sh", "-c", "echo v > /vol/inside; echo f > /fast/inside; echo k > /kept; ln -s /kept /link")
    for number in range(2):
        path = tmp_path / f"{number}.tar"
        sampan("export", "-o", str(path), "box")
        assert path.stat().st_mode & 0o777 == 0o600
        with tarfile.open(path) as archive:
            names = archive.getnames()
        assert {"kept", "link", "vol", "bin/busybox"} <= set(names)
        assert not [name for name in names if name.startswith(("vol/", "fast/", "proc/", "sys/"))]
        sampan("stop", "-t", "0", "box")
    piped = subprocess.run(sampan.command("export", "box"), capture_output=True, check=True, timeout=60).stdout
    assert piped == path.read_bytes()
    sampan("import", str(path), "flat")
    assert sampan("run", "--rm", "flat", "cat", "/link").out == "k\n"


def test_an_export_that_fails_leaves_no_file(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("before")
    sampan("export", "-o", f"{tmp_path}/x.tar", "nope", code=1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.tar"]
    assert (tmp_path / "x.tar").read_text() == "before"
    folder = sampan("export", "-o", str(tmp_path), "nope", code=1)
    assert folder.err.startswith("failed to export container: cannot write to a directory")


def test_a_commit_has_the_files_the_settings_and_the_changes(plain: Sampan) -> None:
    changes = ("-c", "ENV Z=1", "-c", 'CMD ["cat", "/new"]', "-c", "LABEL a=b", "-c", "EXPOSE 80", "-c", "USER 5")
    image_id = plain("commit", "-m", "note", "-a", "Ann", *changes, "plain", "snap:1").out.strip()
    shown = json.loads(plain("image", "inspect", "snap:1").out)[0]
    assert (shown["Id"], shown["Author"], shown["Comment"]) == (image_id, "Ann", "note")
    assert len(shown["RootFS"]["Layers"]) == 2
    config = shown["Config"]
    assert (config["Env"], config["Cmd"], config["Labels"]) == (["Z=1"], ["cat", "/new"], {"a": "b"})
    assert (config["ExposedPorts"], config["User"]) == ({"80/tcp": {}}, "5")
    assert plain("run", "--rm", "snap:1").out == "n\n"
    assert "no such file" in plain("run", "--rm", "snap:1", "cat", "/etc/group", code=1).err.lower()
    history = plain("history", "snap:1", "--format", "{{.CreatedBy}}|{{.Comment}}").out.splitlines()
    assert history[0] == "sleep 100000|note"


def test_a_commit_holds_what_was_written_and_no_mount_points(sampan: Sampan, tmp_path: Path) -> None:
    sampan(
        "run", "-d", "--name", "box", "-v", "/vol", "busybox", "sh", "-c", "echo v > /vol/v; echo k > /k; sleep 9999"
    )
    until(lambda: sampan("exec", "box", "cat", "/k", code=None).out == "k\n", "the file is written")
    sampan("commit", "box", "snap")
    layer = json.loads(sampan("image", "inspect", "snap").out)[0]["GraphDriver"]["Data"]["UpperDir"]
    found = sorted(str(path.relative_to(layer)) for path in Path(layer).rglob("*"))
    assert found == ["k", "vol"]
    sampan("rm", "-fv", "box")
    assert sampan("run", "--rm", "snap", "cat", "/k").out == "k\n"


def test_a_commit_of_a_commit_keeps_what_each_took_away(plain: Sampan) -> None:
    plain("commit", "plain", "one")
    plain("run", "--name", "second", "one", "rm", "-r", "/d", "/new")
    plain("commit", "second", "two")
    assert plain("run", "--rm", "two", "sh", "-c", "ls -d /d /new /etc/group 2>/dev/null | wc -l").out == "0\n"
    plain("system", "check")


def test_a_container_holds_still_while_it_is_committed_and_goes_on(sampan: Sampan) -> None:
    """Two files that always grow one after the other never differ by more than one line in the image."""
    script = "while true; do echo x >> /one; echo x >> /two; done"
    lines = ("sh", "-c", "wc -l < /one; wc -l < /two")
    sampan("run", "-d", "--name", "busy", "busybox", "sh", "-c", script)
    until(lambda: sampan("exec", "busy", "test", "-s", "/two", code=None).code == 0, "both are written")
    sampan("commit", "busy", "held")
    sampan("commit", "--no-pause", "busy", "loose")
    one, two = sampan("run", "--rm", "held", *lines).out.split()
    assert 0 <= int(one) - int(two) <= 1
    before = int(sampan("exec", "busy", *lines).out.split()[1])
    until(lambda: int(sampan("exec", "busy", *lines).out.split()[1]) > before, "it goes on")


@pytest.mark.parametrize("point", ["frozen.still", "commit.copied", "frozen.thawed"])
def test_a_container_goes_on_when_its_commit_is_killed(sampan: Sampan, point: str) -> None:
    sampan("run", "-d", "--name", "box", "busybox", *SLEEP)
    kill_at(sampan, Pass(point, 1), "commit", "box", "half")
    assert sampan("exec", "box", "echo", "alive", timeout_seconds=30).out == "alive\n"
    assert sampan("images", "-q", "half").out == ""
    assert sampan("ps", "--format", "{{.Status}}").out.startswith("Up")
    sampan("system", "check")
    remains.assert_none(sampan.root)


def test_a_commit_is_an_event(plain: Sampan) -> None:
    import sqlite3

    image_id = plain("commit", "-m", "why", "plain", "snap:1").out.strip()
    with sqlite3.connect(plain.root + "/state.db") as database:
        row = database.execute("SELECT actor, attributes FROM event WHERE action = 'commit'").fetchone()
    attributes = json.loads(row[1])
    assert attributes.items() >= {"comment": "why", "imageID": image_id, "image": "busybox", "name": "plain"}.items()


def test_copies_of_a_snapshot_begin_with_the_data_of_its_volumes(sampan: Sampan) -> None:
    script = "echo data > /data/row; echo named > /named/row; sleep 100000"
    sampan("run", "-d", "--name", "db", "-v", "/data", "-v", "named:/named", "busybox", "sh", "-c", script)
    until(lambda: sampan("exec", "db", "cat", "/named/row", code=None).code == 0, "it is filled")
    sampan("commit", "-c", "VOLUME /data", "db", "declared")
    sampan("rm", "-fv", "db")
    sampan("run", "-d", "--name", "db", "-v", "named:/named", "declared")
    until(lambda: sampan("exec", "db", "cat", "/data/row", code=None).code == 0, "it is filled")
    sampan("snapshot", "db", "filled:1")
    assert json.loads(sampan("image", "inspect", "filled:1").out)[0]["Config"]["Volumes"] is None
    volumes = sampan("volume", "ls", "-q").out
    for _ in range(2):
        changed = "cat /data/row /named/row; echo mine > /data/row"
        assert sampan("run", "--rm", "filled:1", "sh", "-c", changed).out == "data\nnamed\n"
    assert sampan("volume", "ls", "-q").out == volumes
    assert sampan("exec", "db", "cat", "/data/row").out == "data\n"
    sampan("system", "check")


def test_a_snapshot_hides_what_the_image_has_below_a_volume(sampan: Sampan) -> None:
    sampan(
        "run", "-d", "--name", "db", "-v", "/etc", "busybox", "sh", "-c", "rm /etc/group; echo x > /etc/x; sleep 9999"
    )
    until(lambda: sampan("exec", "db", "cat", "/etc/x", code=None).code == 0, "it is changed")
    sampan("snapshot", "db", "changed")
    assert sampan("run", "--rm", "changed", "sh", "-c", "ls /etc/group /etc/x 2>/dev/null", code=1).out == "/etc/x\n"


def test_a_snapshot_of_what_is_not_healthy_is_refused(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "db", "--health-cmd", "false", "--health-interval", "1h", "busybox", *SLEEP)
    refused = sampan("snapshot", "db", "sick", code=1)
    assert "container db is not healthy (starting)" in refused.err
    sampan("snapshot", "--force", "db", "sick")


def test_a_clone_has_the_files_the_settings_and_volumes_of_its_own(sampan: Sampan) -> None:
    options = ("-e", "A=b", "-v", "/own", "-v", "named:/named")
    shown, written = "cat /own/x /named/x /k 2>/dev/null", "echo $A > /own/x; echo n > /named/x; echo k > /k"
    script = f"echo $A; {shown}; {written}; rm -f /etc/group"
    sampan("run", "--name", "box", *options, "busybox", "sh", "-c", script)
    clone = sampan("container", "clone", "--name", "twin", "box").out.strip()
    assert sampan("inspect", "-f", "{{.Id}} {{.State.Status}}", "twin").out == f"{clone} created\n"
    assert sampan("diff", "twin").out == sampan("diff", "box").out
    sampan("rm", "-v", "box")
    assert sampan("start", "-a", "twin").out == "b\nb\nn\nk\n"
    sampan("container", "clone", "--copy-volumes", "--name", "third", "twin")
    sampan("rm", "-v", "twin")
    sampan("volume", "rm", "named")
    assert sampan("start", "-a", "third").out == "b\nb\nn\nk\n"
    sampan("rm", "-v", "third")
    assert sampan("volume", "ls", "-q").out == ""


def test_a_running_container_is_not_cloned_and_a_name_in_use_not_taken(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", *SLEEP)
    refused = sampan("container", "clone", "box", code=1)
    assert "cannot clone container box: it is running" in refused.err
    sampan("stop", "-t", "0", "box")
    refused = sampan("container", "clone", "--name", "box", "box", code=1)
    assert 'The container name "/box" is already in use' in refused.err
    assert sampan("ps", "-aq").out.count("\n") == 1
    remains.assert_none(sampan.root)


def test_the_same_from_python(sampan: Sampan, tmp_path: Path) -> None:
    from sampan.containers.commit import CommitOptions
    from sampan.engine import Engine

    sampan("run", "--name", "box", "busybox", "sh", "-c", "echo k > /k")
    containers = Engine(sampan.root).containers
    assert [(change.kind, change.path) for change in containers.diff("box")] == [("A", "/k")]
    containers.copy_out("box", "/k", str(tmp_path / "k"))
    assert (tmp_path / "k").read_text() == "k\n"
    containers.copy_in(str(tmp_path / "k"), "box", "/again")
    image_id = containers.commit("box", CommitOptions(reference="made:1"))
    assert containers.snapshot("box") != ""
    twin = containers.clone("box", "twin")
    assert twin.status == "created"
    pieces: list[bytes] = []
    containers.export("twin", pieces.append)
    assert b"again" in b"".join(pieces)
    assert sampan("images", "-q", "--no-trunc", "made:1").out.strip() == image_id
