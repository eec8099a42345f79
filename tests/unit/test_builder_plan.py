"""What a Dockerfile's instructions mean, before anything is built."""

import pytest

from sampan.builder.failures import AtLine
from sampan.builder.options import BuildOptions
from sampan.builder.plan import graph
from sampan.builder.plan.steps import CopyFiles, MakeWorkdir, Note, Plan, RunCommand
from sampan.dockerfile import parser
from sampan.dockerfile.errors import ParseError
from sampan.errors import NotFound
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform

HOST = Platform("linux", "amd64")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASES = {
    "busybox": ContainerConfig(cmd=("sh",)),
    "app": ContainerConfig(
        env=("PATH=/bin", "A=base"), entrypoint=("/app",), cmd=("serve",), user="app", on_build=("RUN echo later",)
    ),
    "copier": ContainerConfig(on_build=("COPY --from=early /f /f",)),
}


def load(text: str) -> ContainerConfig:
    try:
        return BASES[text]
    except KeyError:
        raise NotFound(f"{text}: not found") from None


def planned(text: str, **options: object) -> Plan:
    return graph.plan(parser.parse(text), BuildOptions(**options), HOST, HOST, load)  # type: ignore[arg-type]


def history(text: str, **options: object) -> list[str]:
    return [record.created_by for record in planned(text, **options).result.records]


def titles(plan: Plan) -> list[str]:
    return [step.title for stage in plan.stages for step in stage.steps]


def run_of(text: str, **options: object) -> RunCommand:
    action = planned(text, **options).result.steps[-1].action
    assert isinstance(action, RunCommand)
    return action


def copy_of(text: str, **options: object) -> CopyFiles:
    action = planned(text, **options).result.steps[-1].action
    assert isinstance(action, CopyFiles)
    return action


@pytest.mark.parametrize(
    ("instructions", "line"),
    [
        ("LABEL a=b c='two words'", "LABEL a=b c=two words"),
        ("MAINTAINER Ann", "MAINTAINER Ann"),
        ("ARG MODE=fast", "ARG MODE=fast"),
        ("ARG MODE", "ARG MODE"),
        ("ENV A=1 B='two words'", "ENV A=1 B=two words"),
        ("ENV A=1\nENV B=$A-$C", "ENV B=1-"),
        ("WORKDIR /srv\nWORKDIR app", "WORKDIR /srv/app"),
        ("WORKDIR /", "WORKDIR /"),
        ("EXPOSE 80 53/udp 90-92", "EXPOSE [53/udp 80/tcp 90/tcp 91/tcp 92/tcp]"),
        ("VOLUME /data /b", "VOLUME [/data /b]"),
        ("USER 1000:1000", "USER 1000:1000"),
        ("STOPSIGNAL SIGQUIT", "STOPSIGNAL SIGQUIT"),
        ("HEALTHCHECK CMD x", 'HEALTHCHECK &{["CMD-SHELL" "x"] "0s" "0s" "0s" "0s" \'\\x00\'}'),
        (
            "HEALTHCHECK --interval=90s --timeout=1500ms --retries=2 CMD true",
            'HEALTHCHECK &{["CMD-SHELL" "true"] "1m30s" "1.5s" "0s" "0s" \'\\x02\'}',
        ),
        ('SHELL ["/bin/sh", "-eu", "-c"]', "SHELL [/bin/sh -eu -c]"),
        ('ENTRYPOINT ["/bin/sh", "-c"]', 'ENTRYPOINT ["/bin/sh" "-c"]'),
        ("CMD echo $A", 'CMD ["/bin/sh" "-c" "echo $A"]'),
        ('SHELL ["/b"]\nCMD x', 'CMD ["/b" "x"]'),
        ("RUN true", "RUN /bin/sh -c true # buildkit"),
        ('RUN ["a", "b c"]', "RUN a b c # buildkit"),
        ("ARG Q\nARG W=5\nRUN id", "RUN |2 Q= W=5 /bin/sh -c id # buildkit"),
        ("RUN <<E\nid\nE", "RUN /bin/sh -c id\n # buildkit"),
        ("COPY --chown=bob a.txt /x", "COPY --chown=bob a.txt /x # buildkit"),
        ("ADD t.tar /tt", "ADD t.tar /tt # buildkit"),
        ('COPY <<A <<"B" /hd/\n1\nA\n2\nB', "COPY <<A <<B /hd/ # buildkit"),
    ],
)
def test_history_reads_as_buildkit_writes_it(instructions: str, line: str) -> None:
    assert history(f"FROM busybox\n{instructions}\n")[-1] == line


def test_onbuild_is_kept_in_the_image_without_a_line_of_history() -> None:
    plan = planned("FROM busybox\nONBUILD RUN echo later\n")
    assert plan.result.config.on_build == ("RUN echo later",)
    assert plan.result.records == ()


def test_triggers_of_the_base_run_right_after_from_and_are_not_inherited() -> None:
    plan = planned("FROM app\nRUN mine\n")
    assert titles(plan) == ["[2/2] RUN echo later", "[3/2] RUN mine"]
    assert plan.result.config.on_build is None
    assert plan.result.steps[0].line.first == 1


def test_a_trigger_may_copy_from_a_stage_that_nothing_else_needs() -> None:
    plan = planned("FROM busybox AS early\nRUN x\nFROM copier\n")
    assert [stage.name for stage in plan.stages] == ["early", "stage-1"]


@pytest.mark.parametrize(
    ("instructions", "cmd"),
    [
        ('ENTRYPOINT ["/other"]', None),
        ('CMD ["mine"]\nENTRYPOINT ["/other"]', ("mine",)),
        ('ENTRYPOINT ["/other"]\nCMD ["mine"]', ("mine",)),
        ("LABEL a=b", ("serve",)),
    ],
)
def test_an_entrypoint_drops_the_inherited_command(instructions: str, cmd: tuple[str, ...] | None) -> None:
    assert planned(f"FROM app\n{instructions}\n").result.config.cmd == cmd


def test_a_base_without_path_gets_the_default_one() -> None:
    assert planned("FROM busybox\nENV A=1\n").result.config.env == (PATH, "A=1")
    assert planned("FROM scratch\nCOPY a /\n").result.config.env == (PATH,)
    assert planned("FROM app\nENV A=mine\n").result.config.env == ("PATH=/bin", "A=mine")


@pytest.mark.parametrize(
    ("instructions", "build_args", "env"),
    [
        ("ARG A=1", {}, {"A": "1"}),
        ("ARG A=1", {"A": "2"}, {"A": "2"}),
        ("ARG A", {}, {}),
        ("ARG A", {"A": None}, {}),
        ("ARG A=1\nENV A=env", {"A": "2"}, {"A": "env"}),
        ("ENV A=env\nARG A=arg", {}, {"A": "arg"}),
        ("ARG GLOBAL", {}, {"GLOBAL": "g"}),
        ("", {"GLOBAL": "x"}, {}),
        ("ARG TARGETARCH", {}, {"TARGETARCH": "amd64"}),
        ("ARG TARGETARCH=own", {}, {"TARGETARCH": "own"}),
        ("ARG TARGETARCH=own", {"TARGETARCH": "given"}, {"TARGETARCH": "given"}),
    ],
)
def test_a_run_sees_the_arguments_in_scope(
    instructions: str, build_args: dict[str, str | None], env: dict[str, str]
) -> None:
    action = run_of(f"ARG GLOBAL=g\nFROM busybox\n{instructions}\nRUN id\n", build_args=build_args)
    seen = dict(action.env)
    del seen["PATH"]
    assert seen == env


def test_proxies_need_no_declaration_and_decide_nothing() -> None:
    action = run_of("FROM busybox\nRUN id\n", build_args={"http_proxy": "http://p"})
    assert action.secret_env == (("HTTP_PROXY", "http://p"), ("http_proxy", "http://p"))
    assert "http_proxy" not in dict(action.env)


def test_arguments_reach_stages_built_on_the_one_that_declares_them() -> None:
    action = run_of("FROM busybox AS a\nARG X=1\nFROM a\nRUN id\n")
    assert dict(action.env)["X"] == "1"


def test_build_arguments_that_nothing_declares_are_named() -> None:
    assert planned("FROM busybox\nARG A\n", build_args={"A": "1", "B": "2", "NO_PROXY": "x"}).unused_arguments == ("B",)


def test_only_stages_that_the_target_needs_are_planned() -> None:
    text = (
        "FROM busybox AS a\nRUN a\nFROM nosuch AS unused\nRUN b\nFROM a AS c\nRUN c\nFROM busybox\nCOPY --from=c /x /\n"
    )
    assert [stage.name for stage in planned(text).stages] == ["a", "c", "stage-3"]
    assert [stage.name for stage in planned(text, target="a").stages] == ["a"]


def test_steps_are_counted_as_buildkit_counts_them() -> None:
    text = (
        "FROM busybox AS build\nWORKDIR /src\nENV A=1\nRUN x\nFROM build\nCOPY . .\nFROM scratch\nCOPY --from=1 /a /b\n"
    )
    assert titles(planned(text)) == [
        "[build 2/3] WORKDIR /src",
        "[build 3/3] RUN x",
        "[stage-1 1/1] COPY . .",
        "[stage-2 1/1] COPY --from=1 /a /b",
    ]
    many = "FROM busybox\n" + "RUN x\n" * 9
    assert titles(planned(many))[0] == "[ 2/10] RUN x"


def test_titles_show_the_values_of_variables_that_are_set() -> None:
    text = "FROM busybox\nARG A=1\nRUN echo \"$A\" '$A' \\$A ${A} ${A:-x} ${U:-x} $U\n"
    assert titles(planned(text)) == ["[2/2] RUN echo \"1\" '$A' \\$A 1 1 ${U:-x} $U"]


def test_a_heredoc_run_is_shown_by_its_first_line() -> None:
    assert titles(planned("FROM busybox\nRUN <<EOF\nset -e\nid\nEOF\n")) == ["[2/2] RUN <<EOF (set -e...)"]


def test_heredocs_of_run_go_to_the_shell_or_are_run_as_a_script() -> None:
    assert run_of("FROM busybox\nRUN <<E\nid\nE\n").args == ("/bin/sh", "-c", "id\n")
    assert run_of("FROM busybox\nRUN cat <<E && id\nx\nE\n").args == ("/bin/sh", "-c", "cat <<E && id\nx\nE")
    script = run_of("FROM busybox\nRUN <<E\n#!/bin/env x\nid\nE\n")
    assert (script.args, script.script) == (("/bin/sh", "-c", "/dev/pipes/E"), "#!/bin/env x\nid\n")


def test_heredocs_of_copy_expand_unless_their_word_is_quoted() -> None:
    action = copy_of("FROM busybox\nENV A=1\nCOPY <<E <<'F' /d/\na=\"$A\"\nE\nb=$A\nF\n")
    assert [(item.name, item.text) for item in action.inline] == [("E", 'a="1"\n'), ("F", "b=$A\n")]


@pytest.mark.parametrize(
    ("written", "destination"),
    [
        ("/x", "/x"),
        ("/x/", "/x/"),
        ("x", "/w/x"),
        (".", "/w/"),
        ("./", "/w/"),
        ("../y", "/y"),
        ("/", "/"),
        ("$V/", "/v/"),
    ],
)
def test_a_destination_is_below_the_working_directory(written: str, destination: str) -> None:
    assert copy_of(f"FROM busybox\nENV V=/v\nWORKDIR /w\nCOPY a {written}\n").destination == destination


def test_a_copy_takes_from_a_stage_an_earlier_number_or_an_image() -> None:
    text = "FROM busybox AS one\nRUN x\nFROM busybox\nCOPY --from={} /x /\n"
    assert copy_of(text.format("one")).stage == 0
    assert copy_of(text.format("0")).stage == 0
    assert copy_of(text.format("other:1")) == copy_of(text.format("one"))._replace(stage=-1, image="other:1")


def test_a_workdir_belongs_to_the_user() -> None:
    action = planned("FROM busybox\nUSER bob\nWORKDIR /a\n").result.steps[0].action
    assert action == MakeWorkdir("/a", "bob")


def test_the_root_as_workdir_makes_no_layer() -> None:
    assert planned("FROM busybox\nWORKDIR /\n").result.records == (Note("WORKDIR /"),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("FROM busybox\n\nFROM nosuch:1\n", 3, "nosuch:1: not found"),
        ("FROM busybox\nSTOPSIGNAL SIGNOPE\n", 2, "invalid signal: SIGNOPE"),
        ("FROM busybox\nEXPOSE nonsense\n", 2, "invalid containerPort: nonsense"),
        ("FROM busybox\nRUN --network=host id\n", 2, "network.host is not allowed"),
        ("FROM busybox\nRUN --security=insecure id\n", 2, "security.insecure is not allowed"),
        ("FROM busybox\nARG M\nRUN --mount=type=cache,target=/c,mode=$M id\n", 3, "invalid value  for mode"),
        ("FROM busybox\nARG T\nRUN --mount=type=tmpfs,target=$T id\n", 3, 'invalid mount target "/"'),
        ("FROM busybox\nVOLUME $X\n", 2, "VOLUME specified can not be an empty string"),
        (
            "FROM busybox\nRUN --mount=type=cache,target=/c,source=/x id\n",
            2,
            "cache mount /c: source=/x is a folder of from, which is not given",
        ),
        (
            "FROM busybox\nADD --checksum=sha256:1 https://example.org/x /\n",
            2,
            'invalid checksum digest format: "sha256:1"',
        ),
    ],
)
def test_an_error_carries_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(AtLine) as caught:
        planned(text)
    assert (caught.value.line.first, caught.value.message) == (line, message)


def test_a_misspelt_stage_is_suggested() -> None:
    with pytest.raises(AtLine) as caught:
        planned("FROM busybox AS build\nFROM bulid\n")
    assert caught.value.hint == "did you mean the stage build?"


def test_a_stage_cannot_use_itself_or_a_later_one() -> None:
    with pytest.raises(ParseError, match="circular dependency detected on stage: a"):
        planned("FROM busybox AS a\nCOPY --from=a /x /\n")
    with pytest.raises(ParseError, match="needs to be defined before current stage"):
        planned("FROM busybox AS a\nCOPY --from=b /x /\nFROM busybox AS b\n", target="a")
    with pytest.raises(NotFound, match='target stage "nope" could not be found'):
        planned("FROM busybox\n", target="nope")
