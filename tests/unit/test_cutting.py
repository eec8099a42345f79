"""A Dockerfile up to one of its steps."""

import pytest

from sampan.dockerfile import parser
from sampan.dockerfile.cutting import cut
from sampan.errors import InvalidArgument, NotFound

TEXT = """FROM busybox AS build
ENV A=1
RUN one
COPY a b
FROM scratch
COPY --from=build b c
LABEL x=y
WORKDIR /d
"""


@pytest.mark.parametrize(
    ("text", "target", "stages", "last"),
    [
        ("build", "", 1, "COPY a b"),
        ("build:2", "", 1, "RUN one"),
        ("build:1", "", 1, ""),
        ("2", "build", 1, "RUN one"),
        ("1", "", 2, "COPY --from=build b c"),
        ("stage-1", "", 2, "WORKDIR /d"),
        ("stage-1:2", "", 2, "WORKDIR /d"),
    ],
)
def test_a_file_is_cut_after_a_step(text: str, target: str, stages: int, last: str) -> None:
    found = cut(parser.parse(TEXT), text, target)
    assert len(found.stages) == stages
    instructions = found.stages[-1].instructions
    assert (instructions[-1].line.source if instructions else "") == last


def test_a_stage_or_step_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="no stage buidl") as caught:
        cut(parser.parse(TEXT), "buidl:2")
    assert caught.value.hint == "did you mean build?"
    with pytest.raises(NotFound, match="no step 9"):
        cut(parser.parse(TEXT), "build:9")
    with pytest.raises(InvalidArgument, match="x is no number"):
        cut(parser.parse(TEXT), "build:x")
