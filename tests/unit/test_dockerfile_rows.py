"""Each element of the Dockerfile's language is shown by a test: tests/corpus/dockerfile-rows.tsv names one for each.

A test is a case of the corpus (subject/name), a function (file::test_name), or a row of a table (file::row).
"""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LINES = (REPOSITORY / "tests/corpus/dockerfile-rows.tsv").read_text(encoding="utf-8").splitlines()[1:]
ROWS = [tuple(line.split("\t")) for line in LINES]
INSTRUCTIONS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip


def test_every_instruction_has_rows_and_no_row_is_there_twice() -> None:
    assert {instruction for instruction, _, _ in ROWS} >= INSTRUCTIONS
    assert len({row[:2] for row in ROWS}) == len(ROWS) == 140


@pytest.mark.parametrize(("instruction", "element", "test"), ROWS, ids=lambda part: part)
def test_the_test_of_a_row_exists(instruction: str, element: str, test: str) -> None:
    file, _, name = test.partition("::")
    if not name:
        assert (REPOSITORY / f"tests/corpus/dockerfiles/{file}.case").is_file()
        return
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    found = re.search(rf"^def {name}\(", text, re.MULTILINE) if name.startswith("test_") else f'"{name}' in text
    assert found, f"{instruction} {element}: {file} has no {name}"
