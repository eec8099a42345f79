"""YAML text as values with positions, within limits; variables and .env files."""

import pytest

from sampan.compose import dotenv
from sampan.compose.document import Mistake, Node, read
from sampan.compose.interpolation import filled
from sampan.compose.scalars import meaning
from sampan.errors import InvalidArgument


def plain(node: Node) -> object:
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("yes", "yes"), ("on", "on"), ("22:22", "22:22"),
        ("0", 0), ("-7", -7), ("0x1F", 31), ("0o17", 15), ("0777", 511), ("089", 89.0), ("1.5", 1.5), ("1e3", 1000.0),
        ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), ("9" * 5000, "9" * 5000), ("-", "-"),
    ],
)  # fmt: skip
def test_a_word_means_what_yaml_1_2_says(word: str, value: object) -> None:
    assert meaning(word) == value and type(meaning(word)) is type(value)


def test_values_know_where_they_begin() -> None:
    root = read(b"services:\n  web:\n    image: nginx\n    ports: ['80:80', 81]\n", "c.yaml")
    web = root.mapping("")["services"].mapping("services")["web"].mapping("")
    assert (web["image"].line, web["image"].column, web["image"].value) == (3, 12, "nginx")
    assert [(node.value, node.line, node.column) for node in web["ports"].sequence("")] == [
        ("80:80", 4, 13),
        (81, 4, 22),
    ]
    assert read(b"", "c.yaml").value is None


def test_anchors_merge_keys_and_quotes_are_followed() -> None:
    text = (
        b"x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {b: 4, <<: [{a: 5}, *x]}\nq: '1'\nn: {1: a, true: b}\nt: !!str 7\n"
    )
    assert plain(read(text, "c")) == {
        "x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 5, "b": 4}, "q": "1",
        "n": {"1": "a", "true": "b"}, "t": "7",
    }  # fmt: skip


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "more than 100000 values, aliases followed"),
        ("a: &a [*a]", r"c:1:8: \*a stands within the value"),
        ("a: *b", "unknown alias"),
        ("a: 1\nb: 2\na: 3", 'c:3:1: mapping key "a" already defined at line 1'),
        ("[" * 200_000, "nested more than 100 deep|exceeded maximum nesting depth"),
        ("{a: " * 5_000, "nested more than 100 deep|exceeded maximum nesting"),
        ("? " * 5_000, "nested more than 100 deep|a key must be a text"),
        ("? [a]\n: b", "a key must be a text"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: !!python/object/apply:os.system [id]", "unknown tag"),
        ("a: !!int x", "'x' is no !!int"),
        ("a:\n\t- b", "c:2:1: "),
        ("a: [1, 2", "c:2:1: "),
        ("a: b: c", "c:1:5: mapping values are not allowed"),
        ("<<: 7", "map merge requires"),
        ("a: \0", "cannot be read as YAML"),
    ],
    ids=range(16),
)
def test_what_is_wrong_or_hostile_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        read(text.encode(), "c")


def test_bytes_that_are_no_text_are_told_by_line() -> None:
    with pytest.raises(Mistake, match="c:2:4: is not UTF-8"):
        read(b"a: 1\nb: \xff", "c")
    with pytest.raises(InvalidArgument, match="larger than 1 MiB"):
        read(b" " * (1 << 21), "c")


VARIABLES = {"A": "1", "EMPTY": "", "B": "two"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("x$A-${B}", "x1-two"), ("$$A ${MISSING}", "$A "), ("${MISSING:-d}", "d"), ("${EMPTY:-d}${EMPTY-d}", "d"),
        ("${A:+r}${MISSING+r}${EMPTY:+r}${EMPTY+e}", "re"), ("${M:-${N:-$B}}", "two"), ("${A?no}", "1"),
        ("${A:-${M:?never asked for}}", "1"), ("a}b", "a}b"), ("${M:-a$$b}", "a$b"),
    ],
)  # fmt: skip
def test_variables_are_filled_in(text: str, result: str) -> None:
    assert filled(text, VARIABLES.get) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${", "invalid interpolation format"), ("$1", "invalid interpolation"), ("${A", "invalid interpolation"),
        ("${A!x}", "invalid interpolation"), ("${M:?say it}", "required variable M is missing a value: say it"),
        ("${M:-" * 50 + "}" * 50, "nested more than 20 deep"),
    ],
)  # fmt: skip
def test_a_variable_in_another_form_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        filled(text, VARIABLES.get)


def test_an_env_file_is_read_as_compose_reads_it() -> None:
    text = (
        "# first\nA=1 # c\nexport B=two\n\nC: three\nD='a $A # b'\n"
        'E="x\\n${A}\\$"\nF="two\nlines" # end\nG=a#b\nH=\nOUT\nNONE\r\n'
        "I=${Z:-$B}\r\n"
    )
    assert dotenv.parse(text, {"OUT": "o", "A": "9"}) == {
        "A": "1", "B": "two", "C": "three", "D": "a $A # b", "E": "x\n9$", "F": "two\nlines", "G": "a#b", "H": "",
        "OUT": "o", "I": "two",
    }  # fmt: skip
    for wrong, line in (("A=1\n=x", 2), ("A='x", 1), ('A="x"y', 1), ("\nA=${", 2)):
        with pytest.raises(InvalidArgument, match=rf"^\.env:{line}: "):
            dotenv.parse(wrong, {})
