"""The guide is true: its commands and programs run, and print what it says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.console import is_as_expected, steps
from sampan.testing.roots import distribution

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs/guide").glob("*.md"))]


@pytest.mark.xdist_group("python")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_of_the_guide_is_true(python_sampan: Sampan, page: Path, tmp_path: Path) -> None:
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    environment = {
        **os.environ,
        "PATH": f"{Path(python_sampan.program).parent}:{os.environ['PATH']}",
        "SAMPAN_ROOT": python_sampan.root,
        "COLUMNS": "200",
    }
    found = steps(page.read_text())
    assert found
    for step in found:
        # The guide names one release; the packages of this host are what its apt sources reach.
        command = step.command.replace("debian:bookworm-slim", distribution())
        done = subprocess.run(
            [sys.executable, "-c", step.program] if step.program else ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        where = f"{page.name}:{step.line}: $ {step.command}\n{done.stdout}"
        assert done.returncode == 0, f"exit code {done.returncode} at {where}"
        assert is_as_expected(step.expected, done.stdout), f"other output at {where}"
