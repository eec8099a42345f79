"""What is reused, what is not, and what is told about it."""

import os
import re
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

DOCKERFILE = """FROM busybox AS build
WORKDIR /src
COPY src/ ./
ARG VERSION=1
RUN echo $VERSION > /version && cat app.py > /built
FROM busybox
COPY --from=build /built /built
RUN echo final > /final
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "src" / "app.py").write_text("one\n")
    (tmp_path / "src" / "other.py").write_text("other\n")
    return tmp_path


def build(sampan: Sampan, context: Path, *arguments: str) -> list[str]:
    return sampan("build", "--progress", "plain", "-t", "made", *arguments, str(context)).err.split("\n")


def image_id(sampan: Sampan) -> str:
    return sampan("inspect", "-f", "{{.Id}}", "made").out.strip()


def reasons(lines: list[str]) -> list[str]:
    return [line.split(" ", 1)[1] for line in lines if " rebuilt: " in line]


def cached(lines: list[str]) -> int:
    """How many steps came from the cache, without the bases."""
    titles: dict[str, str] = {}
    for line in lines:
        titles.setdefault(line.split(" ")[0], line)
    return sum(line.endswith(" CACHED") and "] FROM " not in titles[line.split(" ")[0]] for line in lines)


def test_the_same_build_again_is_cached_and_the_same_image(sampan: Sampan, context: Path) -> None:
    assert reasons(build(sampan, context)) == []
    first = image_id(sampan)
    lines = build(sampan, context)
    assert (cached(lines), reasons(lines), image_id(sampan)) == (5, [], first)


def test_a_file_touched_without_change_hits(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    os.utime(context / "src" / "app.py", (1, 1))
    assert cached(build(sampan, context)) == 5


def test_a_changed_file_is_named_and_what_stands_on_it_is_rebuilt(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    (context / "src" / "app.py").write_text("two\n")
    (context / "src" / "third.py").write_text("third\n")
    assert reasons(build(sampan, context)) == [
        "COPY src/ ./ rebuilt: src/app.py changed, src/third.py added",
        "RUN echo 1 > /version && cat app.py > /built rebuilt: parent step 3 rebuilt",
        "COPY --from=build /built /built rebuilt: built changed",
        "RUN echo final > /final rebuilt: parent step 2 rebuilt",
    ]


def test_a_change_of_the_same_size_and_time_is_seen(sampan: Sampan, context: Path) -> None:
    path = context / "src" / "app.py"
    build(sampan, context)
    info = path.stat()
    path.write_text("ono\n")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert "src/app.py changed" in reasons(build(sampan, context))[0]


def test_a_stage_that_gives_the_same_files_again_costs_no_more(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    (context / "src" / "other.py").write_text("changed, and not used\n")
    lines = build(sampan, context)
    assert [reason.split(" rebuilt")[0] for reason in reasons(lines)] == [
        "COPY src/ ./",
        "RUN echo 1 > /version && cat app.py > /built",
    ]
    assert cached(lines) == 3
    assert cached(build(sampan, context)) == 5


def test_a_build_argument_is_named_with_its_values(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    lines = build(sampan, context, "--build-arg", "VERSION=2")
    assert reasons(lines)[0].endswith("rebuilt: ARG VERSION changed 1 -> 2")
    # What is copied out did not change.
    assert cached(lines) == 4


def test_a_changed_instruction_and_a_changed_mode_are_told(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    (context / "Dockerfile").write_text(DOCKERFILE.replace("echo final", "echo other"))
    assert reasons(build(sampan, context))[0].startswith("RUN echo other > /final rebuilt: final -> other")
    (context / "src" / "app.py").chmod(0o755)
    assert reasons(build(sampan, context))[0].endswith("src/app.py mode changed 644 -> 755")


def test_metadata_alone_reuses_every_layer(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    (context / "Dockerfile").write_text(DOCKERFILE + "LABEL a=b\n")
    assert cached(build(sampan, context)) == 5


def test_no_cache_does_every_step_again(sampan: Sampan, context: Path) -> None:
    build(sampan, context)
    assert cached(build(sampan, context, "--no-cache")) == 0
    assert cached(build(sampan, context)) == 5


def test_only_stages_that_are_needed_are_built(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM busybox AS a\nRUN echo a\nFROM busybox AS broken\nRUN false\n"
        "FROM busybox AS c\nCOPY --from=a /etc/passwd /\n"
    )
    assert not any("broken" in line for line in build(sampan, context))
    assert "[broken 2/2] RUN false" in sampan("build", "--target", "broken", str(context), code=1).err


def test_a_changed_base_image_is_told(sampan: Sampan, context: Path) -> None:
    base, top = context / "Base", context / "Top"
    top.write_text("FROM base\nRUN echo top\n")
    lines: list[str] = []
    for text in ("one", "two"):
        base.write_text(f"FROM busybox\nRUN echo {text} > /one\n")
        sampan("build", "-q", "-t", "base", "-f", str(base), str(context))
        lines = sampan("build", "--progress", "plain", "-f", str(top), str(context)).err.split("\n")
    (reason,) = reasons(lines)
    assert re.fullmatch(
        r"RUN echo top rebuilt: \S*base:latest moved [0-9a-f]{12} -> [0-9a-f]{12}, made \d+ s ago", reason
    )


def test_a_prune_beside_it_takes_nothing_from_a_build(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nCOPY src/ /\nRUN echo waiting; sleep 1\nRUN cat /app.py\n")
    process = sampan.start("build", "-t", "made", str(context))
    sampan("image", "prune", "-f")
    assert process.wait(60) == 0
    sampan("system", "check")
