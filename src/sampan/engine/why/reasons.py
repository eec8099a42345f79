"""From facts to reasons. Pure: a table of cases tests it."""

import re
from collections.abc import Callable

from sampan.containers.model import SHUT_DOWN, Container
from sampan.containers.program import Trouble
from sampan.engine.why import words
from sampan.engine.why.facts import Explanation, Facts, Reason

_LOST = 255
_HEALTH_ENTRIES = 5
_MISSING_LIBRARY = re.compile(
    r"error while loading shared libraries: (\S+?): cannot open|Error loading shared library (\S+?): No such file"
)
_NOT_FOUND = re.compile(r"(?:^|: )(\S+): (?:command )?not found")


def explain(facts: Facts) -> Explanation:
    """The whole answer for one container."""
    container = facts.container
    health = (container.health or {}).get("Log", [])[-_HEALTH_ENTRIES:] if container.is_running else []
    return Explanation(
        id=container.id,
        name=container.name,
        status=container.status,
        exit_code=container.exit_code,
        summary=_summary(facts),
        reasons=tuple(_reasons(facts)),
        log=facts.log,
        health_log=tuple((int(entry.get("ExitCode", 0)), str(entry.get("Output", "")).strip()) for entry in health),
        events=facts.events,
    )


def _summary(facts: Facts) -> str:
    container = facts.container
    ran = words.span(max(container.finished_at - container.started_at, 0) / 1e9)
    ended = f"{words.span((facts.now - container.finished_at) / 1e9)} ago"
    code = "an unknown exit code" if _is_lost(facts) else f"exit code {container.exit_code}"
    match container.status:
        case "created" if container.error:
            return f"{container.name} could not be started"
        case "created":
            return f"{container.name} was created and has never been started"
        case "running":
            state = (container.health or {}).get("Status", "")
            health = f" and is {state}" if state not in ("", "starting", "none") else ""
            return f"{container.name} runs since {words.span((facts.now - container.started_at) / 1e9)}{health}"
        case "paused":
            return f"{container.name} is paused: its processes are frozen"
        case "restarting":
            return f"{container.name} ended {ended} with {code} after {ran}, and is to be started again"
        case "exited":
            return f"{container.name} ended {ended} with {code} after {ran}"
        case status:
            return f"{container.name} is {status}"


def _is_lost(facts: Facts) -> bool:
    """Whether nobody could read the exit code."""
    container = facts.container
    return container.exit_code == _LOST and (bool(container.error) or _has_rebooted(facts))


def _has_rebooted(facts: Facts) -> bool:
    return bool(facts.container.boot_id and facts.boot_id) and facts.container.boot_id != facts.boot_id


def _reasons(facts: Facts) -> list[Reason]:
    found: list[Reason] = []
    for rule in _RULES[facts.container.status if facts.container.status in _RULES else "exited"]:
        found += rule(facts)
    return found


def _paused(facts: Facts) -> list[Reason]:
    return [Reason("paused", "Somebody paused it.", f"sampan unpause {facts.container.name}")]


def _never_started(facts: Facts) -> list[Reason]:
    container = facts.container
    if container.error:
        return []
    return [Reason("never-started", "`create` made it; nothing has started it.", f"sampan start {container.name}")]


def _start_error(facts: Facts) -> list[Reason]:
    container = facts.container
    if not container.error or container.status == "exited":
        return []
    if container.error == "the start was interrupted":
        text = "The command that started it was killed before it ran."
        return [Reason("interrupted-start", text, f"sampan start {container.name}")]
    found = [
        Reason("port-taken", f"Port {port} of this host is taken by {_holder(name)}.", _port_hint(name))
        for port, name in facts.holders
    ]
    if facts.trouble is None:
        found.append(Reason("start-failed", f"The start failed: {container.error}."))
    return found


def _holder(name: str) -> str:
    return f"the container {name}" if name else "a program of the host"


def _port_hint(name: str) -> str:
    return f"sampan stop {name}" if name else "`ss -ltnp` on the host names the program; or publish another port"


def _trouble(facts: Facts) -> list[Reason]:
    if facts.trouble is None:
        return []
    text, hint = _TROUBLES[facts.trouble.kind](facts.trouble, facts)
    return [Reason(facts.trouble.kind, text, hint)]


def _shebang_name(trouble: Trouble) -> str:
    return trouble.detail or "nothing"


_TROUBLES: dict[str, Callable[[Trouble, Facts], tuple[str, str]]] = {
    "not-found": lambda trouble, facts: (
        f"Its command {trouble.path!r} is not in the container" + ("." if "/" in trouble.path else "'s $PATH."),
        "is it spelled right, and in the image? A volume may hide it",
    ),
    "is-directory": lambda trouble, facts: (
        f"Its command {trouble.path} is a folder.",
        "name a program inside of it",
    ),
    "not-executable": lambda trouble, facts: (
        f"Its command {trouble.path} is not executable (mode {trouble.detail}).",
        f"RUN chmod +x {trouble.path} in the Dockerfile, or chmod +x where it is mounted from",
    ),
    "no-interpreter": lambda trouble, facts: (
        f"{trouble.path} is a script for {_shebang_name(trouble)}, which is not in the container.",
        "install the interpreter, or correct the script's first line",
    ),
    "carriage-return": lambda trouble, facts: (
        f"The first line of {trouble.path} ends as on Windows (CRLF): the kernel looks for"
        f" an interpreter named {trouble.detail + chr(13)!r}.",
        f"sed -i 's/\\r$//' {trouble.path.rpartition('/')[2]} and build again; in git: *.sh text eol=lf",
    ),
    "wrong-architecture": lambda trouble, facts: (
        f"{trouble.path} is a program for {trouble.detail}, and this machine is {facts.machine}.",
        f"use an image for linux/{facts.machine}, or build it here",
    ),
    "no-loader": lambda trouble, facts: (
        f"{trouble.path} needs the loader {trouble.detail}, which is not in the container.",
        "a program built for glibc does not run on Alpine, nor one for musl on Debian: link it statically"
        " or use a base image with that library",
    ),
    "missing-library": lambda trouble, facts: (
        f"{trouble.path} needs the shared library {trouble.detail}, which is not in the container.",
        "install the package that has it, in the stage that runs",
    ),
    "not-a-program": lambda trouble, facts: (
        f"{trouble.path} is no program: " + (trouble.detail or "it neither begins with #! nor is it an ELF file") + ".",
        "a script begins with a line such as #!/bin/sh",
    ),
    "unreadable": lambda trouble, facts: (f"{trouble.path} cannot be read: {trouble.detail}.", ""),
}


def _lost(facts: Facts) -> list[Reason]:
    container = facts.container
    if not _is_lost(facts):
        return []
    if _has_rebooted(facts):
        text = "The machine was rebooted or lost power while it ran: how it would have ended nobody knows."
        return [Reason("reboot", text, f"sampan start {container.name}; --restart always does it at the next boot")]
    text = "Its monitor (conmon) was killed before the container ended, and with it the exit code was lost."
    return [Reason("monitor-lost", text, "was it killed for memory? `journalctl -k` or dmesg on the host tells")]


def _memory(facts: Facts) -> list[Reason]:
    container = facts.container
    if not container.oom_killed:
        return []
    limit = container.spec.options.memory_bytes
    told = f" of {words.size(limit)}" if limit else ""
    peak = f"; it used {words.size(facts.memory_peak_bytes)} at its peak" if facts.memory_peak_bytes else ""
    text = f"The kernel killed it because it needed more memory than its limit{told}{peak}."
    return [Reason("out-of-memory", text, "give it more with -m, or let it need less")]


def _stopped(facts: Facts) -> list[Reason]:
    container = facts.container
    if container.stopped_by_user == SHUT_DOWN:
        return [Reason("shut-down", "`sampan system shutdown` ended it.", "`sampan system resume`, or start it")]
    if not container.was_stopped:
        return []
    if container.exit_code == 137 and not container.oom_killed:
        text = "A user ended it with `stop`, `kill` or `restart`; it did not end by itself and was killed (SIGKILL)."
        hint = "does its first process handle SIGTERM? `--init` or exec in the entrypoint often helps"
        return [Reason("stopped", text, hint)]
    return [Reason("stopped", "A user ended it with `stop`, `kill` or `restart`.")]


def _signal(facts: Facts) -> list[Reason]:
    container = facts.container
    number = container.exit_code - 128
    if not 0 < number < 65 or container.oom_killed or (container.was_stopped and number == 9) or container.error:
        return []
    meaning = words.signal_meaning(number)
    text = f"Exit code {container.exit_code} is {words.signal_name(number)}: {meaning.meaning}."
    hint = meaning.hint
    if number == 9:
        hint = "not by sampan and not for its own limit: by a program of the host, or for the host's memory (dmesg)"
    return [Reason("signal", text, hint)]


def _code(facts: Facts) -> list[Reason]:
    container = facts.container
    if facts.trouble is not None or _is_lost(facts) or 128 < container.exit_code < _LOST:
        return []
    written = "\n".join(facts.log)
    if match := _MISSING_LIBRARY.search(written):
        text = f"It needs the shared library {match[1] or match[2]}, which is not in the container."
        return [Reason("missing-library", text, "install the package that has it, in the stage that runs")]
    if container.exit_code == 0:
        return [Reason("finished", "Its first process came to its end without an error.", _forks_hint(facts))]
    if container.exit_code == 127:
        match = _NOT_FOUND.search(written)
        what = f" ({match[1]})" if match else ""
        return [Reason("command-not-found", f"Exit code 127: a shell did not find a command{what}.")]
    if container.exit_code == 126:
        return [Reason("not-executable", "Exit code 126: a shell found a command that it could not execute.")]
    text = f"Its first process ended by itself with exit code {container.exit_code}."
    return [Reason("failed", text, "its last lines say why" if facts.log else "")]


def _forks_hint(facts: Facts) -> str:
    if facts.container.finished_at - facts.container.started_at > 10 * 10**9:
        return ""
    return "a container lives as long as its first process: a service must stay in the foreground"


def _health(facts: Facts) -> list[Reason]:
    health = facts.container.health or {}
    if health.get("Status") != "unhealthy":
        return []
    log = health.get("Log") or [{}]
    output = str(log[-1].get("Output", "")).strip().partition("\n")[0]
    told = f"; the last one said: {output}" if output else ""
    text = f"It is unhealthy: {health.get('FailingStreak', 0)} health checks failed in a row{told}."
    return [Reason("unhealthy", text, "the check is in `sampan inspect -f '{{json .Config.Healthcheck}}'`")]


def _restarts(facts: Facts) -> list[Reason]:
    container = facts.container
    count = f"{container.restart_count} time{'s' * (container.restart_count != 1)}"
    if facts.restart_seconds is not None and not container.is_running:
        when = f"in {words.span(facts.restart_seconds)}" if facts.restart_seconds > 0 else "at any moment"
        text = f"{_starter(container)} has started it again {count}; the next start comes {when}."
        hint = "" if facts.is_supervised else "nothing watches at the moment: any sampan command starts the supervisor"
        return [Reason("restarting", text, hint)]
    if container.restart_count:
        return [Reason("restarted", f"{_starter(container)} has started it again {count}.")]
    return []


def _starter(container: Container) -> str:
    options = container.spec.options
    if not options.restart_unhealthy:
        return f"Its policy ({options.restart.name})"
    if options.restart.name == "no":
        return "Its option --restart-unhealthy"
    return f"Its policy ({options.restart.name}, and --restart-unhealthy)"


def _gave_up(facts: Facts) -> list[Reason]:
    container = facts.container
    policy = container.spec.options.restart
    is_spent = policy.maximum_retries and container.restart_count >= policy.maximum_retries
    if policy.name != "on-failure" or not is_spent or container.exit_code == 0:
        return []
    text = f"Its policy gave up: on-failure:{policy.maximum_retries} allows no more restarts."
    return [Reason("gave-up", text, f"sampan start {container.name} begins to count anew")]


_Rule = Callable[[Facts], list[Reason]]
_ENDED: tuple[_Rule, ...] = (_memory, _lost, _trouble, _stopped, _signal, _code, _start_error, _restarts, _gave_up)
_RULES: dict[str, tuple[_Rule, ...]] = {
    "created": (_start_error, _trouble, _never_started),
    "running": (_health, _restarts),
    "paused": (_paused, _health),
    "restarting": (_memory, _lost, _trouble, _signal, _code, _restarts),
    "exited": _ENDED,
}
