"""RUN: what is executed, with which environment. Pure."""

import re

from sampan.builder.plan.state import DEFAULT_SHELL, PROXY_ARGUMENTS, Globals, State, command_line, shown, step_of
from sampan.builder.plan.steps import RunCommand, Step
from sampan.dockerfile.instructions import Run
from sampan.errors import InvalidArgument, Unsupported
from sampan.oci.config import ContainerConfig


def run(instruction: Run, state: State, around: Globals) -> Step:
    """The step of a RUN. Raises InvalidArgument, Unsupported."""
    if instruction.mounts:
        raise Unsupported(f"RUN --mount={instruction.mounts[0]} is not supported by this version of sampan")
    if instruction.security not in ("", "sandbox"):
        raise Unsupported(f"RUN --security={instruction.security} is not supported by this version of sampan")
    network = instruction.network or "default"
    if network not in ("default", "none", "host"):
        raise InvalidArgument(f'unsupported network mode "{network}"', hint="default, none and host are known")
    if network == "default":
        network = around.network
    args, script = _args(instruction, state.config)
    names = {name for name, _ in state.declared}
    env = {entry.split("=", 1)[0] for entry in state.config.env}
    arguments = tuple(
        (name, state.variables[name]) for name in dict.fromkeys(n for n, _ in state.declared) if name in state.variables
    )
    environment = tuple((name, value) for name, value in state.variables.items() if name in names or name in env)
    proxies = tuple((name, value) for name, value in around.build_args.items() if name in PROXY_ARGUMENTS)
    action = RunCommand(
        args=args,
        env=environment,
        arguments=arguments,
        cwd=state.config.working_dir or "/",
        user=state.config.user,
        network=network,
        secret_env=proxies,
        script=script,
    )
    texts = [f"{name}={state.variables.get(name, value)}" for name, value in state.declared]
    prefix = [f"|{len(texts)}", *texts] if texts else []
    created_by = "RUN " + " ".join((*prefix, *args)) + " # buildkit"
    return step_of(action, instruction.line, _title(instruction, state), created_by)


def _args(instruction: Run, config: ContainerConfig) -> tuple[tuple[str, ...], str]:
    """(what is executed, the script's text when a heredoc names its interpreter).

    A command that is one heredoc and nothing else is that heredoc's text; other heredocs stay where they are, for the
    shell to read.
    """
    command, heredocs = instruction.command, instruction.heredocs
    if command.exec is not None or not heredocs:
        return command_line(command, config), ""
    if len(heredocs) == 1 and re.fullmatch(r"""\s*\d*<<-?["']?[^\s<>"']+["']?\s*""", command.shell):
        text = heredocs[0].text
        if text.startswith("#!"):
            return ("/dev/pipes/" + heredocs[0].name,), text
        return (*(config.shell or DEFAULT_SHELL), text), ""
    script = command.shell
    for heredoc in heredocs:
        script += f"\n{heredoc.text}{heredoc.name}"
    return (*(config.shell or DEFAULT_SHELL), script), ""


def _title(instruction: Run, state: State) -> str:
    source = instruction.line.source
    if instruction.heredocs:
        first = instruction.heredocs[0].text.split("\n", 1)[0]
        return f"{source.split(chr(10), 1)[0]} ({first}...)"
    return shown(source, state.variables)
