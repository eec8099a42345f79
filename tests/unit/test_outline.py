"""What a Dockerfile answers without being built: its targets and what they take, in buildx's forms."""

import json

from sampan.builder.plan import outline
from sampan.cli.views import outline as views
from sampan.dockerfile import parser, stages

TEXT = """\
# TAG is the tag
ARG TAG=latest
# unused is not used
ARG UNUSED=x

# base is what all stand on
FROM busybox:$TAG AS base
# mode is a mode
ARG MODE="fast one"
# other comment
ARG HTTP_PROXY
FROM busybox AS side
ARG SIDE=1
# final is the last
FROM base AS final
ARG OTHER A=1 B=2
ARG MODE
COPY --from=side /bin/sh /x
RUN --mount=type=secret,id=key,required --mount=type=ssh --mount=type=cache,target=/c,id=mine echo $MODE
RUN --mount=type=secret,id=key2,env=K --mount=type=ssh,id=x,required=true true
FROM scratch
"""


def outline_of(target: str, build_args: dict[str, str] | None = None) -> outline.Outline:
    dockerfile = parser.parse(TEXT)
    plan = stages.resolve(dockerfile, target, expand=lambda text: text.replace("$TAG", "latest"))
    return outline.outline(dockerfile, TEXT, plan, build_args or {})


def test_targets_are_the_stages_with_their_descriptions() -> None:
    found = outline.targets(parser.parse(TEXT), TEXT)
    assert views.targets_text(found) == (
        "TARGET    DESCRIPTION\nbase      is what all stand on\nside      \nfinal     is the last\n(default) \n"
    )
    document = json.loads(views.targets_json(found, TEXT))
    assert document["targets"][3] == {
        "base": "scratch",
        "default": True,
        "location": {"ranges": [{"start": {"line": 21}, "end": {"line": 21}}]},
    }
    assert document["targets"][0]["description"] == "is what all stand on"


def test_an_outline_has_what_the_target_and_its_stages_take() -> None:
    found = outline_of("final", {"MODE": "slow", "OTHER": "z"})
    assert views.outline_text(found) == (
        "TARGET:      final\n"
        "DESCRIPTION: is the last\n"
        "\n"
        "BUILD ARG    VALUE    DESCRIPTION\n"
        "TAG          latest   is the tag\n"
        "HTTP_PROXY            \n"
        "SIDE         1        \n"
        "OTHER        z        \n"
        "A            1        \n"
        "B            2        \n"
        "MODE         slow     \n"
        "\n"
        "SECRET   REQUIRED\n"
        "key      true\n"
        "key2     \n"
        "\n"
        "SSH       REQUIRED\n"
        "default   \n"
        "x         true\n"
        "\n"
    )


def test_an_outline_as_json_leaves_out_what_is_not_there() -> None:
    document = json.loads(views.outline_json(outline_of("side"), TEXT))
    place = {"ranges": [{"start": {"line": 13}, "end": {"line": 13}}]}
    assert document["args"] == [{"name": "SIDE", "value": "1", "location": place}]
    assert set(document) == {"name", "args", "sources"}
