"""What can be asked of a build afterwards, and what it advises of its own accord."""

import json
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

# A "pip" that takes its time: what it installs is of no interest here.
DOCKERFILE = """FROM busybox
RUN printf '#!/bin/sh\\nsleep 1.1\\n' > /bin/pip && chmod +x /bin/pip
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "app.py").write_text("one\n")
    return tmp_path


def test_the_last_build_is_explained_without_building(sampan: Sampan, context: Path) -> None:
    sampan("build", "-q", str(context))
    (context / "app.py").write_text("two\n")
    printed = sampan("build", "--progress", "plain", str(context)).err
    advice = (
        "COPY . . comes before RUN pip install -r requirements.txt: copy requirements.txt first and 1 s would be cached"
    )
    assert f" hint: {advice}\n" in printed
    explained = sampan("build", "explain", str(context)).out
    assert "rebuilt  [4/5] COPY . .\n         app.py changed\n" in explained
    assert "CACHED   [2/5] RUN printf" in explained
    assert explained.endswith(f"hint: {advice}\n")
    report = json.loads(sampan("build", "explain", "--format", "json").out)
    assert [step["state"] for step in report["steps"]] == ["cached", "cached", "done", "done"]
    assert report["steps"][3]["times"]["run"] > 1
    assert sampan("build", "explain", "--timings", str(context)).out.startswith("STEP ")


def test_a_failed_build_is_explained_too(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nRUN exit 3\n")
    sampan("build", str(context), code=1)
    explained = sampan("build", "explain", str(context)).out
    assert "FAILED   [2/2] RUN exit 3\n         never built here\n" in explained
    assert "exit code: 3" in explained


def test_a_pruned_result_is_told_as_the_reason(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo pruned\n")
    sampan("build", "-q", str(context))
    sampan("builder", "prune", "-af")
    assert "RUN echo pruned rebuilt: its result was pruned " in sampan("build", "--progress", "plain", str(context)).err


def test_a_secret_looking_argument_is_named_without_its_value(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nARG API_TOKEN\nRUN echo a\n")
    sampan("build", "-q", "--build-arg", "API_TOKEN=first-value", str(context))
    printed = sampan("build", "--progress", "plain", "--build-arg", "API_TOKEN=other-value", str(context)).err
    assert "RUN echo a rebuilt: ARG API_TOKEN changed\n" in printed
    assert "other-value" not in sampan("build", "explain", str(context)).out


def test_a_build_that_nobody_made_is_not_explained(sampan: Sampan, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\n# never built\n")
    assert "no build of" in sampan("build", "explain", str(context), code=1).err
