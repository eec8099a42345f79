"""The times that a reproducible build writes."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sampan.builder import times
from sampan.builder.options import BuildOptions
from sampan.builder.outputs.wanted import Output
from sampan.builder.times import Times
from sampan.builder.work import dating
from sampan.errors import InvalidArgument


def _of(epoch: str | None = None, *, reproducible: bool = False, clamps: bool = False) -> Times | None:
    arguments = {} if epoch is None else {"SOURCE_DATE_EPOCH": epoch}
    outputs = (Output("image", clamps_times=True),) if clamps else ()
    return times.of(BuildOptions(build_args=arguments, reproducible=reproducible, outputs=outputs))


def test_a_build_has_the_times_of_the_clock_unless_it_is_asked() -> None:
    assert _of() is None
    assert _of("") is None


@pytest.mark.parametrize(
    ("found", "text", "files"),
    [
        (_of("1600000000"), "2020-09-13T12:26:40Z", ""),
        (_of("1600000000", clamps=True), "2020-09-13T12:26:40Z", "until 1600000000"),
        (_of("1600000000", reproducible=True), "2020-09-13T12:26:40Z", "all 1600000000"),
        (_of(reproducible=True), "1970-01-01T00:00:00Z", "all 0"),
    ],
)
def test_what_is_asked_decides_configuration_and_files(found: Times | None, text: str, files: str) -> None:
    assert found is not None
    assert (found.text, found.files) == (text, files)


@pytest.mark.parametrize("text", ["abc", "1.5", "0x10", "-1", "99999999999999999999", " 1", "1\n"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid source-date-epoch"):
        _of(text)


def test_clamping_files_needs_a_time() -> None:
    with pytest.raises(InvalidArgument, match="rewrite-timestamp needs SOURCE_DATE_EPOCH"):
        _of(clamps=True)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2019-01-01T00:00:00.5Z", "2019-01-01T00:00:00.5Z"),
        ("2020-09-13T12:26:40Z", "2020-09-13T12:26:40Z"),
        ("2020-09-13T12:26:40.000Z", "2020-09-13T12:26:40.000Z"),
        ("2020-09-13T12:26:40.001Z", "2020-09-13T12:26:40Z"),
        ("2021-01-01T00:00:00+00:00", "2020-09-13T12:26:40Z"),
        ("", ""),
        ("yesterday", "yesterday"),
    ],
)
def test_no_time_of_the_base_is_later(created: str, expected: str) -> None:
    assert times.clamped(created, "2020-09-13T12:26:40Z") == expected


@given(some.integers(0, 253402300799))
def test_every_second_is_written_so_that_it_compares(seconds: int) -> None:
    text = Times(seconds).text
    assert len(text) == 20
    assert times.clamped(text, text) == text


@pytest.mark.parametrize(
    ("wanted", "old"), [(Times(1000, clamps_files=True), 5), (Times(1000, fixes_files=True), 1000)]
)
def test_the_files_of_a_layer_are_dated_and_links_are_not_followed(tmp_path: Path, wanted: Times, old: int) -> None:
    outside = tmp_path / "outside"
    outside.write_text("")
    layer = tmp_path / "layer"
    (layer / "folder/deep").mkdir(parents=True)
    (layer / "folder/old").write_text("")
    (layer / "folder/deep/file").write_text("")
    (layer / "link").symlink_to(outside)
    os.utime(layer / "folder/old", (5, 5))
    before = outside.stat().st_mtime_ns
    dating.date(str(layer), wanted)
    assert outside.stat().st_mtime_ns == before
    assert (layer / "folder/old").stat().st_mtime == old
    for path in (layer, layer / "folder", layer / "folder/deep", layer / "folder/deep/file", layer / "link"):
        assert os.lstat(path).st_mtime == 1000
