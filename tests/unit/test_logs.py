"""Logs in files: which lines are read, across rotated files, and how they are shown. No monitor writes here."""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers.logs import blocks as logblocks
from sampan.containers.logs import compression as logcompression
from sampan.containers.logs import files as logfiles
from sampan.containers.logs import journal
from sampan.containers.logs import line as logline
from sampan.containers.logs import rotation as logrotation
from sampan.containers.logs import shown as logs
from sampan.containers.options import LogOptions

BASE = 1_700_000_000


def stored(number: int, text: str = "", stream: str = "stdout", tag: str = "F") -> bytes:
    """A line of second `number` after 2023-11-14T22:13:20Z."""
    minutes, seconds = divmod(20 + number, 60)
    time = f"2023-11-14T22:{13 + minutes:02}:{seconds:02}.000000000+00:00"
    return f"{time} {stream} {tag} {text or number}\n".encode()


def moment(number: float) -> int:
    return int((BASE + number) * 10**9)


def written(folder: Path, *files: bytes) -> str:
    """A log of these files, oldest first."""
    for age, content in enumerate(reversed(files)):
        (folder / (f"log.{age}" if age else "log")).write_bytes(content)
    return str(folder)


def texts(folder: str, **options: int) -> list[str]:
    return [line.text.decode().rstrip("\n") for line in logs.read(folder, LogOptions(**options))]


@pytest.fixture
def three(tmp_path: Path) -> str:
    """Lines 0 to 29 in three files."""
    return written(tmp_path, *(b"".join(map(stored, range(first, first + 10))) for first in (0, 10, 20)))


def test_files_are_read_from_the_oldest_on(three: str) -> None:
    assert texts(three) == [str(number) for number in range(30)]


@pytest.mark.parametrize("tail", [0, 1, 9, 10, 11, 20, 25, 29, 30, 31])
def test_tail_counts_across_files(three: str, tail: int) -> None:
    assert texts(three, tail=tail) == [str(number) for number in range(30)][30 - min(tail, 30) :]


@given(since=st.integers(-2, 31), until=st.integers(-2, 31))
def test_since_and_until_choose_by_time(tmp_path_factory: pytest.TempPathFactory, since: int, until: int) -> None:
    folder = written(tmp_path_factory.mktemp("log"), *(b"".join(map(stored, range(n, n + 10))) for n in (0, 10, 20)))
    expected = [str(number) for number in range(30) if since <= number <= until]
    assert texts(folder, since=moment(since), until=moment(until)) == expected


def test_tail_counts_before_since_and_until_choose(three: str) -> None:
    assert texts(three, tail=5, until=moment(26)) == ["25", "26"]
    assert texts(three, tail=5, until=moment(20)) == []


def test_a_last_line_without_an_end_counts_as_one(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1) + stored(2) + stored(3, "no end", tag="P"))
    assert texts(folder, tail=1) == ["no end"]
    assert texts(folder, tail=2) == ["2", "no end"]


def test_the_parts_of_a_line_count_once_also_across_files(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1) + stored(2, "a", tag="P"), stored(2, "b", tag="P") + stored(2, "c"))
    assert b"".join(line.text for line in logs.read(folder, LogOptions(tail=1))) == b"abc\n"


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1) + stored(2)[:-3])
    assert texts(folder) == ["1"]


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert texts(str(tmp_path)) == []


def test_between_renaming_and_the_new_file_nothing_is_missing(three: str) -> None:
    for age in (2, 1):
        os.rename(f"{three}/log.{age}", f"{three}/log.{age + 1}")
    os.rename(f"{three}/log", f"{three}/log.1")
    assert texts(three) == [str(number) for number in range(30)]


def test_rotation_keeps_so_many_files_and_no_gap(three: str) -> None:
    logrotation.rotate(three, 3)
    assert logrotation.is_between(three)
    os.rename(f"{three}/log.tmp", f"{three}/log")  # as the monitor does
    assert not logrotation.is_between(three)
    assert logfiles.numbers(three) == [1, 2]
    assert texts(three) == [str(number) for number in range(10, 30)]


def test_a_rotation_that_was_killed_before_the_new_file_is_only_told_again(three: str) -> None:
    os.rename(f"{three}/log", f"{three}/log.3")
    before = sorted(os.listdir(three))
    logrotation.rotate(three, 3)
    assert sorted(os.listdir(three)) == before


@pytest.mark.parametrize("tail", [0, 1, 10, 15, 25, 30])
def test_compressed_files_are_read_as_the_others(three: str, tail: int) -> None:
    for name in ("log.1", "log.2"):
        logcompression.compress(three, name)
    assert sorted(os.listdir(three)) == ["log", "log.1.gz", "log.2.gz"]
    assert texts(three, tail=tail) == [str(number) for number in range(30)][30 - tail :]
    assert texts(three, since=moment(25)) == [str(number) for number in range(25, 30)]
    logrotation.rotate(three, 4)
    assert sorted(os.listdir(three)) == ["log.1", "log.2.gz", "log.3.gz", "log.tmp"]


def test_a_file_that_is_there_twice_is_read_once(three: str) -> None:
    plain = Path(three, "log.1").read_bytes()
    os.link(three + "/log.1", three + "/kept")
    logcompression.compress(three, "log.1")
    os.rename(three + "/kept", three + "/log.1")
    assert Path(three, "log.1").read_bytes() == plain
    assert texts(three) == [str(number) for number in range(30)]


def test_files_whose_inode_was_given_again_are_all_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, *(b"".join(map(stored, range(first, first + 10))) for first in (0, 10, 20)))
    real = logcompression.identity_of_plain
    latest = os.stat(f"{folder}/log")

    def reused(descriptor: int) -> logcompression.Identity:
        return real(descriptor)._replace(device=latest.st_dev, inode=latest.st_ino)

    with monkeypatch.context() as context:
        context.setattr(logcompression, "identity_of_plain", reused)
        for name in ("log.2", "log.1"):
            logcompression.compress(folder, name)
    assert texts(folder) == [str(number) for number in range(30)]


def test_what_is_being_compressed_is_not_renamed_meanwhile(three: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(os.listdir(three))
    refused = []

    def unlink(path: str, real: Callable[[str], None] = os.unlink) -> None:
        with pytest.raises(BlockingIOError):
            logrotation.rotate(three, 5)
        refused.append(path)
        real(path)

    with monkeypatch.context() as context:
        context.setattr(os, "unlink", unlink)
        logcompression.compress(three, "log.1")
    assert refused == [f"{three}/log.1"]
    assert sorted(os.listdir(three)) == sorted({*before, "log.1.gz"} - {"log.1"})
    logrotation.rotate(three, 5)
    assert texts(three) == [str(number) for number in range(30)]


def test_what_the_monitor_may_still_write_to_is_not_compressed(three: str) -> None:
    logrotation.rotate(three, 5)
    before = sorted(os.listdir(three))
    logcompression.compress(three, "log.1")
    assert sorted(os.listdir(three)) == before


def test_compressed_files_are_not_unpacked_in_memory(three: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logcompression.compress(three, "log.1")
    logcompression.compress(three, "log.2")
    monkeypatch.delattr(os, "memfd_create")
    assert texts(three) == [str(number) for number in range(30)]
    assert sorted(os.listdir(three)) == ["log", "log.1.gz", "log.2.gz"]


def test_a_damaged_compressed_file_ends_where_it_is_damaged(three: str) -> None:
    logcompression.compress(three, "log.1")
    os.truncate(three + "/log.1.gz", os.path.getsize(three + "/log.1.gz") - 20)
    assert texts(three)[:10] == [str(number) for number in range(10)]
    assert texts(three)[-10:] == [str(number) for number in range(20, 30)]


def following(folder: str, options: LogOptions, step: "Iterator[None]") -> list[str]:
    """What is followed while `step` goes on each time nothing has come; it ends with `step`."""
    found = []
    for block in logblocks.blocks(folder, options, lambda: next(step, 1) is None):
        found += [line.text.decode().rstrip("\n") for line in logs.lines([block])]
    return found


def append(folder: str, name: str, data: bytes) -> None:
    with open(f"{folder}/{name}", "ab") as file:
        file.write(data)


def test_following_goes_from_file_to_file_also_when_two_were_begun_at_once(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1))

    def steps() -> Iterator[None]:
        append(folder, "log", stored(2))
        yield
        append(folder, "log", stored(3))
        os.rename(f"{folder}/log", f"{folder}/log.2")
        append(folder, "log.1", stored(4))
        append(folder, "log", stored(5))
        yield
        os.rename(f"{folder}/log.1", f"{folder}/log.3")
        os.rename(f"{folder}/log", f"{folder}/log.1")
        append(folder, "log.1", stored(6))
        yield
        append(folder, "log", stored(7))
        yield

    assert following(folder, LogOptions(follow=True, tail=0), steps()) == ["2", "3", "4", "5", "6", "7"]


def test_following_knows_its_file_again_when_it_was_compressed(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1), stored(2))

    def steps() -> Iterator[None]:
        append(folder, "log", stored(3))
        os.rename(f"{folder}/log.1", f"{folder}/log.3")
        os.rename(f"{folder}/log", f"{folder}/log.2")
        append(folder, "log.1", stored(4))
        append(folder, "log", stored(5))
        for name in ("log.3", "log.2", "log.1"):
            logcompression.compress(folder, name)
        yield

    assert following(folder, LogOptions(follow=True), steps()) == ["1", "2", "3", "4", "5"]


def test_following_sees_a_new_file_that_got_the_inode_of_a_compressed_one(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1))
    descriptor = os.open(f"{folder}/log", os.O_RDONLY)
    latest = logcompression.identity_of_plain(descriptor)
    os.close(descriptor)
    with open(f"{folder}/log.1.gz", "wb") as target:
        name = f"{latest.device}-{latest.inode}-{stored(0).split()[0].decode()}"
        with gzip.GzipFile(name, "wb", fileobj=target) as packed:
            packed.write(stored(0))
    os.rename(f"{folder}/log", f"{folder}/kept")

    def steps() -> Iterator[None]:
        os.rename(f"{folder}/kept", f"{folder}/log")
        yield

    assert following(folder, LogOptions(follow=True), steps()) == ["0", "1"]


def test_following_goes_on_in_the_new_file_when_only_that_is_left(tmp_path: Path) -> None:
    folder = written(tmp_path, stored(1))

    def steps() -> Iterator[None]:
        append(folder, "log", stored(2))
        append(folder, "log.tmp", stored(3))
        os.rename(f"{folder}/log.tmp", f"{folder}/log")
        yield

    assert following(folder, LogOptions(follow=True), steps()) == ["1", "2", "3"]


def test_following_ends_at_until_although_nothing_comes(tmp_path: Path) -> None:
    import time

    folder = written(tmp_path, stored(1))
    options = LogOptions(follow=True, until=time.time_ns() + 10**8)
    assert [line.text for line in logs.lines(logblocks.blocks(folder, options, lambda: True))] == [b"1\n"]


def test_following_ends_with_lines_after_until(three: str) -> None:
    options = LogOptions(follow=True, until=moment(4))
    assert len(list(logs.lines(logblocks.blocks(three, options, lambda: True)))) == 5


LINES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.sampled_from("FP"), st.sampled_from(["", "a", "b c", "\\1 x"])),
    max_size=30,
)


@given(lines=LINES, timestamps=st.booleans(), details=st.sampled_from([None, "", "a=1,b=%5C1"]), cut=st.integers(0, 9))
def test_pieces_are_the_lines_one_after_the_other(
    lines: list[tuple[str, str, str]], timestamps: bool, details: str | None, cut: int
) -> None:
    raw = [stored(number, text or " ", stream, tag) for number, (stream, tag, text) in enumerate(lines)]
    expected = {"stdout": b"", "stderr": b""}
    is_start = {"stdout": True, "stderr": True}
    for line in map(logline.parse, (entry.rstrip(b"\n") for entry in raw)):
        assert line is not None
        prefix = (line.time.encode() + b" " if timestamps else b"") + (
            b"" if details is None else details.encode() + b" "
        )
        expected[line.stream] += (prefix if is_start[line.stream] else b"") + line.text
        is_start[line.stream] = line.text.endswith(b"\n")
    found = {"stdout": b"", "stderr": b""}
    blocks = [b"".join(raw[:cut]), b"".join(raw[cut:])]
    for stream, text in logs.Shown(timestamps, details).pieces(blocks):
        found[stream] += text
    assert found == expected


def test_local_time_of_another_monitor_is_shown_in_utc() -> None:
    raw = b"2026-11-24T13:35:31.258389123+02:00 stdout F x\n"
    assert list(logs.Shown(True, None).pieces([raw])) == [("stdout", b"2026-11-24T11:35:31.258389123Z x\n")]


def test_what_is_no_stored_line_is_not_shown() -> None:
    raw = b"cut off\n" + stored(1) + b"\n2023 stdout\n" + stored(2)
    assert b"".join(text for _, text in logs.Shown(False, None).pieces([raw])) == b"1\n2\n"


def test_the_journal_gives_the_same_lines() -> None:
    entries = [
        {"__REALTIME_TIMESTAMP": "1700000000000001", "__CURSOR": "a", "MESSAGE": "out", "PRIORITY": "6"},
        {"__REALTIME_TIMESTAMP": "1700000001000000", "__CURSOR": "b", "MESSAGE": [101, 255], "PRIORITY": "3"},
    ]
    import json

    calls = []

    def read(command: "object") -> tuple[int, str, str]:
        calls.append(command)
        return 0, "".join(json.dumps(entry) + "\n" for entry in entries), ""

    blocks = list(journal.blocks(read, "f" * 64, LogOptions(tail=2, since=moment(0)), lambda: False))
    assert blocks == [
        b"2023-11-14T22:13:20.000001Z stdout F out\n2023-11-14T22:13:21Z stderr F e\xff\n",
    ]
    assert calls == [
        ["journalctl", "--quiet", "--no-pager", "--output=json", "CONTAINER_ID_FULL=" + "f" * 64, "--lines=2"]
    ]
