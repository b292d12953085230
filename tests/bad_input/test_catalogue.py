"""Every case of the catalogue of bad input comes out as it says: right and reported, or refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogue import Case, fault
from file_cases import FILES
from time_cases import TIMES
from value_cases import VALUES

CASES = [*FILES, *TIMES, *VALUES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input_is_read_right_and_reported_or_refused_with_a_remedy(case: Case, tmp_path: Path) -> None:
    assert fault(case, tmp_path) is None


def test_the_catalogue_is_large_and_names_each_case_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 120
