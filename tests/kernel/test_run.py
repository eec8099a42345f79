"""`run`, `exec`, `logs`, `stop` and their options with real containers."""

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.waiting import until


def shell(sampan: Sampan, *words: str, code: int = 0) -> str:
    """Output of a shell line in a new container; options come before it."""
    *options, line = words
    return sampan("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c", line, code=code).out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("sh", "-c", "exit 7"), 7, ""),
        (("nosuch",), 127, 'exec: "nosuch": executable file not found in $PATH'),
        (("/nope",), 127, 'exec: "/nope": stat /nope: no such file or directory'),
        (("/etc",), 126, 'exec: "/etc": is a directory'),
        (("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied'),
    ],
)
def test_the_exit_code_is_the_process_s_or_says_why_it_did_not_start(
    sampan: Sampan, words: tuple[str, ...], code: int, message: str
) -> None:
    result = sampan("run", "--rm", "--network", "none", "busybox", *words, code=code)
    assert message in result.err
    assert sampan("ps", "-aq").out == ""


def test_an_image_that_is_not_here_says_how_to_make_it(sampan: Sampan) -> None:
    result = sampan("run", "--rm", "nosuch:1", code=125)
    assert "Unable to find image 'nosuch:1' locally" in result.err
    assert "image bootstrap" in result.err


def test_what_a_container_sees_follows_the_options(sampan: Sampan, tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.write_text("# a comment\nFROM_FILE=1\nBARE\n")
    out = shell(
        sampan,
        *("-e", "A=1", "-e", "BARE2", "--env-file", str(env), "-w", "/made/here", "-h", "box", "-u", "1000:5"),
        "pwd; hostname; id -u; id -g; echo $A $FROM_FILE; cat /etc/hostname",
    )
    assert out == "/made/here\nbox\n1000\n5\n1 1\nbox\n"


def test_a_read_only_root_leaves_tmpfs_and_volumes_writable(sampan: Sampan) -> None:
    line = "touch /x 2>/dev/null || echo refused; touch /t/x /v/x && echo written; df -k /t | tail -1"
    out = shell(sampan, "--read-only", "--tmpfs", "/t:size=1m", "-v", "/v", line)
    assert "refused\nwritten\n" in out and " 1024 " in out
    assert sampan("volume", "ls", "-q").out == ""


def test_limits_reach_the_control_group(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sleep", "1000")
    key_and_id = sampan("inspect", "-f", "{{.Id}}", "box").out.strip()

    def read(*names: str) -> str:
        found = [
            path
            for name in names
            for path in Path("/sys/fs/cgroup").glob(f"{name.split('/')[0]}/sampan-*/{key_and_id}/{name.split('/')[1]}")
        ]
        found += [
            path
            for name in names
            for path in Path("/sys/fs/cgroup").glob(f"sampan-*/{key_and_id}/{name.split('/')[1]}")
        ]
        return found[0].read_text().strip()

    assert read("memory/memory.limit_in_bytes", "memory/memory.max") == str(64 << 20)
    assert read("cpu/cpu.cfs_quota_us", "cpu/cpu.max").split()[0] == "50000"
    assert read("pids/pids.max") == "50"


def test_folders_of_the_host_named_and_anonymous_volumes(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("from the host\n")
    assert shell(sampan, "-v", f"{tmp_path}:/b:ro", "cat /b/f; touch /b/x 2>/dev/null || echo refused") == (
        "from the host\nrefused\n"
    )
    shell(sampan, "-v", "data:/d", "echo kept > /d/x")
    assert shell(sampan, "-v", "data:/other", "cat /other/x") == "kept\n"
    sampan("run", "--name", "one", "-v", "/anonymous", "busybox", "true")
    assert len(sampan("volume", "ls", "-q").out.split()) == 2
    sampan("rm", "-v", "one")
    assert sampan("volume", "ls", "-q").out == "data\n"
    # /root is in the image: an empty volume takes its mode over.
    assert "drwx------" in shell(sampan, "-v", "fresh:/root", "ls -ld /root")


def test_standard_input_is_passed_on_and_ended(sampan: Sampan) -> None:
    text = "line\n" * 5000
    result = sampan("run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", "cat; echo end >&2", stdin=text)
    assert result.out == text
    assert result.err == "end\n"


def test_large_output_of_both_streams_arrives_whole(sampan: Sampan) -> None:
    line = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    result = sampan("run", "--rm", "--network", "none", "busybox", "sh", "-c", line)
    assert result.out == "".join(f"out {number}\n" for number in range(3000))
    assert result.err == "".join(f"err {number}\n" for number in range(3000))


def test_signals_to_a_foreground_run_reach_the_process(sampan: Sampan) -> None:
    line = "trap 'echo got it; exit 3' TERM; echo ready; while true; do sleep 0.05; done"
    process = sampan.start("run", "--rm", "--network", "none", "busybox", "sh", "-c", line)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("got it\n", 3)


def test_a_published_port_answers_and_is_free_again_afterwards(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "web", "-p", "127.0.124.1:0:80", "busybox", "httpd", "-f", "-h", "/etc")
    address = sampan("port", "web", "80").out.strip()
    assert address.startswith("127.0.124.1:")
    with urllib.request.urlopen(f"http://{address}/passwd", timeout=10) as page:
        assert page.read().startswith(b"root:")
    port = address.rpartition(":")[2]
    clash = sampan("run", "--rm", "-p", f"127.0.124.1:{port}:80", "busybox", "true", code=125)
    assert "port is already allocated" in clash.err and "web" in clash.err
    sampan("rm", "-f", "web")
    sampan("run", "--rm", "-p", f"127.0.124.1:{port}:80", "busybox", "true")


def test_logs_follow_tail_and_carry_times(sampan: Sampan) -> None:
    line = "echo one; echo two; echo three; while [ ! -e /stop ]; do sleep 0.05; done; echo last"
    sampan("run", "-d", "--name", "box", "--network", "none", "busybox", "sh", "-c", line)
    until(lambda: sampan("logs", "box").out == "one\ntwo\nthree\n", "the lines are there")
    assert sampan("logs", "--tail", "1", "box").out == "three\n"
    stamped = sampan("logs", "-t", "--tail", "1", "box").out
    assert stamped[4] == "-" and stamped.endswith("Z three\n")
    with subprocess.Popen(
        sampan.command("logs", "-f", "--tail", "1", "box"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "three\n"
        sampan("exec", "box", "touch", "/stop")
        assert process.stdout.read() == "last\n"


def test_stop_asks_with_the_image_s_signal_and_kills_after_the_grace(sampan: Sampan) -> None:
    line = "trap 'exit 5' USR1; while true; do sleep 0.05; done"
    sampan("run", "-d", "--name", "polite", "--stop-signal", "USR1", "busybox", "sh", "-c", line)
    sampan("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
    sampan("stop", "polite")
    sampan("stop", "-t", "0", "deaf")
    codes = [sampan("inspect", "-f", "{{.State.ExitCode}}", name).out.strip() for name in ("polite", "deaf")]
    assert codes == ["5", "137"]
    assert sampan("wait", "polite", "deaf").out == "5\n137\n"


def test_a_stopped_container_keeps_its_files_and_starts_again(sampan: Sampan) -> None:
    sampan(
        "run", "--name", "box", "--network", "none", "busybox", "sh", "-c", "cat /kept 2>/dev/null; echo again >> /kept"
    )
    assert sampan("start", "-a", "box").out == "again\n"
    assert sampan("start", "-a", "box").out == "again\nagain\n"
    assert "Exited (0)" in sampan("ps", "-a").out


def test_exec_runs_beside_with_its_own_user_folder_and_code(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "-e", "A=1", "busybox", "sleep", "1000")
    out = sampan(
        "exec",
        "-u",
        "7:8",
        "-w",
        "/tmp",
        "-e",
        "B=2",
        "box",
        "sh",
        "-c",
        "id -u; id -g; pwd; echo $A$B; exit 9",
        code=9,
    )
    assert out.out == "7\n8\n/tmp\n12\n"
    assert sampan("exec", "-i", "box", "cat", stdin="typed").out == "typed"
    sampan("exec", "-d", "box", "touch", "/made")
    until(lambda: sampan("exec", "box", "test", "-e", "/made", code=None).code == 0, "the detached exec ran")
    missing = sampan("exec", "box", "nosuch", code=127)
    assert "executable file not found" in missing.out + missing.err
    assert "is not running" in (sampan("stop", "-t", "0", "box"), sampan("exec", "box", "true", code=1))[1].err


def test_host_network_and_another_container_s_network(sampan: Sampan) -> None:
    seen = sampan("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net").out.strip()
    assert seen == os.readlink("/proc/self/ns/net")
    sampan("run", "-d", "--name", "web", "busybox", "httpd", "-f", "-p", "8000", "-h", "/etc")
    out = sampan(
        "run",
        "--rm",
        "--network",
        "container:web",
        "busybox",
        "sh",
        "-c",
        "printf 'GET /passwd HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8000",
    ).out
    assert "root:" in out


def test_cidfile_and_names_are_as_asked(sampan: Sampan, tmp_path: Path) -> None:
    path = tmp_path / "cid"
    container_id = sampan("run", "-d", "--name", "box", "--cidfile", str(path), "busybox", "sleep", "1000").out.strip()
    assert path.read_text() == container_id
    assert "is already in use by container" in sampan("run", "--name", "box", "busybox", "true", code=125).err
    assert "container ID file found" in sampan("run", "--cidfile", str(path), "busybox", "true", code=125).err
    assert sampan("inspect", "-f", "{{.Name}}", container_id[:6]).out == "/box\n"


def test_a_container_of_runc_lives_like_one_of_crun(sampan: Sampan) -> None:
    assert sampan("run", "--rm", "--runtime", "runc", "busybox", "sh", "-c", "echo hi; exit 4", code=4).out == "hi\n"
    sampan("run", "-d", "--name", "box", "--runtime", "runc", "busybox", "sleep", "1000")
    assert sampan("exec", "box", "echo", "inside").out == "inside\n"
    sampan("stop", "-t", "0", "box")
    assert sampan("system", "check").code == 0
