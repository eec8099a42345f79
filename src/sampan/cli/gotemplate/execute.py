"""Nodes and a value to text, by the rules and with the complaints of Go's text/template."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, NoReturn, cast

from sampan.cli.gotemplate.functions import FUNCTIONS, FunctionFailed
from sampan.cli.gotemplate.lexer import line_of
from sampan.cli.gotemplate.nodes import (
    Branch,
    Chain,
    Command,
    Dot,
    Field,
    Function,
    Jump,
    Literal,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
)
from sampan.cli.gotemplate.values import Record, TemplateError, Value, is_true, show

MOST_OUTPUT = 64 << 20
MOST_STEPS = 1_000_000


class Settings(NamedTuple):
    """How a template is executed.

    `missing_is_error`: a key that a map has not is an error instead of `<no value>`. `open_maps`: names of the fields
    whose dicts are maps with free keys, where a missing one is `<no value>` all the same; None where every dict is one.
    `lists`: with `open_maps`, names of the fields that are lists also when they are nil.
    """

    missing_is_error: bool = False
    open_maps: frozenset[str] | None = None
    lists: frozenset[str] = frozenset()
    functions: Mapping[str, Callable[..., Value]] = FUNCTIONS


class _Missing:
    """What a map has for a key that it has not; it prints as `<no value>`."""


_MISSING = _Missing()


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


def execute(nodes: Sequence[Node], value: Value, text: str, name: str, settings: Settings) -> str:
    """Raises TemplateError with what was written until then."""
    state = _State(value, text, name, settings)
    try:
        state.walk(nodes, value)
    except TemplateError as error:
        error.output = "".join(state.written)
        raise
    return "".join(state.written)


class _State:
    def __init__(self, value: Value, text: str, name: str, settings: Settings) -> None:
        self._text, self._name, self._settings = text, name, settings
        self._variables: list[tuple[str, Value]] = [("$", value)]
        self.written: list[str] = []
        self._size = 0
        self._steps = 0

    def fail(self, node: Node | Operand | Command, problem: str) -> NoReturn:
        position = getattr(node, "position", 0)
        column = position - (self._text.rfind("\n", 0, position) + 1)
        where = f"{self._name}:{line_of(self._text, position)}:{column}"
        raise TemplateError(f'template: {where}: executing "{self._name}" at <{node}>: {problem}')

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MOST_OUTPUT:
            raise TemplateError(f"template: {self._name}: output longer than {MOST_OUTPUT} characters")
        self.written.append(text)

    def walk(self, nodes: Sequence[Node], dot: Value) -> None:
        for node in nodes:
            self._step()
            if isinstance(node, Text):
                self._write(node.text)
            elif isinstance(node, Pipeline):
                value = self._pipeline(dot, node)
                if not node.declares:
                    self._write(self._show(value, node))
            elif isinstance(node, Jump):
                raise _Break if node.kind == "break" else _Continue
            elif node.kind == "range":
                self._range(node, dot)
            else:
                self._choose(node, dot)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TemplateError(f"template: {self._name}: more than {MOST_STEPS} steps")

    def _show(self, value: "Value | _Missing", node: Pipeline) -> str:
        open_maps = self._settings.open_maps
        if isinstance(value, _Missing) or (value is None and open_maps is None):
            return "<no value>"
        last = node.commands[-1].arguments[0]
        names = last.names if isinstance(last, Field | Variable | Chain) else ()
        if value is None and names and names[-1] in self._settings.lists:
            return "[]"
        return show(value, open_maps, open_maps is None or (bool(names) and names[-1] in open_maps))

    def _choose(self, node: Branch, dot: Value) -> None:
        kept = len(self._variables)
        value = self._value(self._pipeline(dot, node.pipeline))
        if is_true(value):
            self.walk(node.body, value if node.kind == "with" else dot)
        else:
            self.walk(node.otherwise, dot)
        del self._variables[kept:]

    def _range(self, node: Branch, dot: Value) -> None:
        kept = len(self._variables)
        value = self._value(self._pipeline(dot, node.pipeline, declare=not node.pipeline.assigns))
        entries = self._entries(node, value)
        inner = len(self._variables)
        is_empty = True
        for key, item in entries:
            is_empty = False
            self._step()
            self._set_range_variables(node.pipeline, key, item)
            try:
                self.walk(node.body, item)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del self._variables[inner:]
        if is_empty:
            self.walk(node.otherwise, dot)
        del self._variables[kept:]

    def _entries(self, node: Branch, value: Value) -> Iterable[tuple[Value, Value]]:
        if value is None:
            return []
        if isinstance(value, bool | str | float | Record):
            self.fail(node.pipeline, f"range can't iterate over {show(value)}")
        if isinstance(value, int):
            return ((number, number) for number in range(value))
        if isinstance(value, Mapping):
            return [(key, value[key]) for key in sorted(value)]
        return enumerate(value)

    def _set_range_variables(self, pipeline: Pipeline, key: Value, item: Value) -> None:
        values = (item,) if len(pipeline.declares) == 1 else (key, item)
        for name, value in zip(pipeline.declares, values, strict=False):
            if pipeline.assigns:
                self._assign(name, value)
            else:
                self._set_innermost(name, value)

    def _set_innermost(self, name: str, value: Value) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    _assign = _set_innermost

    def _value(self, value: "Value | _Missing") -> Value:
        return None if isinstance(value, _Missing) else value

    def _pipeline(self, dot: Value, node: Pipeline, declare: bool = True) -> "Value | _Missing":
        value: Value | _Missing = _MISSING
        has_final = False
        for command in node.commands:
            value = self._command(dot, command, (self._value(value),) if has_final else ())
            has_final = True
        for name in node.declares:
            if node.assigns:
                self._assign(name, self._value(value))
            elif declare:
                self._variables.append((name, self._value(value)))
        return value

    def _command(self, dot: Value, command: Command, final: tuple[Value, ...]) -> "Value | _Missing":
        first, rest = command.arguments[0], command.arguments[1:]
        if isinstance(first, Function):
            return self._call(dot, first, rest, final, command)
        if isinstance(first, Field):
            arguments = (*(self._argument(dot, part) for part in rest), *final)
            return self._fields(dot, first, first.names, arguments)
        if isinstance(first, Variable):
            arguments = (*(self._argument(dot, part) for part in rest), *final)
            return self._variable(first, arguments)
        if rest or final:
            self.fail(first, f"can't give argument to non-function {first}")
        if isinstance(first, Literal) and first.text == "nil":
            self.fail(first, "nil is not a command")
        return self._operand(dot, first)

    def _argument(self, dot: Value, node: Operand) -> Value:
        return self._value(self._operand(dot, node))

    def _operand(self, dot: Value, node: Operand) -> "Value | _Missing":
        if isinstance(node, Dot):
            return dot
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Field):
            return self._fields(dot, node, node.names, ())
        if isinstance(node, Variable):
            return self._variable(node, ())
        if isinstance(node, Chain):
            return self._fields(self._value(self._pipeline(dot, node.node)), node, node.names, ())
        if isinstance(node, Pipeline):
            return self._pipeline(dot, node)
        return self._call(dot, node, (), (), node)

    def _variable(self, node: Variable, arguments: tuple[Value, ...]) -> "Value | _Missing":
        value = next(value for name, value in reversed(self._variables) if name == node.name)
        if not node.names:
            if arguments:
                self.fail(node, f"can't give argument to non-function {node}")
            return value
        return self._fields(value, node, node.names, arguments)

    def _fields(
        self, value: Value, node: Operand, names: tuple[str, ...], arguments: tuple[Value, ...]
    ) -> "Value | _Missing":
        """Follow `names` from `value`; the last may be a method that takes `arguments`."""
        found: Value | _Missing = value
        parent = ""
        for index, name in enumerate(names):
            last = arguments if index == len(names) - 1 else ()
            found = self._field(self._value(found), node, name, parent, last)
            parent = name
        return found

    def _field(
        self, value: Value, node: Operand, name: str, parent: str, arguments: tuple[Value, ...]
    ) -> "Value | _Missing":
        if value is None:
            self.fail(node, f"nil pointer evaluating interface {{}}.{name}" if parent else "nil data; no entry for key")
        if isinstance(value, Record):
            if name not in value.fields:
                self.fail(node, f"can't evaluate field {name} in type {value.type_name}")
            return self._member(node, name, value.fields[name], arguments)
        if not isinstance(value, Mapping):
            self.fail(node, f"can't evaluate field {name} in type interface {{}}")
        if arguments:
            self.fail(node, f"{name} is not a method but has arguments")
        if name in value:
            return value[name]
        is_open = self._settings.open_maps is not None and parent in self._settings.open_maps
        if self._settings.missing_is_error and not is_open:
            self.fail(node, f'map has no entry for key "{name}"')
        return _MISSING

    def _member(self, node: Operand, name: str, member: object, arguments: tuple[Value, ...]) -> Value:
        if not callable(member):
            if arguments:
                self.fail(node, f"{name} has arguments but cannot be invoked as function")
            return cast(Value, member)
        if len(arguments) != 1:
            self.fail(node, f"wrong number of args for {name}: want 1 got {len(arguments)}")
        if not isinstance(arguments[0], str):
            self.fail(node, f"wrong type for value; expected string; got {type(arguments[0]).__name__}")
        return cast(Value, member(arguments[0]))

    def _call(
        self,
        dot: Value,
        node: Function,
        rest: tuple[Operand, ...],
        final: tuple[Value, ...],
        context: Command | Function,
    ) -> Value:
        if node.name in ("and", "or"):
            return self._short_circuit(dot, node, rest, final)
        arguments = [*(self._argument(dot, part) for part in rest), *final]
        try:
            return self._settings.functions[node.name](*arguments)
        except FunctionFailed as problem:
            if 0 <= problem.argument < len(rest):
                self._wrong_argument(rest[problem.argument], problem)
            if problem.is_call:
                self.fail(node, problem.message)
            self.fail(context, f"error calling {node.name}: {problem.message}")

    def _wrong_argument(self, part: Operand, problem: FunctionFailed) -> NoReturn:
        is_constant = isinstance(part, Literal)
        self.fail(part, f"expected {problem.wanted}; found {part}" if is_constant else problem.message)

    def _short_circuit(self, dot: Value, node: Function, rest: tuple[Operand, ...], final: tuple[Value, ...]) -> Value:
        """`and` gives the first false argument, `or` the first true one, else the last; the rest is not evaluated."""
        if not rest and not final:
            self.fail(node, f"wrong number of args for {node.name}: want at least 1 got 0")
        value: Value = None
        for part in rest:
            value = self._argument(dot, part)
            if is_true(value) == (node.name == "or"):
                return value
        return final[0] if final else value
