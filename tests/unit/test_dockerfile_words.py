"""Expansion, word splitting, durations, ports and mounts of Dockerfile words."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dockerfile import mounts, ports, words
from sampan.dockerfile.duration import parse_duration
from sampan.dockerfile.mounts import Mount, MountError
from sampan.errors import InvalidArgument

VALUES = {"a": "abcabc", "empty": "", "two": "x  y", "path": "/usr/local/bin", "star": "a*b", "u_1": "ok"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$a", "abcabc"),
        ("${a}z", "abcabcz"),
        ("$az", ""),
        ("$u_1-", "ok-"),
        ("$", "$"),
        ("$ a", "$ a"),
        ("a$.", "a$."),
        ("$1x", "x"),
        ("$?", ""),
        ("$$a", "a"),
        ("${none:-w}", "w"),
        ("${empty:-w}", "w"),
        ("${empty-w}", ""),
        ("${none-w}", "w"),
        ("${none:-${empty:-$a}}", "abcabc"),
        ("${a:+w}", "w"),
        ("${empty:+w}", ""),
        ("${empty+w}", "w"),
        ("${none+w}", ""),
        ("${a:?no}", "abcabc"),
        ("${empty?no}", ""),
        ("${a#*b}", "cabc"),
        ("${a##*b}", "c"),
        ("${a%b*}", "abca"),
        ("${a%%b*}", "a"),
        ("${a#x}", "abcabc"),
        ("${path##*/}", "bin"),
        ("${path%/*}", "/usr/local"),
        (r"${star#a\*}", "b"),
        ("${a/b/X}", "aXcabc"),
        ("${a//b/X}", "aXcaXc"),
        ("${a//b*/X}", "aX"),
        ("${a/?/}", "bcabc"),
        (r"${path//\//.}", ".usr.local.bin"),
        ("${a/x/}", "abcabc"),
        ("'$a'", "$a"),
        ('"$a"', "abcabc"),
        ('"a\'b"', "a'b"),
        ("a'b c'd", "ab cd"),
        (r"\$a", "$a"),
        (r'"\$a \" \\ \n"', '$a " \\ \\n'),
        (r"\a\\", "a\\"),
        ("a\\", "a"),
        ("''", ""),
    ],
)
def test_a_word_expands_as_in_a_dockerfile(text: str, expected: str) -> None:
    assert words.expand(text, VALUES.get) == expected


def test_the_escape_character_is_the_one_of_the_directive() -> None:
    assert words.expand("`$a C:\\x", VALUES.get, "`") == "$a C:\\x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${", "syntax error: missing '}'"),
        ("${a", "syntax error: missing '}'"),
        ("${a:-", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:x}", "syntax error: bad substitution"),
        ("${{a}}", "syntax error: bad substitution"),
        ("${a^b}", "unsupported modifier (^) in substitution"),
        ("${a:#b}", "unsupported modifier (:#) in substitution"),
        ("${a/b}", "syntax error: missing '/' in ${}"),
        ("${none:?}", "none: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${none?set it}", "none: set it"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        (r"${a#\q}", r"invalid pattern (\q) in substitution: invalid escape '\q'"),
    ],
)
def test_a_malformed_word_is_refused_with_the_word_and_the_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        words.expand(text, VALUES.get)
    assert caught.value.message == f"failed to process {words.quote(text)}: {message}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$two z", ("x", "y", "z")),
        ('"$two" z', ("x  y", "z")),
        (r"a\ b c", ("a b", "c")),
        ("'' a", ("a",)),
        ("", ()),
    ],
)
def test_words_split_at_blanks_of_values_but_not_at_quoted_ones(text: str, expected: tuple[str, ...]) -> None:
    assert words.split_words(text, VALUES.get) == expected


def test_a_document_keeps_its_quotes() -> None:
    assert words.expand_document('it\'s "$a" \\$a\n', VALUES.get) == 'it\'s "abcabc" $a\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a $b ${c} ${d:-$e} \\$f", {"b", "c", "d", "e", "f"}),
        ("$1 $$x ${} $ $-", {"x"}),
        ("for i in $(ls); do ${x^^}", {"x"}),
        ("", set()),
    ],
)
def test_used_names_are_all_that_a_text_mentions(text: str, expected: set[str]) -> None:
    assert words.used_names(text) == expected


@given(st.text(alphabet="$${}}ab:-+?#%/\\'\"* `<1_é\n", max_size=40))
def test_expansion_gives_a_text_or_a_clear_refusal(text: str) -> None:
    for escape in "\\`":
        try:
            assert isinstance(words.expand(text, VALUES.get, escape), str)
            words.split_words(text, VALUES.get, escape)
            words.expand_document(text, VALUES.get)
        except InvalidArgument as error:
            assert error.message.startswith("failed to process")
    words.raw_words(text)


@given(st.text(alphabet=string.ascii_letters + " '\"\\`", max_size=20))
def test_a_text_without_dollar_is_the_same_whatever_the_variables_are(text: str) -> None:
    try:
        assert words.expand(text, {}.get) == words.expand(text, VALUES.get)
    except InvalidArgument:
        assert "'" in text or '"' in text


def test_deeply_nested_substitutions_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="bad substitution"):
        words.expand("${a:+" * 5000 + "}" * 5000, VALUES.get)


def test_a_pattern_of_many_stars_takes_no_exponential_time() -> None:
    assert words.expand("${v#" + "*a" * 50 + "b}", {"v": "a" * 2000}.get) == "a" * 2000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30 * 10**9), ("1m30s", 90 * 10**9), ("1.5h", 5400 * 10**9), ("100ms", 10**8), ("0", 0), ("-1s", -(10**9)),
     (".5s", 5 * 10**8), ("1us", 1000), ("1µs", 1000), ("+2ns", 2)],
)  # fmt: skip
def test_a_duration_is_read_as_go_does(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("s", 'time: invalid duration "s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1x", 'time: unknown unit "x" in duration "1x"'),
        ("99999999h", 'time: invalid duration "99999999h"'),
        ("1s ", 'time: unknown unit "s " in duration "1s "'),
        (".s", 'time: invalid duration ".s"'),
    ],
)
def test_a_bad_duration_is_refused_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("80", ("80/tcp",)),
        ("53/UDP", ("53/udp",)),
        ("8000-8002/tcp", ("8000/tcp", "8001/tcp", "8002/tcp")),
        ("127.0.0.1:80:8080", ("8080/tcp",)),
    ],
)
def test_an_exposed_port_is_spelled_out(word: str, expected: tuple[str, ...]) -> None:
    assert ports.exposed(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/x", Mount(target="/x")),
        ("type=bind,src=a,dst=/x,rw", Mount(source="a", target="/x", read_only=False)),
        ("target=/x,from=base,readonly=false", Mount(target="/x", from_="base", read_only=False)),
        ("type=cache,target=/c,sharing=locked,mode=0750,uid=1,gid=2",
         Mount("cache", "/c", read_only=False, sharing="locked", mode=0o750, uid=1, gid=2)),
        ("type=tmpfs,target=/t,size=2m", Mount("tmpfs", "/t", read_only=False, size_bytes=2 << 20)),
        ("type=secret,id=k", Mount("secret", "/run/secrets/k", read_only=False, id="k")),
        ("type=secret,target=/a/k,required", Mount("secret", "/a/k", read_only=False, id="k", required=True)),
        ("type=secret,id=k,env=K", Mount("secret", "", read_only=False, id="k", env="K")),
        ("type=ssh", Mount("ssh", "", read_only=False, id="default")),
        ('type=bind,"target=/a,b"', Mount(target="/a,b")),
    ],
)  # fmt: skip
def test_a_mount_is_read_with_its_defaults(text: str, expected: Mount) -> None:
    assert mounts.parse_mount(text) == expected


def test_the_values_of_a_mount_expand_but_not_its_stage() -> None:
    mount = mounts.parse_mount("target=$path/x", lambda text: words.expand(text, VALUES.get))

    assert mount.target == "/usr/local/bin/x"
    with pytest.raises(MountError, match="'from' doesn't support variable expansion, define alias stage instead"):
        mounts.parse_mount("target=/x,from=$a")


@given(st.text(alphabet='type=bindcacheseroidgmu,"/.0$', max_size=40))
def test_a_mount_is_read_or_refused(text: str) -> None:
    for read in (mounts.parse_mount, mounts.check, mounts.stage_of):
        try:
            read(text)
        except MountError as error:
            assert error.message
