"""Named contexts: what --build-context NAME=VALUE puts in the place of images and stages of that name. Pure.

NAME=docker-image://REF   an image            NAME=oci-layout://FOLDER[:TAG][@DIGEST]   an image in a folder
NAME=FOLDER               a folder here       NAME=https://..., git@...                 a folder from elsewhere
"""

from collections.abc import Mapping

from sampan.builder.plan.steps import CopyFiles, Step
from sampan.dockerfile.instructions import Dockerfile, Line
from sampan.dockerfile.stages import FOLDER, Origin
from sampan.errors import InvalidArgument, SampanError
from sampan.oci import reference

IMAGE, LAYOUT = "docker-image://", "oci-layout://"
PREFIX = FOLDER


def parse(texts: tuple[str, ...]) -> dict[str, str]:
    """The values of --build-context, by canonical names. Raises InvalidArgument in buildx's words."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise InvalidArgument(
                f"invalid context value: {text}, expected key=value", hint="such as --build-context base=../base"
            )
        found[canonical(name)] = value
    return found


def canonical(name: str) -> str:
    """The form under which names are compared: docker.io/library/alpine:latest is alpine."""
    try:
        return reference.parse(name.lower() if "/" not in name else name).familiar().removesuffix(":latest")
    except SampanError:
        return name


def is_image(value: str) -> bool:
    return value.startswith((IMAGE, LAYOUT))


def origin(name: str, contexts: Mapping[str, str]) -> Origin | None:
    """What a name means when it is one of a context; None when it is not. Layouts are images by now."""
    key = canonical(name)
    value = contexts.get(key)
    if value is None:
        return None
    if value.startswith(IMAGE):
        return Origin(None, value.removeprefix(IMAGE))
    return Origin(None, context=key)


def without_replaced(dockerfile: Dockerfile, contexts: Mapping[str, str]) -> Dockerfile:
    """The Dockerfile with the stages whose names are those of contexts replaced by them: nothing is done in them."""
    stages = []
    for stage in dockerfile.stages:
        if stage.base.name and canonical(stage.base.name) in contexts:
            stage = stage._replace(base=stage.base._replace(image=stage.base.name), instructions=())
        stages.append(stage)
    return dockerfile._replace(stages=tuple(stages))


def as_base(context: str, line: Line) -> Step:
    """The step that makes a folder the first layer of a stage, as FROM of it means."""
    action = CopyFiles(sources=("/",), destination="/", context=context)
    return Step(action, line, line.source, f"FROM context {context}", 0, f"FROM {context}")
