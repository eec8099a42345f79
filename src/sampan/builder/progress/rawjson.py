"""Progress as JSON, a document a line: what BuildKit's clients call --progress=rawjson (client.SolveStatus).

Pieces of work are vertexes, named by a digest; `statuses` tell what goes on in one, `logs` what it printed, in base64.
"""

import base64
import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any, TextIO

from sampan.builder.progress.events import (
    Advised,
    Cached,
    Done,
    Event,
    Failed,
    Missed,
    Output,
    Started,
    Status,
    Warned,
)
from sampan.builder.progress.plain import reason_line

_SECOND_NS = 10**9


class RawJsonPrinter:
    """Give it every event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._vertexes: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> "RawJsonPrinter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.flush()

    def __call__(self, event: Event) -> None:
        moment = _now()
        match event:
            case Started():
                digest = hashlib.sha256(f"{event.number}\0{event.title}".encode(errors="replace")).hexdigest()
                self._vertexes[event.number] = {"digest": f"sha256:{digest}", "name": event.title, "started": moment}
                self._vertex(event.number)
            case Status():
                self._status(event.number, event.text, moment)
            case Missed():
                self._status(event.number, reason_line(event), moment)
            case Output():
                self._output(event, moment)
            case Cached():
                self._vertex(event.number, completed=moment, cached=True)
            case Done():
                self._vertex(event.number, completed=moment)
            case Failed():
                self._vertex(event.number, completed=moment, error=event.message)
            case Warned() | Advised():
                text = base64.b64encode(event.message.encode(errors="replace")).decode()
                self._write({"warnings": [{"level": 1, "short": text}]})

    def _vertex(self, number: int, **fields: Any) -> None:
        self._vertexes[number].update(fields)
        self._write({"vertexes": [self._vertexes[number]]})

    def _status(self, number: int, text: str, moment: str) -> None:
        is_done = text.endswith(" done")
        status = {
            "id": text.removesuffix(" done"),
            "vertex": self._vertexes[number]["digest"],
            "current": 0,
            "timestamp": moment,
            "started": moment,
        }
        self._write({"statuses": [{**status, "completed": moment} if is_done else status]})

    def _output(self, event: Output, moment: str) -> None:
        data = base64.b64encode(f"{event.line}\n".encode(errors="replace")).decode()
        vertex = self._vertexes[event.number]["digest"]
        self._write({"logs": [{"vertex": vertex, "stream": event.stream, "data": data, "timestamp": moment}]})

    def _write(self, document: dict[str, Any]) -> None:
        self._stream.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n")
        self._stream.flush()


def _now() -> str:
    """RFC 3339 with nanoseconds, in UTC."""
    seconds, rest = divmod(time.time_ns(), _SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
