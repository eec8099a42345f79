"""What an instruction means: instruction and state in, steps and next state out. Pure.

Follows BuildKit 0.25: a later ARG or ENV of one name hides the earlier one, in words and in the environment of RUN
alike; only ENV reaches the image.
"""

from collections.abc import Callable

from sampan.builder.failures import AtLine
from sampan.builder.plan import copy, run, signals, wording
from sampan.builder.plan.state import PROXY_ARGUMENTS, Globals, State, absolute, command_line, step_of, with_used
from sampan.builder.plan.steps import MakeWorkdir, Note, Pairs, Step
from sampan.dockerfile import ports as exposing
from sampan.dockerfile import words
from sampan.dockerfile.instructions import (
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from sampan.errors import InvalidArgument, SampanError
from sampan.oci.config import ContainerConfig, HealthConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_WRITTEN = 32 << 20  # characters of all of a stage's instructions, expanded


Record = Step | Note
Outcome = tuple[State, Record | None]


def begin(config: ContainerConfig, inherited: State | None) -> State:
    """The state right after FROM an image or scratch, or, with `inherited`, FROM a stage that ended so."""
    if inherited is not None:
        return inherited._replace(config=inherited.config._replace(on_build=None), has_cmd=False)
    if not any(entry.startswith("PATH=") for entry in config.env):
        config = config._replace(env=(*config.env, "PATH=" + DEFAULT_PATH))
    variables = dict(entry.split("=", 1) for entry in config.env if "=" in entry)
    return State(config._replace(on_build=None), variables)


def evaluate(instruction: Instruction, state: State, around: Globals) -> Outcome:
    """One instruction's effect. Steps come without a number (0): the one who counts them fills it in.

    Raises AtLine with the instruction's place.
    """
    try:
        return _within_limit(*_evaluate(instruction, state, around))
    except AtLine:
        raise
    except SampanError as error:
        raise AtLine(error.message, instruction.line, hint=error.hint, kind=error) from error


def _within_limit(state: State, record: Record | None) -> Outcome:
    """Each text has its limit; this one is for many of them together, which an image keeps as its history."""
    written = state.written + (len(record.created_by) if record is not None else 0)
    if written > MAX_WRITTEN:
        raise InvalidArgument(
            f"the instructions of this stage come to more than {MAX_WRITTEN >> 20} MiB of text",
            hint="put large text into a file, and COPY it",
        )
    return state._replace(written=written), record


def _evaluate(instruction: Instruction, state: State, around: Globals) -> Outcome:
    lookup = state.variables.get

    def expand(text: str) -> str:
        return words.expand(text, lookup, around.escape)

    config = state.config
    match instruction:
        case Env():
            pairs = tuple((expand(key), expand(value)) for key, value in instruction.pairs)
            return _env(state, pairs), Note("ENV " + _joined(pairs))
        case Arg():
            return _arg(instruction, state, around)
        case Label():
            pairs = tuple((expand(key), expand(value)) for key, value in instruction.pairs)
            labels = {**config.labels, **dict(pairs)}
            return state._replace(config=config._replace(labels=labels)), Note("LABEL " + _joined(pairs))
        case Run():
            return state, run.run(instruction, state, around)
        case Copy():
            return state, with_used(copy.copy(instruction, state, around, expand), state)
        case Workdir():
            return _workdir(instruction, state, expand(instruction.path))
        case User():
            user = expand(instruction.user)
            return state._replace(config=config._replace(user=user)), Note("USER " + user)
        case Expose():
            written = sorted(instruction.ports)  # before variables are expanded, as Docker does
            texts = [word for port in written for word in words.split_words(port, lookup, around.escape)]
            ports = dict.fromkeys(port for text in texts for port in exposing.exposed(text))
            merged = tuple(sorted({*config.exposed_ports, *ports}))
            return state._replace(config=config._replace(exposed_ports=merged)), Note(
                "EXPOSE " + wording.plain_words(tuple(ports))
            )
        case Volume():
            return _volume(state, tuple(expand(path) for path in instruction.paths))
        case Maintainer():
            return state._replace(author=instruction.name), Note("MAINTAINER " + instruction.name)
        case _:
            return _metadata(instruction, state, expand)


def _metadata(instruction: Instruction, state: State, expand: Callable[[str], str]) -> Outcome:
    """Instructions that only set one field of the configuration."""
    config = state.config
    match instruction:
        case Cmd():
            args = command_line(instruction.command, config)
            changed = state._replace(config=config._replace(cmd=args, args_escaped=True), has_cmd=True)
            return changed, Note("CMD " + wording.quoted_words(args))
        case Entrypoint():
            args = command_line(instruction.command, config)
            cmd = config.cmd if state.has_cmd else None
            changed = state._replace(config=config._replace(entrypoint=args, cmd=cmd))
            return changed, Note("ENTRYPOINT " + wording.quoted_words(args))
        case Shell():
            note = Note("SHELL " + wording.plain_words(instruction.words))
            return state._replace(config=config._replace(shell=instruction.words)), note
        case StopSignal():
            signal = expand(instruction.signal)
            signals.check(signal)
            return state._replace(config=config._replace(stop_signal=signal)), Note("STOPSIGNAL " + signal)
        case Healthcheck():
            note = Note("HEALTHCHECK " + _health_text(instruction.check))
            return state._replace(config=config._replace(healthcheck=instruction.check)), note
        case Onbuild():
            triggers = (*(config.on_build or ()), instruction.trigger)
            return state._replace(config=config._replace(on_build=triggers)), None
        case _:
            raise InvalidArgument(f"unexpected instruction: {instruction.line.source}")


def _joined(pairs: Pairs) -> str:
    return " ".join(f"{key}={value}" for key, value in pairs)


def _env(state: State, pairs: Pairs) -> State:
    env = list(state.config.env)
    for key, value in pairs:
        entry = f"{key}={value}"
        for position, old in enumerate(env):
            if old.split("=", 1)[0] == key:
                env[position] = entry
                break
        else:
            env.append(entry)
    return state._replace(config=state.config._replace(env=tuple(env)), variables={**state.variables, **dict(pairs)})


def _arg(instruction: Arg, state: State, around: Globals) -> Outcome:
    """Of several names in one ARG a later default sees the earlier ones; those of ENV do not."""
    variables, declared, texts = dict(state.variables), list(state.declared), []
    for name, default in instruction.pairs:
        value = around.build_args.get(name)
        if value is None:
            value = around.arguments.get(name)
            if default is not None:
                value = words.expand(default, variables.get, around.escape)
        if value is not None and name not in PROXY_ARGUMENTS:
            variables[name] = value
        declared.append((name, value or ""))
        texts.append(name if value is None else f"{name}={value}")
    return state._replace(variables=variables, declared=tuple(declared)), Note("ARG " + " ".join(texts))


def _volume(state: State, paths: tuple[str, ...]) -> Outcome:
    if any(not path for path in paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    volumes = tuple(sorted({*state.config.volumes, *paths}))
    return state._replace(config=state.config._replace(volumes=volumes)), Note("VOLUME " + wording.plain_words(paths))


def _workdir(instruction: Workdir, state: State, path: str) -> Outcome:
    folder = absolute(path, state.config.working_dir)
    changed = state._replace(config=state.config._replace(working_dir=folder))
    if folder == "/":
        return changed, Note("WORKDIR /")
    action = MakeWorkdir(folder, state.config.user)
    written = path if path.startswith("/") else folder
    step = step_of(action, instruction.line, "WORKDIR " + path, "WORKDIR " + written)
    return changed, with_used(step, state)


def _health_text(check: HealthConfig) -> str:
    durations = (check.interval_ns, check.timeout_ns, check.start_period_ns, check.start_interval_ns)
    fields = [wording.quoted(wording.duration(value)) for value in durations]
    return f"&{{{wording.quoted_words(check.test)} {' '.join(fields)} {wording.quoted_number(check.retries)}}}"
