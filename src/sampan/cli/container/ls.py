"""`sampan ps`."""

import sys
import time

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag, filter_flag, format_flag, no_trunc_flag, quiet_flag
from sampan.cli.format import render
from sampan.cli.kinds import BOOL, INT
from sampan.cli.output import is_terminal, terminal_width
from sampan.cli.views import containers, limits
from sampan.cli.views.container_filters import gather
from sampan.engine.container_filter import takes_all_states
from sampan.engine.containers import Summary
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS]",
    summary="List containers",
    examples=(
        Example("Everything, running or not", "ps -a"),
        Example("Names and states only", "ps -a --format '{{.Names}} {{.State}}'"),
    ),
    flags=(
        Flag("all", BOOL, "Show also those that do not run", "a"),
        filter_flag(),
        format_flag(),
        Flag("last", INT, "Show so many of the newest, in any state", "n", default=-1),
        Flag("latest", BOOL, "Show the newest, in any state", "l"),
        no_trunc_flag(),
        quiet_flag(),
        Flag("size", BOOL, "Show what each wrote and how large it is in all", "s"),
    ),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    filters = gather(parsed.pairs("filter"))
    last = 1 if parsed.boolean("latest") else parsed.integer("last")
    wanted_all = parsed.boolean("all") or last > 0 or takes_all_states(filters)
    form = parsed.string("format")
    if not form and not parsed.boolean("quiet"):
        form = client_config.text(invocation.settings, "psFormat")
    with_size = parsed.boolean("size") or any(word in form for word in (".Size", "json .}"))
    shown = [_facts(summary) for summary in engine.containers.summaries(sizes=with_size, filters=filters)]
    shown = [facts for facts in shown if wanted_all or facts.state in ("running", "paused", "restarting")]
    if last > 0:
        shown = shown[:last]
    no_trunc = parsed.boolean("no-trunc")
    if parsed.boolean("quiet"):
        print("".join(f"{facts.id if no_trunc else facts.id[:12]}\n" for facts in shown), end="")
        return 0
    now = time.time_ns()
    rows = [containers.row(facts, now, no_trunc) for facts in shown]
    columns = containers.COLUMNS_WITH_SIZE if parsed.boolean("size") else containers.LISTING.columns
    if is_terminal(sys.stdout) and not form:
        columns = containers.with_room(rows, columns, terminal_width())
    print(render(containers.LISTING, rows, form, columns), end="")
    return 0


def _facts(summary: Summary) -> containers.ContainerFacts:
    record = summary.record
    mounts = record.spec.mounts
    published = [containers.PublishedPort(*port) for port in summary.ports]
    bound = {(port.private, port.protocol) for port in published}
    for text in record.spec.config.exposed_ports:
        number, _, protocol = text.partition("/")
        if number.isdecimal() and (int(number), protocol or "tcp") not in bound and record.is_running:
            published.append(containers.PublishedPort(int(number), protocol or "tcp"))
    return containers.ContainerFacts(
        id=record.id,
        name=record.name,
        image=summary.image,
        image_id=record.image_id,
        command=record.command,
        created_ns=record.created_at,
        state=record.status,
        exit_code=record.exit_code,
        started_ns=record.started_at,
        finished_ns=record.finished_at,
        health=str((record.health or {}).get("Status", "")),
        ports=published,
        labels=record.spec.config.labels,
        mounts=[mount.volume or mount.image or mount.source for mount in mounts if mount.type != "tmpfs"],
        local_volumes=sum(1 for mount in mounts if mount.volume),
        networks=summary.networks,
        size_rw=summary.size_rw,
        size_root=summary.size_root,
        restarts=record.restart_count,
        limits=limits.in_words(record.spec.options),
    )
