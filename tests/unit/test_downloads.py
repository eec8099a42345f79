"""Blobs come down over several connections, go on after breaks, and are what their digest says; with small chunks."""

import hashlib
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampan.errors import Corrupt, SampanError
from sampan.oci import manifest as manifests
from sampan.oci.reference import Reference
from sampan.registry import download as downloads
from sampan.registry import partial
from sampan.registry.accounts import Accounts
from sampan.registry.client import Client
from sampan.registry.download import Download
from sampan.registry.partial import PartialFile
from sampan.registry.transport import Options, Patience
from sampan.testing.scripted import Reply, Request, Script, scripted

CHUNK = 64 << 10
BLOB = random.Random(7).randbytes(10 * CHUNK + 12_345)
DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()
DESCRIPTOR = manifests.Descriptor(media_type=manifests.OCI_LAYER, digest=DIGEST, size=len(BLOB))
PATIENCE = Patience(attempts=3, connect_seconds=2, silence_seconds=0.3, first_wait_seconds=0.01)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (partial, downloads):
        monkeypatch.setattr(module, "CHUNK", CHUNK)
    monkeypatch.setattr(downloads, "PARALLEL_FROM", 2 * CHUNK)
    monkeypatch.setattr(downloads, "_LEAST_PROGRESS", 1024)


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


def asked(request: Request) -> tuple[int, int]:
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", "bytes=0-"))
    assert match is not None
    return int(match[1]), int(match[2]) + 1 if match[2] else len(BLOB)


def ranged(request: Request) -> Reply:
    """What a good registry answers."""
    start, end = asked(request)
    if "range" not in request.headers:
        return Reply(body=BLOB)
    return Reply(206, {"Content-Range": f"bytes {start}-{end - 1}/{len(BLOB)}"}, BLOB[start:end])


def whole(request: Request) -> Reply:
    """One that knows no ranges."""
    return Reply(body=BLOB)


def fetch(script: Script, folder: Path, stop_after: int = 0) -> bytes:
    """The blob; with `stop_after`, whoever reads goes away after so many bytes."""
    client = Client(Options("test", patience=PATIENCE), Accounts(str(folder / "config")))
    with client:
        repository = client.repository(Reference(script.host, "app", "1"))
        file = PartialFile(str(folder / "partial"), DIGEST, len(BLOB), time.sleep)
        download = Download(repository, DESCRIPTOR, file, PATIENCE)
        download.start()
        pieces: list[bytes] = []
        try:
            while piece := download.read(1 << 16):
                pieces.append(piece)
                if stop_after and sum(map(len, pieces)) >= stop_after:
                    break
        finally:
            assert download.close()
            file.close()
    return b"".join(pieces)


def test_ranges_come_over_several_connections(script: Script, tmp_path: Path) -> None:
    script.rule = ranged
    assert fetch(script, tmp_path) == BLOB
    assert len(script.seen) == 11
    assert {asked(request)[0] % CHUNK for request in script.seen} == {0}


def test_a_registry_without_ranges_sends_all_at_once(script: Script, tmp_path: Path) -> None:
    script.rule = whole
    assert fetch(script, tmp_path) == BLOB
    assert len(script.seen) == 1


@pytest.mark.parametrize("answer", [ranged, whole])
def test_a_download_goes_on_where_another_process_stopped(
    script: Script, tmp_path: Path, answer: Callable[[Request], Reply]
) -> None:
    script.rule = answer
    fetch(script, tmp_path, stop_after=3 * CHUNK)
    before = len(script.seen)
    assert fetch(script, tmp_path) == BLOB
    if answer is ranged:
        again = script.seen[before:]
        assert sum(end - start for start, end in map(asked, again)) < len(BLOB)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("answer", [ranged, whole])
def test_whatever_has_arrived_is_completed(
    script: Script, tmp_path: Path, answer: Callable[[Request], Reply], seed: int
) -> None:
    """Any number of bytes of any chunk."""
    script.rule = answer
    chance = random.Random(seed)
    file = PartialFile(str(tmp_path / "partial"), DIGEST, len(BLOB), time.sleep)
    for chunk, length in enumerate(partial.chunk_lengths(len(BLOB))):
        count = chance.choice([0, 0, length, chance.randrange(length)])
        if count:
            file.write(chunk, BLOB[chunk * CHUNK : chunk * CHUNK + count])
    file.close()
    assert fetch(script, tmp_path) == BLOB


def test_connections_that_break_are_begun_anew(script: Script, tmp_path: Path) -> None:
    def rule(request: Request) -> Reply:
        answer = ranged(request)
        start, _ = asked(request)
        if start % CHUNK == 0:  # the first try of each chunk brings a part
            return answer._replace(body=answer.body[:5000], content_length=len(answer.body))
        return answer

    script.rule = rule
    assert fetch(script, tmp_path) == BLOB


def test_a_connection_that_never_brings_anything_is_given_up(script: Script, tmp_path: Path) -> None:
    script.rule = lambda request: ranged(request)._replace(body=b"", content_length=100)
    with pytest.raises(SampanError):
        fetch(script, tmp_path)
    assert len(script.seen) <= 12


@pytest.mark.parametrize(
    "content_range", ["", "bytes 1-100/*", "bytes 0-1/3", "bytes x", f"bytes 5-{CHUNK}/{len(BLOB)}"]
)
def test_another_range_than_was_asked_for_is_refused(script: Script, tmp_path: Path, content_range: str) -> None:
    script.rule = lambda request: Reply(206, {"Content-Range": content_range}, BLOB[:CHUNK])
    with pytest.raises(Corrupt):
        fetch(script, tmp_path)


@pytest.mark.parametrize("size", [len(BLOB) - 1, len(BLOB) + 1])
def test_another_size_is_refused_before_a_byte_is_kept(script: Script, tmp_path: Path, size: int) -> None:
    script.rule = lambda request: Reply(body=(BLOB + b"x")[:size])
    with pytest.raises(Corrupt, match="bytes"):
        fetch(script, tmp_path)


def test_a_changed_byte_is_found(script: Script, tmp_path: Path) -> None:
    script.rule = lambda request: Reply(body=b"x" + BLOB[1:])
    with pytest.raises(Corrupt, match="verification failed"):
        fetch(script, tmp_path)


def test_a_partial_file_is_one_process_at_a_time(tmp_path: Path) -> None:
    first = PartialFile(str(tmp_path), DIGEST, len(BLOB), time.sleep)
    opened, waits = threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        waits.set()
        time.sleep(0.01)

    def second() -> None:
        PartialFile(str(tmp_path), DIGEST, len(BLOB), pause).close()
        opened.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert waits.wait(10) and not opened.is_set()
    assert partial.clean(str(tmp_path), 0) == 0  # what somebody is at stays
    first.remove()
    first.close()
    thread.join(10)
    assert opened.is_set()


def test_what_was_begun_long_ago_is_cleaned(tmp_path: Path) -> None:
    for name in ("old", "fresh"):
        file = PartialFile(str(tmp_path), f"sha256:{name}", 100, time.sleep)
        file.write(0, b"x" * 50)
        file.close()
    long_ago = time.time() - 10 * 24 * 3600
    os.utime(tmp_path / "sha256-old", (long_ago, long_ago))
    partial.clean(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["sha256-fresh", "sha256-fresh.parts"]


def test_counts_that_make_no_sense_begin_anew(tmp_path: Path) -> None:
    file = PartialFile(str(tmp_path), DIGEST, len(BLOB), time.sleep)
    file.write(0, b"x")
    file.close()
    (tmp_path / (DIGEST.replace(":", "-") + ".parts")).write_bytes(b"\xff" * 44)
    file = PartialFile(str(tmp_path), DIGEST, len(BLOB), time.sleep)
    assert sum(file.counts) == 0
    file.close()
