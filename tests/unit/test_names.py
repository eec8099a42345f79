"""DNS messages and the names that a container can ask for."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.networks import dns
from sampan.networks.zone import Answer, Member, Zone, reversed_address

ONE, TWO, SIX = bytes([172, 18, 0, 2]), bytes([172, 18, 0, 3]), bytes(15) + b"\1"
MEMBERS = [Member("front", (ONE, SIX), ("db", "0123456789ab")), Member("front", (TWO,), ("web", "app"))]


def query(name: str, kind: int = dns.A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, dns.IN)


def test_a_question_is_read_in_lower_case() -> None:
    found = dns.parse_query(query("DB.Front"))
    assert (found.identity, found.name, found.kind, found.is_standard) == (7, "db.front", dns.A, True)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0" * 11,
        query("db")[:-1],
        query("db")[:12] + b"\xc0\x0c" + b"\0\1\0\1",  # a pointer to itself
        struct.pack(">6H", 7, 0, 2, 0, 0, 0),
        struct.pack(">6H", 7, 0x8000, 1, 0, 0, 0),  # an answer
    ],
)
def test_what_is_no_question_is_malformed(packet: bytes) -> None:
    with pytest.raises(dns.Malformed):
        dns.parse_query(packet)


@given(st.binary(max_size=600))
def test_no_bytes_make_the_reader_fail_otherwise(packet: bytes) -> None:
    try:
        dns.parse_query(packet)
    except dns.Malformed:
        return


def test_addresses_that_do_not_fit_set_the_mark_of_a_cut_answer() -> None:
    asked = dns.parse_query(query("db"))
    answer = dns.addresses(asked, [ONE] * 100, dns.PLAIN_LIMIT_BYTES)
    flags, _, records = struct.unpack_from(">3H", answer, 2)
    assert len(answer) <= dns.PLAIN_LIMIT_BYTES
    assert flags & 0x0200 and 0 < records < 100


def test_an_answer_with_another_id_or_question_is_nobodys() -> None:
    asked = dns.parse_query(query("db"))
    answer = dns.addresses(asked, [ONE], dns.PLAIN_LIMIT_BYTES)
    assert dns.is_answer(answer, 7, asked.question)
    assert not dns.is_answer(answer, 8, asked.question)
    assert not dns.is_answer(answer, 7, dns.parse_query(query("other")).question)
    assert not dns.is_answer(query("db"), 7, asked.question)


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("db", dns.A, Answer((ONE,))),
        ("db.front", dns.A, Answer((ONE,))),
        ("0123456789ab", dns.A, Answer((ONE,))),
        ("db", dns.AAAA, Answer((SIX,))),
        ("web", dns.AAAA, Answer()),  # the name is known, that it has none is an answer too
        ("nobody", dns.A, None),
        ("db", 15, None),  # MX is somebody else's
        ("2.0.18.172.in-addr.arpa", dns.PTR, Answer(names=("db.front",))),
        ("9.9.9.9.in-addr.arpa", dns.PTR, None),
    ],
)
def test_names_are_those_of_the_containers_beside_it(name: str, kind: int, wanted: Answer | None) -> None:
    assert Zone(MEMBERS).lookup(name, kind) == wanted


def test_an_alias_of_several_containers_has_all_their_addresses_in_turn() -> None:
    zone = Zone([Member("front", (ONE,), ("a", "all")), Member("front", (TWO,), ("b", "all"))])
    firsts = {answer.addresses[0] for _ in range(2) if (answer := zone.lookup("all", dns.A))}
    assert firsts == {ONE, TWO}


def test_a_reversed_name_that_is_no_address_is_none() -> None:
    assert reversed_address("2.0.18.999.in-addr.arpa") is None
    assert reversed_address("example.org") is None
