"""Values of secrets are found wherever they stand."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.builder.mounts import leaks
from sampan.builder.mounts.leaks import Search
from sampan.oci.config import ContainerConfig, History, ImageConfig

WANTED = leaks.needles({"token": b"hush-hush-42\n", "short": b"1234567", "key": b"0123456789" * 10})


def test_short_values_are_not_looked_for_and_blanks_at_the_ends_do_not_count() -> None:
    assert [name for name, _ in WANTED] == ["token", "key"]
    assert WANTED[0][1] == b"hush-hush-42"


@given(
    st.binary(max_size=60), st.sampled_from(WANTED), st.binary(max_size=60), st.lists(st.integers(1, 40), min_size=1)
)
def test_a_value_is_found_however_the_bytes_are_cut(
    before: bytes, needle: tuple[str, bytes], after: bytes, cuts: list[int]
) -> None:
    search = Search(WANTED)
    rest = before + needle[1] + after
    for cut in cuts * len(rest):
        if not rest:
            break
        search.feed(rest[:cut])
        rest = rest[cut:]
    assert search.found is not None


@given(st.lists(st.binary(max_size=30)))
def test_what_is_not_there_is_not_found(pieces: list[bytes]) -> None:
    search = Search(WANTED)
    for piece in pieces:
        search.feed(piece)
    joined = b"".join(pieces)
    assert (search.found is not None) == any(value in joined for _, value in WANTED)


def test_the_file_of_a_value_is_named(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    os.mkfifo(tmp_path / "a-pipe")
    (tmp_path / "a-link").symlink_to("/proc/self/environ")
    large = tmp_path / "d" / "e" / "large"
    large.write_bytes(b"x" * ((1 << 20) - 5) + b"hush-hush-42" + b"y" * 100)
    assert leaks.locate(str(tmp_path), b"hush-hush-42") == "/d/e/large"
    (tmp_path / "b-link").symlink_to("hush-hush-42")
    assert leaks.locate(str(tmp_path), b"hush-hush-42") == "/b-link"
    assert leaks.locate(str(tmp_path), b"nowhere-to-be-found") == ""


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (ContainerConfig(env=("A=b", "T=xhush-hush-42")), "ENV T"),
        (ContainerConfig(labels={"l": "hush-hush-42"}), "LABEL l"),
        (ContainerConfig(cmd=("run", "--token=hush-hush-42")), "CMD"),
        (ContainerConfig(entrypoint=("hush-hush-42",)), "ENTRYPOINT"),
        (ContainerConfig(), ""),
    ],
)
def test_a_configuration_says_where(config: ContainerConfig, place: str) -> None:
    image = ImageConfig(architecture="amd64", os="linux", config=config, diff_ids=())
    assert leaks.in_config(image, WANTED) == (("token", place) if place else ("", ""))


def test_a_line_of_history_is_shown_without_the_value() -> None:
    line = History("", "RUN /bin/sh -c login hush-hush-42 # buildkit")
    image = ImageConfig(architecture="amd64", os="linux", config=ContainerConfig(), diff_ids=(), history=(line,))
    assert leaks.in_config(image, WANTED) == ("token", "the history, RUN /bin/sh -c login *** # buildkit")
