"""COPY and ADD carried out: their files gathered from where they are, and put into a snapshot."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.builder.files import copying, owners, selection
from sampan.builder.files.copying import Part
from sampan.builder.plan.steps import CopyFiles, Step
from sampan.builder.work import views
from sampan.builder.work.stages import StageWork
from sampan.linux import files
from sampan.runtime import bundle


def carry_out(stage: StageWork, step: Step, action: CopyFiles, snapshot_id: str) -> bool:
    """Do it; False when a file changed meanwhile, so that no key stands for the result. Raises SampanError, OSError."""
    parts = [_local(stage, step, action)] if action.sources else []
    if action.remotes:
        parts += stage.shared.remotes.parts(action)
    layer = os.open(stage.shared.paths.layer(snapshot_id), files.DIRECTORY)
    try:
        with _root(stage, action, snapshot_id) as root:
            return copying.copy(root, parts, action, _owner(stage, action, root), layer).is_steady
    finally:
        os.close(layer)


def _local(stage: StageWork, step: Step, action: CopyFiles) -> Part:
    """What comes from the context, another stage or an image."""
    if action.stage < 0 and not action.image:
        context = stage.shared.context_of(action)
        chosen, _ = context.of(stage.planned, step, action)
        assert context.tree is not None
        return Part(context.tree, chosen, context.keeps_owner, action.unpack)
    tree = stage.shared.tree(stage.shared.layers_of(action))
    return Part(tree, selection.select(tree, action), True, action.unpack)


@contextmanager
def _root(stage: StageWork, action: CopyFiles, snapshot_id: str) -> Iterator[int]:
    """Where the files go. With --link, and on nothing, there is nothing below that could matter."""
    if action.link or not stage.layers:
        root = os.open(stage.shared.paths.layer(snapshot_id), files.DIRECTORY)
        try:
            yield root
        finally:
            os.close(root)
        return
    with views.writable(stage.shared.paths, stage.shared.workspace, stage.layers, snapshot_id) as root:
        yield root


def _owner(stage: StageWork, action: CopyFiles, root: int) -> owners.Owner | None:
    """Whom --chown names; names are those of the stage, also where its files do not matter otherwise."""
    if not action.chown:
        return None
    if action.link and stage.layers and not owners.is_number(action.chown):
        root = stage.shared.tree(stage.layers).root
    return owners.resolve(action.chown, bundle.read_text(root, "etc/passwd"), bundle.read_text(root, "etc/group"))
