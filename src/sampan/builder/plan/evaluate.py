"""What an instruction means: instruction and state in, steps and next state out. Pure.

Follows BuildKit 0.25: a later ARG or ENV of one name hides the earlier one, in words and in the environment of RUN
alike; only ENV reaches the image.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.builder.failures import AtLine
from sampan.builder.plan import signals, wording
from sampan.builder.plan.steps import Action, CopyFiles, Inline, MakeWorkdir, Note, Pairs, RunCommand, Step
from sampan.dockerfile import ports as exposing
from sampan.dockerfile import words
from sampan.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Line,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from sampan.errors import InvalidArgument, SampanError, Unsupported
from sampan.oci.config import ContainerConfig, HealthConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
PROXY_ARGUMENTS = frozenset(_PROXIES) | frozenset(name.lower() for name in _PROXIES)
MAX_WRITTEN = 32 << 20  # characters of all of a stage's instructions, expanded
_SHOWN_VALUE = 1024
_VARIABLE = r"'[^']*'|\\.|\$(?:(\w+)|\{(\w+)(?::?-[^{}]*)?\})"


class Globals(NamedTuple):
    """What is the same in all stages: build arguments given, ARGs before the first FROM, the escape character."""

    build_args: Mapping[str, str]
    arguments: Mapping[str, str]
    escape: str
    network: str
    find_stage: Callable[[str], int]  # index of a stage that COPY --from may mean, -1 when it is none


class State(NamedTuple):
    """Where a stage stands between two instructions. `variables` are the ENVs and ARGs that are in sight."""

    config: ContainerConfig
    variables: Mapping[str, str]
    declared: tuple[tuple[str, str], ...] = ()
    author: str = ""
    has_cmd: bool = False
    written: int = 0  # characters of all that the instructions before came to


Record = Step | Note
Outcome = tuple[State, Record | None]


def begin(config: ContainerConfig, inherited: State | None) -> State:
    """The state right after FROM an image or scratch, or, with `inherited`, FROM a stage that ended so."""
    if inherited is not None:
        return inherited._replace(has_cmd=False)
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
            return _arg(instruction, state, around, expand)
        case Label():
            pairs = tuple((expand(key), expand(value)) for key, value in instruction.pairs)
            labels = {**config.labels, **dict(pairs)}
            return state._replace(config=config._replace(labels=labels)), Note("LABEL " + _joined(pairs))
        case Run():
            return state, _run(instruction, state, around)
        case Copy():
            return state, _with_used(_copy(instruction, state, around, expand), state)
        case Workdir():
            return _workdir(instruction, state, expand(instruction.path))
        case User():
            user = expand(instruction.user)
            return state._replace(config=config._replace(user=user)), Note("USER " + user)
        case Expose():
            texts = [word for port in instruction.ports for word in words.split_words(port, lookup, around.escape)]
            ports = {port for text in texts for port in exposing.exposed(text)}
            merged = tuple(sorted({*config.exposed_ports, *ports}))
            return state._replace(config=config._replace(exposed_ports=merged)), Note(
                "EXPOSE " + wording.plain_words(sorted(ports))
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
            args = _command_line(instruction.command, config)
            changed = state._replace(config=config._replace(cmd=args), has_cmd=True)
            return changed, Note("CMD " + wording.quoted_words(args))
        case Entrypoint():
            args = _command_line(instruction.command, config)
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


def _arg(instruction: Arg, state: State, around: Globals, expand: Callable[[str], str]) -> Outcome:
    variables, declared, texts = dict(state.variables), list(state.declared), []
    for name, default in instruction.pairs:
        value = around.build_args.get(name)
        if value is None:
            value = expand(default) if default is not None else around.arguments.get(name)
        if value is not None and name not in PROXY_ARGUMENTS:
            variables[name] = value
        declared.append((name, value or ""))
        texts.append(name if value is None else f"{name}={value}")
    return state._replace(variables=variables, declared=tuple(declared)), Note("ARG " + " ".join(texts))


def _command_line(command: Command, config: ContainerConfig) -> tuple[str, ...]:
    if command.exec is not None:
        return command.exec
    return (*(config.shell or DEFAULT_SHELL), command.shell)


def _volume(state: State, paths: tuple[str, ...]) -> Outcome:
    if any(not path for path in paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    volumes = tuple(sorted({*state.config.volumes, *paths}))
    return state._replace(config=state.config._replace(volumes=volumes)), Note("VOLUME " + wording.plain_words(paths))


def absolute(path: str, workdir: str) -> str:
    """`path` below `workdir`, cleaned, absolute."""
    return posixpath.normpath(posixpath.join("/", workdir, path)).replace("//", "/")


def _workdir(instruction: Workdir, state: State, path: str) -> Outcome:
    folder = absolute(path, state.config.working_dir)
    changed = state._replace(config=state.config._replace(working_dir=folder))
    if folder == "/":
        return changed, Note("WORKDIR /")
    action = MakeWorkdir(folder, state.config.user)
    step = _step(action, instruction.line, "WORKDIR " + path, "WORKDIR " + folder)
    return changed, _with_used(step, state)


def _step(action: Action, line: Line, title: str, created_by: str) -> Step:
    return Step(action, line, words=line.source, title=title, number=0, created_by=created_by)


def _with_used(step: Step, state: State) -> Step:
    arguments = {name for name, _ in state.declared}
    used = tuple(
        (f"{'ARG' if name in arguments else 'ENV'} {name}", state.variables[name])
        for name in sorted(words.used_names(step.words))
        if name in state.variables
    )
    return step._replace(used=used)


def _run(instruction: Run, state: State, around: Globals) -> Step:
    if instruction.mounts:
        raise Unsupported(f"RUN --mount={instruction.mounts[0]} is not supported by this version of sampan")
    if instruction.security not in ("", "sandbox"):
        raise Unsupported(f"RUN --security={instruction.security} is not supported by this version of sampan")
    network = instruction.network or "default"
    if network not in ("default", "none", "host"):
        raise InvalidArgument(f'unsupported network mode "{network}"', hint="default, none and host are known")
    if network == "default":
        network = around.network
    args, script = _run_args(instruction, state.config)
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
    return _step(action, instruction.line, _run_title(instruction, state), created_by)


def _run_args(instruction: Run, config: ContainerConfig) -> tuple[tuple[str, ...], str]:
    """(what is executed, the script's text when a heredoc names its interpreter).

    A command that is one heredoc and nothing else is that heredoc's text; other heredocs stay where they are, for the
    shell to read.
    """
    command, heredocs = instruction.command, instruction.heredocs
    if command.exec is not None or not heredocs:
        return _command_line(command, config), ""
    if len(heredocs) == 1 and re.fullmatch(r"""\s*\d*<<-?["']?[^\s<>"']+["']?\s*""", command.shell):
        text = heredocs[0].text
        if text.startswith("#!"):
            return ("/dev/pipes/" + heredocs[0].name,), text
        return (*(config.shell or DEFAULT_SHELL), text), ""
    script = command.shell
    for heredoc in heredocs:
        script += f"\n{heredoc.text}{heredoc.name}"
    return (*(config.shell or DEFAULT_SHELL), script), ""


def _run_title(instruction: Run, state: State) -> str:
    source = instruction.line.source
    if instruction.heredocs:
        first = instruction.heredocs[0].text.split("\n", 1)[0]
        return f"{source.split(chr(10), 1)[0]} ({first}...)"
    return shown(source, state.variables)


def shown(text: str, variables: Mapping[str, str]) -> str:
    """An instruction for the eye: variables that are set stand with their values, the others as written."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        text = variables.get(name, match.group(0)) if name else match.group(0)
        return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"

    return re.sub(_VARIABLE, value, text) if "$" in text else text


def _copy(instruction: Copy, state: State, around: Globals, expand: Callable[[str], str]) -> Step:
    name = "ADD" if instruction.is_add else "COPY"
    inline_names = {heredoc.name for heredoc in instruction.heredocs}
    sources = tuple(
        expand(source) for source in instruction.sources if source not in inline_names or not instruction.heredocs
    )
    if instruction.is_add:
        _refuse_remote(instruction, sources)
    destination = expand(instruction.destination)
    chown, chmod = expand(instruction.chown), expand(instruction.chmod)
    inline = tuple(
        Inline(
            _file_name(heredoc.name),
            words.expand_document(heredoc.text, state.variables.get) if heredoc.expand else heredoc.text,
        )
        for heredoc in instruction.heredocs
    )
    stage = around.find_stage(instruction.from_) if instruction.from_ else -1
    action = CopyFiles(
        sources=sources,
        destination=_destination(destination, state.config.working_dir),
        inline=inline,
        stage=stage,
        image=instruction.from_ if stage < 0 else "",
        chown=chown,
        chmod=chmod,
        parents=instruction.parents,
        exclude=tuple(expand(pattern) for pattern in instruction.exclude),
        unpack=instruction.is_add if instruction.unpack is None else instruction.unpack,
    )
    flags = [f"--chown={chown}"] * bool(chown) + [f"--chmod={chmod}"] * bool(chmod)
    parts = [
        *["--parents"] * instruction.parents,
        *flags,
        *sources,
        *(f"<<{item.name}" for item in inline),
        destination,
    ]
    created_by = f"{name} {' '.join(parts)} # buildkit"
    title = shown(instruction.line.source.split("\n", 1)[0], state.variables)
    return _step(action, instruction.line, title, created_by)


def _file_name(heredoc: str) -> str:
    """What a file of a here-document is called; its mark may look like a path. Raises InvalidArgument."""
    name = posixpath.basename(posixpath.normpath("/" + heredoc))
    if not name or "\0" in name:
        raise InvalidArgument(f"<<{heredoc} names no file", hint="its mark is the file's name")
    return name


def _refuse_remote(instruction: Copy, sources: tuple[str, ...]) -> None:
    for source in sources:
        if re.match(r"(https?|git|ssh)://|git@", source):
            raise Unsupported(
                f"ADD {source}: remote sources are not supported by this version of sampan",
                hint="download it before the build, or with RUN",
            )
    if instruction.checksum:
        raise InvalidArgument("checksum requires HTTP(S) or Git sources")


def _destination(path: str, workdir: str) -> str:
    folder = absolute(path, workdir)
    if (path.endswith(("/", "/.")) or path in ("", ".", "..")) and folder != "/":
        return folder + "/"
    return folder


def _health_text(check: HealthConfig) -> str:
    durations = (check.interval_ns, check.timeout_ns, check.start_period_ns, check.start_interval_ns)
    fields = [wording.quoted(wording.duration(value)) for value in durations]
    return f"&{{{wording.quoted_words(check.test)} {' '.join(fields)} {wording.quoted_number(check.retries)}}}"
