"""Programs of other machines: whether the kernel hands them to an emulator (binfmt_misc, its documentation in the
kernel's Documentation/admin-guide/binfmt-misc.rst)."""

import os

_FOLDER = "/proc/sys/fs/binfmt_misc"
_MACHINE_AT = 18  # of e_machine in an ELF header, two bytes
# Architectures in Go's words: (e_machine, byte order) of the ELF specification.
_MACHINES = {
    "386": (3, "little"),
    "amd64": (62, "little"),
    "arm": (40, "little"),
    "arm64": (183, "little"),
    "loong64": (258, "little"),
    "mips64": (8, "big"),
    "mips64le": (8, "little"),
    "ppc64": (21, "big"),
    "ppc64le": (21, "little"),
    "riscv64": (243, "little"),
    "s390x": (22, "big"),
}
_NATIVE_TOO = {("amd64", "386"), ("arm64", "arm")}


def can_run(architecture: str, host: str, folder: str = _FOLDER) -> bool:
    """Whether programs for an architecture run on this host, whose own is `host`; one that is not known may.

    Only handlers count whose emulator the kernel has open already (flag F): others are looked for inside the
    container.
    """
    if architecture == host or (host, architecture) in _NATIVE_TOO or architecture not in _MACHINES:
        return True
    machine, order = _MACHINES[architecture]
    wanted = machine.to_bytes(2, "big" if order == "big" else "little")
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(_handles(f"{folder}/{name}", wanted) for name in names if name not in ("register", "status"))


def _handles(path: str, machine: bytes) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = file.read(1 << 16).split("\n")
    except OSError:
        return False
    fields = dict(line.split(" ", 1) for line in lines if " " in line)
    try:
        magic = bytes.fromhex(fields.get("magic", ""))
        offset = int(fields.get("offset", "0"))
    except ValueError:
        return False
    is_there = lines[0] == "enabled" and "F" in fields.get("flags:", "")
    at = _MACHINE_AT - offset
    return is_there and at >= 0 and magic[at : at + 2] == machine
