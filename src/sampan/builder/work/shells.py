"""A shell in a build: in the file system of a step that failed, or after a step, with its environment and mounts."""

import sys

from sampan.builder.plan.steps import RunCommand
from sampan.builder.work import running
from sampan.builder.work.stages import Shared
from sampan.oci.config import ContainerConfig
from sampan.storage import snapshots

_SHELL = "/bin/sh"


def after(shared: Shared, config: ContainerConfig, layers: tuple[str, ...]) -> int:
    """Open a shell on the files of `layers`, with the environment and user of `config`; its exit code. What it does is
    thrown away."""
    pairs = tuple((name, value) for name, _, value in (entry.partition("=") for entry in config.env))
    shell = config.shell[0] if config.shell else _SHELL
    action = RunCommand((shell,), pairs, (), config.working_dir or "/", config.user, shared.options.network)
    network = running.StageNetwork(shared.database, shared.paths)
    snapshot_id = snapshots.new(shared.database, shared.paths)
    try:
        return running.run(
            shared.paths,
            shared.database,
            action,
            lower=layers,
            snapshot_id=snapshot_id,
            network=network,
            script_path="",
            on_output=lambda stream, data: None,
            runtime=shared.options.runtime,
            is_terminal=True,
        )
    finally:
        network.close()
        snapshots.discard(shared.database, shared.paths, snapshot_id)


def command_of(action: RunCommand) -> RunCommand:
    """The step with a shell in place of its command; the shell is the stage's own, where the step had one."""
    shell = action.args[0] if len(action.args) > 1 and action.args[0].endswith("sh") else _SHELL
    return action._replace(args=(shell,), script="")


def announce(text: str) -> None:
    """Say what the shell is that opens."""
    print(f"\n{text}; leave it with `exit`", file=sys.stderr, flush=True)
