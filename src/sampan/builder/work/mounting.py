"""What the mounts of a build's RUNs have in common, and where a step's mounts come from."""

import threading

from sampan.builder.mounts.agents import Agents
from sampan.builder.mounts.secrets import Secrets
from sampan.builder.mounts.showing import Direct, copy_of, direct_of
from sampan.builder.mounts.staging import Sources
from sampan.builder.plan.steps import Mount, Step
from sampan.builder.work.stages import Shared, StageWork, image_identity
from sampan.errors import InvalidArgument


class Given:
    """Secrets, agents, and copies of what mounts show of the context, for all steps of a build."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.secrets = Secrets(shared.options.secrets)
        self.agents = Agents(shared.options.agents)
        self._copies: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def direct(self, stage: StageWork, step: Step, mount: Mount) -> Direct | None:
        """What the mount shows of the context, where it can be shown as it lies there."""
        context = self._shared.context_of(mount)
        return direct_of(context.tree, context.of(stage.planned, step, mount)) if context.tree is not None else None

    def copied(self, stage: StageWork, step: Step, mount: Mount) -> str:
        """The folder with a copy of what the mount shows of the context, made once."""
        with self._lock:
            place = (mount.context, mount.source)
            if place not in self._copies:
                context = self._shared.context_of(mount)
                if context.tree is None:
                    raise InvalidArgument("this build has no context: give it a folder")
                found = context.of(stage.planned, step, mount)
                self._copies[place] = copy_of(context.tree, found, self._shared.workspace.folder())
            return self._copies[place]

    def close(self) -> None:
        self.agents.close()


def sources(stage: StageWork, step: Step) -> Sources:
    """Where the mounts of one RUN come from."""
    shared, given = stage.shared, stage.shared.given

    def pause(seconds: float) -> None:
        from sampan.builder.work.performing import Interrupted

        if shared.cancelled.wait(seconds):
            raise Interrupted("the build was cancelled")

    return Sources(
        layers=lambda mount: stage.shared.layers_of(mount),
        identity=lambda mount: _identity(stage, step, mount),
        copied=lambda mount: given.copied(stage, step, mount),
        direct=lambda mount: given.direct(stage, step, mount),
        folder=shared.workspace.folder,
        secret=given.secrets.value,
        agents=given.agents,
        pause=pause,
    )


def _identity(stage: StageWork, step: Step, mount: Mount) -> str:
    """What tells the files that a mount names from others."""
    if mount.stage >= 0:
        return stage.shared.stages[mount.stage].identity
    if mount.image:
        return image_identity(stage.shared.images[mount.image])
    return stage.shared.context_of(mount).of(stage.planned, step, mount)[1].digest
