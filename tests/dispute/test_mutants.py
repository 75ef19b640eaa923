"""The tests of the dispute contract notice it when a check is missing, or weaker than it should be
(mutation_suite)."""

from __future__ import annotations

import pytest

from tests.dispute.mutants import CHECKS, SUITE
from tests.mutation import Check


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_test_notices_its_mutants(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    SUITE.assert_noticed(check, monkeypatch)


def test_every_mutant_is_another() -> None:
    """And there are enough of them for a check to be missed."""
    mutants = [mutant for check in CHECKS for mutant in check.mutants]
    assert len(mutants) > 130
    assert all(mutant.old != mutant.new for mutant in mutants)
