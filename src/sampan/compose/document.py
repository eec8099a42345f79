"""YAML text as values that know where they stand, within limits that a hostile file cannot pass.

The parser's events are taken one by one, so that depth, size and aliases are checked before anything is built: an alias
is the very value that its anchor names, but counts as often as it is used (a "billion laughs" is refused), and it may
not stand within what it names. Keys are texts, and no key stands twice in a mapping (YAML 1.2.2, section 3.2.1.3).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sampan.compose.scalars import Scalar, meaning
from sampan.errors import InvalidArgument

MOST_BYTES = 1 << 20
_DEEPEST = 100
_MOST_VALUES = 100_000
_OWN_TAGS = ("!reset", "!override")  # Compose's, for files that are laid over others
_STANDARD = "tag:yaml.org,2002:"


class Mistake(InvalidArgument):
    """Something wrong at a place of a file; the message begins with FILE:LINE:COLUMN, both counted from 1."""

    def __init__(self, name: str, line: int, column: int, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(f"{name}:{line}:{column}: {path + ': ' if path else ''}{message}", hint=hint)
        self.line, self.column, self.path = line, column, path


class Node(NamedTuple):
    """A value and where it begins. `value` is a scalar, a tuple of nodes, or texts to nodes in the order written.

    `tag` is "!reset", "!override" or "". Merge keys (<<) are merged already.
    """

    value: "Scalar | Sequence[Node] | Mapping[str, Node]"
    name: str
    line: int
    column: int
    tag: str = ""

    def mistake(self, message: str, *, path: str = "", hint: str = "") -> Mistake:
        """The error that something is wrong with this value, whose keys from the root are `path`."""
        return Mistake(self.name, self.line, self.column, message, path=path, hint=hint)

    def mapping(self, path: str) -> "Mapping[str, Node]":
        """The value as a mapping, an empty one for null. Raises Mistake."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            raise self.mistake("must be a mapping", path=path)
        return self.value

    def sequence(self, path: str) -> "Sequence[Node]":
        """The value as a sequence, an empty one for null. Raises Mistake."""
        if self.value is None:
            return ()
        if not isinstance(self.value, tuple):
            raise self.mistake("must be a list", path=path)
        return self.value

    def text(self, path: str) -> str:
        """The value as a text. Raises Mistake."""
        if not isinstance(self.value, str):
            raise self.mistake("must be a string", path=path, hint="put it in quotes")
        return self.value


def read(data: bytes, name: str) -> Node:
    """The one document of a file that is shown as `name`; null for an empty file. Raises Mistake."""
    import yaml

    if len(data) > MOST_BYTES:
        raise InvalidArgument(f"{name} is larger than {MOST_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise Mistake(name, line, column, "is not UTF-8 text") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(name).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise Mistake(name, line, column, message, hint=_hint(text, line)) from error
    except yaml.YAMLError as error:
        raise InvalidArgument(f"{name} cannot be read as YAML: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _hint(text: str, line: int) -> str:
    """The mistake that is seen most."""
    lines = text.splitlines()[max(line - 2, 0) : line]
    return "YAML is indented with spaces, not tabs" if any("\t" in item for item in lines) else ""


class _Open:
    """A collection that is being read. `key` is the text of a mapping whose value comes next."""

    def __init__(self, event: Any, node_tag: str, is_mapping: bool) -> None:
        self.line, self.column = event.start_mark.line + 1, event.start_mark.column + 1
        self.anchor, self.tag, self.is_mapping = event.anchor, node_tag, is_mapping
        self.items: list[Node] = []
        self.entries: dict[str, Node] = {}
        self.merged: list[Node] = []
        self.key: Node | None = None
        self.weight = 1


class _Builder:
    """Builds the values of one document from the events of its text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}  # None while the value is being read
        self._root: Node | None = None

    def build(self, events: Iterator[Any]) -> Node:
        import yaml

        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise self._at(event, "a second document begins", "one file holds one document")
            if isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.ScalarEvent):
                self._put(self._scalar(event), 1, event.anchor)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event, isinstance(event, yaml.MappingStartEvent))
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
        return self._root or Node(None, self._name, 1, 1)

    def _at(self, event: Any, message: str, hint: str = "") -> Mistake:
        return Mistake(self._name, event.start_mark.line + 1, event.start_mark.column + 1, message, hint=hint)

    def _begin(self, event: Any, is_mapping: bool) -> None:
        if len(self._open) == _DEEPEST:
            raise self._at(event, f"values are nested more than {_DEEPEST} deep")
        if self._open and self._open[-1].is_mapping and self._open[-1].key is None:
            raise self._at(event, "a key must be a text")
        expected = _STANDARD + ("map" if is_mapping else "seq")
        tag = "" if event.tag in (None, "!", expected) else event.tag
        if tag and tag not in _OWN_TAGS:
            raise self._at(event, f"unknown tag {tag[:100]}")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(event, tag, is_mapping))

    def _end(self) -> None:
        done = self._open.pop()
        value: Any = tuple(done.items)
        if done.is_mapping:
            value = done.entries
            for source in done.merged:
                value = {**source.mapping("<<"), **value}
        self._put(Node(value, self._name, done.line, done.column, done.tag), done.weight, done.anchor)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._at(event, f"unknown alias *{event.anchor[:100]}", f"&{event.anchor[:100]} must stand before it")
        known = self._anchors[event.anchor]
        if known is None:
            raise self._at(event, f"*{event.anchor[:100]} stands within the value that it names")
        self._put(*known)

    def _put(self, node: Node, weight: int, anchor: str | None = None) -> None:
        """A value is complete: it is the root, an item, a key, or the value of the key before."""
        if anchor:
            self._anchors[anchor] = node, weight
        if not self._open:
            self._root = node
            return
        outer = self._open[-1]
        outer.weight += weight
        if outer.weight > _MOST_VALUES:
            raise node.mistake(f"there are more than {_MOST_VALUES} values, aliases followed")
        if not outer.is_mapping:
            outer.items.append(node)
        elif outer.key is None:
            outer.key = self._key(outer, node)
        else:
            self._enter(outer, outer.key, node)
            outer.key = None

    def _key(self, outer: _Open, node: Node) -> Node:
        if node.value is None or isinstance(node.value, Mapping | tuple):
            raise node.mistake("a key must be a text")
        key = node._replace(value=_spelled(node.value))
        if key.value in outer.entries:
            line = outer.entries[str(key.value)].line
            raise node.mistake(f'mapping key "{str(key.value)[:100]}" already defined at line {line}')
        return key

    def _enter(self, outer: _Open, key: Node, node: Node) -> None:
        if key.value != "<<" or key.tag:
            outer.entries[str(key.value)] = node
            return
        sources = node.value if isinstance(node.value, tuple) else (node,)
        for source in sources:
            if not isinstance(source.value, Mapping):
                raise source.mistake("map merge requires map or sequence of maps as the value", path="<<")
        outer.merged += sources

    def _scalar(self, event: Any) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        tag = "" if event.tag in (None, "!") else event.tag
        if tag in _OWN_TAGS:
            return Node(meaning(event.value), self._name, line, column, tag)
        value: Scalar = event.value
        if tag.startswith(_STANDARD):
            value = self._converted(event, tag.removeprefix(_STANDARD))
        elif tag:
            raise self._at(event, f"unknown tag {tag[:100]}")
        elif event.implicit[0]:
            value = meaning(event.value)
        return Node(value, self._name, line, column)

    def _converted(self, event: Any, kind: str) -> Scalar:
        if kind == "str":
            return str(event.value)
        value = meaning(event.value)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind == {int: "int", float: "float", bool: "bool", type(None): "null"}.get(type(value)):
            return value
        raise self._at(event, f"{event.value[:100]!r} is no !!{kind[:100]}")


def _spelled(value: "Scalar | Sequence[Node] | Mapping[str, Node]") -> str:
    """A scalar as it is written in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)
