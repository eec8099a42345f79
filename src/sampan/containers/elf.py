"""The headers of an ELF program: for which machine, with which loader and libraries. Pure; reads what is hostile.

System V ABI, chapters 4 and 5. Only what decides whether a program can start is read, and never more than the limits.
"""

import struct
from collections.abc import Callable

from sampan.values import NamedTuple

ReadAt = Callable[[int, int], bytes]
"""(offset, size) -> at most `size` bytes of the file."""

MAGIC = b"\x7fELF"
_PROGRAM_HEADERS = 256
_DYNAMIC_ENTRIES = 4096
_NAMES = 512
_NAME_BYTES = 4096
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRINGS, _RPATH, _RUNPATH = 1, 5, 15, 29

# e_machine, bits and byte order -> the architecture's name in image configurations
_MACHINES = {
    (3, 32, True): "386",
    (62, 64, True): "amd64",
    (62, 32, True): "x32",
    (40, 32, True): "arm",
    (183, 64, True): "arm64",
    (243, 64, True): "riscv64",
    (243, 32, True): "riscv32",
    (258, 64, True): "loong64",
    (21, 64, True): "ppc64le",
    (21, 64, False): "ppc64",
    (22, 64, False): "s390x",
    (8, 32, False): "mips",
    (8, 32, True): "mipsle",
    (8, 64, False): "mips64",
    (8, 64, True): "mips64le",
}


ARCHITECTURES = frozenset(_MACHINES.values())


class BadElf(ValueError):
    """The headers contradict themselves or lie outside of the file."""


class Elf(NamedTuple):
    """`architecture` as in an image configuration ("" unknown); `interpreter` is the loader's path, "" for a static
    program; `needed` are libraries by their names, `search` its own search path (RUNPATH, else RPATH)."""

    bits: int
    machine: int
    architecture: str
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def read(read_at: ReadAt) -> Elf:
    """The headers of a file that begins with MAGIC. Raises BadElf."""
    start = read_at(0, 64)
    if len(start) < 52 or not start.startswith(MAGIC) or start[4] not in (1, 2) or start[5] not in (1, 2):
        raise BadElf("the file ends within its header, or it is no ELF file")
    bits, order = 32 * start[4], "<" if start[5] == 1 else ">"
    if bits == 64 and len(start) < 64:
        raise BadElf("the file ends within its header")
    machine = struct.unpack_from(order + "H", start, 18)[0]
    found = Elf(bits, machine, _MACHINES.get((machine, bits, order == "<"), ""))
    segments = _segments(read_at, start, bits, order)
    return _dynamic(read_at, segments, bits, order, found._replace(interpreter=_interpreter(read_at, segments)))


def _segments(read_at: ReadAt, start: bytes, bits: int, order: str) -> list[_Segment]:
    if bits == 64:
        table, size, count = *struct.unpack_from(order + "Q", start, 32), *struct.unpack_from(order + "HH", start, 54)
        form = order + "IIQQQQ"  # type, flags, offset, vaddr, paddr, filesz
    else:
        table, size, count = *struct.unpack_from(order + "I", start, 28), *struct.unpack_from(order + "HH", start, 42)
        form = order + "IIIII"  # type, offset, vaddr, paddr, filesz
    if count > _PROGRAM_HEADERS or (count and size < struct.calcsize(form)):
        raise BadElf("its program headers are not of a sensible number or size")
    data = read_at(table, size * count)
    if len(data) < size * count:
        raise BadElf("its program headers lie outside of the file")
    found = []
    for number in range(count):
        fields = struct.unpack_from(form, data, number * size)
        kind, offset, address, length = (
            (fields[0], fields[2], fields[3], fields[5]) if bits == 64 else (fields[0], fields[1], fields[2], fields[4])
        )
        found.append(_Segment(kind, offset, address, length))
    return found


def _interpreter(read_at: ReadAt, segments: list[_Segment]) -> str:
    for segment in segments:
        if segment.kind == _INTERPRETER:
            return _text(read_at(segment.offset, min(segment.size, _NAME_BYTES)))
    return ""


def _dynamic(read_at: ReadAt, segments: list[_Segment], bits: int, order: str, found: Elf) -> Elf:
    place = next((segment for segment in segments if segment.kind == _DYNAMIC), None)
    if place is None:
        return found
    form = order + ("qQ" if bits == 64 else "iI")
    width = struct.calcsize(form)
    data = read_at(place.offset, min(place.size, _DYNAMIC_ENTRIES * width))
    entries: list[tuple[int, int]] = []
    for position in range(0, len(data) - width + 1, width):
        tag, value = struct.unpack_from(form, data, position)
        if tag == 0:
            break
        entries.append((tag, value))
    strings = next((value for tag, value in entries if tag == _STRINGS), None)
    if strings is None:
        return found
    base = _file_offset(segments, strings)

    def names(wanted: int) -> tuple[str, ...]:
        offsets = [value for tag, value in entries if tag == wanted][:_NAMES]
        return tuple(_text(read_at(base + offset, _NAME_BYTES)) for offset in offsets)

    paths = names(_RUNPATH) or names(_RPATH)
    search = tuple(entry for path in paths for entry in path.split(":") if entry)
    return found._replace(needed=names(_NEEDED), search=search[:_NAMES])


def _file_offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _LOAD and segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    raise BadElf("its table of names lies outside of the file")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="replace")
