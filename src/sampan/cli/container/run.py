"""`sampan run`."""

import os
import sys
from collections.abc import Callable

from sampan.cli import client_config
from sampan.cli.command import Command, Example, Invocation, Settings
from sampan.cli.container.run_flags import RUN_FLAGS
from sampan.cli.container.run_options import run_options
from sampan.cli.errors import PROGRAM, ClientError, OptionError
from sampan.cli.flags import Parsed
from sampan.containers.options import RunOptions
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Make a container from an image and start it",
    examples=(
        Example("A shell that leaves nothing behind", "run --rm -it debian:bookworm-slim bash"),
        Example("A web service in the background, on port 8080", "run -d --name web -p 8080:80 my-service:1.0"),
    ),
    flags=RUN_FLAGS,
    takes=(1, None),
    interspersed=False,
    manner="run",
)


def execute(invocation: Invocation) -> int:
    if not invocation.parsed.boolean("timings"):
        return _run(invocation)
    from sampan.cli.container.timings import Timings

    timings = Timings()
    timings.mark("python has started, the command line is read")
    try:
        return _run(invocation, timings.mark)
    finally:
        timings.show()


def _run(invocation: Invocation, mark: Callable[[str], None] = lambda phase: None) -> int:
    from sampan.cli.container.streams import check_input, chosen_streams, detach_keys

    parsed = invocation.parsed
    options = with_proxies(run_options(parsed), invocation.settings)
    detach = parsed.boolean("detach")
    if detach and parsed.strings("attach"):
        raise ClientError("conflicting options: cannot specify both --attach and --detach")
    if options.cidfile:
        check_cidfile(options.cidfile)
    if not detach:
        check_input(options.interactive, options.tty)
    engine = Engine(invocation.settings.root or None)
    mark("the store is opened")
    warn(options, parsed)
    options = find_image(engine, options, invocation)
    if detach:
        _run_detached(engine, options)
        return 0
    from sampan.engine import foreground

    given = parsed.string("detach-keys")
    how = foreground.Foreground(
        streams=chosen_streams(options.attach, interactive=options.interactive),
        detach_keys=detach_keys(given, invocation.settings) if options.tty or given else "",
        proxy_signals=parsed.boolean("sig-proxy") and not options.tty,
    )
    return foreground.run(engine, options, how, lambda container_id: write_cidfile(options.cidfile, container_id))


def _run_detached(engine: Engine, options: RunOptions) -> None:
    created: list[str] = []
    try:
        engine.containers.run(options, lambda container_id: _created(options, container_id, created))
    finally:
        for container_id in created:  # also of one that could not be started: it is there
            print(container_id)


def _created(options: RunOptions, container_id: str, created: list[str]) -> None:
    write_cidfile(options.cidfile, container_id)
    created.append(container_id)


def with_proxies(options: RunOptions, settings: Settings) -> RunOptions:
    """The options with the proxies of docker's config.json as variables, where these are not given."""
    given = {entry.partition("=")[0] for entry in options.env}
    added = client_config.proxies(settings, given)
    return options._replace(env=(*options.env, *(f"{name}={value}" for name, value in added.items())))


def find_image(engine: Engine, options: RunOptions, invocation: Invocation) -> RunOptions:
    """Look for the image as --pull and --platform say, and fetch it where that says so.

    Raises OptionError for a malformed name, NotFound, and what a pull raises.
    """
    from sampan.errors import InvalidArgument, NotFound

    try:
        engine.check_image(options.image, options.platform)
        if options.pull != "always":
            return options
    except InvalidArgument as error:
        raise OptionError(error.message, hint=error.hint) from error
    except NotFound:
        if options.pull == "never" or len(options.image.removeprefix("sha256:")) == 64:
            raise
    from sampan.cli.image.fetching import fetch

    fetch(engine, options, config=invocation.settings.config, quiet=invocation.parsed.boolean("quiet"))
    return options


def warn(options: RunOptions, parsed: Parsed) -> None:
    """What docker warns of and goes on."""
    if parsed.integer("blkio-weight"):
        print(
            "WARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
            file=sys.stderr,
        )
    if options.oom_kill_disable and options.memory_bytes <= 0:
        print(
            "WARNING: OOM killer is disabled for the container, but no memory limit is set, this can result in the"
            " system running out of resources.",
            file=sys.stderr,
        )
    if options.network == "host" and (options.ports or options.publish_all):
        print("WARNING: Published ports are discarded when using host network mode", file=sys.stderr)


def check_cidfile(path: str, manner: str = "run") -> None:
    """Raises ClientError when the file exists or can't be made."""
    prefix, trailer = (
        ("", "") if manner != "run" else (f"{PROGRAM}: ", f"\n\nRun '{PROGRAM} run --help' for more information")
    )
    if os.path.exists(path):
        raise ClientError(
            f"{prefix}container ID file found, make sure the other container isn't running or delete {path}{trailer}",
            exit_code=125 if manner == "run" else 1,
        )
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        os.unlink(path)
    except OSError as error:
        raise ClientError(
            f"{prefix}failed to create the container ID file: open {path}: {(error.strerror or '').lower()}{trailer}",
            exit_code=127 if manner == "run" else 1,
        ) from error


def write_cidfile(path: str, container_id: str) -> None:
    if path:
        with open(path, "w") as file:
            file.write(container_id)
