"""What the answer to "why is it in this state?" is decided from."""

from sampan.containers.model import Container
from sampan.containers.program import Trouble
from sampan.values import NamedTuple


class Happened(NamedTuple):
    """An event of the container: ns since the epoch, and its action with the attribute that matters."""

    time: int
    action: str
    detail: str = ""


class Facts(NamedTuple):
    """Everything at one moment. `now` in ns since the epoch; `log` are the last lines, newest last.

    `boot_id` is this boot's; `memory_peak_bytes` is 0 where it is not known; `restart_seconds` is None when no restart
    comes; `holders` are (port with protocol, container's name or "") of published ports that somebody else has.
    """

    container: Container
    now: int
    boot_id: str = ""
    machine: str = ""
    trouble: Trouble | None = None
    log: tuple[str, ...] = ()
    memory_peak_bytes: int = 0
    restart_seconds: float | None = None
    is_supervised: bool = True
    holders: tuple[tuple[str, str], ...] = ()
    events: tuple[Happened, ...] = ()


class Reason(NamedTuple):
    """One thing that explains the state. `kind` is a word for programs, `text` one sentence, `hint` what to do."""

    kind: str
    text: str
    hint: str = ""


class Explanation(NamedTuple):
    """The answer: the state in one sentence, its reasons (the most likely first), and what it wrote last."""

    id: str
    name: str
    status: str
    exit_code: int
    summary: str
    reasons: tuple[Reason, ...] = ()
    log: tuple[str, ...] = ()
    health_log: tuple[tuple[int, str], ...] = ()
    events: tuple[Happened, ...] = ()
