"""Go templates: what docker's --format prints and how it complains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cli.gotemplate import Record, Settings, Template, TemplateError, TemplateParseError, Value, to_json

VALUE: dict[str, Value] = {
    "Name": "web<",
    "Id": 3,
    "Part": 1.5,
    "On": True,
    "Nothing": None,
    "Labels": {"role": "front", "a.b": "x"},
    "Items": [1, 2, 3],
    "Mounts": [{"Source": "/a", "RW": True}, {"Source": "/b", "RW": False}],
    "Words": ["x", "y"],
}


def render(text: str, value: Value = None, settings: Settings | None = None) -> str:
    return Template(text, settings=settings).execute(VALUE if value is None else value)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("{{.Name}}", "web<"),
        ("{{.Labels.role}}", "front"),
        ("{{.Nope}}", "<no value>"),
        ("{{.Nothing}}", "<no value>"),
        ('{{index .Labels "a.b"}}', "x"),
        ('{{index .Labels "nope"}}|', "|"),
        ("{{index .Items 1}}", "2"),
        ("{{(index .Mounts 0).Source}}", "/a"),
        ("{{range .Mounts}}{{.Source}};{{end}}", "/a;/b;"),
        ("{{range $i, $m := .Mounts}}{{$i}}{{$m.Source}} {{$.Name}};{{end}}", "0/a web<;1/b web<;"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "a.b=x,role=front,"),
        ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
        ("{{range .Items}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}", "13"),
        ("{{range .Items}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}", "1"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{if .On}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Nothing}}a{{else if .On}}b{{else}}c{{end}}", "b"),
        ("{{with .Labels}}{{.role}}{{else}}none{{end}}", "front"),
        ("{{$x := .Id}}{{$x}}{{$x = 4}}{{$x}}", "34"),
        ("{{json .Labels}}", '{"role":"front","a.b":"x"}'),
        ("{{json .Name}}", '"web\\u003c"'),
        ('{{join .Words ", "}}', "x, y"),
        ('{{split "a,b" ","}}', "[a b]"),
        ("{{.Name | upper | lower}}", "web<"),
        ('{{title "hello big world"}}', "Hello Big World"),
        ("{{pad .Name 1 2}}|{{truncate .Name 2}}", " web<  |we"),
        ("{{println .Id .On}}", "3 true\n"),
        ('{{print 1 2 "a" "b" 3}}', "1 2ab3"),
        (
            '{{printf "%s-%5d-%-5s|%q %v %t %05d %x" .Name .Id "a" "b" .Part .On 42 255}}',
            'web<-    3-a    |"b" 1.5 true 00042 ff',
        ),
        ('{{printf "%d" .Name}}', "%!d(string=web<)"),
        ('{{printf "%s"}}', "%!s(MISSING)"),
        ('{{printf "a" 1}}', "a%!(EXTRA int=1)"),
        ("{{len .Items}}{{len .Name}}", "34"),
        ("{{slice .Name 1 3}}", "eb"),
        ("{{and .On .Id}} {{or .Nothing 0 7}} {{not .On}}", "3 7 false"),
        (
            "{{eq .Id 1 3}} {{ne .Id 3}} {{lt 1 2}} {{le 2 2}} {{gt 1.5 2.5}} {{ge 2 2}}",
            "true false true true false true",
        ),
        ("{{.Items}} {{.Words}}", "[1 2 3] [x y]"),
        ("{{.Labels}}", "map[a.b:x role:front]"),
        ("a {{- .Id -}} b", "a3b"),
        ("{{/* a comment */}}x", "x"),
        ("{{`raw\\n`}}{{'a'}}{{0x10}} {{1e3}}", "raw\\n9716 1000"),
        ('{{"a\\tb"}}', "a\tb"),
        ("{{.Id | }}", "3"),
    ],
)
def test_a_template_prints_what_gos_does(text: str, result: str) -> None:
    assert render(text) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{", "template: :1: unclosed action"),
        ("{{.Id", "template: :1: unclosed action"),
        ("\n{{.Id", "template: :2: unclosed action"),
        ("{{nope .Id}}", 'template: :1: function "nope" not defined'),
        ("{{$x}}", 'template: :1: undefined variable "$x"'),
        ("{{if}}{{end}}", "template: :1: missing value for if"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{|}}", 'template: :1: unexpected "|" in command'),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{if .On}}", "template: :1: unexpected EOF"),
        ("{{if .On}}a{{else}}b{{else}}c{{end}}", "template: :1: expected end; found {{else}}"),
        ("{{(.Id}}", "template: :1: unclosed left paren"),
        ("{{.Id)}}", "template: :1: unexpected right paren"),
        ("{{.I}", "template: :1: bad character U+007D '}'"),
        ("{{@}}", 'template: :1: unexpected "@" in command'),
        ('{{"abc}}', "template: :1: unterminated quoted string"),
        ("{{/* a", "template: :1: unclosed comment"),
        ("{{break}}", "template: :1: {{break}} outside {{range}}"),
        ("{{.Id | 3}}", "template: :1: non executable command in pipeline stage 2"),
    ],
)
def test_a_template_that_cannot_be_read_is_refused_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(TemplateParseError) as caught:
        render(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{.Nothing.X}}", 'template: :1:10: executing "" at <.Nothing.X>: nil pointer evaluating interface {}.X'),
        ("{{.Name.X}}", 'template: :1:7: executing "" at <.Name.X>: can\'t evaluate field X in type interface {}'),
        (
            "{{index .Items 9}}",
            'template: :1:2: executing "" at <index .Items 9>: error calling index: index out of range: 9',
        ),
        ("{{1 2}}", 'template: :1:2: executing "" at <1>: can\'t give argument to non-function 1'),
        (
            '{{eq .Id "x"}}',
            'template: :1:2: executing "" at <eq .Id "x">: error calling eq: incompatible types for comparison',
        ),
        (
            '{{join .Name ","}}',
            'template: :1:7: executing "" at <.Name>: wrong type for value; expected []string; got string',
        ),
        ("{{lower 1}}", 'template: :1:8: executing "" at <1>: expected string; found 1'),
        ("{{len}}", 'template: :1:2: executing "" at <len>: wrong number of args for len: want 1 got 0'),
    ],
)
def test_a_template_that_does_not_fit_is_refused_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert caught.value.message == message


def test_a_missing_key_is_an_error_where_asked_for_but_not_in_a_map_with_free_keys() -> None:
    settings = Settings(missing_is_error=True, open_maps=frozenset(["Labels"]))
    assert render("{{.Labels.nope}}", settings=settings) == "<no value>"
    with pytest.raises(TemplateError) as caught:
        render("a{{.State.Health.Status}}", {"State": {}}, settings)
    assert caught.value.message == (
        'template: :1:9: executing "" at <.State.Health.Status>: map has no entry for key "Health"'
    )
    assert caught.value.output == "a"


def test_dicts_that_are_structs_print_as_structs() -> None:
    settings = Settings(open_maps=frozenset(["Labels"]))
    value: Value = {"State": {"Status": "up", "Labels": {"b": "2", "a": "1"}, "Ports": None}}
    assert render("{{.State}}", value, settings) == "{up map[a:1 b:2] <nil>}"


def test_a_record_names_its_type_and_has_methods() -> None:
    record = Record("*formatter.ContainerContext", {"ID": "1", "Label": lambda key: f"label {key}"})
    assert render('{{.ID}} {{.Label "role"}} {{json .}}', record) == '1 label role {"ID":"1"}'
    with pytest.raises(TemplateError, match=r"can't evaluate field Nope in type \*formatter\.ContainerContext"):
        render("{{.Nope}}", record)


def test_json_is_escaped_as_gos_encoder_does() -> None:
    assert to_json({"a": "<&>\u2028é"}) == '{"a":"\\u003c\\u0026\\u003e\\u2028é"}'
    assert to_json([{"a": None}], indent=4) == '[\n    {\n        "a": null\n    }\n]'


def test_nesting_length_and_output_are_limited() -> None:
    for text in ("{{if 1}}" * 101, "x" * 70000, "{{" + "(" * 200):
        with pytest.raises(TemplateParseError):
            render(text)
    with pytest.raises(TemplateError, match="more than"):
        render("{{range 9999999}}{{range 9999999}}{{end}}{{end}}")
    assert render('{{printf "%9999999d" 1}}') == "%!(BADWIDTH)"


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        ".",
        ".Name",
        "$x",
        " ",
        "|",
        "(",
        ")",
        "range",
        "if",
        "end",
        "else",
        ":=",
        "=",
        ",",
        "1",
        '"a"',
        "json",
        "-",
        "x",
        "'",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_a_template_or_a_template_error(text: str) -> None:
    try:
        render(text)
    except TemplateError as error:
        assert error.message.startswith("template: ")


@given(st.text(max_size=30))
def test_text_without_braces_is_printed_as_it_is(text: str) -> None:
    if "{{" not in text:
        assert render(text) == text
