"""Bounds drawn in by linear relations, and by linear programs, against what can be counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure.bounds import System


def _solve(system: System) -> System:
    system.start()
    system.propagate()
    return system


def test_one_unknown_is_the_total_minus_the_others() -> None:
    system = System(np.array([0.25, 0.5, 0.0]), np.array([0.25, 0.5, 1.0]))
    system.relate("sum", np.array([[0, 1, 2]]), np.array([1.0, 1.0, 1.0]), 1.0)
    _solve(system)
    assert abs(system.low[2] - 0.25) < 1e-9 and abs(system.high[2] - 0.25) < 1e-9
    assert system.path(2) == "sum" and system.path(0) == "range"


def test_relations_help_each_other() -> None:
    system = System(np.array([0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    system.relate("first", np.array([[0, 1]]), np.array([1.0, 1.0]), 1.9)
    system.relate("second", np.array([[1, 2]]), np.array([1.0, -1.0]), 0.0)
    _solve(system)
    assert abs(system.low[2] - 0.9) < 1e-6 and system.path(2) == "second"


def test_a_known_figure_stays_where_it_is() -> None:
    system = System(np.array([0.3, 0.0]), np.array([0.3, 1.0]))
    system.relate("wrong", np.array([[0, 1]]), np.array([1.0, 1e-9]), 0.9)
    _solve(system)
    assert system.low[0] == system.high[0] == 0.3


def test_a_term_at_minus_one_is_left_out() -> None:
    system = System(np.array([0.0]), np.array([1.0]))
    system.relate("short", np.array([[0, -1]]), np.array([2.0, 5.0]), 1.0)
    _solve(system)
    assert abs(system.low[0] - 0.5) < 1e-9 and abs(system.high[0] - 0.5) < 1e-9


@settings(max_examples=60, deadline=None)
@given(
    truth=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    coefficients=st.lists(
        st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=3
    ),
)
def test_bounds_hold_every_solution(truth: list[int], coefficients: list[list[int]]) -> None:
    """All whole solutions of random relations lie within the bounds that propagation finds."""
    system = System(np.zeros(3), np.full(3, 4.0))
    matrix = np.array(coefficients, dtype=float)
    totals = matrix @ np.array(truth)
    system.relate("random", np.tile(np.arange(3), (len(matrix), 1)), matrix, totals)
    _solve(system)
    for solution in product(range(5), repeat=3):
        if np.array_equal(matrix @ np.array(solution), totals):
            assert (system.low <= np.array(solution) + 1e-6).all()
            assert (system.high >= np.array(solution) - 1e-6).all()
