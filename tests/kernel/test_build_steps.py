"""What each step puts into an image: real builds, looked at from containers and from the store."""

import json
import tarfile
from pathlib import Path

import pytest

from sampan.testing.command import Sampan


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "a.txt").write_text("hi\n")
    (tmp_path / "a.txt").chmod(0o600)
    (tmp_path / "d" / "sub" / "f").write_text("x\n")
    (tmp_path / "d").chmod(0o750)
    (tmp_path / "d" / "sub").chmod(0o750)
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "d" / "dl").symlink_to("sub")
    return tmp_path


def build(sampan: Sampan, context: Path, dockerfile: str, *arguments: str, code: int = 0) -> str:
    """Build and return what was printed."""
    (context / "Dockerfile").write_text(dockerfile)
    return sampan("build", "-t", "made", *arguments, str(context), code=code).err


def look(sampan: Sampan, command: str) -> list[str]:
    """The lines that a shell command prints in the image."""
    return sampan("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", "made", "-c", command).out.split("\n")


def stats(sampan: Sampan, *paths: str) -> list[str]:
    return look(sampan, "stat -c '%n %a %u:%g' " + " ".join(paths))[:-1]


def test_copies_follow_buildkits_rules_for_destinations(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        """FROM busybox
RUN mkdir /old /real && chmod 711 /old && chown 3:4 /old && ln -s /real /lnk && ln -s /nowhere/x /dangling
COPY d /new/deep
COPY --chown=www-data a.txt /pc/x/y.txt
COPY --chown=www-data:staff d /pc2/x/
COPY link /l1
COPY link d /l2/
COPY d/* /l3/
COPY --chown=5:6 --chmod=700 d /old
COPY a.txt /lnk
COPY a.txt /dangling
COPY --chmod=u+x,go= a.txt /mode
""",
    )
    assert stats(
        sampan, "/new", "/new/deep", "/new/deep/sub", "/pc", "/pc/x/y.txt", "/pc2", "/pc2/x/sub", "/l1", "/l2/link"
    ) == [
        "/new 755 0:0",
        "/new/deep 755 0:0",
        "/new/deep/sub 750 0:0",
        "/pc 755 33:33",
        "/pc/x/y.txt 600 33:33",
        "/pc2 755 33:50",
        "/pc2/x/sub 750 33:50",
        "/l1 600 0:0",
        "/l2/link 600 0:0",
    ]
    assert stats(sampan, "/l2/sub", "/l3/f", "/old", "/old/sub/f", "/real/a.txt", "/nowhere/x", "/mode") == [
        "/l2/sub 750 0:0",
        "/l3/f 644 0:0",
        "/old 711 3:4",
        "/old/sub/f 700 5:6",
        "/real/a.txt 600 0:0",
        "/nowhere/x 600 0:0",
        "/mode 700 0:0",
    ]
    assert look(sampan, "for path in /l2/dl /dangling /lnk; do readlink $path; done")[:3] == [
        "sub",
        "/nowhere/x",
        "/real",
    ]


def test_files_of_stages_keep_their_owner_and_those_of_the_context_do_not(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        """FROM busybox AS base
RUN mkdir /own && echo x > /own/f && chown 3:4 /own /own/f && ln /own/f /own/hard
FROM busybox
COPY --from=base /own /o1
COPY --from=base /own/f /o2
COPY --from=busybox /etc/passwd /from-image
COPY --from=0 --chown=7 /own/f /o3
""",
    )
    assert stats(sampan, "/o1", "/o1/f", "/o2", "/o3", "/from-image") == [
        "/o1 755 0:0",
        "/o1/f 644 3:4",
        "/o2 644 3:4",
        "/o3 644 7:7",
        "/from-image 644 0:0",
    ]
    assert look(sampan, "stat -c %h /o1/f")[0] == "2"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_add_unpacks_a_local_archive_and_copies_what_is_none(sampan: Sampan, context: Path, mode: str) -> None:
    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid = 7, 8
        return member

    with tarfile.open(context / "t.tar", mode) as archive:  # type: ignore[call-overload]
        archive.add(context / "a.txt", "inside.txt", filter=owned)
    build(
        sampan,
        context,
        "FROM busybox\nADD t.tar /tt\nADD --chown=www-data t.tar /owned/\nADD a.txt /plain/\nCOPY t.tar /kept.tar\n",
    )
    assert stats(sampan, "/tt/inside.txt", "/owned/inside.txt", "/plain/a.txt", "/kept.tar")[:3] == [
        "/tt/inside.txt 600 7:8",
        "/owned/inside.txt 600 33:33",
        "/plain/a.txt 600 0:0",
    ]


def test_an_archive_cannot_leave_its_destination(sampan: Sampan, context: Path) -> None:
    with tarfile.open(context / "evil.tar", "w") as archive:
        member = tarfile.TarInfo("../../evil")
        archive.addfile(member)
    printed = build(sampan, context, "FROM busybox\nADD evil.tar /a/b/\n", code=1)
    assert "leads out of it" in printed


def test_a_workdir_is_made_for_the_user_and_commands_run_in_it(sampan: Sampan, context: Path) -> None:
    build(sampan, context, "FROM busybox\nUSER www-data\nWORKDIR /w1/w2\nRUN pwd > out && id -u >> out\n")
    assert stats(sampan, "/w1", "/w1/w2", "/w1/w2/out") == [
        "/w1 755 33:33",
        "/w1/w2 755 33:33",
        "/w1/w2/out 644 33:33",
    ]
    assert look(sampan, "cat out")[:2] == ["/w1/w2", "33"]


def test_heredocs_make_files_and_scripts(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        """FROM busybox
ENV A=1
COPY <<one <<"two" /hd/
a=$A
one
b=$B
two
RUN <<EOF
echo "$A" > /shell
EOF
RUN <<EOF
#!/bin/sh -e
echo script > /script
EOF
RUN cat <<EOF > /input
from $A
EOF
""",
    )
    assert look(sampan, "cat /hd/one /hd/two /shell /script /input")[:5] == ["a=1", "b=$B", "1", "script", "from 1"]


def test_a_run_sees_variables_names_and_no_more(sampan: Sampan, context: Path) -> None:
    printed = build(
        sampan,
        context,
        "FROM busybox\nARG W=5\nENV E=6\nRUN --network=none env | sort; hostname; ls /sys/class/net\n",
        "--progress",
        "plain",
    )
    for word in ("E=6", "W=5", "HOME=/root", "buildkitsandbox", "lo"):
        assert any(line.endswith(" " + word) for line in printed.split("\n")), word
    assert "eth0" not in printed


def test_a_run_has_a_network_unless_it_wants_none(sampan: Sampan, context: Path) -> None:
    printed = build(sampan, context, "FROM busybox\nRUN ls /sys/class/net; cat /etc/resolv.conf\n")
    assert "eth0" in printed and "nameserver" in printed


def test_mount_points_are_no_part_of_a_layer(sampan: Sampan, context: Path) -> None:
    run = 'RUN ["/bin/true"]\n'
    build(
        sampan, context, "FROM scratch\nCOPY --from=busybox /bin /bin\n" + run + run
    )  # the first makes /dev, /proc, /sys
    image = json.loads(sampan("inspect", "made").out)[0]
    # The diff ID of a layer without any file.
    assert image["RootFS"]["Layers"][-1] == "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


def test_onbuild_triggers_run_in_the_next_build(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nONBUILD COPY a.txt /triggered\n")
    sampan("build", "-t", "base", str(context))
    printed = build(sampan, context, "FROM base\nRUN cat /triggered\n")
    assert "[2/2] COPY a.txt /triggered" in printed
    assert stats(sampan, "/triggered") == ["/triggered 600 0:0"]


def test_the_image_has_the_configuration_and_history_of_its_instructions(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        """FROM busybox
MAINTAINER Ann <ann@example.org>
LABEL a=b
ENV MODE=fast
WORKDIR /srv
COPY a.txt .
EXPOSE 80 53/udp
VOLUME /data
USER 1000:1000
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=2s CMD true
ENTRYPOINT ["/bin/sh"]
CMD ["-i"]
""",
        "--label",
        "x=y",
    )
    image = json.loads(sampan("inspect", "made").out)[0]
    config = image["Config"]
    assert image["Author"] == "Ann <ann@example.org>"
    assert config["Labels"] == {"a": "b", "x": "y"}
    assert config["Env"][-1] == "MODE=fast"
    assert config["ExposedPorts"] == {"53/udp": {}, "80/tcp": {}}
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("1000:1000", "/srv", "SIGQUIT")
    assert (config["Entrypoint"], config["Cmd"], config["Volumes"]) == (["/bin/sh"], ["-i"], {"/data": {}})
    lines = sampan("history", "--no-trunc", "--format", "{{.CreatedBy}}", "made").out.split("\n")
    assert lines[0] == 'CMD ["-i"]'
    assert "COPY a.txt . # buildkit" in lines


def test_a_multi_stage_build_leaves_the_tools_behind(sampan: Sampan, context: Path) -> None:
    build(
        sampan,
        context,
        "FROM busybox AS tools\nRUN dd if=/dev/zero of=/big bs=1M count=8 && echo made > /result\n"
        "FROM scratch\nCOPY --from=tools /result /\n",
    )
    size = json.loads(sampan("inspect", "made").out)[0]["Size"]
    assert size == len("made\n")


def test_a_syntax_directive_is_taken_and_the_built_in_frontend_named_once(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("# syntax=docker/dockerfile:1.7-labs\nFROM busybox\n")
    printed = sampan("build", "--progress", "plain", str(tmp_path)).err
    assert printed.count("syntax docker/dockerfile:1.7-labs: read by the built-in frontend") == 1


def test_folders_that_a_copy_makes_hide_nothing_and_show_nothing_of_what_was_removed(
    sampan: Sampan, context: Path
) -> None:
    build(
        sampan,
        context,
        """FROM busybox
RUN mkdir -p /gone/sub /stays /real && echo old > /gone/sub/old && echo old > /stays/old && ln -s /real /way
RUN rm -rf /gone
COPY --chown=7:8 d /gone
COPY d /stays
COPY d /way/in
COPY a.txt /stays/sub/late
""",
    )
    assert look(sampan, "find /gone /stays /real | sort")[:-1] == [
        *("/gone", "/gone/dl", "/gone/sub", "/gone/sub/f"),
        *("/real", "/real/in", "/real/in/dl", "/real/in/sub", "/real/in/sub/f"),
        *("/stays", "/stays/dl", "/stays/old", "/stays/sub", "/stays/sub/f", "/stays/sub/late"),
    ]
    assert stats(sampan, "/gone", "/gone/sub/f", "/real/in/sub") == [
        *("/gone 755 7:8", "/gone/sub/f 644 7:8", "/real/in/sub 750 0:0")
    ]
