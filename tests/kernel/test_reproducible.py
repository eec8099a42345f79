"""Builds that give the same digest twice: on another root, another day, from other copies of the files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied

DOCKERFILE = """FROM busybox AS build
WORKDIR /work
RUN mkdir -p /out/sub && echo "epoch ${SOURCE_DATE_EPOCH-none}" > /out/epoch \
 && ln -s epoch /out/link && ln /out/epoch /out/hard
FROM busybox
COPY . /src/
COPY --from=build /out /out
LABEL a=b
"""
EPOCH = "1600000000"


@pytest.fixture
def other(base: str, sampan: Sampan) -> Iterator[Sampan]:
    """A second root."""
    with copied(busybox_store(base), sampan.root + "-b") as command:
        yield command


@pytest.fixture
def context(tmp_path: Path) -> str:
    return _context(tmp_path / "context", ["file", "a", "sub/b"])


def _context(folder: Path, names: list[str]) -> str:
    (folder / "sub").mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    for name in names:
        (folder / name).write_text("hello\n")
    return str(folder)


def _created(sampan: Sampan, name: str) -> tuple[str, set[str]]:
    """When an image says that it was made, and the times of its history."""
    found = json.loads(sampan("inspect", name).out)[0]
    history = sampan("history", "--no-trunc", "--human=false", "--format", "{{.CreatedAt}}", name).out.split("\n")
    return found["Created"], {line for line in history if line}


def test_two_roots_give_the_same_digest_at_other_times_from_other_copies(
    sampan: Sampan, other: Sampan, context: str, tmp_path: Path
) -> None:
    first = sampan("build", "-q", "--reproducible", context).out
    copy = _context(tmp_path / "copy", ["sub/b", "file", "a"])
    os.utime(f"{copy}/file", (1, 1))
    assert other("build", "-q", "--reproducible", copy).out == first
    assert sampan("build", "-q", "--reproducible", "--no-cache", context).out == first


def test_all_files_of_a_reproducible_build_have_the_time_and_commands_know_it(sampan: Sampan, context: str) -> None:
    sampan("build", "-t", "fixed", "--reproducible", "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", context)
    stat = sampan("run", "--rm", "fixed", "stat", "-c", "%Y", "/src", "/src/file", "/out/link", "/out/sub", "/out/hard")
    assert stat.out.split() == [EPOCH] * 5
    assert sampan("run", "--rm", "fixed", "cat", "/out/epoch").out == f"epoch {EPOCH}\n"


@pytest.mark.parametrize("is_argument", [True, False])
def test_source_date_epoch_dates_the_configuration_and_leaves_files(
    sampan: Sampan, context: str, is_argument: bool
) -> None:
    if is_argument:
        sampan("build", "-t", "dated", "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", context)
    else:
        sampan("build", "-t", "dated", context, env={"SOURCE_DATE_EPOCH": EPOCH})
    created, history = _created(sampan, "dated")
    assert created == "2020-09-13T12:26:40Z"
    assert {line[:10] for line in history} <= {"2020-09-13", "1970-01-01"}
    assert int(sampan("run", "--rm", "dated", "stat", "-c", "%Y", "/out/epoch").out) > int(EPOCH)
    assert sampan("run", "--rm", "dated", "cat", "/out/epoch").out == "epoch none\n"


def test_rewrite_timestamp_leaves_files_that_are_older(sampan: Sampan, context: str) -> None:
    os.utime(f"{context}/file", (5, 5))
    sampan(
        "build", "-t", "clamped", "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}",
        "-o", "type=image,rewrite-timestamp=true", context,
    )  # fmt: skip
    assert sampan("run", "--rm", "clamped", "stat", "-c", "%Y", "/src/file", "/src/a").out.split() == ["5", EPOCH]


def test_a_build_with_other_times_does_not_take_the_steps_of_one_without(sampan: Sampan, context: str) -> None:
    sampan("build", context)
    done = sampan("build", "--progress", "plain", "--reproducible", context)
    assert "the times of files" in done.out + done.err
    again = sampan("build", "--progress", "plain", context)
    assert "rebuilt" not in again.out + again.err


@pytest.mark.parametrize("text", ["abc", "-1", "1e5"])
def test_row_arg_source_date_epoch_has_to_be_a_number(sampan: Sampan, context: str, text: str) -> None:
    """ARG built-in: SOURCE_DATE_EPOCH."""
    done = sampan("build", "--build-arg", f"SOURCE_DATE_EPOCH={text}", context, code=1)
    assert "invalid source-date-epoch" in done.err


def test_verify_says_that_the_same_build_gives_the_same_image(sampan: Sampan, context: str) -> None:
    sampan("build", "-t", "fixed", "--reproducible", "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", context)
    before = sampan("images", "-aq").out
    assert sampan("build", "verify", "fixed", context).out.startswith("fixed is what building gives: sha256:")
    assert sampan("images", "-aq").out == before


def test_verify_lists_what_differs_and_why_and_leaves_no_image(sampan: Sampan, context: str) -> None:
    Path(context, "Dockerfile").write_text(
        "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid | tee /etc/machine-id > /plain; mkdir /x; touch /x/file\n"
    )
    sampan("build", "-t", "drifting", "--reproducible", context)
    before = sampan("images", "-aq").out
    found = json.loads(sampan("build", "verify", "--format", "json", "drifting", context, code=1).out)
    assert [(one["Path"], one["What"]) for one in found["Files"]] == [
        ("/etc/machine-id", ["content"]),
        ("/plain", ["content"]),
    ]
    assert "remove it in the same RUN" in found["Files"][0]["Reason"]
    assert found["OnlyTimes"] == 0
    assert found["Layer"].startswith("RUN /bin/sh -c cat /proc")
    assert sampan("images", "-aq").out == before


def test_verify_counts_files_that_differ_in_their_time_alone(sampan: Sampan, context: str) -> None:
    sampan("build", "-t", "dated", "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", context)
    out = sampan(
        "build", "verify", "--build-arg", "SOURCE_DATE_EPOCH=1500000000", "--reproducible", "dated", context, code=1
    ).out
    assert "differ in their time alone: build with --reproducible" in out
    assert 'Created: "2020-09-13T12:26:40Z" -> "2017-07-14T02:40:00Z"' in out


def test_verify_stores_and_sends_nothing(sampan: Sampan, context: str) -> None:
    assert (
        "--push is nothing that build verify takes" in sampan("build", "verify", "--push", "x", context, code=None).err
    )
    assert "No such image: x:latest" in sampan("build", "verify", "x", context, code=1).err
