"""The flag parser follows pflag as docker's CLI uses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cli import kinds
from sampan.cli.flags import Flag, FlagConflict, FlagProblem, HelpWanted, parse
from sampan.spelling import distance, nearest

FLAGS = (
    Flag("interactive", kinds.BOOL, "", "i"),
    Flag("tty", kinds.BOOL, "", "t"),
    Flag("rm", kinds.BOOL, "", excludes=("restart",)),
    Flag("restart", kinds.STRING, "", default="no"),
    Flag("name", kinds.STRING, ""),
    Flag("publish", kinds.LIST, "", "p"),
    Flag("network", kinds.LIST, ""),
    Flag("net", kinds.LIST, "", sets="network", hidden=True),
    Flag("memory", kinds.BYTES, "", "m"),
    Flag("time", kinds.INT, "", "n", deprecated="use --timeout instead"),
    Flag("annotation", kinds.MAP, ""),
    Flag("subnet", kinds.SLICE, ""),
)


def test_short_flags_join_and_the_last_takes_the_next_word() -> None:
    parsed = parse(FLAGS, ["-itp", "80:80", "image", "-x"], interspersed=False)
    assert parsed.boolean("interactive") and parsed.boolean("tty")
    assert parsed.strings("publish") == ("80:80",)
    assert parsed.arguments == ["image", "-x"]


@pytest.mark.parametrize(
    "words", [["-p80:80"], ["-p=80:80"], ["-p", "80:80"], ["--publish=80:80"], ["--publish", "80:80"]]
)
def test_a_value_may_stand_in_five_places(words: list[str]) -> None:
    assert parse(FLAGS, words).strings("publish") == ("80:80",)


def test_a_switch_can_be_turned_off_and_does_not_eat_the_next_word() -> None:
    parsed = parse(FLAGS, ["--rm=false", "--tty", "false"])
    assert (parsed.boolean("rm"), parsed.boolean("tty"), parsed.arguments) == (False, True, ["false"])


def test_words_between_flags_are_arguments_where_flags_may_be_interspersed() -> None:
    assert parse(FLAGS, ["a", "--rm", "b", "--", "--tty"]).arguments == ["a", "b", "--tty"]
    assert parse(FLAGS, ["a", "--rm"], interspersed=False).arguments == ["a", "--rm"]


def test_a_lone_dash_is_an_argument() -> None:
    assert parse(FLAGS, ["-"]).arguments == ["-"]


def test_lists_gather_maps_merge_and_others_keep_the_last() -> None:
    parsed = parse(FLAGS, ["-p1", "-p2", "--annotation", "a=1", "--annotation", "b", "--name", "x", "--name", "y"])
    assert parsed.strings("publish") == ("1", "2")
    assert parsed.mapping("annotation") == {"a": "1", "b": ""}
    assert parsed.string("name") == "y"


def test_a_slice_splits_at_commas() -> None:
    assert parse(FLAGS, ["--subnet", "a,b", "--subnet", "c"]).strings("subnet") == ("a", "b", "c")


def test_an_alias_sets_the_flag_that_it_stands_for() -> None:
    parsed = parse(FLAGS, ["--net", "a", "--network", "b"])
    assert parsed.strings("network") == ("a", "b") and parsed.is_given("network")


def test_a_flag_that_is_not_given_has_its_default() -> None:
    parsed = parse(FLAGS, [])
    assert (parsed.string("restart"), parsed.integer("memory"), parsed.strings("publish")) == ("no", 0, ())
    assert not parsed.is_given("restart")


def test_a_deprecated_flag_warns() -> None:
    assert parse(FLAGS, ["--time", "3"]).warnings == ["Flag --time has been deprecated, use --timeout instead"]


def test_flags_that_exclude_each_other_are_a_conflict() -> None:
    with pytest.raises(FlagConflict, match="cannot specify both --rm and --restart"):
        parse(FLAGS, ["--rm", "--restart", "always"])


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["-ih"]])
def test_help_can_be_asked_for(words: list[str]) -> None:
    with pytest.raises(HelpWanted):
        parse(FLAGS, words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nonsense"], "unknown flag: --nonsense"),
        (["--nonsense=1"], "unknown flag: --nonsense"),
        (["-Z"], "unknown shorthand flag: 'Z' in -Z"),
        (["-iZx"], "unknown shorthand flag: 'Z' in -Zx"),
        (["--=x"], "bad flag syntax: --=x"),
        (["---x"], "bad flag syntax: ---x"),
        (["--name"], "flag needs an argument: --name"),
        (["-im"], "flag needs an argument: 'm' in -m"),
        (["-m", "lots"], 'invalid argument "lots" for "-m, --memory" flag: invalid size: \'lots\''),
        (
            ["--rm=perhaps"],
            'invalid argument "perhaps" for "--rm" flag: strconv.ParseBool: parsing "perhaps": invalid syntax',
        ),
        (["-n", "x"], 'invalid argument "x" for "-n, --time" flag: strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
def test_a_command_line_that_cannot_be_read_is_answered_in_dockers_words(words: list[str], message: str) -> None:
    with pytest.raises(FlagProblem) as caught:
        parse(FLAGS, words)
    assert caught.value.message == message


def test_a_near_spelling_is_suggested() -> None:
    with pytest.raises(FlagProblem) as caught:
        parse(FLAGS, ["--pubish", "80"])
    assert caught.value.suggestion == "--publish"
    assert nearest("nonsense", ["run", "exec"]) == ""
    assert nearest("rnu", ["rm", "run"]) == "run"


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_symmetric_and_zero_only_for_equals(left: str, right: str) -> None:
    assert distance(left, right, 99) == distance(right, left, 99)
    assert (distance(left, right, 99) == 0) == (left == right)


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_command_line_is_read_or_refused(words: list[str]) -> None:
    try:
        parsed = parse(FLAGS, words)
    except (FlagProblem, HelpWanted):
        return
    assert len(parsed.arguments) <= len(words)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("64m", 64 << 20), ("64M", 64 << 20), ("1.5g", 3 << 29), ("2KiB", 2048), ("10 kb", 10240), ("7b", 7)],
)
def test_sizes_are_binary(text: str, size: int) -> None:
    assert kinds.read_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-5", "1x", "m", "1.2.3", "1 2k"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"invalid size: '{text}'"):
        kinds.read_size(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0", 0), ("1s", 10**9), ("1h30m", 5400 * 10**9), ("1.5s", 1500 * 10**6), ("-2ms", -2 * 10**6), (".5us", 500)],
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    assert kinds.read_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", 'time: missing unit in duration "1"'),
        ("", 'time: invalid duration ""'),
        ("1y", 'time: unknown unit "y" in duration "1y"'),
        ("s", 'time: invalid duration "s"'),
    ],
)
def test_what_is_no_duration_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        kinds.read_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1", 10**9), ("1.5", 15 * 10**8), (".25", 25 * 10**7), ("1/2", 5 * 10**8), ("-1", -(10**9)), ("1e-1", 10**8)],
)
def test_cpus_are_rational_numbers(text: str, nano: int) -> None:
    assert kinds.read_cpus(text) == nano


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("many", "failed to parse many as a rational number"),
        ("1/3", "value is too precise"),
        ("1/0", "failed to parse 1/0 as a rational number"),
    ],
)
def test_what_is_no_number_of_cpus_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kinds.read_cpus(text)


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("-1", -1), ("0x10", 16), ("010", 8), ("0b11", 3), ("1_000", 1000)]
)
def test_integers_are_gos(text: str, number: int) -> None:
    assert kinds.read_integer(text) == number


def test_an_integer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r'strconv\.ParseInt: parsing "9223372036854775808": value out of range'):
        kinds.read_integer(str(1 << 63))
