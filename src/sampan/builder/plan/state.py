"""Where a stage stands between two instructions, and what its steps have in common. Pure."""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.builder.options import BuildOptions
from sampan.builder.plan.steps import Action, Step
from sampan.dockerfile import words
from sampan.dockerfile.instructions import Command, Line
from sampan.dockerfile.stages import Origin
from sampan.oci.config import ContainerConfig

DEFAULT_SHELL = ("/bin/sh", "-c")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
PROXY_ARGUMENTS = frozenset(_PROXIES) | frozenset(name.lower() for name in _PROXIES)
_SHOWN_VALUE = 1024
_VARIABLE = r"'[^']*'|\\.|\$(?:(\w+)|\{(\w+)(?::?-[^{}]*)?\})"


class Globals(NamedTuple):
    """What is the same in all stages: the options of the build, build arguments given, ARGs before the first FROM, the
    escape character."""

    options: BuildOptions
    build_args: Mapping[str, str]
    arguments: Mapping[str, str]
    escape: str
    find_origin: Callable[[str], Origin]  # what COPY --from means
    find_mounted: Callable[[str, str], Origin]  # the same of from= of a mount with that target


class State(NamedTuple):
    """Where a stage stands between two instructions. `variables` are the ENVs and ARGs that are in sight."""

    config: ContainerConfig
    variables: Mapping[str, str]
    declared: tuple[tuple[str, str], ...] = ()
    author: str = ""
    has_cmd: bool = False
    written: int = 0  # characters of all that the instructions before came to


def absolute(path: str, workdir: str) -> str:
    """`path` below `workdir`, cleaned, absolute."""
    return posixpath.normpath(posixpath.join("/", workdir, path)).replace("//", "/")


def command_line(command: Command, config: ContainerConfig) -> tuple[str, ...]:
    """What is executed: a shell form goes to the stage's shell."""
    if command.exec is not None:
        return command.exec
    return (*(config.shell or DEFAULT_SHELL), command.shell)


def step_of(action: Action, line: Line, title: str, created_by: str) -> Step:
    """A step that is not yet numbered."""
    return Step(action, line, words=line.source, title=title, number=0, created_by=created_by)


def with_used(step: Step, state: State) -> Step:
    """The step with the variables that its words mention."""
    arguments = {name for name, _ in state.declared}
    used = tuple(
        (f"{'ARG' if name in arguments else 'ENV'} {name}", state.variables[name])
        for name in sorted(words.used_names(step.words))
        if name in state.variables
    )
    return step._replace(used=used)


def shown(text: str, variables: Mapping[str, str]) -> str:
    """An instruction for the eye: variables that are set stand with their values, the others as written."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        text = variables.get(name, match.group(0)) if name else match.group(0)
        return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"

    return re.sub(_VARIABLE, value, text) if "$" in text else text
