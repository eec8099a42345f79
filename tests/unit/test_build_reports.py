"""What a build leaves behind to be asked about: reports, times, advice on the order of steps."""

import json

import pytest

from sampan.builder.cache import ordering
from sampan.builder.report import BuildReport, StepReport, Times, from_text, to_text
from sampan.cli.views import build_report

REPORT = BuildReport(
    "/app",
    1_000_000_000,
    3.5,
    (
        StepReport("[1/3] FROM busybox", 0, 1, "cached"),
        StepReport("[2/3] COPY . .", 0, 2, "done", "a changed", ("a",), 0.5, Times(0.25, 0.25, 1.0, 0.5)),
        StepReport("[3/3] RUN make", 0, 3, "failed", "parent step 2 rebuilt", (), 1.5, Times(run=2.0)),
    ),
    advice="copy less",
    error="exit code: 1",
)


def test_a_report_comes_back_from_its_text() -> None:
    assert from_text(to_text(REPORT)) == REPORT


def test_an_explanation_has_a_line_for_each_step_and_its_reason() -> None:
    assert build_report.explanation(REPORT, 61_000_000_000) == (
        "Build of /app, About a minute ago, 3.5s\n"
        "CACHED   [1/3] FROM busybox\n"
        "rebuilt  [2/3] COPY . .\n"
        "         a changed\n"
        "FAILED   [3/3] RUN make\n"
        "         parent step 2 rebuilt\n"
        "hint: copy less\n"
        "failed: exit code: 1\n"
    )


def test_timings_are_a_table_of_what_was_not_cached() -> None:
    lines = build_report.timings(REPORT).splitlines()
    assert lines[0].split() == ["STEP", "QUEUE", "CONTEXT", "RUN", "HASH"]
    assert lines[1].split() == ["[2/3]", "COPY", ".", ".", "0.250", "0.250", "1.000", "0.500"]
    assert lines[-1] == "1 of 3 steps cached, 3.500 in all"


def test_a_trace_places_the_parts_of_a_step_behind_each_other() -> None:
    events = json.loads(build_report.trace(REPORT))["traceEvents"]
    assert [(event["cat"], event["ts"], event["dur"]) for event in events[:4]] == [
        ("queue", 250_000, 250_000),
        ("look", 500_000, 250_000),
        ("run", 750_000, 1_000_000),
        ("hash", 1_750_000, 500_000),
    ]


@pytest.mark.parametrize(
    ("changed", "taken", "run", "seconds", "advice"),
    [
        (
            ("app.py",),
            ("app.py", "requirements.txt"),
            "RUN pip install -r requirements.txt",
            41,
            "copy requirements.txt",
        ),
        (("app.py",), ("app.py", "deps/all.txt"), "RUN pip install -r deps/all.txt", 41, "copy deps/all.txt first"),
        (("a.js",), ("a.js", "package.json", "package-lock.json"), "RUN npm ci", 130, "and 2 min would be cached"),
        (("requirements.txt",), ("app.py", "requirements.txt"), "RUN pip install -r requirements.txt", 41, ""),
        (("app.py",), ("app.py", "requirements.txt"), "RUN pip install -r requirements.txt", 0.4, ""),
        (("app.py",), ("app.py", "requirements.txt"), "RUN make", 41, ""),
        (("app.py",), ("app.py",), "RUN pip install flask", 41, ""),
        ((), ("app.py", "requirements.txt"), "RUN pip install -r requirements.txt", 41, ""),
    ],
)
def test_advice_is_given_where_the_order_is_the_reason(
    changed: tuple[str, ...], taken: tuple[str, ...], run: str, seconds: float, advice: str
) -> None:
    said = ordering.advise("COPY . .", changed, taken, run, seconds)
    assert advice in said and bool(said) == bool(advice)
