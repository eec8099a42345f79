"""What pulls and pushes tell while they go on."""

from collections.abc import Callable

from sampan.values import NamedTuple


class LayerStatus(NamedTuple):
    """A layer in a state. `id` is what Docker shows of it, `total` bytes 0 where nothing is counted."""

    id: str
    status: str
    current: int = 0
    total: int = 0


class Line(NamedTuple):
    """A line of text for the person."""

    text: str


class Warned(NamedTuple):
    """Something that is said on the side: a warning, a connection that is tried again."""

    text: str


Event = LayerStatus | Line | Warned
Listener = Callable[[Event], object]


def ignore(event: Event) -> None:
    """A listener that wants to know nothing."""
