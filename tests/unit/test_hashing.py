"""storage/hashing.py: hashing beside other work."""

import hashlib
import threading

from hypothesis import given
from hypothesis import strategies as st

from sampan.storage.hashing import BackgroundSha256
from sampan.testing.waiting import until


@given(st.lists(st.binary(max_size=3000), max_size=30))
def test_the_digest_is_that_of_all_pieces_in_order(pieces: list[bytes]) -> None:
    hasher = BackgroundSha256()
    for piece in pieces:
        hasher.update(piece)
    assert hasher.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_what_is_hashed_before_and_after_the_thread_began_is_one_digest() -> None:
    pieces = [bytes([number]) * 300_000 for number in range(20)]
    hasher = BackgroundSha256()
    for piece in pieces:
        hasher.update(piece)
    assert hasher.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_what_is_small_begins_no_thread() -> None:
    before = threading.active_count()
    hasher = BackgroundSha256()
    hasher.update(b"x" * 5000)
    assert threading.active_count() == before
    assert hasher.hexdigest() == hashlib.sha256(b"x" * 5000).hexdigest()


def test_a_thread_ends_with_the_object_that_nobody_asks_for_its_digest() -> None:
    before = threading.active_count()
    hasher = BackgroundSha256()
    hasher.update(b"x" * 2_000_000)
    assert threading.active_count() == before + 1
    del hasher
    until(lambda: threading.active_count() <= before, "the thread has ended")
