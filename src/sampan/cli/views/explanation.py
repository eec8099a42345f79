"""The answer of `why`, to read and as a record."""

from collections.abc import Callable

from sampan.cli.gotemplate import Record, Value
from sampan.cli.views.times import utc
from sampan.dockerfile.errors import visible
from sampan.engine.why.facts import Explanation


def readable(explanation: Explanation) -> str:
    """A sentence, the reasons with what to do, the last checks of its health, and what it wrote last."""
    lines = [explanation.summary + "."]
    for reason in explanation.reasons:
        lines.append("  " + visible(reason.text))
        if reason.hint:
            lines.append("    " + visible(reason.hint))
    if explanation.health_log:
        lines += ["", "Its last health checks:"]
        lines += [f"  exit code {code}: {_first_line(output)}" for code, output in explanation.health_log]
    if explanation.log:
        lines += ["", "What it wrote last:"]
        lines += [f"  {line}" for line in explanation.log]
    if explanation.events:
        lines += ["", "What happened to it last:"]
        lines += [
            f"  {utc(event.time)[:19]}Z {event.action}{' (' + event.detail + ')' if event.detail else ''}"
            for event in explanation.events
        ]
    return "\n".join(lines) + "\n"


def record(explanation: Explanation) -> Record:
    """For --format; names as in docker's documents."""
    fields: dict[str, Value | Callable[[str], Value]] = {
        "ID": explanation.id,
        "Name": explanation.name,
        "Status": explanation.status,
        "ExitCode": explanation.exit_code,
        "Summary": explanation.summary,
        "Reasons": [{"Kind": reason.kind, "Text": reason.text, "Hint": reason.hint} for reason in explanation.reasons],
        "Log": list(explanation.log),
        "HealthLog": [{"ExitCode": code, "Output": output} for code, output in explanation.health_log],
        "Events": [
            {"Time": utc(event.time), "Action": event.action, "Detail": event.detail} for event in explanation.events
        ],
    }
    return Record("why.Explanation", fields)


def _first_line(output: str) -> str:
    return visible(output.partition("\n")[0][:200]) or "(no output)"
