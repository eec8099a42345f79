"""RUN carried out: its mounts made ready, its command run, its exit code explained; a shell where one is asked for."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from sampan.builder import exitcodes
from sampan.builder.plan import wording
from sampan.builder.plan.steps import RunCommand, Step
from sampan.builder.progress.events import Opened, Work
from sampan.builder.times import ARGUMENT
from sampan.builder.work import running
from sampan.builder.work.running import StageNetwork
from sampan.builder.work.stages import StageWork
from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.linux import cgroup
from sampan.oci import platform

if TYPE_CHECKING:
    from sampan.builder.mounts.staging import Mounts


def carry_out(
    stage: StageWork,
    step: Step,
    snapshot_id: str,
    network: StageNetwork,
    work: Work,
    before_shell: Callable[[], object],
) -> bool:
    """Run the command of a step; False when the result must not be remembered, because what it was shown changed.

    `before_shell` is called before a person gets a shell, for whom nobody is to wait. Raises InvalidArgument for
    a command that fails, SampanError.
    """
    action = step.action
    assert isinstance(action, RunCommand)
    _check_emulation(stage)
    process = f"process {wording.quoted(' '.join(action.args))} did not complete successfully"
    mounts = _mounts(stage, step, action) if action.mounts else None
    try:
        code = _run(stage, _timed(stage, action), snapshot_id, network, work.output, mounts)
        if code != 0 and stage.shared.options.on_error == "shell":
            before_shell()
            _open_shell(stage, step, action, snapshot_id, network, mounts)
    except SampanError as error:
        if isinstance(error, Unavailable):
            raise
        error.message = f"{process}: {error.message}"
        raise
    finally:
        if mounts is not None:
            mounts.close()
    if code != 0:
        hint = exitcodes.meaning(code, cgroup.memory_limit(action.cgroup_parent or stage.shared.paths.cgroup))
        if mounts is not None and mounts.absent:
            hint = "; ".join(mounts.absent)
        raise InvalidArgument(f"{process}: exit code: {code}", hint=hint)
    return mounts is None or mounts.is_steady


def _timed(stage: StageWork, action: RunCommand) -> RunCommand:
    """The command with SOURCE_DATE_EPOCH where the build's files get that time."""
    times = stage.shared.times
    if times is None or not times.fixes_files or ARGUMENT in dict(action.env):
        return action
    return action._replace(secret_env=(*action.secret_env, (ARGUMENT, str(times.seconds))))


def _run(
    stage: StageWork,
    action: RunCommand,
    snapshot_id: str,
    network: StageNetwork,
    on_output: Callable[[int, bytes], None],
    mounts: "Mounts | None",
    *,
    is_terminal: bool = False,
) -> int:
    shared = stage.shared
    return running.run(
        shared.paths,
        shared.database,
        action,
        lower=stage.layers,
        snapshot_id=snapshot_id,
        network=network,
        script_path=shared.workspace.folder() + "/script" if action.script else "",
        on_output=on_output,
        runtime=shared.options.runtime,
        mounts=mounts,
        is_terminal=is_terminal,
    )


def _open_shell(
    stage: StageWork,
    step: Step,
    action: RunCommand,
    snapshot_id: str,
    network: StageNetwork,
    mounts: "Mounts | None",
) -> None:
    """A shell where a step failed, with what the step had; what it changes goes with the step's files."""
    from sampan.builder.work import shells

    stage.shared.cancelled.set()
    stage.shared.reporter.emit(Opened())
    shells.announce(f"{step.title} failed: a shell in its file system")
    try:
        _run(stage, shells.command_of(action), snapshot_id, network, _nowhere, mounts, is_terminal=True)
    finally:
        stage.shared.reporter.emit(Opened(is_closed=True))


def _nowhere(stream: int, data: bytes) -> None:
    """What a shell prints goes to its terminal."""


def _mounts(stage: StageWork, step: Step, action: RunCommand) -> "Mounts":
    from sampan.builder.mounts import staging
    from sampan.builder.work import mounting

    return staging.Mounts(stage.shared.database, stage.shared.paths, action, mounting.sources(stage, step))


def _check_emulation(stage: StageWork) -> None:
    """Raises InvalidArgument where commands of the stage's platform do not run on this host."""
    wanted = stage.planned.runs_on
    host = platform.host_platform(os.uname().machine)
    if wanted is None or wanted.architecture == host.architecture:
        return
    from sampan.linux import emulation

    if not emulation.can_run(wanted.architecture, host.architecture):
        raise InvalidArgument(
            f"cannot run commands for {wanted} on {host}: no emulator is registered with binfmt_misc",
            hint="register one: apt-get install qemu-user-static binfmt-support; or do what needs a command in a"
            " stage FROM --platform=$BUILDPLATFORM",
        )
