"""A Dockerfile looked at instead of built, as docker's client prints it."""

import json
import os
import re
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

GOLDEN = Path(__file__).parents[2].parent / "shared/spec/golden/check"
# Where they differ on purpose: a rule that later releases look at by default.
DIFFERENT = ("CopyIgnoredFile",)


def golden(name: str) -> tuple[str, list[tuple[str, str, int]]]:
    """The Dockerfile of a golden file, and of each `docker build` in it its arguments, stdout and exit code."""
    text = (GOLDEN / f"{name}.txt").read_text()
    dockerfile, _, rest = text.removeprefix("Dockerfile:\n").partition("----\n")
    calls = re.findall(
        r"^\$ docker build (.*?) check/[\w-]+\n(.*?)(?:^\[stderr\]\n.*?)?^\[exit (\d+)\]$",
        rest,
        re.MULTILINE | re.DOTALL,
    )
    return dockerfile, [(arguments, out, int(code)) for arguments, out, code in calls]


NAMES = sorted(path.stem for path in GOLDEN.glob("*.txt") if path.stem not in (*DIFFERENT, "versions"))


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the specifications are not beside the repository")
@pytest.mark.parametrize("name", NAMES)
def test_checks_and_outlines_print_what_docker_prints(sampan: Sampan, tmp_path: Path, name: str) -> None:
    dockerfile, calls = golden(name)
    folder = tmp_path / "check" / name
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(dockerfile)
    if name == "experimental-all":
        (folder / ".dockerignore").write_text("secret.txt\n")
    asked = 0
    for arguments, out, code in calls:
        if not re.search(r"--check|--call", arguments) or "nope" in arguments:
            continue
        asked += 1
        words = arguments.replace("'", "").split()
        if name == "missing-source":
            words = ["--check"]
        done = sampan("build", *words, f"check/{name}", code=code, cwd=tmp_path)
        if "json" in arguments:
            assert without_sources(done.out) == without_sources(out)
        else:
            assert done.out == out
    assert asked


def without_sources(text: str) -> object:
    """The document, less BuildKit's graph of where the file came from; findings by line, as the text has them."""
    document = json.loads(text)
    assert document.pop("sources")
    if document.get("warnings"):
        document["warnings"].sort(key=lambda one: (one["location"]["ranges"][0]["start"]["line"], one["ruleName"]))
    return document


def test_findings_are_an_error_of_a_build_where_the_file_wants_it(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("# check=error=true\nFROM busybox as b\n")
    printed = sampan("build", str(tmp_path), code=1).err
    assert "lint violation found for rules: FromAsCasing" in printed


def test_a_source_that_is_ignored_is_told_before_it_is_missed(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY secret.txt /\n")
    (tmp_path / ".dockerignore").write_text("secret.txt\n")
    printed = sampan("build", "--check", str(tmp_path), code=1).out
    assert 'Attempting to Copy file "secret.txt" that is excluded by .dockerignore' in printed


def test_looking_is_no_build(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN exit 1\n")
    assert sampan("build", "--check", str(tmp_path)).out == "Check complete, no warnings found.\n"
    assert "no build of" in sampan("build", "explain", str(tmp_path), code=1).err
    assert os.listdir(tmp_path) == ["Dockerfile"]
