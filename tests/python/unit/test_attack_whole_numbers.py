"""Whole numbers: enumeration, witnesses and steps against what can be counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from disclosure.counting import _numbers_that_fit
from disclosure.hypotheses import adjust
from disclosure.precision import (
    STEPS,
    count_limits,
    half_widths,
    respondents_of_errors,
    steps_kept,
)
from disclosure.witnesses import Rows, Walk, furthest

WEIGHTS = np.array([1.2130177515, 0.8173076923, 0.6119230769])


@settings(max_examples=40, deadline=None)
@given(
    number=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    endorsed=st.lists(st.integers(0, 9), min_size=3, max_size=3),
)
def test_a_share_with_all_digits_gives_the_numbers_of_each_stratum(
    number: list[int], endorsed: list[int]
) -> None:
    """Or nothing, where several sets of numbers make the same share: never a wrong one."""
    weights, n = WEIGHTS[: len(number)], np.array(number)
    k = np.minimum(endorsed[: len(n)], n)
    share = float(weights @ k / (weights @ n))
    total = int(n.sum())
    found = _numbers_that_fit(share, weights, total - 2, total + 2, [(0, 0, 0)] * len(n))
    if found is not None:
        assert np.array_equal(found[0], n) and np.array_equal(found[1], k)


def test_a_share_of_one_stratum_is_one_fraction() -> None:
    found = _numbers_that_fit(7 / 13, WEIGHTS[:1], 11, 15, [(0, 0, 0)])
    assert found is not None
    assert (found[0].tolist(), found[1].tolist()) == ([13], [7])
    # one half is 6 of 12 and 7 of 14
    assert _numbers_that_fit(1 / 2, WEIGHTS[:1], 11, 15, [(0, 0, 0)]) is None


@pytest.mark.parametrize("respondents", [*range(1, 130), 199, 200, 201, 499, 500, 999, 1000, 5000])
def test_a_step_tells_the_range_of_respondents(respondents: int) -> None:
    step = next((step for step in STEPS if step >= 1 / respondents - 1e-12), max(STEPS))
    low, high = count_limits(np.array([step]))
    assert low[0] <= respondents <= high[0]
    others = [n for n in range(1, 3000) if low[0] <= n <= high[0]]
    steps = {next((s for s in STEPS if s >= 1 / n - 1e-12), max(STEPS)) for n in others}
    assert steps == {step}


def test_a_number_beside_its_step_has_all_its_digits() -> None:
    steps = steps_kept(
        np.array([0.35, 0.3512, 2.6]), np.array([0.05, 0.05, 0.4]), np.array([0, 0, 1])
    )
    assert steps.tolist() == [0.05, 0.0, 0.4]
    assert half_widths(steps, np.array([False, False, True])).round(6).tolist() == [0.025, 0, 0.4]


def test_an_error_and_a_design_effect_give_the_respondents() -> None:
    share, respondents, effect = 0.4, 57, 1.31
    error = np.sqrt(effect * share * (1 - share) / (respondents - 1))
    variance = np.array([share * (1 - share)])
    none = np.zeros(1)
    exact = respondents_of_errors(
        np.array([error]), none, np.array([effect]), none, variance, variance
    )
    assert (exact[0][0], exact[1][0]) == (57, 57)
    coarse = respondents_of_errors(
        np.array([0.08]), np.array([0.02]), np.array([1.3]), np.array([0.05]), variance, variance
    )
    assert coarse[0][0] < 40 and coarse[1][0] > 80


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert adjust(p) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


def small_rows() -> tuple[Rows, np.ndarray]:
    """Two cells of two answers: their sum and the total share are published within limits."""
    truth = np.array([3.0, 2.0, 1.0, 4.0])
    counted = sparse.csr_matrix(
        np.array([[1.0, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]])
    )
    nothing = sparse.csr_matrix((0, 4))
    low, high = np.array([9.0, 4, 4, 3]), np.array([11.0, 6, 6, 5])
    return Rows.of(nothing, nothing, counted, low, high, truth), truth


def test_a_walk_stays_where_everything_fits_and_goes_far() -> None:
    rows, truth = small_rows()
    walk = Walk(rows, truth.copy(), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]),
                np.array([0, 1, 0, 1]), np.random.default_rng(0))  # fmt: skip
    seen = set()
    for _ in range(20):
        walk.batch(np.ones(4))
        assert rows.fit(walk.answers) and (walk.answers == np.round(walk.answers)).all()
        seen.add(tuple(walk.answers))
    assert len(seen) > 3
    for _ in range(20):
        before = walk.answers[0]
        walk.batch(np.ones(4), np.array([1.0, 0, 0, 0]))
        assert walk.answers[0] >= before


def test_the_furthest_whole_answers_are_those_of_all_that_fit() -> None:
    rows, truth = small_rows()
    fitting = [
        np.array(answers, dtype=float)
        for answers in product(range(8), repeat=4)
        if rows.fit(np.array(answers, dtype=float))
    ]
    objective = np.array([1.0, -0.5, 0.0, 0.25])
    found = furthest(rows, truth, objective)
    assert found.is_proven and found.answers is not None
    assert found.value == pytest.approx(max(float(objective @ answers) for answers in fitting))
    held = furthest(rows, truth, objective, np.array([True, True, False, False]))
    assert held.answers is not None and not held.is_proven
    assert np.array_equal(held.answers[2:], truth[2:])
