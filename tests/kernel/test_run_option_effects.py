"""What run's options do to the process, its files and its network: several options a container, as people give them."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied
from sampan.testing.terminal import Terminal


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/run-option-effects") as sampan:
        sampan("run", "-d", "--name", "donor", "--ipc", "shareable", "busybox", "sleep", "100000")
        yield sampan


def shell(sampan: Sampan, options: tuple[str, ...], script: str, code: int = 0) -> list[str]:
    """What a script prints in a container with these options, line by line."""
    return sampan("run", "--rm", *options, "busybox", "sh", "-c", script, code=code).out.splitlines()


def test_hosts_and_resolver_say_what_was_asked_for(yard: Sampan) -> None:
    options = (
        "--hostname", "h1", "--domainname", "d1.test",
        "--add-host", "a:192.0.2.1", "--add-host", "b=192.0.2.2", "--add-host", "six:[2001:db8::1]",
        "--add-host", "gw:host-gateway",
        "--dns", "192.0.2.9", "--dns", "192.0.2.8", "--dns-search", "s.test",
        "--dns-option", "ndots:2", "--dns-opt", "timeout:1",
    )  # fmt: skip
    script = "cat /etc/hosts; echo ---; grep -v '^#' /etc/resolv.conf; echo ---; ip route | awk '/default/ {print $3}'"
    hosts, resolver, route = "\n".join(shell(yard, options, script)).split("\n---\n")
    named = dict(reversed(line.split("\t", 1)) for line in hosts.splitlines())
    assert [named[name] for name in ("a", "b", "six")] == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert named["gw"] == route
    assert "h1.d1.test h1" in named
    assert resolver.split("\n") == [
        "nameserver 192.0.2.9",
        "nameserver 192.0.2.8",
        "search s.test",
        "options ndots:2 timeout:1",
    ]


def test_a_dot_empties_the_list_of_search_domains(yard: Sampan) -> None:
    assert shell(yard, ("--dns-search", "."), "grep '^search' /etc/resolv.conf || echo none") == ["none"]


def test_variables_come_from_files_flags_and_this_environment(yard: Sampan, tmp_path: Path) -> None:
    (tmp_path / "env").write_text('A=1\n# no\nB=x y\nHERE\nNOWHERE\nQ="q"\n')
    options = ("--env-file", str(tmp_path / "env"), "-e", "A=2", "-e", "HERE2", "-e", "NOWHERE2")
    found = yard("run", "--rm", *options, "busybox", "env", env={"HERE": "h", "HERE2": "h2"}).out.splitlines()
    mine = [line for line in found if not line.startswith(("PATH", "HOSTNAME", "HOME"))]
    assert mine == ["B=x y", "HERE=h", 'Q="q"', "A=2", "HERE2=h2"]


def test_a_record_keeps_labels_annotations_and_the_rest(yard: Sampan, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("l1=v1\nl2\nl4=v4\n")
    yard(
        "create", "--name", "kept", "--label-file", str(tmp_path / "labels"), "-l", "l1=w", "-l", "l3",
        "--annotation", "a=b", "--cidfile", str(tmp_path / "cid"), "--stop-signal", "USR1", "--stop-timeout", "7",
        "--expose", "70-71/udp", "--restart", "on-failure:3", "--health-cmd", "true", "--health-interval", "3s",
        "--health-timeout", "2s", "--health-retries", "4", "--health-start-period", "1s",
        "--health-start-interval", "500ms", "--isolation", "default", "--oom-kill-disable", "--volume-driver", "local",
        "-v", "kept-data:/data", "--pull", "never", "--platform", "linux", "busybox", "true",
    )  # fmt: skip
    document = json.loads(yard("inspect", "kept").out)[0]
    config, host = document["Config"], document["HostConfig"]
    assert config["Labels"] == {"l1": "w", "l3": "", "l4": "v4"}
    assert host["Annotations"] == {"a": "b"}
    assert (tmp_path / "cid").read_text() == document["Id"]
    assert (config["StopSignal"], config["StopTimeout"]) == ("USR1", 7)
    assert sorted(config["ExposedPorts"]) == ["70/udp", "71/udp"]
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 3 * 10**9,
        "Timeout": 2 * 10**9,
        "StartPeriod": 10**9,
        "StartInterval": 5 * 10**8,
        "Retries": 4,
    }
    assert host["OomKillDisable"] is True
    again = yard("run", "--cidfile", str(tmp_path / "cid"), "busybox", "true", code=125)
    assert "container ID file found" in again.err


def test_the_entrypoint_is_replaced_or_cleared(yard: Sampan) -> None:
    assert yard("run", "--rm", "--entrypoint", "/bin/echo", "busybox", "a", "b").out == "a b\n"
    assert yard("run", "--rm", "--entrypoint", "", "busybox", "echo", "c").out == "c\n"


def test_file_systems_in_memory_take_their_options(yard: Sampan) -> None:
    options = (
        "--tmpfs", "/plain", "--tmpfs", "/set:size=1m,mode=700,uid=5,exec,suid",
        "--mount", "type=tmpfs,dst=/long,tmpfs-size=2m,tmpfs-mode=1770", "--read-only",
    )  # fmt: skip
    script = (
        "awk '$2 ~ /^.(plain|set|long)$/ {print $2, $4}' /proc/mounts; stat -c '%n %a %u' /plain /set /long;"
        " touch /plain/x /dev/shm/x && touch /x"
    )
    lines = shell(yard, options, script, code=1)
    flags = {line.split()[0]: set(line.split()[1].split(",")) for line in lines[:3]}
    assert {"rw", "nosuid", "nodev", "noexec"} <= flags["/plain"]
    assert flags["/set"] == {"rw", "nodev", "relatime", "size=1024k", "mode=700", "uid=5"} | (
        flags["/set"] & {"inode64"}
    )
    assert {"nosuid", "nodev", "noexec", "size=2048k", "mode=1770"} <= flags["/long"]
    assert lines[3:] == ["/plain 1777 0", "/set 700 5", "/long 1770 0"]


def test_namespaces_of_the_host(yard: Sampan) -> None:
    kinds = ("pid", "ipc", "uts", "net", "cgroup", "user")
    options = ("--pid", "host", "--ipc", "host", "--uts", "host", "--net", "host", "--cgroupns", "host")
    found = shell(
        yard, (*options, "--userns", "host"), f"for kind in {' '.join(kinds)}; do readlink /proc/self/ns/$kind; done"
    )
    assert found == [os.readlink(f"/proc/self/ns/{kind}") for kind in kinds]


def test_namespaces_of_another_container(yard: Sampan) -> None:
    script = "for kind in pid ipc net; do readlink /proc/self/ns/$kind; done"
    theirs = yard("exec", "donor", "sh", "-c", f"{script}; hostname; echo hi > /dev/shm/note").out.splitlines()
    options = ("--pid", "container:donor", "--ipc", "container:donor", "--net", "container:donor")
    found = shell(yard, options, f"{script}; hostname; cat /dev/shm/note; ps | grep -c 'sleep 10000[0]'")
    assert found == [*theirs, "hi", "1"]
    assert shell(yard, ("--net", "none"), "ls /sys/class/net") == ["lo"]


def test_another_container_is_kept_by_its_id(yard: Sampan) -> None:
    donor = yard("inspect", "-f", "{{.Id}}", "donor").out.strip()
    options = ("--pid", "container:donor", "--ipc", "container:donor", "--net", "container:donor")
    yard("create", "--name", "guest", *options, "--health-cmd", "true", "busybox", "true")
    host = json.loads(yard("inspect", "guest").out)[0]["HostConfig"]
    assert {host[name] for name in ("PidMode", "IpcMode", "NetworkMode")} == {f"container:{donor}"}
    assert yard("inspect", "-f", "{{.State.Health}}", "guest").out == "<nil>\n"
    yard("rename", "donor", "giver2")
    yard("start", "-a", "guest")
    yard("rename", "giver2", "donor")
    yard("rm", "guest")


def test_shared_memory_lives_as_long_as_one_of_those_who_share_it(yard: Sampan) -> None:
    yard("run", "-d", "--name", "giver", "--ipc", "shareable", "busybox", "sh", "-c", "echo a > /dev/shm/a; sleep 9999")
    for runtime in ("crun", "runc"):
        options = ("-d", "--name", f"taker-{runtime}", "--runtime", runtime, "--ipc", "container:giver")
        yard("run", *options, "busybox", "sh", "-c", f"echo b > /dev/shm/{runtime}; sleep 9999")
        yard("exec", f"taker-{runtime}", "sh", "-c", f"until test -s /dev/shm/{runtime}; do :; done")
    yard("stop", "-t", "0", "giver")
    assert yard("exec", "taker-crun", "ls", "/dev/shm").out.split() == ["a", "crun", "runc"]
    gone = yard("run", "--rm", "--ipc", "container:giver", "busybox", "true", code=125)
    assert re.search(r"failed to join IPC namespace: container [0-9a-f]{64} is not running", gone.err)
    chain = yard("run", "--rm", "--ipc", "container:taker-crun", "busybox", "cat", "/dev/shm/a").out
    assert chain == "a\n"
    yard("rm", "-f", "giver", "taker-crun", "taker-runc")


def test_a_private_ipc_namespace_is_not_given_away(yard: Sampan) -> None:
    for mode in ("private", "none"):
        yard("run", "-d", "--name", "closed", "--ipc", mode, "busybox", "sleep", "9999")
        refused = yard("run", "--rm", "--ipc", "container:closed", "busybox", "true", code=125)
        assert "non-shareable IPC (hint: use IpcMode:shareable for the donor container)" in refused.err
        yard("rm", "-f", "closed")


def test_the_first_group_is_among_the_groups(yard: Sampan) -> None:
    options = ("-u", "1000:1001", "--group-add", "5")
    assert shell(yard, options, "grep Groups /proc/self/status") == ["Groups:\t5 1001 "]


def test_a_read_only_root_has_read_only_hosts(yard: Sampan) -> None:
    script = "for file in hosts hostname resolv.conf; do (echo x >> /etc/$file) 2>/dev/null || echo held; done"
    assert shell(yard, ("--read-only",), script) == ["held"] * 3
    assert shell(yard, (), "echo '# x' >> /etc/hosts && tail -n 1 /etc/hosts") == ["# x"]


def test_a_host_name_with_dots_is_known_by_its_first_part_too(yard: Sampan) -> None:
    assert shell(yard, ("-h", "web.example.test"), "hostname; tail -n 1 /etc/hosts | cut -f 2; hostname -f") == [
        "web.example.test",
        "web.example.test web",
        "web.example.test",
    ]


def test_what_may_hurt_the_host_is_warned_of(yard: Sampan) -> None:
    found = yard("run", "--rm", "--oom-kill-disable", "busybox", "true")
    assert found.err.startswith("WARNING: OOM killer is disabled for the container, but no memory limit is set")
    assert yard("run", "--rm", "-m", "64m", "--oom-kill-disable", "busybox", "true").err == ""


def test_older_names_of_options_mean_the_same(yard: Sampan) -> None:
    yard("network", "create", "older")
    yard(
        "create", "--name", "older", "--net", "older", "--net-alias", "alias", "--dns-opt", "ndots:4", "busybox", "true"
    )
    document = json.loads(yard("inspect", "older").out)[0]
    assert "alias" in document["NetworkSettings"]["Networks"]["older"]["Aliases"]
    assert document["HostConfig"]["DnsOptions"] == ["ndots:4"]
    yard("rm", "older")
    yard("network", "rm", "older")


def test_an_address_of_hardware_is_given(yard: Sampan) -> None:
    options = ("--mac-address", "92:d0:c6:0a:29:33")
    assert shell(yard, options, "cat /sys/class/net/eth0/address") == ["92:d0:c6:0a:29:33"]


def test_control_groups_can_be_placed_and_be_writable(yard: Sampan) -> None:
    script = "grep -c /mine/ /proc/self/cgroup; awk '$2 ~ /^.sys.fs.cgroup./ {print substr($4, 1, 2)}' /proc/mounts"
    found = shell(yard, ("--cgroup-parent", "/mine", "--security-opt", "writable-cgroups=true"), script)
    assert int(found[0]) > 0 or os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    assert set(found[1:]) <= {"rw"}
    assert "ro" in shell(yard, (), "awk '$2 ~ /^.sys.fs.cgroup/ {print substr($4, 1, 2)}' /proc/mounts")


def test_a_seccomp_profile_from_a_file_is_in_force(yard: Sampan, tmp_path: Path) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    (tmp_path / "no-folders.json").write_text(json.dumps(profile))
    options = ("--security-opt", f"seccomp={tmp_path}/no-folders.json")
    assert shell(yard, options, "touch /file && mkdir /folder 2>&1 | grep -o 'not permitted'") == ["not permitted"]
    missing = yard("run", "--rm", "--security-opt", "seccomp=/nowhere", "busybox", "true", code=125)
    assert "opening seccomp profile (/nowhere) failed: open /nowhere: no such file or directory" in missing.err


def test_executed_commands_have_the_limits_of_the_container(yard: Sampan) -> None:
    yard("run", "-d", "--name", "limited", "--ulimit", "nofile=100:200", "busybox", "sleep", "9999")
    assert yard("exec", "limited", "sh", "-c", "ulimit -n; ulimit -Hn").out == "100\n200\n"
    yard("rm", "-f", "limited")


def test_streams_are_chosen(yard: Sampan) -> None:
    both = "echo out; echo err >&2"
    only = yard("run", "--rm", "-a", "stdout", "busybox", "sh", "-c", both)
    assert (only.out, only.err) == ("out\n", "")
    assert yard("run", "--rm", "-i", "busybox", "cat", stdin="typed").out == "typed"
    assert yard("run", "--rm", "busybox", "cat", stdin="unheard").out == ""


def test_a_terminal_has_the_size_of_ours_and_follows_it(yard: Sampan) -> None:
    wait = "until test \"$(stty size)\" = '%s'; do :; done; echo se''en %s\r"
    with Terminal(yard.command("run", "--rm", "-it", "busybox", "sh")) as terminal:
        terminal.press("echo $TERM\r")
        terminal.expect("xterm")
        terminal.press(wait % ("24 80", "first"))
        terminal.expect("seen first")
        terminal.resize(20, 70)
        terminal.press(wait % ("20 70", "second"))
        terminal.expect("seen second")
        terminal.press("exit 3\r")
        assert terminal.wait() == 3


def test_signals_are_passed_on_unless_told_otherwise(yard: Sampan) -> None:
    script = "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    running = yard.start("run", "--rm", "--name", "hears", "busybox", "sh", "-c", script)
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    running.terminate()
    out, _ = running.communicate(timeout=60)
    assert (out, running.returncode) == ("caught\n", 7)
    running = yard.start("run", "--name", "deaf", "--sig-proxy=false", "busybox", "sh", "-c", script)
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    running.terminate()
    running.communicate(timeout=60)
    assert yard("inspect", "-f", "{{.State.Status}}", "deaf").out == "running\n"
    yard("rm", "-f", "deaf")


def test_timings_tell_where_a_start_went(yard: Sampan) -> None:
    found = yard("run", "--rm", "--timings", "busybox", "echo", "out")
    assert found.out == "out\n"
    title, *lines = found.err.splitlines()
    assert title.strip() == "ms"
    assert all(re.fullmatch(r" +[0-9]+\.[0-9]  \S.*", line) for line in lines)
    named = {line[10:]: float(line[:8]) for line in lines}
    phases = list(named)
    until_it_runs = phases[: phases.index("in all until it runs")]
    assert abs(sum(named[phase] for phase in until_it_runs) - named["in all until it runs"]) < 1
    assert phases[-2:] == ["it ran", "its files are removed"]
    assert "timings" not in yard("run", "--rm", "busybox", "true").err


# options -> what the error has
REFUSED: dict[tuple[str, ...], str] = {
    ("--device-cgroup-rule", "c 1:3 q"): 'invalid argument "c 1:3 q" for "--device-cgroup-rule" flag:'
    " invalid device cgroup format 'c 1:3 q'",
    ("--ipc", "container:"): 'failed to join IPC namespace: invalid name or ID supplied: ""',
    ("--ipc", "container:nobody"): "No such container: nobody",
    ("--security-opt", "writable-cgroups=maybe"): 'invalid --security-opt 2: "writable-cgroups=maybe"',
    ("--security-opt", "apparmor=mine"): "AppArmor profile mine cannot be applied",
    ("--detach-keys", "ctrl-^^"): "invalid detach keys (ctrl-^^) provided",
    ("--isolation", "hyperv"): "invalid isolation (hyperv): linux only supports 'default'",
    ("--pull", "sometimes"): "invalid pull option: 'sometimes': must be one of",
    ("--stop-signal", "FOO"): "invalid signal: FOO",
    ("--net", "container:donor", "-p", "80:80"): "conflicting options: port publishing and the container type network",
    ("--rm", "--restart", "always"): "conflicting options: cannot specify both --restart and --rm",
    ("--health-cmd", "true", "--no-healthcheck"): "--no-healthcheck conflicts with --health-* options",
}


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_what_cannot_be_is_refused(yard: Sampan, options: tuple[str, ...]) -> None:
    assert REFUSED[options] in yard("run", *options, "busybox", "true", code=125).err
