"""What an instruction's words mean: one function per instruction, and the table that names its flags."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.dockerfile import flags
from sampan.dockerfile.errors import InstructionError, ParseError, nearest
from sampan.dockerfile.flags import Flags, Kind
from sampan.dockerfile.forms import Request
from sampan.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
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
from sampan.dockerfile.source import heredoc_word
from sampan.dockerfile.words import quote
from sampan.oci.config import HealthConfig

_STAGE_NAME_START = frozenset("abcdefghijklmnopqrstuvwxyz")
_STAGE_NAME = _STAGE_NAME_START | frozenset("0123456789-_.")
_MAX_RETRIES = 2**31 - 1
_MIN_INTERVAL_NS = 1_000_000
_NETWORKS = ("default", "none", "host")
_SECURITIES = ("sandbox", "insecure")


class _Fault(ValueError):
    """Words that don't fit their instruction; the line is added by the one who knows it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


def understand(request: Request) -> Instruction:
    """Raises ParseError: an unknown instruction or flag, or words that don't fit the instruction."""
    line = request.line
    reader = _READERS.get(request.name.lower())
    if reader is None:
        near = nearest(request.name, _READERS)
        suggestion = f" (did you mean {near}?)" if near else ""
        raise InstructionError(
            f"unknown instruction: {request.name}{suggestion}",
            line=line.first,
            last=line.last,
            hint="" if near else "a line that goes on the one before needs a \\ at that line's end",
        )
    try:
        known = reader.flags
        parsed = Flags({}) if known is None else flags.parse(request.flags, known)
        return reader.read(request, parsed)
    except _Fault as fault:
        raise InstructionError(str(fault), line=line.first, last=line.last, hint=fault.hint) from None
    except flags.FlagError as fault:
        raise InstructionError(str(fault), line=line.first, last=line.last, hint=_known_flags(reader.flags)) from None


def _known_flags(known: Mapping[str, Kind] | None) -> str:
    return "flags here: " + ", ".join(f"--{name}" for name in known) if known else "this instruction takes no flags"


def _only(request: Request) -> str:
    if len(request.words) != 1:
        raise _Fault(f"{request.name.upper()} requires exactly one argument")
    return request.words[0]


def _some(request: Request) -> tuple[str, ...]:
    if not request.words:
        raise _Fault(f"{request.name.upper()} requires at least one argument")
    return request.words


def _command(request: Request) -> Command:
    return Command(request.words) if request.is_json else Command(None, "".join(request.words))


def _from(request: Request, given: Flags) -> From:
    words = request.words
    name = ""
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if name[0] not in _STAGE_NAME_START or not _STAGE_NAME.issuperset(name):
            raise _Fault(
                f"invalid name for build stage: {quote(words[2])}, name can't start with a number or contain symbols"
            )
    elif len(words) != 1:
        raise _Fault("FROM requires either one or three arguments", "write FROM IMAGE, or FROM IMAGE AS NAME")
    return From(request.line, words[0], name, given.text("platform"))


def _arg(request: Request, given: Flags) -> Arg:
    pairs: list[tuple[str, str | None]] = []
    for word in _some(request):
        name, equals, value = word.partition("=")
        if not name:
            raise _Fault("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(request.line, tuple(pairs))


def _pairs(request: Request) -> tuple[tuple[str, str], ...]:
    words = _some(request)
    pairs = tuple(zip(words[::2], words[1::2], strict=True))
    if not all(name for name, _ in pairs):
        raise _Fault(f"{request.name.upper()} names can not be blank")
    return pairs


def _env(request: Request, given: Flags) -> Env:
    return Env(request.line, _pairs(request))


def _label(request: Request, given: Flags) -> Label:
    return Label(request.line, _pairs(request))


def _run(request: Request, given: Flags) -> Run:
    network, security = given.text("network"), given.text("security")
    if network and network not in _NETWORKS:
        raise _Fault(f"invalid network mode {quote(network)}", _choices(network, _NETWORKS))
    if security and security not in _SECURITIES:
        raise _Fault(f"security {quote(security)} is not valid", _choices(security, _SECURITIES))
    if given.has("device"):
        raise ParseError(
            "device feature is only supported in Dockerfile frontend 1.14.0-labs or later",
            line=request.line.first,
            last=request.line.last,
            hint="RUN --security=insecure has all devices, where the build allows it with --allow security.insecure",
        )
    for mount in given.values("mount"):
        _check_mount(mount, request)
    return Run(request.line, _command(request), request.heredocs, given.values("mount"), network, security)


def _choices(given: str, known: tuple[str, ...]) -> str:
    near = nearest(given, known)
    return f"did you mean {near.lower()}?" if near else "one of " + ", ".join(known)


def _check_mount(text: str, request: Request) -> None:
    """A mount without variables is checked whole; otherwise only what may not depend on them."""
    from sampan.dockerfile import mounts  # few RUNs have one

    try:
        mounts.check(text)
    except mounts.MountFormError as error:
        raise _Fault(error.message, error.hint) from None
    except mounts.MountError as error:
        raise ParseError(error.message, line=request.line.first, last=request.line.last, hint=error.hint) from None


def _copy(request: Request, given: Flags) -> Copy:
    name = request.name.upper()
    if len(request.words) < 2:
        raise _Fault(
            f"{name} requires at least two arguments, but only one was provided. Destination could not be determined",
            f"write {name} SOURCE DESTINATION; the working directory is .",
        )
    destination = request.words[-1]
    if heredoc_word(destination):
        raise _Fault(f"{name} cannot accept a heredoc as a destination")
    if "$" in given.text("from"):
        raise ParseError(
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope "
            "as a workaround",
            line=request.line.first,
            last=request.line.last,
        )
    sources: list[str] = []
    for word in request.words[:-1]:
        heredoc = heredoc_word(word)
        sources.append(heredoc.name if heredoc else word)
    return Copy(
        request.line,
        name == "ADD",
        tuple(sources),
        destination,
        request.heredocs,
        from_=given.text("from"),
        chown=given.text("chown"),
        chmod=given.text("chmod"),
        link=given.is_set("link"),
        parents=given.is_set("parents"),
        exclude=given.values("exclude"),
        checksum=given.text("checksum"),
        keep_git_dir=given.is_set("keep-git-dir"),
        unpack=given.is_set("unpack") if given.has("unpack") else None,
    )


def _cmd(request: Request, given: Flags) -> Cmd:
    return Cmd(request.line, _command(request))


def _entrypoint(request: Request, given: Flags) -> Entrypoint:
    return Entrypoint(request.line, _command(request))


def _expose(request: Request, given: Flags) -> Expose:
    return Expose(request.line, _some(request))


def _user(request: Request, given: Flags) -> User:
    return User(request.line, _only(request))


def _workdir(request: Request, given: Flags) -> Workdir:
    return Workdir(request.line, _only(request))


def _stopsignal(request: Request, given: Flags) -> StopSignal:
    return StopSignal(request.line, _only(request))


def _maintainer(request: Request, given: Flags) -> Maintainer:
    return Maintainer(request.line, _only(request))


def _volume(request: Request, given: Flags) -> Volume:
    paths = tuple(word.strip() for word in _some(request))
    if not all(paths):
        raise _Fault("VOLUME specified can not be an empty string")
    return Volume(request.line, paths)


def _shell(request: Request, given: Flags) -> Shell:
    words = _some(request)
    if not request.is_json:
        raise _Fault("SHELL requires the arguments to be in JSON form", 'for example SHELL ["/bin/bash", "-c"]')
    return Shell(request.line, words)


def _healthcheck(request: Request, given: Flags) -> Healthcheck:
    kind, *command = _some(request)
    kind = kind.upper()
    if kind == "NONE":
        if command:
            raise _Fault("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(request.line, HealthConfig(("NONE",)))
    parsed = flags.parse(request.flags, _HEALTH_FLAGS)  # NONE takes any flag, and ignores it
    if kind != "CMD":
        raise _Fault(f"Unknown type {quote(kind)} in HEALTHCHECK (try CMD)")
    if not command:
        raise _Fault("Missing command after HEALTHCHECK CMD")
    check = HealthConfig(
        ("CMD" if request.is_json else "CMD-SHELL", *command),
        interval_ns=_interval(parsed, "interval"),
        timeout_ns=_interval(parsed, "timeout"),
        start_period_ns=_interval(parsed, "start-period"),
        start_interval_ns=_interval(parsed, "start-interval"),
        retries=_retries(parsed.text("retries")),
    )
    return Healthcheck(request.line, check)


def _interval(given: Flags, name: str) -> int:
    text = given.text(name)
    if not text:
        return 0
    from sampan.dockerfile.duration import parse_duration

    try:
        duration_ns = parse_duration(text)
    except ValueError as error:
        raise _Fault(str(error), "a duration is a number with ms, s, m or h: 30s, 1m30s") from None
    if duration_ns != 0 and duration_ns < _MIN_INTERVAL_NS:
        raise _Fault(f"Interval {quote(name)} cannot be less than 1ms")
    return duration_ns


def _retries(text: str) -> int:
    if not text:
        return 0
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise _Fault(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if len(text) > 11 or abs(int(text)) > _MAX_RETRIES:
        raise _Fault(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    if int(text) < 0:
        raise _Fault(f"--retries cannot be negative ({int(text)})")
    return int(text)


def _onbuild(request: Request, given: Flags) -> Onbuild:
    trigger = _some(request)[0].upper()
    if trigger == "ONBUILD":
        raise _Fault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise _Fault(f"{trigger} isn't allowed as an ONBUILD trigger")
    text = request.line.source.lstrip()[len("ONBUILD") :].lstrip()
    documents = "".join(f"\n{heredoc.text}{heredoc.name}" for heredoc in request.heredocs)
    return Onbuild(request.line, text + documents)


class _InstructionReader(NamedTuple):
    """`flags` are those that the instruction takes; None where they are left to `read`, or not looked at at all."""

    read: Callable[[Request, Flags], Instruction]
    flags: Mapping[str, Kind] | None = {}


_COPY_FLAGS = {"chown": Kind.TEXT, "chmod": Kind.TEXT, "link": Kind.BOOL, "exclude": Kind.LIST}
_HEALTH_FLAGS = {
    "interval": Kind.TEXT,
    "timeout": Kind.TEXT,
    "start-period": Kind.TEXT,
    "start-interval": Kind.TEXT,
    "retries": Kind.TEXT,
}

_READERS: dict[str, _InstructionReader] = {
    "add": _InstructionReader(
        _copy, _COPY_FLAGS | {"checksum": Kind.TEXT, "keep-git-dir": Kind.BOOL, "unpack": Kind.BOOL}
    ),
    "arg": _InstructionReader(_arg, None),
    "cmd": _InstructionReader(_cmd),
    "copy": _InstructionReader(_copy, _COPY_FLAGS | {"from": Kind.TEXT, "parents": Kind.BOOL}),
    "entrypoint": _InstructionReader(_entrypoint),
    "env": _InstructionReader(_env),
    "expose": _InstructionReader(_expose),
    "from": _InstructionReader(_from, {"platform": Kind.TEXT}),
    "healthcheck": _InstructionReader(_healthcheck, None),
    "label": _InstructionReader(_label),
    "maintainer": _InstructionReader(_maintainer),
    "onbuild": _InstructionReader(_onbuild),
    "run": _InstructionReader(
        _run, {"device": Kind.LIST, "mount": Kind.LIST, "network": Kind.TEXT, "security": Kind.TEXT}
    ),
    "shell": _InstructionReader(_shell),
    "stopsignal": _InstructionReader(_stopsignal),
    "user": _InstructionReader(_user),
    "volume": _InstructionReader(_volume),
    "workdir": _InstructionReader(_workdir),
}
