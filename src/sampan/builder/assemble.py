"""The image configuration that a build ends with. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from sampan.builder import times
from sampan.builder.plan.steps import Note, Plan, PlannedStage, Step
from sampan.oci.config import History, ImageConfig

COMMENT = "buildkit.dockerfile.v0"


class Layer(NamedTuple):
    """A step's result: its diff ID and when it was made, RFC 3339."""

    diff_id: str
    created: str


def assemble(
    plan: Plan,
    bases: Mapping[int, ImageConfig],
    layers: Mapping[int, tuple[Layer, ...]],
    labels: Mapping[str, str],
    epoch: str = "",
) -> ImageConfig:
    """The configuration of the plan's last stage.

    `bases` are the images that stages begin with, `layers` the results of each stage's steps, both by stage. The same
    steps and layers give the same bytes. A line of history that made no layer has the time of the layer before it, or
    of the first new one where none is; without a new layer all have the base's time. With an `epoch`, RFC 3339, it is
    the time of the image and of all that is new, and nothing of the base is later.
    """
    result = plan.result
    chain = _chain(plan, result)
    base = bases.get(chain[0].index)
    history = list(base.history) if base is not None else []
    if epoch:
        history = [line._replace(created=times.clamped(line.created, epoch)) for line in history]
    diff_ids = list(base.diff_ids) if base is not None else []
    created = epoch or _first_time(chain, layers) or (base.created if base is not None else "")
    for stage in chain:
        made = iter(layers[stage.index])
        for record in stage.records:
            if isinstance(record, Step):
                layer = next(made)
                created = epoch or layer.created
                diff_ids.append(layer.diff_id)
            history.append(History(created, record.created_by, comment=COMMENT, empty_layer=isinstance(record, Note)))
    config = result.config._replace(labels={**result.config.labels, **labels})
    author = next((stage.author for stage in reversed(chain) if stage.author), base.author if base is not None else "")
    return ImageConfig(
        architecture=base.architecture if base is not None else plan.platform.architecture,
        os=base.os if base is not None else plan.platform.os,
        variant=base.variant if base is not None else plan.platform.variant,
        config=config,
        diff_ids=tuple(diff_ids),
        history=tuple(history),
        created=created,
        author=author,
    )


def _chain(plan: Plan, result: PlannedStage) -> list[PlannedStage]:
    """The stages that a stage stands on, the lowest first, itself last."""
    chain = [result]
    while chain[0].base.stage >= 0:
        chain.insert(0, plan.stage(chain[0].base.stage))
    return chain


def _first_time(chain: list[PlannedStage], layers: Mapping[int, tuple[Layer, ...]]) -> str:
    return next((layer.created for stage in chain for layer in layers[stage.index]), "")
