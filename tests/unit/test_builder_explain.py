"""Why a step misses the cache, and what decides a step at all."""

import time

import pytest

from sampan.builder.cache import explain
from sampan.builder.cache import key as cachekey
from sampan.builder.cache.key import Content, Facts, StepInputs

FILES: Facts = (("src", "d 755 "), ("src/app.py", "f 644 aaaa"), ("src/b.py", "f 644 bbbb"))


def inputs(
    words: str = "COPY . .",
    action: str = "copy",
    facts: Facts = (),
    parent: str = "image 1",
    files: Facts | None = FILES,
    origin: str = "",
) -> StepInputs:
    content = Content(str(files), files) if files is not None else None
    return StepInputs(words, action, facts, parent, content, origin)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (inputs("COPY a .", "copy a"), ". -> a"),
        (inputs("COPY . . x"), "x added"),
        (inputs("COPY ."), ". removed"),
        (inputs("COPY  . ."), "its blanks changed"),
        (inputs(facts=(("ARG VERSION", "2"),)), "ARG VERSION changed 1 -> 2"),
        (inputs(facts=(("ARG VERSION", "1"), ("ENV X", "y"))), "ENV X added"),
        (inputs(facts=()), "ARG VERSION removed"),
        (inputs(facts=(("ARG VERSION", ""),)), "ARG VERSION changed 1 -> empty"),
    ],
)
def test_the_instruction_and_what_is_around_it_come_first(wanted: StepInputs, reason: str) -> None:
    nearest = inputs(facts=(("ARG VERSION", "1"),))
    changed = wanted._replace(parent="image 2", content=None)
    assert explain.explain_miss(changed, nearest, "base image changed").reason == reason


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ((FILES[0], ("src/app.py", "f 644 cccc"), FILES[2]), "src/app.py changed"),
        ((FILES[0], ("src/app.py", "f 644 cccc"), ("src/b.py", "f 644 c")), "src/app.py changed, src/b.py changed"),
        ((*FILES, ("a", "f 644 x"), ("z", "f 644 y"), ("zz", "l 777 q")), "a added, z added, zz added"),
        (
            (*FILES, ("a", "f 644 x"), ("b", "f 644 x"), ("c", "f 644 x"), ("d", "f 644 x")),
            "a added, b added, c added and 1 other file",
        ),
        (FILES[:2], "src/b.py removed"),
        ((FILES[0], ("src/app.py", "f 755 aaaa"), FILES[2]), "src/app.py mode changed 644 -> 755"),
        ((("src", "d 700 "), *FILES[1:]), "src mode changed 755 -> 700"),
        ((("src", "d 700 "), FILES[1], ("src/b.py", "f 644 q")), "src/b.py changed, src mode changed 755 -> 700"),
    ],
)
def test_changed_files_are_named(files: Facts, reason: str) -> None:
    miss = explain.explain_miss(inputs(files=files, parent="image 2"), inputs(), "base image changed")
    assert miss.reason == reason
    assert miss.files == tuple(sorted(miss.files))


def test_the_parent_is_the_last_reason() -> None:
    assert explain.explain_miss(inputs(parent="x"), inputs(), "parent step 3 rebuilt").reason == "parent step 3 rebuilt"
    assert explain.explain_miss(inputs(), inputs(), "").reason == "its stored result is gone"
    assert explain.explain_miss(inputs(), None, "").reason == "never built here"


def test_the_nearest_is_the_one_that_differs_least() -> None:
    wanted = inputs(parent="new")
    others = [
        ("other instruction", inputs("RUN x", "run")),
        ("other words", inputs("COPY a .", "copy a")),
        ("same but parent", inputs(parent="old")),
    ]
    assert explain.nearest_of(wanted, others) == "same but parent"
    assert explain.nearest_of(inputs("WORKDIR /x"), others) == ""


def test_a_key_follows_from_what_is_done_where_and_with_which_content() -> None:
    same = inputs().key
    assert inputs(words="COPY  .  .").key == same, "blanks of the instruction do not count"
    assert inputs(facts=(("ARG X", "1"),)).key == same, "what is not used does not count"
    others = [inputs(action="x"), inputs(parent="x"), inputs(files=FILES[:1]), inputs(origin="x")]
    assert len({same, *(other.key for other in others)}) == 5


def test_inputs_are_read_back_with_and_without_their_files() -> None:
    text = cachekey.to_text(inputs())
    assert cachekey.from_text(text) == inputs()
    head = text[: text.index("\n") + 1]
    assert cachekey.from_text(head).content == Content(str(FILES), ())


def test_of_a_text_of_many_lines_the_first_that_differs_is_told() -> None:
    wanted = inputs(facts=(("the script", "a\nb\nc"),))
    nearest = inputs(facts=(("the script", "a\nx\nc"),))
    assert explain.explain_miss(wanted, nearest, "").reason == "the script changed x -> b"


def test_an_owner_that_changed_is_told() -> None:
    wanted, nearest = inputs(files=(("a", "f 644 1:1 c"),)), inputs(files=(("a", "f 644 0:0 c"),))
    assert explain.explain_miss(wanted, nearest, "").reason == "a owner changed 0:0 -> 1:1"


@pytest.mark.parametrize(
    ("nearest", "reason"),
    [
        ("", "base image changed"),
        ("busybox:1 sha256:00", "FROM busybox:1 -> busybox:2"),
        ("busybox:2 sha256:aabbccddeeff0011", "busybox:2 moved aabbccddeeff -> 112233445566, pulled 2 h ago"),
    ],
)
def test_another_base_is_named(nearest: str, reason: str) -> None:
    since = time.time_ns() - 2 * 3600 * 10**9
    assert explain.base_reason("busybox:2 sha256:1122334455667788", nearest, since, is_pulled=True) == reason


def test_of_steps_that_differ_as_much_the_one_with_the_most_words_in_common_is_compared() -> None:
    stored = [("one", inputs("RUN wc -l list", "run")), ("two", inputs("RUN touch x", "run"))]
    assert explain.nearest_of(inputs("RUN touch y", "run", parent="image 2"), stored) == "two"
