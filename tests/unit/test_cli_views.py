"""Listings look as docker's do."""

from typing import Any

import pytest

from sampan.cli import format, output
from sampan.cli.container.run_flags import RUN_FLAGS
from sampan.cli.container.run_options import run_options
from sampan.cli.errors import ClientError
from sampan.cli.flags import parse
from sampan.cli.views import containers, details, images, inspect, limits, networks, times, volumes
from sampan.cli.views.containers import ContainerFacts, PublishedPort
from sampan.containers.options import PortBinding, RunOptions
from sampan.errors import SampanError
from sampan.oci.config import HealthConfig

SECOND = 10**9
NOW = 1_795_477_393 * SECOND
BOTH = ("0.0.0.0", "::")
FULL = ContainerFacts(
    id="c3f29ee8b5efa623447f2409545eb44bc744a39f75d3b27daea78be6a7d51661",
    name="full",
    image="app:1.0",
    image_id="sha256:a825bc588bb5826eb6e0dcad3ec7cff20c395db3285c10a72903427c8f3ea04f",
    command=("/bin/sh", "-c", "sleep 1000"),
    created_ns=NOW - 6 * SECOND,
    state="running",
    started_ns=NOW - 5 * SECOND,
    health="healthy",
    ports=(
        *(PublishedPort(7000, public=7000, ip=ip) for ip in BOTH),
        *(PublishedPort(7001, public=7001, ip=ip) for ip in BOTH),
        PublishedPort(53, "udp", 5353, "127.0.0.1"),
        *(PublishedPort(80, public=8080, ip=ip) for ip in BOTH),
    ),
    labels={"role": "web", "org.example.name": "app"},
    mounts=("data", "33e115f15bfe400ee0c33b1ec6dbafdb"),
    local_volumes=2,
    networks=("front",),
    size_rw=0,
    size_root=2_026_481,
)
DONE = ContainerFacts(
    id="0a5c489b79d658097d20f05298cdb617ef6aad5bcef145b48e6966b752fe7032",
    name="done",
    image="busybox",
    image_id="sha256:c1c4d377bd775fe8db93b639ad7b871596ef88100007e4126f48c47354fdace6",
    command=("sh", "-c", "echo out; echo err"),
    created_ns=NOW - 7 * SECOND,
    state="exited",
    exit_code=3,
    started_ns=NOW - 6 * SECOND,
    finished_ns=NOW - 4 * SECOND,
)
PORTS = (
    "0.0.0.0:7000-7001->7000-7001/tcp, [::]:7000-7001->7000-7001/tcp, 127.0.0.1:5353->53/udp, "
    "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
)


def ps(form: str = "", **options: bool) -> str:
    return format.render(containers.LISTING, [containers.row(facts, NOW, **options) for facts in (FULL, DONE)], form)


def test_ps_pads_columns_to_the_longest_and_shortens_commands() -> None:
    widths = (15, 10, 25, 16, 27, len(PORTS) + 3)
    rows = (
        ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"),
        (
            "c3f29ee8b5ef",
            "app:1.0",
            '"/bin/sh -c \'sleep 1…"',
            "6 seconds ago",
            "Up 5 seconds (healthy)",
            PORTS,
            "full",
        ),
        ("0a5c489b79d6", "busybox", '"sh -c \'echo out; ec…"', "7 seconds ago", "Exited (3) 4 seconds ago", "", "done"),
    )
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows]
    assert ps().splitlines() == lines


def test_ps_prints_whole_ids_and_commands_without_truncation() -> None:
    assert "\"/bin/sh -c 'sleep 1000'\"" in ps(no_trunc=True)
    assert FULL.id in ps(no_trunc=True)


def test_an_empty_listing_is_its_header() -> None:
    assert format.render(volumes.LISTING, []) == "DRIVER    VOLUME NAME\n"


def test_ps_format_table_takes_headers_from_the_fields() -> None:
    assert ps(r"table {{.ID}}\t{{.Names}}\t{{.Status}}") == (
        "CONTAINER ID   NAMES     STATUS\n"
        "c3f29ee8b5ef   full      Up 5 seconds (healthy)\n"
        "0a5c489b79d6   done      Exited (3) 4 seconds ago\n"
    )
    assert ps("table {{.Names}} {{upper .Image}} {{json .Command}}").splitlines()[0] == "NAMES IMAGE COMMAND"
    assert ps('table {{.Names}}\\t{{.Label "org.example.name"}}').splitlines()[:2] == [
        "NAMES     name",
        "full      app",
    ]


def test_ps_format_prints_one_line_for_each() -> None:
    assert ps("{{.Names}}: {{.State}} {{.Size}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}} {{.Labels}}") == (
        "full: running 0B (virtual 2.03MB) data,33e115f15bfe40… front 2 org.example.name=app,role=web\n"
        "done: exited 0B   0 \n"
    )
    assert ps('{{.Label "role"}}') == "web\n\n"


def test_ps_format_json_has_sorted_fields() -> None:
    line = ps("json").splitlines()[1]
    assert line.startswith('{"Command":"\\"sh -c \'echo out; ec…\\"","CreatedAt":"')
    assert line.endswith(
        '"ID":"0a5c489b79d6","Image":"busybox","Labels":"","LocalVolumes":"0","Mounts":"","Names":"done","Networks":"",'
        '"Platform":null,"Ports":"","RunningFor":"7 seconds ago","Size":"0B","State":"exited",'
        '"Status":"Exited (3) 4 seconds ago"}'
    )
    assert "\\u003e7000-7001/tcp" in ps("json")


def test_ps_format_raw_is_a_block_for_each() -> None:
    block = ps("raw").split("\n\n")[1]
    assert block.splitlines()[0] == "container_id: 0a5c489b79d6"
    assert block.splitlines()[-2:] == ["labels:", "ports:"]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            "{{.Nope}}",
            'failed to execute template: template: :1:2: executing "" at <.Nope>: '
            "can't evaluate field Nope in type *formatter.ContainerContext",
        ),
        ("{{nope .ID}}", 'failed to parse template: template: :1: function "nope" not defined'),
        ("{{", "failed to parse template: template: :1: unclosed action"),
    ],
)
def test_a_bad_format_is_answered_in_dockers_words(form: str, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        ps(form)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "paused"}, "Up 5 seconds (Paused)"),
        ({"health": "starting"}, "Up 5 seconds (health: starting)"),
        ({"health": ""}, "Up 5 seconds"),
        ({"state": "created", "started_ns": 0}, "Created"),
        ({"state": "restarting", "exit_code": 1, "finished_ns": NOW}, "Restarting (1) Less than a second ago"),
        ({"state": "dead"}, "Dead"),
        ({"state": "removing"}, "Removal In Progress"),
    ],
)
def test_status_says_state_age_and_health(change: dict[str, object], status: str) -> None:
    assert containers.status(FULL._replace(**change), NOW) == status  # type: ignore[arg-type]


def test_a_roomy_terminal_shows_what_there_is_to_say_of_health_restarts_and_limits() -> None:
    limited = FULL._replace(restarts=3, limits="64MiB, 0.5 CPUs")
    rows = [containers.row(facts, NOW) for facts in (limited, DONE)]
    columns = containers.LISTING.columns
    assert containers.with_room(rows, columns, 500) == (*columns, "Health", "Restarts", "Limits")
    assert containers.with_room(rows, columns, 80) == columns
    assert containers.with_room([containers.row(DONE, NOW)], columns, 500) == columns


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"memory_bytes": 64 << 20, "nano_cpus": 5 * 10**8, "pids_limit": 100}, "64MiB, 0.5 CPUs, 100 processes"),
        ({"cpu_quota": 150000, "cpuset_cpus": "0-1"}, "1.5 CPUs, CPU 0-1"),
        ({"nano_cpus": 10**9, "pids_limit": -1}, "1 CPU"),
    ],
)
def test_limits_in_words(options: Any, words: str) -> None:
    assert limits.in_words(RunOptions("busybox", **options)) == words


def test_ports_become_ranges_in_dockers_order() -> None:
    both = [(6000, "tcp", 6000), (7000, "tcp", 7000), (7001, "tcp", 7001), (9000, "tcp", 9001), (6000, "udp", 6000)]
    found = [PublishedPort(private, kind, public, "0.0.0.0") for private, kind, public in both]
    exposed = [PublishedPort(81), PublishedPort(82), PublishedPort(90, "udp")]
    assert containers.ports([*found, *exposed]) == (
        "0.0.0.0:6000->6000/tcp, 81-82/tcp, 90/udp, 0.0.0.0:7000-7001->7000-7001/tcp, 0.0.0.0:6000->6000/udp, "
        "0.0.0.0:9001->9000/tcp"
    )


def test_images_and_history() -> None:
    facts = images.ImageFacts(FULL.image_id, "app", "1.0", "", NOW - 1200 * SECOND, 2_026_481)
    row = images.row(facts, NOW)
    assert format.render(images.LISTING, [row]) == (
        "REPOSITORY   TAG       IMAGE ID       CREATED          SIZE\n"
        "app          1.0       a825bc588bb5   20 minutes ago   2.03MB\n"
    )
    assert row["VirtualSize"] == "2.026MB" and row["Digest"] == "<none>"
    with pytest.raises(ClientError, match=r"^template parsing error: template: :1:2: executing"):
        format.render(images.LISTING, [row], "{{.Nope}}")
    layer = images.LayerFacts("", NOW - 9 * SECOND, "RUN |1 MODE=fast /bin/sh -c echo built > built.txt", 6, "note")
    assert format.render(images.HISTORY, [images.history_row(layer, NOW)]) == (
        "IMAGE       CREATED         CREATED BY                                      SIZE      COMMENT\n"
        "<missing>   9 seconds ago   RUN |1 MODE=fast /bin/sh -c echo built > bui…   6B        note\n"
    )


def test_volumes_and_networks() -> None:
    row = volumes.row(volumes.VolumeFacts("data", "/x/data/_data", labels={"tier": "back"}))
    assert format.render(volumes.LISTING, [row], "json") == (
        '{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"tier=back","Links":"N/A",'
        '"Mountpoint":"/x/data/_data","Name":"data","Scope":"local","Size":"N/A","Status":"N/A"}\n'
    )
    network = networks.row(networks.NetworkFacts("b0e1534e5adf9938", "host", "host", NOW + 120))
    assert format.render(networks.LISTING, [network]) == (
        "NETWORK ID     NAME      DRIVER    SCOPE\nb0e1534e5adf   host      host      local\n"
    )


def test_port_lists_by_number_and_finds_one() -> None:
    assert details.port_lines(FULL.ports).splitlines() == [
        "53/udp -> 127.0.0.1:5353",
        "80/tcp -> 0.0.0.0:8080",
        "80/tcp -> [::]:8080",
        "7000/tcp -> 0.0.0.0:7000",
        "7000/tcp -> [::]:7000",
        "7001/tcp -> 0.0.0.0:7001",
        "7001/tcp -> [::]:7001",
    ]
    assert details.port_addresses(FULL.ports, "80", "full") == "0.0.0.0:8080\n[::]:8080\n"
    with pytest.raises(ClientError, match=r"^Error: No public port '99' published for full$"):
        details.port_addresses(FULL.ports, "99", "full")


def test_top_has_wide_columns() -> None:
    assert details.process_table(["PID", "COMMAND"], [["22686", "sleep"]]) == (
        "PID                 COMMAND\n22686               sleep\n"
    )


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
        ("{{with .State.Health}}{{.Status}}{{end}}", ""),
        ("{{.State.Health}} {{.HostConfig.Init}} {{.SizeRw}} {{.Config.StopTimeout}}", "<nil> <nil> <nil> <nil>"),
        (
            "{{.HostConfig.CapAdd}} {{.Config.Shell}} {{.HostConfig.Tmpfs}} {{.Config.ExposedPorts}}",
            "[] [] map[] map[]",
        ),
        ("{{json .State.Health}} {{json .HostConfig.CapAdd}}", "null null"),
        ("{{range .HostConfig.CapAdd}}x{{end}}.", "."),
    ],
)
def test_a_template_sees_the_fields_that_json_leaves_out(template: str, text: str) -> None:
    document = {"State": {"Status": "running"}, "HostConfig": {"CapAdd": None}, "Config": {}}
    assert inspect.Inspection(template).render([document]) == text + "\n"


def test_what_is_in_neither_is_an_error_in_the_words_of_the_second_try() -> None:
    with pytest.raises(inspect.PartialOutput, match='map has no entry for key "Health"'):
        inspect.Inspection("{{.State.Health.Status}}").render([{"State": {}, "HostConfig": {}, "Config": {}}])


def test_inspect_prints_json_or_a_template() -> None:
    value = {"State": {"Status": "running"}, "Config": {"Labels": {"role": "web"}}}
    assert inspect.Inspection("").render([]) == "[]\n"
    assert inspect.Inspection("json").render([value]).startswith('[{"State":{')
    assert inspect.Inspection('{{.State.Status}} {{index .Config.Labels "role"}}').render([value]) == "running web\n"
    with pytest.raises(inspect.PartialOutput) as caught:
        inspect.Inspection("{{.Nope}}").render([value])
    assert caught.value.message == (
        'template parsing error: template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"'
    )
    assert caught.value.output == "\n"
    with pytest.raises(ClientError) as unread:
        inspect.Inspection("{{.Id")
    assert (unread.value.message, unread.value.exit_code) == (
        "template parsing error: template: :1: unclosed action",
        64,
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (179, "2 minutes"),
        (3600, "About an hour"),
        (2 * 3600, "2 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (3 * 365 * 86400, "3 years"),
    ],
)
def test_ages_are_in_words(seconds: float, words: str) -> None:
    assert output.human_duration(seconds) == words


def test_sizes_are_in_decimal_units() -> None:
    assert [output.human_size(size) for size in (0, 999, 2_026_481, 12_300_000)] == ["0B", "999B", "2.026MB", "12.3MB"]
    assert output.binary_size(1 << 31) == "2GiB"
    assert output.ellipsis("abcdef", 4) == "abc…"


def test_times_are_written_as_go_writes_them() -> None:
    assert times.utc(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert times.ago(0, NOW) == "N/A"


def test_run_flags_become_options() -> None:
    line = (
        "-it --rm -p 127.0.0.1:8080:80 -e A=1 -v data:/x:ro --tmpfs /t -m 64m --cpus 1.5 --entrypoint= --net none "
        "--label a=b --health-cmd true --health-interval 5s --stop-timeout 3 -u 1:2 image cmd -x"
    )
    options = run_options(parse(RUN_FLAGS, line.split(), interspersed=False))
    assert (options.image, options.command, options.entrypoint) == ("image", ("cmd", "-x"), ())
    assert options.ports == (PortBinding(80, host_ip="127.0.0.1", host_port=8080),)
    assert (options.tty, options.interactive, options.remove, options.network) == (True, True, True, "none")
    assert (options.env, options.labels, options.user, options.stop_timeout) == (("A=1",), {"a": "b"}, "1:2", 3)
    assert (options.memory_bytes, options.nano_cpus) == (64 << 20, 15 * 10**8)
    assert [mount.type for mount in options.mounts] == ["volume", "tmpfs"]
    assert options.healthcheck == HealthConfig(("CMD-SHELL", "true"), interval_ns=5 * SECOND)


def test_run_without_flags_asks_for_the_defaults() -> None:
    options = run_options(parse(RUN_FLAGS, ["image"], interspersed=False))
    assert options._replace(image="", attach=()) == type(options)("")
    assert options.attach == ("stdout", "stderr")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--rm --restart always i", "conflicting options: cannot specify both --restart and --rm"),
        ("--no-healthcheck --health-cmd true i", "--no-healthcheck conflicts with --health-* options"),
        ("--health-retries -1 --health-cmd true i", "--health-retries cannot be negative"),
        ("--health-interval 1us --health-cmd true i", "Interval in Healthcheck cannot be less than 1ms"),
        ("--pull sometimes i", 'invalid pull option: \'sometimes\': must be one of "always", "missing" or "never"'),
        ("--pid nonsense i", "--pid: invalid PID mode"),
        ("--ipc nonsense i", "invalid IPC mode: nonsense"),
        ("-w relative i", "the working directory 'relative' is invalid, it needs to be an absolute path"),
        ("--network-alias x i", "network-scoped aliases are only supported for user-defined networks"),
        (
            "--network none --network front i",
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ),
        ("--mac-address nonsense i", "nonsense is not a valid mac address"),
        ("--env-file /nope i", "open /nope: no such file or directory"),
    ],
)
def test_options_that_cannot_be_are_answered_in_dockers_words(words: str, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        run_options(parse(RUN_FLAGS, words.split(), interspersed=False))
    assert caught.value.message == message
