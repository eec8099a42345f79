"""The parts of a parsed template. `position` is the offset in its text; `str()` gives Go's way of writing it again."""

from typing import NamedTuple, TypeAlias

from sampan.cli.gotemplate.values import Value


class Text(NamedTuple):
    text: str


class Dot(NamedTuple):
    position: int

    def __str__(self) -> str:
        return "."


class Literal(NamedTuple):
    """A constant, as it was written. Nil is the None of `nil`."""

    position: int
    value: Value
    text: str

    def __str__(self) -> str:
        return self.text


class Field(NamedTuple):
    """.A.B of the dot."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(NamedTuple):
    """$x or $x.A.B; `name` has its dollar."""

    position: int
    name: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return self.name + "".join(f".{name}" for name in self.names)


class Chain(NamedTuple):
    """(PIPELINE).A.B"""

    position: int
    node: "Pipeline"
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"({self.node})" + "".join(f".{name}" for name in self.names)


class Function(NamedTuple):
    position: int
    name: str

    def __str__(self) -> str:
        return self.name


class Command(NamedTuple):
    """An operand, or a function or method with its arguments."""

    position: int
    arguments: "tuple[Operand, ...]"

    def __str__(self) -> str:
        parts = (f"({part})" if isinstance(part, Pipeline) else str(part) for part in self.arguments)
        return " ".join(parts)


class Pipeline(NamedTuple):
    """Commands, each of which gets the value of the one before as its last argument; `declares` names variables."""

    position: int
    declares: tuple[str, ...]
    assigns: bool
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        head = ", ".join(self.declares) + (" = " if self.assigns else " := ") if self.declares else ""
        return head + " | ".join(str(command) for command in self.commands)


class Branch(NamedTuple):
    """if, with or range."""

    kind: str
    pipeline: Pipeline
    body: "tuple[Node, ...]"
    otherwise: "tuple[Node, ...]"


class Jump(NamedTuple):
    """break or continue."""

    kind: str


Operand: TypeAlias = Dot | Literal | Field | Variable | Chain | Function | Pipeline
Node: TypeAlias = Text | Pipeline | Branch | Jump
