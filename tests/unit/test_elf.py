"""The ELF reader: real programs of this host, made headers of other machines, and anything at all."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers import elf


def reader(data: bytes) -> elf.ReadAt:
    return lambda offset, size: data[offset : offset + size] if offset >= 0 else b""


def program(
    *, machine: int = 62, bits: int = 64, order: str = "<", interpreter: str = "", needed: tuple[str, ...] = ()
) -> bytes:
    """A file with one LOAD segment over all of it, an INTERP segment and a DYNAMIC one."""
    wide = bits == 64
    header, entry = (64, 56) if wide else (52, 32)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    text = interpreter.encode() + b"\0"
    start = header + 3 * entry
    tags, position = [], 1
    for name in needed:
        tags.append((1, position))
        position += len(name) + 1
    tags += [(5, start + len(text)), (0, 0)]
    dynamic = b"".join(struct.pack(order + ("qQ" if wide else "iI"), *tag) for tag in tags)
    end = start + len(text) + len(names)
    segments = [(1, 0, 0, end + len(dynamic)), (3, start, start, len(text)), (2, end, end, len(dynamic))]
    if not interpreter:
        segments[1] = (0, 0, 0, 0)
    table = b""
    for kind, offset, address, size in segments:
        table += (
            struct.pack(order + "IIQQQQQQ", kind, 0, offset, address, address, size, size, 1)
            if wide
            else struct.pack(order + "IIIIIIII", kind, offset, address, address, size, size, 0, 1)
        )
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    form = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
    fields = struct.pack(order + form, 2, machine, 1, 0, header, 0, 0, header, entry, 3, 0, 0, 0)
    return ident + fields + table + text + names + dynamic


@pytest.mark.parametrize(
    ("machine", "bits", "order", "name"),
    [
        (62, 64, "<", "amd64"),
        (183, 64, "<", "arm64"),
        (40, 32, "<", "arm"),
        (3, 32, "<", "386"),
        (22, 64, ">", "s390x"),
        (21, 64, "<", "ppc64le"),
        (243, 64, "<", "riscv64"),
        (9999, 64, "<", ""),
    ],
)
def test_a_program_names_its_machine_loader_and_libraries(machine: int, bits: int, order: str, name: str) -> None:
    data = program(machine=machine, bits=bits, order=order, interpreter="/lib/ld.so", needed=("liba.so.1", "libb.so"))
    found = elf.read(reader(data))
    assert found.architecture == name
    assert (found.interpreter, found.needed) == ("/lib/ld.so", ("liba.so.1", "libb.so"))


def test_a_real_program_is_read() -> None:
    with open("/proc/self/exe", "rb") as file:
        data = file.read()
    found = elf.read(reader(data))
    assert found.architecture
    assert found.interpreter.startswith("/")
    assert any(name.startswith("libc.") for name in found.needed)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_read_or_refused(noise: bytes, position: int) -> None:
    whole = program(interpreter="/lib/ld.so", needed=("libc.so.6",))
    spoilt = whole[:position] + noise + whole[position + len(noise) :]
    for data in (noise, elf.MAGIC + noise, spoilt, whole[:position]):
        try:
            found = elf.read(reader(data))
        except elf.BadElf:
            continue
        assert len(found.needed) <= 512
