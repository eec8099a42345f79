"""RUN's mounts, network and security, row by row as spec/dockerfile.tsv names them."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from sampan.builder.mounts.agents import Agents, Forward
from sampan.builder.options import Agent
from sampan.testing.command import Sampan


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("bound\n")
    (tmp_path / "a.txt").chmod(0o640)
    os.chown(tmp_path / "a.txt", 1000, 1000)
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "sub" / "s").write_text("s\n")
    (tmp_path / "sub" / "kept-out").write_text("x\n")
    (tmp_path / ".dockerignore").write_text("sub/kept-out\n")
    return tmp_path


def build(sampan: Sampan, context: Path, dockerfile: str, *arguments: str, code: int = 0) -> str:
    """Build and return what was printed."""
    (context / "Dockerfile").write_text("FROM busybox AS base\n" + dockerfile)
    return sampan("build", "--progress", "plain", "-t", "made", *arguments, str(context), code=code).err


def printed(text: str) -> list[str]:
    """What the steps of a build printed."""
    return [line for _, line in re.findall(r"^#\d+ (\d+\.\d+) (.*)$", text, re.MULTILINE)]


EMPTY = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # diff ID without any file
_SECRET = "--mount=type=secret,"
_SECRET_VALUE = "hush-hush-42"

ROWS = [
    ("RUN shell form", 'RUN echo "a  b" \\\n  c && echo $0', ["a  b c", "/bin/sh"]),
    (
        "RUN exec form",
        'RUN ["echo", "$HOME", "a b"]\nRUN [\'echo\', x] 2>/dev/null || echo shell',
        ["$HOME a b", "shell"],
    ),
    (
        "RUN heredoc",
        "RUN <<E1 cat && cat <<'E2' 5<<-E3\nfirst $0\nE1\nsecond $0\nE2\n\tthird\n\tE3\n"
        'RUN <<EOF\n#!/bin/cat\nscript $0\nEOF\nRUN <<EOF\nx=1\necho "$x$0"\nEOF',
        ["first /bin/sh", "second $0", "#!/bin/cat", "script $0", "1/bin/sh"],
    ),
    (
        "RUN environment",
        "ARG A=1\nENV B=2\nUSER 7\nRUN echo $A$B $HOME $PWD $PATH\nUSER root\nWORKDIR /w/d\nRUN echo $HOME $PWD",
        ["12 / / /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/root /w/d"],
    ),
    ("ARG in RUN", "ARG A=1\nRUN echo $A\nARG A=2\nRUN echo $A", ["1", "2"]),
    ("RUN --mount form", "RUN --mount=TARGET=/b,ReadOnly cat /b/a.txt", ["bound"]),
    (
        "RUN --mount=type=bind target|dst|destination",
        "WORKDIR /w\nRUN --mount=dst=rel --mount=destination=/d cat /w/rel/a.txt /d/a.txt",
        ["bound", "bound"],
    ),
    (
        "RUN --mount=type=bind source|src",
        "RUN --mount=source=sub,target=/b --mount=src=link,target=/l ls /b; cat /l; stat -c '%a %u' /l",
        ["s", "bound", "640 0"],
    ),
    (
        "RUN --mount=type=bind from",
        "RUN mkdir /o && echo of-stage > /o/f && chown 7 /o/f\nFROM busybox\n"
        "RUN --mount=from=base,source=/o,target=/b --mount=from=busybox,target=/i cat /b/f; stat -c %u /b/f;"
        " ls /i/etc/passwd",
        ["of-stage", "7", "/i/etc/passwd"],
    ),
    (
        "RUN --mount=type=bind rw|readwrite",
        "RUN --mount=target=/b,rw --mount=target=/r echo x > /b/new && cat /b/new; touch /r/x 2>&1 | sed 's/.*: //'\n"
        "RUN --mount=target=/b,readwrite ls /b",
        ["x", "Read-only file system", "Dockerfile", "a.txt", "link", "sub"],
    ),
    (
        "RUN --mount=type=cache target",
        "RUN --mount=type=cache,target=/c echo kept > /c/f\nRUN --mount=type=cache,target=/c cat /c/f\n"
        "RUN ls -d /c || true",
        ["kept", "ls: /c: No such file or directory"],
    ),
    (
        "RUN --mount=type=cache id",
        "RUN --mount=type=cache,target=/c/./d/ echo of-target > /c/d/f\n"
        "RUN --mount=type=cache,id=/c/d,target=/e cat /e/f\n"
        "RUN --mount=type=cache,id=other,target=/c/d ls /c/d | wc -l",
        ["of-target", "0"],
    ),
    (
        "RUN --mount=type=cache sharing",
        "RUN --mount=type=cache,target=/c,sharing=locked echo 1 > /c/f\n"
        "RUN --mount=type=cache,target=/c,sharing=private cat /c/f\n"
        "RUN --mount=type=cache,target=/c,sharing=shared cat /c/f",
        ["1", "1"],
    ),
    (
        "RUN --mount=type=cache from, source",
        "RUN mkdir /o && echo begins > /o/f\nFROM busybox\n"
        "RUN --mount=type=cache,target=/c,from=base,source=/o cat /c/f && echo more >> /c/f\n"
        "RUN --mount=type=cache,target=/c,from=base,source=/o cat /c/f",
        ["begins", "begins", "more"],
    ),
    (
        "RUN --mount=type=cache mode, uid, gid",
        "RUN --mount=type=cache,target=/c,mode=0750,uid=5,gid=6 --mount=type=cache,target=/d stat -c '%a %u:%g' /c /d",
        ["750 5:6", "755 0:0"],
    ),
    (
        "RUN --mount=type=cache ro|readonly",
        "RUN --mount=type=cache,target=/c touch /c/f\nRUN --mount=type=cache,target=/c,ro ls /c; touch /c/g || true",
        ["f", "touch: /c/g: Read-only file system"],
    ),
    (
        "RUN --mount=type=tmpfs target",
        "RUN --mount=type=tmpfs,target=/t stat -f -c %T /t; stat -c %a /t; touch /t/f\nRUN ls -d /t || true",
        ["tmpfs", "1777", "ls: /t: No such file or directory"],
    ),
    (
        "RUN --mount=type=tmpfs size",
        "RUN --mount=type=tmpfs,target=/t,size=2m df /t | tail -1 | tr -s ' ' | cut -d' ' -f2",
        ["2048"],
    ),
    (
        "RUN --mount=type=secret id",
        f"RUN {_SECRET}id=s cat /run/secrets/s; echo\nRUN {_SECRET}target=/x/s cat /x/s; echo",
        [_SECRET_VALUE, _SECRET_VALUE],
    ),
    (
        "RUN --mount=type=secret target",
        f"WORKDIR /w\nRUN {_SECRET}id=s,target=rel/f cat /w/rel/f; echo; ls /run/secrets || true",
        [_SECRET_VALUE, "ls: /run/secrets: No such file or directory"],
    ),
    (
        "RUN --mount=type=secret env",
        f'RUN {_SECRET}id=s,env=S echo "$S"; ls /run/secrets || true\n'
        f'RUN {_SECRET}id=s,env=S,target=/f cat /f; echo " $S"',
        [_SECRET_VALUE, "ls: /run/secrets: No such file or directory", f"{_SECRET_VALUE} {_SECRET_VALUE}"],
    ),
    (
        "RUN --mount=type=secret required",
        f"RUN {_SECRET}id=absent ls /run/secrets || true",
        ["ls: /run/secrets: No such file or directory"],
    ),
    (
        "RUN --mount=type=secret mode, uid, gid",
        f"RUN {_SECRET}id=s {_SECRET}id=s,target=/f,mode=0444,uid=3,gid=4 stat -c '%a %u:%g' /run/secrets/s /f",
        ["400 0:0", "444 3:4"],
    ),
    (
        "RUN --mount=type=secret source|src",
        f"RUN {_SECRET}source=s cat /run/secrets/s; echo\nRUN {_SECRET}src=s,target=/f cat /f; echo",
        [_SECRET_VALUE, _SECRET_VALUE],
    ),
    (
        "RUN --network",
        "RUN --network=none ls /sys/class/net; grep -c buildkitsandbox /etc/hosts\n"
        "RUN --network=default ls /sys/class/net",
        ["lo", "1", "eth0", "lo"],
    ),
    (
        "ARG built-in BUILDKIT_SANDBOX_HOSTNAME",
        "RUN hostname; grep -c boxname /etc/hosts",
        ["boxname", "1"],
    ),
    (
        "(expansion) where",
        "ARG T=/t\nENV U=7\n"
        "RUN --mount=type=cache,target=$T/c,id=${T#/}x,uid=$U,mode=07${NONE:-0}0 stat -c '%a %u' /t/c",
        ["700 7"],
    ),
]


@pytest.mark.parametrize(("dockerfile", "lines"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(sampan: Sampan, context: Path, dockerfile: str, lines: list[str]) -> None:
    (context.parent / "secret").write_text(_SECRET_VALUE)
    secret = f"id=s,src={context.parent / 'secret'}"
    hostname = ("--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=boxname") if "boxname" in dockerfile else ()
    text = build(sampan, context, dockerfile + "\n", "--secret", secret, *hostname)
    assert printed(text) == lines


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        pytest.param(f"RUN {_SECRET}id=need,required id", "secret need: not found", id="secret required"),
        pytest.param(f"RUN {_SECRET}id=need,env=X,required id", "secret need: not found", id="secret env required"),
        pytest.param(
            "RUN --mount=source=no,target=/x id", 'failed to compute cache key: "/no": not found', id="bind source"
        ),
        pytest.param(
            "RUN --mount=source=sub/kept-out,target=/x id",
            'failed to compute cache key: "/sub/kept-out": not found',
            id="bind of what .dockerignore keeps out",
        ),
        pytest.param(
            "RUN --mount=source=/no,from=busybox,target=/x id",
            'failed to compute cache key: "/no": not found',
            id="bind source of an image",
        ),
        pytest.param("RUN --mount=type=ssh,required id", "unset ssh forward key default", id="ssh required"),
        pytest.param("RUN --network=host id", "network.host is not allowed", id="--network=host"),
        pytest.param("RUN --security=insecure id", "security.insecure is not allowed", id="--security=insecure"),
        pytest.param("RUN --device=a/b=c id", "device feature is only supported in Dockerfile", id="--device"),
        pytest.param(
            "RUN --mount=from=nope:1,target=/x id", "nope:1: failed to resolve source metadata", id="bind from"
        ),
    ],
)
def test_what_cannot_be_is_refused(sampan: Sampan, context: Path, dockerfile: str, message: str) -> None:
    text = build(sampan, context, dockerfile + "\n", code=1)
    assert f"ERROR: failed to build: failed to solve: {message}" in text
    assert ">>> " + dockerfile in text


def test_mounts_leave_nothing_in_the_layer(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        "USER 1000\nWORKDIR /w/x\nUSER root\n"
        "RUN --mount=type=cache,target=/c/d/e --mount=type=tmpfs,target=rel/y --mount=target=/root/b"
        " --mount=type=secret,id=s touch /c/d/e/f /w/x/rel/y/f\n",
        "--secret",
        "id=s,env=HOME",
    )
    layers = sampan("inspect", "--format", "{{index .RootFS.Layers 2}}", "made").out.strip()
    assert layers == EMPTY
    sampan("build", "-q", "--no-cache", str(context), "--secret", "id=s,env=HOME")
    assert os.listdir(sampan.root + "/tmp") == []


def test_a_layer_for_each_run(sampan: Sampan, context: Path) -> None:
    """RUN result: also where nothing changes; a status that is not zero fails; what is supplied is not committed."""
    build(sampan, context, "RUN touch /f\nRUN true\nRUN cat /etc/hosts /etc/resolv.conf /etc/hostname || true\n")
    layers = json.loads(sampan("inspect", "made").out)[0]["RootFS"]["Layers"]
    assert len(layers) == 4 and layers[2] == layers[3] == EMPTY
    text = build(sampan, context, "RUN exit 42\n", code=1)
    assert 'process "/bin/sh -c exit 42" did not complete successfully: exit code: 42' in text


def test_what_decides_a_run(sampan: Sampan, context: Path) -> None:
    """RUN cache key: parent, command line, used ARG values, mount sources; not what is in a cache or a secret."""
    dockerfile = "ARG A\nRUN --mount=type=cache,target=/c echo run $A; date >> /c/f\n"
    assert printed(build(sampan, context, dockerfile)) == ["run"]
    assert printed(build(sampan, context, dockerfile)) == []
    assert printed(build(sampan, context, dockerfile, "--build-arg", "A=1")) == ["run 1"]
    assert printed(build(sampan, context, dockerfile, "--no-cache")) == ["run"]
    assert printed(build(sampan, context, "RUN true\n" + dockerfile)) == ["run"]


def test_what_a_step_puts_beside_a_mount_point_stays(sampan: Sampan, context: Path) -> None:
    build(sampan, context, "RUN --mount=type=cache,target=/c/d touch /c/mine /c/d/not-mine\n")
    assert sampan("run", "--rm", "made", "find", "/c").out.split() == ["/c", "/c/mine"]


def test_a_changed_file_of_a_bound_folder_is_named(sampan: Sampan, context: Path) -> None:
    dockerfile = "RUN --mount=source=sub,target=/b cat /b/s\n"
    build(sampan, context, dockerfile)
    assert "CACHED" in build(sampan, context, dockerfile).split("RUN", 1)[1]
    (context / "a.txt").write_text("not bound\n")
    assert printed(build(sampan, context, dockerfile)) == []
    (context / "sub" / "s").write_text("changed\n")
    text = build(sampan, context, dockerfile)
    assert printed(text) == ["changed"] and "sub/s changed" in text


def test_a_rebuilt_stage_with_the_same_files_is_no_reason_to_run_again(sampan: Sampan, context: Path) -> None:
    dockerfile = (
        "ARG A\nRUN : $A; echo x > /f; touch -d @0 /f\nFROM busybox\nRUN --mount=from=base,source=/f,target=/b cat /b\n"
    )
    build(sampan, context, dockerfile, "--build-arg", "A=1")
    assert printed(build(sampan, context, dockerfile, "--build-arg", "A=2")) == []


def test_secrets_of_a_step_decide_nothing(sampan: Sampan, context: Path) -> None:
    dockerfile = f"RUN {_SECRET}id=s,env=S echo $S\n"
    assert printed(build(sampan, context, dockerfile, "--secret", "id=s,env=HOME")) == [os.environ.get("HOME", "")]
    assert printed(build(sampan, context, dockerfile, "--secret", "id=s,env=PATH")) == []


def test_options_of_run(sampan: Sampan, context: Path) -> None:
    """--add-host, --shm-size, --ulimit, --cgroup-parent, and proxies, which are in no key and no history."""
    dockerfile = (
        "RUN grep -E 'a$|hg$' /etc/hosts | wc -l; df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; ulimit -n;"
        " echo $http_proxy\n"
    )
    options = [
        "--add-host",
        "a:1.2.3.4",
        "--add-host",
        "hg:host-gateway",
        "--shm-size",
        "10m",
        "--ulimit",
        "nofile=100:200",
    ]
    text = build(sampan, context, dockerfile, *options, "--build-arg", "HTTP_PROXY=http://p:1")
    assert printed(text) == ["2", "10240", "100", "http://p:1"]
    assert printed(build(sampan, context, dockerfile, *options, "--build-arg", "HTTP_PROXY=http://q:1")) == []
    assert "p:1" not in sampan("history", "--no-trunc", "made").out
    parent = f"/sampan-test-{os.getpid()}"
    text = build(sampan, context, "RUN cat /proc/self/cgroup\n", "--cgroup-parent", parent)
    assert any(f"{parent}/build-" in line for line in printed(text)) or "0::/" in printed(text)
    for folder in Path("/sys/fs/cgroup").glob(f"**{parent}"):
        folder.rmdir()


def test_insecure_has_all_and_only_where_it_is_allowed(sampan: Sampan, context: Path) -> None:
    """RUN --security"""
    dockerfile = "RUN --security=insecure mkdir /mnt && mount -t tmpfs x /mnt && echo mounted\n"
    assert printed(build(sampan, context, dockerfile, "--allow", "security.insecure")) == ["mounted"]
    dockerfile = "RUN --network=host hostname\n"
    assert printed(build(sampan, context, dockerfile, "--allow", "network.host")) == ["buildkitsandbox"]
    assert "unknown entitlement all" in build(sampan, context, dockerfile, "--allow", "all", code=1)


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The path of a private key without a passphrase."""
    path = tmp_path.parent / (tmp_path.name + "-key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return str(path)


def test_agents_are_sockets_in_the_step(sampan: Sampan, context: Path, key: str) -> None:
    """RUN --mount=type=ssh id, target, required, mode, uid, gid"""
    dockerfile = (
        "RUN --mount=type=ssh,target=/x/y,mode=0666,uid=7,gid=8 --mount=type=ssh,id=other stat -c '%F %a %u:%g' /x/y"
        " /run/buildkit/ssh_agent.1; echo $SSH_AUTH_SOCK\n"
    )
    text = build(sampan, context, dockerfile, "--ssh", f"default={key}", "--ssh", f"other={key}")
    assert printed(text) == ["socket 666 7:8", "socket 600 0:0", "/x/y"]


def test_a_forwarded_socket_leads_to_an_agent_with_the_key(key: str, tmp_path: Path) -> None:
    agents = Agents([Agent("default", (key,))])
    try:
        forward = Forward(str(tmp_path), "socket", agents.path("default", str(tmp_path)), 0o600, 0, 0)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(str(tmp_path / "socket"))
                client.sendall(b"\0\0\0\1\x0b")  # SSH_AGENTC_REQUEST_IDENTITIES
                answer = client.recv(4096)
        finally:
            forward.close()
    finally:
        agents.close()
    assert answer[4:9] == b"\x0c\0\0\0\1" and b"ssh-ed25519" in answer


@pytest.mark.parametrize(
    ("dockerfile", "step", "place"),
    [
        ("RUN --mount=type=secret,id=s cp /run/secrets/s /kept\nRUN true\n", "2/3", "step's layer, in /kept"),
        ("RUN mkdir d\nCOPY a.txt /d/\n", "3/3", "step's layer, in /d/a.txt"),
        ("RUN --mount=type=secret,id=s ln -s $(cat /run/secrets/s) /link\n", "2/2", "step's layer, in /link"),
        ("ENV T=hush-hush-42\nRUN true\n", "", "image's configuration: ENV T"),
        ("RUN : hush-hush-42\n", "", "image's configuration: the history, RUN /bin/sh -c : ***"),
    ],
)
def test_a_secret_in_the_image_fails_the_build(
    sampan: Sampan, context: Path, dockerfile: str, step: str, place: str
) -> None:
    (context / "a.txt").write_text("token = hush-hush-42\n")
    secret = ("--secret", "id=s,env=HUSHED")
    os.environ["HUSHED"] = "hush-hush-42"
    try:
        text = build(sampan, context, dockerfile, *secret, code=1)
    finally:
        del os.environ["HUSHED"]
    assert f"the value of secret s is in the {place}" in text
    assert not step or f" > [base {step}]" in text or f" > [{step}]" in text
    assert sampan("images", "-q", "made").out == ""
    kept = subprocess.run(["grep", "-rlF", "hush-hush-42", sampan.root + "/layers"], capture_output=True, text=True)
    assert kept.stdout == ""


def test_a_secret_is_never_written_to_the_disk(sampan: Sampan, context: Path) -> None:
    """Neither as a file nor in the runtime's configuration, also of a step that is killed."""
    dockerfile = "RUN --mount=type=secret,id=s,env=S --mount=type=secret,id=s kill -9 $$\n"
    found = build_beside(sampan, context, dockerfile)
    assert found == ""


def build_beside(sampan: Sampan, context: Path, dockerfile: str) -> str:
    """The files of the root and the run folder that hold the secret after a build that was killed in the step."""
    (context / "Dockerfile").write_text("FROM busybox\n" + dockerfile)
    environment = {"HUSHED": "hush-hush-42", "SAMPAN_FAULT": "step.started"}
    killed = sampan("build", "--secret", "id=s,env=HUSHED", str(context), env=environment, code=None)
    assert killed.code == -signal.SIGKILL
    grep = ["grep", "-rlF", "hush-hush-42", sampan.root, "/run/sampan"]
    return subprocess.run(grep, capture_output=True, text=True).stdout


def test_a_folder_of_roots_is_shown_without_a_copy_and_cannot_be_changed(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("x\n")
    text = build(sampan, tmp_path, "RUN --mount=target=/b cat /b/d/f; touch /b/d/g 2>&1 | sed 's/.*: //'\n")
    assert printed(text) == ["x", "Read-only file system"]
    (tmp_path / "d" / "f").write_text("y\n")
    assert printed(build(sampan, tmp_path, "RUN --mount=target=/b cat /b/d/f # 2\n")) == ["y"]


def test_a_step_whose_mount_changes_while_it_runs_is_not_remembered(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nRUN --mount=target=/b echo started; while [ $(cat /b/f) = x ]; do usleep 10000; done\n"
    )
    build_ = sampan.start("build", "--progress", "plain", str(tmp_path))
    assert build_.stderr is not None
    for line in build_.stderr:
        if line.endswith(" started\n"):
            break
    (tmp_path / "f").write_text("y\n")
    _, rest = build_.communicate(timeout=60)
    assert build_.returncode == 0, rest
    (tmp_path / "f").write_text("z\n")
    assert "started" in sampan("build", "--progress", "plain", str(tmp_path)).err
