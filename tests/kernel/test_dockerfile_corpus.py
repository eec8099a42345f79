"""The corpus of Dockerfiles: what each build makes is what `docker buildx build` made of it (see testing/corpus)."""

from collections.abc import Iterator

import pytest

from sampan.cli import main
from sampan.testing.corpus import stand_ins, stored
from sampan.testing.corpus.building import Builders
from sampan.testing.corpus.cases import Case, cases
from sampan.testing.corpus.differences import differences
from sampan.testing.roots import closed

STORED = stored.read()
CASES = cases(stored.FOLDER)


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[str]:
    """A root that holds the stand-ins, for all cases of a worker."""
    with closed(f"{base}/corpus") as sampan:
        stand_ins.load(sampan)
        yield sampan.root


@pytest.fixture(scope="module")
def builders() -> Builders:
    return Builders()


def test_every_case_has_a_stored_expectation_and_every_expectation_a_case() -> None:
    assert sorted(STORED) == [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_build_makes_what_docker_makes(case: Case, yard: str, builders: Builders) -> None:
    assert differences(STORED[case.name], builders.sampan(case, yard, main.run)) == [], case.summary
