"""Small promises of docker's flags, kept by real containers."""

from sampan.testing.command import Sampan


def test_a_range_of_host_ports_gives_the_first_free_one(sampan: Sampan) -> None:
    published = "127.0.0.1:27100-27101:80"  # below the ports that the kernel gives to whoever asks for any
    for name in ("one", "two"):
        sampan("run", "-d", "--name", name, "-p", published, "busybox", "sleep", "100000")
    assert sampan("port", "one", "80").out == "127.0.0.1:27100\n"
    assert sampan("port", "two", "80").out == "127.0.0.1:27101\n"
    third = sampan("run", "--rm", "-p", published, "busybox", "true", code=125)
    assert "all ports are allocated" in third.err


def test_a_container_of_an_unknown_runtime_is_not_made(sampan: Sampan) -> None:
    refused = sampan("create", "--runtime", "nonsense", "busybox", "true", code=1)
    assert "unknown or invalid runtime name: nonsense" in refused.err
    assert sampan("ps", "-aq").out == ""


def test_a_log_that_is_full_begins_anew_and_is_followed(sampan: Sampan) -> None:
    loop = "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.01; done"
    sampan("run", "-d", "--name", "talker", "--log-opt", "max-size=1k", "busybox", "sh", "-c", loop)
    followed = sampan("logs", "-f", "talker").out.splitlines()
    kept = sampan("logs", "talker").out.splitlines()
    assert followed[-1] == kept[-1] == "line 59"
    assert 0 < len(kept) < 40


def test_a_container_remembers_which_streams_it_was_made_for(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "behind", "busybox", "sleep", "100000")
    sampan("run", "-i", "--name", "before", "busybox", "true")
    shown = "{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.StdinOnce}}"
    assert sampan("inspect", "-f", shown, "behind", "before").out == "false false false\ntrue true true\n"


def test_the_id_of_a_container_that_cannot_start_is_printed(sampan: Sampan, tmp_path: object) -> None:
    failed = sampan("run", "-d", "--name", "broken", "--cidfile", f"{tmp_path}/id", "busybox", "nosuch", code=127)
    with open(f"{tmp_path}/id") as file:
        assert failed.out.strip() == file.read() == sampan("inspect", "-f", "{{.Id}}", "broken").out.strip()


def test_exec_of_what_is_not_there_says_only_that(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    missing = sampan("exec", "box", "/nope", code=127)
    prefix = "OCI runtime exec failed: exec failed: unable to start container process: "
    assert missing.out == f'{prefix}exec: "/nope": stat /nope: no such file or directory\n'
    assert missing.err == ""
    folder = sampan("exec", "-w", "/tmp", "box", "/etc", code=126)
    assert folder.out == f'{prefix}exec: "/etc": is a directory: permission denied\n'
    sampan("exec", "-d", "box", "nosuch", code=1)


def test_a_base_of_another_platform_is_not_built_upon(sampan: Sampan, tmp_path: object) -> None:
    with open(f"{tmp_path}/Dockerfile", "w") as file:
        file.write("FROM busybox\nRUN true\n")
    refused = sampan("--offline", "build", "--platform", "linux/s390x", f"{tmp_path}", code=1)
    assert "failed to resolve source metadata for docker.io/library/busybox:latest" in refused.err
    assert "--offline forbids it" in refused.err
    assert ", not for linux/s390x" in refused.err
