"""Plans of one build for several platforms, joined: what is the same is one stage."""

from sampan.builder.options import BuildOptions
from sampan.builder.plan import graph, joining
from sampan.builder.plan.steps import CopyFiles, Plan, named_by
from sampan.dockerfile import parser
from sampan.oci.config import ContainerConfig
from sampan.oci.platform import Platform

HOST, OTHER = Platform("linux", "amd64"), Platform("linux", "arm64")
OPTIONS = BuildOptions(platforms=("linux/amd64", "linux/arm64"))


def joined(text: str) -> tuple[Plan, ...]:
    dockerfile = parser.parse(text)
    plans = [graph.plan(dockerfile, OPTIONS, target, HOST, lambda key: ContainerConfig()) for target in (HOST, OTHER)]
    return joining.joined(plans)


def test_a_stage_for_the_builder_is_shared_unless_it_asks_for_the_target() -> None:
    first, second = joined(
        "FROM --platform=$BUILDPLATFORM base AS same\nRUN a\n"
        "FROM --platform=$BUILDPLATFORM base AS own\nARG TARGETARCH\nRUN b\n"
        "FROM scratch\nCOPY --from=same x /\nCOPY --from=own x /\n"
    )
    names = [{stage.name: stage.index for stage in plan.stages} for plan in (first, second)]
    assert names[0]["same"] == names[1]["same"]
    assert names[0]["own"] != names[1]["own"]
    assert len(joining.whole((first, second)).stages) == 5


def test_stages_are_named_by_their_indexes_after_joining() -> None:
    for plan in joined("FROM base AS own\nRUN b\nFROM scratch\nCOPY --from=own x /\n"):
        (copy,) = plan.result.steps
        assert isinstance(copy.action, CopyFiles)
        assert plan.stage(copy.action.stage).name == "own"


def test_images_for_another_platform_have_a_key_of_their_own() -> None:
    first, second = joined("FROM base\nCOPY --from=image x /\n")
    assert named_by(first.result.base.image) == ("base", "")
    assert named_by(second.result.base.image) == ("base", "linux/arm64")
    (copy,) = second.result.steps
    assert isinstance(copy.action, CopyFiles)
    assert named_by(copy.action.image) == ("image", "linux/arm64")


def test_what_is_the_same_for_all_platforms_is_built_once() -> None:
    first, second = joined("FROM scratch\nCOPY x /\n")
    assert first.result.index == second.result.index
    assert len(joining.whole((first, second)).stages) == 1


def test_configurations_tell_stages_apart() -> None:
    first, second = joined("FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\nCOPY x /\n")
    assert first.result.index != second.result.index
