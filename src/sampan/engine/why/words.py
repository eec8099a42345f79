"""What signals, exit codes and spans of time are called. Pure."""

import signal

from sampan.values import NamedTuple


class SignalMeaning(NamedTuple):
    meaning: str
    hint: str = ""


_SIGNALS = {
    "HUP": SignalMeaning("its terminal went away, or somebody asked it to read its configuration again"),
    "INT": SignalMeaning("it was interrupted, as by Ctrl-C"),
    "QUIT": SignalMeaning("it was asked to quit, as by Ctrl-\\"),
    "ILL": SignalMeaning(
        "it executed an instruction that this processor does not have",
        "was it compiled for a newer processor? an image for this very architecture helps",
    ),
    "TRAP": SignalMeaning("it ran into a breakpoint or an assertion"),
    "ABRT": SignalMeaning(
        "it gave up by itself: a failed assertion, or memory that it had corrupted", "its last lines say why"
    ),
    "BUS": SignalMeaning(
        "it touched memory that has nothing behind it: often a full /dev/shm, or a file that became shorter",
        "a larger --shm-size helps when it uses shared memory",
    ),
    "FPE": SignalMeaning("it divided by zero"),
    "KILL": SignalMeaning("it was killed, which no process can prevent"),
    "USR1": SignalMeaning("somebody sent it a signal that it does not handle"),
    "USR2": SignalMeaning("somebody sent it a signal that it does not handle"),
    "SEGV": SignalMeaning(
        "it touched memory that is not its own: a bug of the program or of one of its libraries",
        "try a newer version of the image",
    ),
    "PIPE": SignalMeaning("it wrote to a pipe that nobody reads any more"),
    "ALRM": SignalMeaning("a timer of its own ran out"),
    "TERM": SignalMeaning("it was asked to end, and did"),
    "XCPU": SignalMeaning("it used up its CPU time limit", "see --ulimit cpu"),
    "XFSZ": SignalMeaning("it wrote a file larger than its limit", "see --ulimit fsize"),
    "SYS": SignalMeaning(
        "it made a system call that is forbidden to it",
        "--security-opt seccomp=PROFILE can allow it",
    ),
}


def signal_name(number: int) -> str:
    """SIGKILL for 9; SIGRTMIN+3 for 37; "signal 99" for what has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first = int(signal.SIGRTMIN)
        return f"SIGRTMIN+{number - first}" if first < number < 65 else f"signal {number}"


def signal_meaning(number: int) -> SignalMeaning:
    """What it means that this signal ended a process."""
    name = signal_name(number).removeprefix("SIG")
    return _SIGNALS.get(name, SignalMeaning("somebody sent it a signal that it does not handle"))


def span(seconds: float) -> str:
    """0.4 s, 12 s, 3 minutes, 2 hours, 5 days."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}".removesuffix(".0") + " s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    for limit, unit, name in ((7200, 60, "minutes"), (172800, 3600, "hours")):
        if seconds < limit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds // 86400:.0f} days"


def size(count: int) -> str:
    """Bytes in binary units, as limits are given: 64 MiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"
