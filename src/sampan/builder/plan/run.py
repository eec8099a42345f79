"""RUN: what is executed, with which environment. Pure."""

import re
from collections.abc import Mapping

from sampan.builder.plan.state import DEFAULT_SHELL, PROXY_ARGUMENTS, Globals, State, command_line, shown, step_of
from sampan.builder.plan.steps import Mount, Pairs, RunCommand, Step
from sampan.dockerfile.instructions import Run
from sampan.errors import InvalidArgument, PermissionDenied
from sampan.oci.config import ContainerConfig


def run(instruction: Run, state: State, around: Globals) -> Step:
    """The step of a RUN. Raises InvalidArgument, PermissionDenied."""
    network = instruction.network or "default"
    if network not in ("default", "none", "host"):
        raise InvalidArgument(f'unsupported network mode "{network}"', hint="default, none and host are known")
    is_insecure = instruction.security == "insecure"
    _check_allowed(network, is_insecure, around.options.allow)
    if network == "default":
        network = around.options.network
    args, script = _args(instruction, state.config)
    names = {name for name, _ in state.declared}
    env = {entry.split("=", 1)[0] for entry in state.config.env}
    arguments = tuple(
        (name, state.variables[name]) for name in dict.fromkeys(n for n, _ in state.declared) if name in state.variables
    )
    environment = tuple((name, value) for name, value in state.variables.items() if name in names or name in env)
    options = around.options
    action = RunCommand(
        args=args,
        env=environment,
        arguments=arguments,
        cwd=state.config.working_dir or "/",
        user=state.config.user,
        network=network,
        secret_env=_proxies(around.build_args),
        script=script,
        mounts=_mounts(instruction, state, around),
        hostname=around.build_args.get("BUILDKIT_SANDBOX_HOSTNAME", ""),
        hosts=options.add_hosts,
        shm_bytes=options.shm_bytes,
        ulimits=options.ulimits,
        cgroup_parent=options.cgroup_parent,
        is_insecure=is_insecure,
    )
    texts = [f"{name}={state.variables.get(name, value)}" for name, value in dict(state.declared).items()]
    prefix = [f"|{len(texts)}", *texts] if texts else []
    created_by = "RUN " + " ".join((*prefix, *args)) + " # buildkit"
    return step_of(action, instruction.line, _title(instruction, state), created_by)


def _proxies(build_args: Mapping[str, str]) -> Pairs:
    """Variables of proxies, in both spellings, as programs look for either."""
    given = {name.upper(): value for name, value in build_args.items() if name in PROXY_ARGUMENTS}
    return tuple((spelled, value) for name, value in given.items() for spelled in (name, name.lower()))


def _check_allowed(network: str, is_insecure: bool, allowed: tuple[str, ...]) -> None:
    """What reaches beyond the build is allowed by the one who builds, not by the one who wrote the Dockerfile."""
    for wanted, name in ((network == "host", "network.host"), (is_insecure, "security.insecure")):
        if wanted and name not in allowed:
            raise PermissionDenied(f"{name} is not allowed", hint=f"build with --allow {name} if you trust it")


def _mounts(instruction: Run, state: State, around: Globals) -> tuple[Mount, ...]:
    if not instruction.mounts:
        return ()
    from sampan.builder.plan import mounts  # few RUNs have one

    return mounts.planned(instruction.mounts, state, around)


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
            return (*(config.shell or DEFAULT_SHELL), "/dev/pipes/" + heredocs[0].name), text
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
