"""`--change` of import and commit: Dockerfile instructions applied to a configuration."""

from collections.abc import Sequence

from sampan.dockerfile import parser, words
from sampan.dockerfile.instructions import (
    Cmd,
    Command,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Onbuild,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from sampan.errors import InvalidArgument
from sampan.oci.config import ContainerConfig

_ALLOWED = "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR"


def apply(config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
    """`config` with each of `changes` applied in order. Raises InvalidArgument for what is no such instruction."""
    for change in changes:
        _check(change)
        document = parser.parse("FROM scratch\n" + change, name="change")
        for instruction in document.stages[0].instructions:
            config = _applied(config, instruction, change)
    return config


def _check(change: str) -> None:
    name = (change.split(None, 1) or [""])[0].upper()
    if name not in _ALLOWED.split(", "):
        raise InvalidArgument(f"{name} is not a valid change command", hint=f"these are: {_ALLOWED}")


def _applied(config: ContainerConfig, instruction: Instruction, change: str) -> ContainerConfig:
    variables = dict(entry.partition("=")[::2] for entry in config.env)

    def expand(text: str) -> str:
        return words.expand(text, variables.get)

    match instruction:
        case Cmd():
            return config._replace(cmd=_command(instruction.command, config))
        case Entrypoint():
            return config._replace(entrypoint=_command(instruction.command, config))
        case Env():
            for key, value in instruction.pairs:
                variables[expand(key)] = expand(value)
            return config._replace(env=tuple(f"{key}={value}" for key, value in variables.items()))
        case Label():
            added = {expand(key): expand(value) for key, value in instruction.pairs}
            return config._replace(labels={**config.labels, **added})
        case Expose():
            ports = {_port(expand(port)) for port in instruction.ports}
            return config._replace(exposed_ports=tuple(sorted({*config.exposed_ports, *ports})))
        case Volume():
            paths = {expand(path) for path in instruction.paths}
            return config._replace(volumes=tuple(sorted({*config.volumes, *paths})))
        case User():
            return config._replace(user=expand(instruction.user))
        case Workdir():
            path = expand(instruction.path)
            base = "" if path.startswith("/") else config.working_dir.rstrip("/") + "/"
            return config._replace(working_dir=(base + path).rstrip("/") or "/")
        case StopSignal():
            return config._replace(stop_signal=expand(instruction.signal))
        case Healthcheck():
            return config._replace(healthcheck=instruction.check)
        case Onbuild():
            return config._replace(on_build=(*(config.on_build or ()), instruction.trigger))
        case _:
            raise InvalidArgument(f"{change} is not a valid change command", hint=f"these are: {_ALLOWED}")


def _command(command: Command, config: ContainerConfig) -> tuple[str, ...]:
    if command.exec is not None:
        return command.exec
    return (*(config.shell or ("/bin/sh", "-c")), command.shell)


def _port(text: str) -> str:
    port, slash, protocol = text.partition("/")
    if not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise InvalidArgument(f"invalid containerPort: {port}")
    return f"{port}/{protocol.lower() if slash else 'tcp'}"
