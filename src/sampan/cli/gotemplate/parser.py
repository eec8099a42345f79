"""Tokens to nodes, with the complaints of Go's text/template/parse."""

import json
from collections.abc import Container

from sampan.cli.gotemplate.lexer import Token, fail, tokens
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
from sampan.cli.gotemplate.values import TemplateParseError, Value

MOST_TEXT = 1 << 16
DEEPEST = 100
_OPERANDS = frozenset(["dot", "field", "variable", "identifier", "bool", "number", "string", "raw", "char", "lparen"])


def parse(text: str, name: str, functions: Container[str]) -> tuple[Node, ...]:
    """The nodes of a template. Raises TemplateParseError."""
    if len(text) > MOST_TEXT:
        raise TemplateParseError(f"template: {name}:1: longer than {MOST_TEXT} characters")
    parser = _Parser(text, name, functions)
    nodes, end = parser.block("")
    if end is not None:
        raise parser.unexpected(end, "{{" + end.text + "}}")
    return nodes


class _Parser:
    def __init__(self, text: str, name: str, functions: Container[str]) -> None:
        self._text, self._name, self._functions = text, name, functions
        self._tokens = tokens(text, name)
        self._ahead: list[Token] = []
        self._variables = ["$"]
        self._depth = 0
        self._ranges = 0

    def _next(self) -> Token:
        return self._ahead.pop() if self._ahead else next(self._tokens)

    def _peek(self) -> Token:
        if not self._ahead:
            self._ahead.append(next(self._tokens))
        return self._ahead[-1]

    def _skip_blanks(self) -> Token:
        while self._peek().kind == "space":
            self._next()
        return self._peek()

    def fail(self, token: Token, problem: str) -> TemplateParseError:
        return fail(self._name, self._text, token.position, problem)

    def unexpected(self, token: Token, context: str) -> TemplateParseError:
        if context.startswith("{{"):
            return self.fail(token, f"unexpected {context}")
        return self.fail(token, f"unexpected {token} in {context}")

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.fail(token, f"nested deeper than {DEEPEST}")

    def block(self, context: str) -> tuple[tuple[Node, ...], Token | None]:
        """Nodes up to the end of the text, or to {{end}} or {{else}}, whose keyword is returned unread beyond it."""
        nodes: list[Node] = []
        while True:
            token = self._next()
            if token.kind == "text":
                nodes.append(Text(token.text))
            elif token.kind == "eof":
                if context:
                    raise self.fail(token, "unexpected EOF")
                return tuple(nodes), None
            else:
                word = self._skip_blanks()
                if word.kind == "keyword" and word.text in ("end", "else"):
                    return tuple(nodes), self._next()
                nodes.append(self._action(word))

    def _action(self, word: Token) -> Node:
        if word.kind == "keyword" and word.text in ("if", "with", "range"):
            return self._branch(self._next())
        if word.kind == "keyword" and word.text in ("break", "continue"):
            self._next()
            if not self._ranges:
                raise self.fail(word, f"{{{{{word.text}}}}} outside {{{{range}}}}")
            self._close(word.text)
            return Jump(word.text)
        if word.kind == "keyword" and word.text in ("define", "template", "block"):
            raise self.fail(word, f"{{{{{word.text}}}}} is not supported")
        return self._pipeline("command", "close")

    def _close(self, context: str) -> None:
        token = self._skip_blanks()
        if token.kind != "close":
            raise self.unexpected(token, context)
        self._next()

    def _branch(self, word: Token) -> Branch:
        self._enter(word)
        kept = len(self._variables)
        pipeline = self._pipeline(word.text, "close")
        self._ranges += word.text == "range"
        body, end = self.block(word.text)
        self._ranges -= word.text == "range"
        otherwise: tuple[Node, ...] = ()
        assert end is not None
        if end.text == "else":
            otherwise, end = self._otherwise(word)
        if end is not None:
            self._close("end")
        del self._variables[kept:]
        self._depth -= 1
        return Branch(word.text, pipeline, body, otherwise)

    def _otherwise(self, word: Token) -> tuple[tuple[Node, ...], Token | None]:
        """What follows {{else}}; {{else if}} and {{else with}} share the {{end}} of the branch inside."""
        following = self._skip_blanks()
        if following.kind == "keyword" and following.text == word.text and word.text in ("if", "with"):
            return (self._branch(self._next()),), None
        self._close("else")
        nodes, end = self.block(word.text)
        if end is not None and end.text == "else":
            raise self.fail(end, "expected end; found {{else}}")
        return nodes, end

    def _pipeline(self, context: str, end: str) -> Pipeline:
        start = self._skip_blanks()
        declares, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self._skip_blanks()
            if token.kind == end:
                self._next()
                break
            if token.kind == "close" and end == "rparen":
                raise self.fail(token, "unclosed left paren")
            if token.kind == "rparen":
                raise self.fail(token, "unexpected right paren")
            if token.kind not in _OPERANDS and not (token.kind == "keyword" and token.text == "nil"):
                raise self.unexpected(token, context)
            commands.append(self._command())
        self._check(commands, start, context)
        return Pipeline(commands[0].position, tuple(declares), assigns, tuple(commands))

    def _check(self, commands: list[Command], start: Token, context: str) -> None:
        if not commands:
            raise self.fail(start, f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.arguments[0], Literal | Dot):
                raise self.fail(start, f"non executable command in pipeline stage {stage}")

    def _declarations(self, context: str) -> tuple[list[str], bool]:
        """`$x :=`, `$x =` or `$i, $x :=` at the start of a pipeline."""
        names: list[str] = []
        token = self._skip_blanks()
        while token.kind == "variable":
            variable = self._next()
            following = self._skip_blanks_keeping()
            if following.kind in ("declare", "assign"):
                self._next()
                names.append(variable.text)
                if following.kind == "declare":
                    self._variables += names
                elif variable.text not in self._variables:
                    raise self.fail(variable, f'undefined variable "{variable.text}"')
                return names, following.kind == "assign"
            if following.kind == "comma" and context == "range" and not names:
                self._next()
                names.append(variable.text)
                token = self._skip_blanks()
                continue
            if names:
                raise self.fail(variable, "range can only initialize variables")
            self._put_back(variable)
            break
        if names:
            raise self.unexpected(token, context)
        return names, False

    def _skip_blanks_keeping(self) -> Token:
        """The token after blanks; the blanks are remembered, for an operand ends at them."""
        token = self._next()
        self._blank = token if token.kind == "space" else None
        self._ahead.append(self._next() if token.kind == "space" else token)
        return self._ahead[-1]

    def _put_back(self, token: Token) -> None:
        if self._blank is not None:
            self._ahead.append(self._blank)
        self._ahead.append(token)

    _blank: Token | None = None

    def _command(self) -> Command:
        start = self._skip_blanks()
        arguments: list[Operand] = []
        while True:
            self._skip_blanks()
            operand = self._operand()
            if operand is not None:
                arguments.append(operand)
            token = self._peek()
            if token.kind == "space":
                continue
            if token.kind == "pipe":
                self._next()
                break
            if token.kind in ("close", "rparen"):
                break
            raise self.unexpected(token, "operand")
        if not arguments:
            raise self.fail(start, "empty command")
        return Command(start.position, tuple(arguments))

    def _operand(self) -> Operand | None:
        term = self._term()
        if term is None or self._peek().kind != "field":
            return term
        second, names = self._peek().position, []
        while self._peek().kind == "field":
            names.append(self._next().text[1:])
        if isinstance(term, Field):
            return Field(second, (*term.names, *names))
        if isinstance(term, Variable):
            return Variable(second, term.name, tuple(names))
        if isinstance(term, Pipeline):
            return Chain(second, term, tuple(names))
        raise fail(self._name, self._text, second, f"unexpected . after term {json.dumps(str(term))}")

    def _term(self) -> Operand | None:
        token = self._peek()
        if token.kind == "identifier":
            if token.text not in self._functions:
                raise self.fail(token, f'function "{token.text}" not defined')
            return Function(self._next().position, token.text)
        if token.kind == "dot":
            return Dot(self._next().position)
        if token.kind == "field":
            return Field(self._next().position, (token.text[1:],))
        if token.kind == "variable":
            if token.text not in self._variables:
                raise self.fail(token, f'undefined variable "{token.text}"')
            return Variable(self._next().position, token.text, ())
        if token.kind == "lparen":
            self._enter(self._next())
            pipeline = self._pipeline("parenthesized pipeline", "rparen")
            self._depth -= 1
            return pipeline
        if token.kind in ("bool", "number", "string", "raw", "char") or token.text == "nil":
            return Literal(self._next().position, self._constant(token), token.text)
        return None

    def _constant(self, token: Token) -> Value:
        if token.kind == "bool":
            return token.text == "true"
        if token.kind == "raw":
            return token.text[1:-1]
        if token.kind in ("string", "char"):
            text = self._unquote(token)
            return ord(text) if token.kind == "char" else text
        if token.kind == "keyword":
            return None
        try:
            return _number(token.text.replace("_", "").lower())
        except ValueError:
            raise self.fail(token, f'bad number syntax: "{token.text}"') from None

    def _unquote(self, token: Token) -> str:
        body = token.text[1:-1]
        try:
            return _unescape(body, token.text[0])
        except ValueError:
            kind = "invalid syntax" if token.kind == "string" else f"malformed character constant: {token.text}"
            raise self.fail(token, kind) from None


def _number(text: str) -> int | float:
    """A Go number literal; a leading 0 is octal. Raises ValueError."""
    digits = text.lstrip("+-")
    if digits.startswith(("0x", "0b", "0o")):
        return int(text, 0)
    if digits.isdigit():
        return int(text, 8) if len(digits) > 1 and digits.startswith("0") else int(text)
    return float(text)


_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_HEX = {"x": 2, "u": 4, "U": 8}


def _unescape(body: str, quote: str) -> str:
    """The text of a Go string or rune literal. Raises ValueError."""
    out: list[str] = []
    position = 0
    while position < len(body):
        character = body[position]
        position += 1
        if character != "\\":
            out.append(character)
            continue
        letter = body[position]
        position += 1
        if letter == quote or letter in _SIMPLE:
            out.append(_SIMPLE.get(letter, letter))
        elif letter in _HEX:
            out.append(chr(int(body[position : position + _HEX[letter]], 16)))
            position += _HEX[letter]
        elif letter in "01234567":
            out.append(chr(int(body[position - 1 : position + 2], 8)))
            position += 2
        else:
            raise ValueError(letter)
    if quote == "'" and len(out) != 1:
        raise ValueError(body)
    return "".join(out)
