"""The plans of one build for several platforms become one graph, in which stages that are the same are one. Pure."""

from collections.abc import Mapping, Sequence

from sampan.builder.plan.steps import Action, CopyFiles, Plan, PlannedStage, RunCommand, Step


def joined(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans with the indexes of their stages chosen anew: no two stages of all plans have the same, but for stages
    that do the same with the same, such as one that is built on BUILDPLATFORM and asks for nothing of the target."""
    if len(plans) == 1:
        return tuple(plans)
    known: dict[tuple[object, ...], list[PlannedStage]] = {}
    count = 0
    done = []
    for plan in plans:
        indexes: dict[int, int] = {}
        stages = []
        for stage in plan.stages:
            moved = _moved(stage, indexes)
            same = known.setdefault(_essence(moved), [])
            placed = next((other for other in same if other.config == moved.config), None)
            if placed is None:
                placed = moved._replace(index=count)
                count += 1
                same.append(placed)
            indexes[moved.index] = placed.index
            stages.append(placed)
        done.append(plan._replace(stages=tuple(stages)))
    return tuple(done)


def whole(plans: Sequence[Plan]) -> Plan:
    """All stages of joined() plans, each once; the result is the last plan's."""
    if len(plans) == 1:
        return plans[0]
    stages = {stage.index: stage for plan in plans for stage in plan.stages}
    last = plans[-1].result
    stages[last.index] = stages.pop(last.index)
    return plans[-1]._replace(stages=tuple(stages.values()))


def _moved(stage: PlannedStage, indexes: Mapping[int, int]) -> PlannedStage:
    """A stage that names others by their new indexes."""
    base = stage.base._replace(stage=indexes[stage.base.stage]) if stage.base.stage >= 0 else stage.base
    records = tuple(
        record._replace(action=_renamed(record.action, indexes)) if isinstance(record, Step) else record
        for record in stage.records
    )
    return stage._replace(base=base, records=records)


def _renamed(action: Action, indexes: Mapping[int, int]) -> Action:
    if isinstance(action, CopyFiles) and action.stage >= 0:
        return action._replace(stage=indexes[action.stage])
    if isinstance(action, RunCommand):
        mounts = (mount._replace(stage=indexes[mount.stage]) if mount.stage >= 0 else mount for mount in action.mounts)
        return action._replace(mounts=tuple(mounts))
    return action


def _essence(stage: PlannedStage) -> tuple[object, ...]:
    """What makes two stages the same, besides their configurations: not how they are shown, nor their place."""
    records = tuple(record._replace(title="") if isinstance(record, Step) else record for record in stage.records)
    return stage.base, records, stage.author, stage.name
