"""Events: filters, lines and templates, and a table that stays small."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampan.cli.views.events import Format, moment
from sampan.engine.event_filter import Filters, accepts
from sampan.storage import events
from sampan.storage.database import Database
from sampan.storage.events import Event

ID = "ab" * 32
START = Event(1, 1795543021547135727, "container", "start", ID, {"name": "web", "image": "app:1.0", "role": "x"})
PROBE = START._replace(action="exec_create: sh -c true")
TAG = Event(2, 1795543021000000000, "image", "tag", "sha256:" + ID, {"name": "app:1.0"})
CONNECT = Event(3, 1, "network", "connect", "cd" * 32, {"name": "front", "container": ID})
PRUNE = Event(4, 1, "volume", "prune", "", {"reclaimed": "0"})
ALL = (START, PROBE, TAG, CONNECT, PRUNE)

CASES: list[tuple[Filters, tuple[Event, ...]]] = [
    ({}, ALL),
    ({"type": ["container"]}, (START, PROBE)),
    ({"type": ["image", "network"]}, (TAG, CONNECT)),
    ({"event": ["start"]}, (START,)),
    ({"event": ["sta"]}, ()),
    ({"event": ["exec_create"]}, (PROBE,)),
    ({"event": ["exec_create", "sta"]}, (START, PROBE)),
    ({"container": ["we"]}, (START, PROBE)),
    ({"container": [ID[:12]]}, (START, PROBE)),
    ({"network": ["front"]}, (CONNECT,)),
    ({"image": ["app"]}, (START, PROBE, TAG)),
    ({"image": ["app:1.0"]}, (START, PROBE, TAG)),
    ({"image": ["sha256:" + ID]}, (TAG,)),
    ({"image": ["ap"]}, ()),
    ({"label": ["role"]}, (START, PROBE)),
    ({"label": ["role=x", "name=web"]}, (START, PROBE)),
    ({"label": ["role=y"]}, ()),
    ({"scope": ["local"]}, ALL),
    ({"scope": ["swarm"]}, ()),
    ({"daemon": ["x"]}, ()),
    ({"nonsense": ["x"]}, ALL),
    ({"type": ["container"], "image": ["other"]}, ()),
]


@pytest.mark.parametrize(("filters", "expected"), CASES)
def test_a_filter_takes_what_docker_takes(filters: Filters, expected: tuple[Event, ...]) -> None:
    assert tuple(event for event in ALL if accepts(filters, event)) == expected


@contextmanager
def zone(name: str) -> Iterator[None]:
    """This process's local time zone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


def test_a_line_has_the_time_with_all_digits_and_sorted_attributes() -> None:
    with zone("UTC"):
        assert Format("").text(START) == (
            f"2026-11-24T17:57:01.547135727Z container start {ID} (image=app:1.0, name=web, role=x)"
        )
        assert Format("").text(PRUNE) == "1970-01-01T00:00:00.000000001Z volume prune  (reclaimed=0)"


def test_the_time_is_that_of_the_local_zone() -> None:
    with zone("XXX-05:30"):
        assert moment(START.time) == "2026-11-24T23:27:01.547135727+05:30"


def test_json_has_the_older_fields_for_containers_and_images_only() -> None:
    assert Format("json").text(START) == (
        f'{{"status":"start","id":"{ID}","from":"app:1.0","Type":"container","Action":"start","Actor":{{"ID":"{ID}",'
        '"Attributes":{"image":"app:1.0","name":"web","role":"x"}},"scope":"local","time":1795543021,'
        '"timeNano":1795543021547135727}'
    )
    assert Format("json").text(TAG).startswith(f'{{"status":"tag","id":"sha256:{ID}","Type":"image"')
    assert Format("json").text(CONNECT).startswith('{"Type":"network","Action":"connect"')


def test_a_template_sees_docker_s_fields() -> None:
    assert Format("{{.Type}} {{.Actor.Attributes.name}} {{.Time}}").text(START) == "container web 1795543021"
    assert Format("{{.Actor}}").text(TAG) == f"{{sha256:{ID} map[name:app:1.0]}}"
    assert Format("{{json .Actor}}").text(TAG) == f'{{"ID":"sha256:{ID}","Attributes":{{"name":"app:1.0"}}}}'


def test_the_table_keeps_the_last_thousands(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "state.db"))
    with database.transaction(durable=False):
        for number in range(events.KEPT + 1000):
            events.record(database, "volume", "create", f"v{number}")
    found = events.after(database, 0, most=100000)
    assert events.KEPT <= len(found) < events.KEPT + 300
    assert found[-1].actor == f"v{events.KEPT + 999}"
    assert events.last_id(database) == found[-1].id
    assert events.after(database, found[-1].id) == []
    database.close()
