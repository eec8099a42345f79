"""What the exit code of a RUN says. Pure."""

_KILL = 9
_MEGA = 1_000_000
_SHELL_SIGNAL = 128  # a process that a signal ended has 128 and the signal's number, as shells and runtimes have it
_CODES = {
    125: "the runtime could not start it",
    126: "the command was found and cannot be executed: it has no x permission, or is for another processor",
    127: "the command was not found in the image: it is not installed in this stage, or not in PATH",
}
_SIGNALS = {
    1: "SIGHUP: its terminal went away",
    2: "SIGINT: it was interrupted",
    4: "SIGILL: an instruction that this processor does not have",
    6: "SIGABRT: the program gave up by itself, most often at a failed check or for lack of memory",
    7: "SIGBUS: a file that it has mapped became shorter, or the disk or /dev/shm (--shm-size) is full",
    8: "SIGFPE: a division by zero",
    11: "SIGSEGV: it used memory that is not its own; in an image for another processor the emulation may be why",
    13: "SIGPIPE: what it wrote to had ended",
    15: "SIGTERM: it was asked to end",
    24: "SIGXCPU: it used up its time (--ulimit cpu)",
    25: "SIGXFSZ: a file became larger than --ulimit fsize",
    31: "SIGSYS: a system call that the seccomp profile forbids",
}


def meaning(code: int, memory_bytes: int = 0) -> str:
    """What an exit code means, "" for one that only the program knows the meaning of.

    `memory_bytes` is what the step's control group may have, 0 = all that the host has.
    """
    if code in _CODES:
        return _CODES[code]
    number = code - _SHELL_SIGNAL
    if number == _KILL:
        limit = f"it may have {memory_bytes / _MEGA:.0f} MB" if memory_bytes else "`dmesg` on the host tells"
        return f"SIGKILL: it was killed, by hand or by the kernel for lack of memory: {limit}"
    return _SIGNALS.get(number, "")
