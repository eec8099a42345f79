"""The log of a container with `--log-driver journald`: what the monitor wrote to the journal, as stored lines again."""

import json
import time
from collections.abc import Callable, Iterator, Sequence

from sampan.containers.logs.line import nanoseconds
from sampan.containers.options import LogOptions
from sampan.errors import Unavailable
from sampan.images import clock
from sampan.linux import cancellation

_ERROR_PRIORITY = "3"
_PAUSE_SECONDS = 0.5

Read = Callable[[Sequence[str]], tuple[int, str, str]]
"""Runs a command to its end: (exit code, stdout, stderr)."""


def blocks(read: Read, container_id: str, options: LogOptions, is_running: Callable[[], bool]) -> Iterator[bytes]:
    """As `blocks.blocks`. Raises Unavailable when journalctl fails."""
    cursor = ""
    while True:
        goes_on = options.follow and is_running() and not (options.until and time.time_ns() > options.until)
        code, out, err = read(command(container_id, options, cursor))
        if code != 0:
            raise Unavailable(f"journalctl: {err.strip().partition(chr(10))[0]}")
        entries = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if entries:
            cursor = str(entries[-1]["__CURSOR"])
            yield b"".join(line for line in map(stored_line, entries) if _is_wanted(line, options))
        if not goes_on:
            return
        cancellation.sleep(_PAUSE_SECONDS)


def command(container_id: str, options: LogOptions, cursor: str) -> list[str]:
    """What reads the entries after `cursor`; without one, those that `options` ask for."""
    words = ["journalctl", "--quiet", "--no-pager", "--output=json", "CONTAINER_ID_FULL=" + container_id]
    if cursor:
        words.append("--after-cursor=" + cursor)
    elif options.tail >= 0:
        words.append(f"--lines={options.tail}")
    return words


def stored_line(entry: dict[str, object]) -> bytes:
    """An entry as a line of a log file: its text is a string, or a list of bytes when it is no UTF-8."""
    message = entry.get("MESSAGE")
    text = bytes(message) if isinstance(message, list) else str(message or "").encode()
    moment = clock.rfc3339(int(str(entry["__REALTIME_TIMESTAMP"])) * 1000)
    stream = b"stderr" if entry.get("PRIORITY") == _ERROR_PRIORITY else b"stdout"
    tag = b"P" if entry.get("CONTAINER_PARTIAL_MESSAGE") == "true" else b"F"
    return b" ".join((moment.encode(), stream, tag, text.replace(b"\n", b" "))) + b"\n"


def _is_wanted(line: bytes, options: LogOptions) -> bool:
    moment = nanoseconds(line.partition(b" ")[0].decode())
    return moment >= options.since and (not options.until or moment <= options.until)
