"""The two steps of `induction.py`: what is false, or true only elsewhere, must not be verified."""

import mpmath
import pytest
import sympy as sp

from adam_ref.theorems import evaluate
from adam_ref.theorems.context import Context, Recursion
from adam_ref.theorems.engine import verify
from adam_ref.theorems.induction import grows, induct_together
from adam_ref.theorems.notation import n, t
from adam_ref.theorems.steps import at_least, more_than

x = sp.Symbol("x", real=True)
X, Y = sp.IndexedBase("X", real=True), sp.IndexedBase("Y", real=True)
SWAPPING = {X: Recursion(sp.S.One, n, 2 * Y[n]), Y: Recursion(sp.S.One, n, 3 * X[n])}
"""Two sequences that each make the other."""


def status(step, *given, recursions=None, definitions=None):
    context = Context(given, definitions or {}, recursions or {})
    with mpmath.workdps(evaluate.DIGITS + evaluate.GUARD):
        return next(verify(context, [step], seed="induction")).status


def swapped(rest=sp.S.Zero, claim=at_least, start=0, carries=((0, 2), (3, 0))):
    carries = [[sp.Integer(carry) for carry in row] for row in carries]
    claims = (claim(X[t], 0), claim(Y[t], 0))
    return induct_together(claims, t, "", start=start, carries=carries, rests=(rest, sp.S.Zero))


class TestGrows:
    def test_what_grows_from_0_on_is_not_negative(self):
        assert status(grows(sp.exp(x) - 1 - x, x, ""), x >= 0) == "verified"

    def test_what_falls_is_refuted(self):
        assert status(grows(1 + x - sp.exp(x), x, ""), x >= 0) == "refuted"

    def test_what_is_negative_at_the_start_is_refuted(self):
        assert status(grows(sp.exp(x) - 2, x, ""), x >= 0) == "refuted"

    def test_nothing_is_claimed_before_the_start(self):
        """exp(x) - 1 grows everywhere, and is negative before 0."""
        assert status(grows(sp.exp(x) - 1, x, ""), x >= -1) == "refuted"

    def test_the_start_counts(self):
        assert status(grows(sp.exp(x) - 1, x, "", start=sp.S.One), x >= 1) == "verified"
        assert status(grows(sp.exp(x) - 1, x, "", start=-sp.S.One), x >= 0) == "refuted"

    def test_a_condition_on_the_variable_does_not_help_the_slope(self):
        """x^2 - x falls on [0, 1/2], which the hypothesis hides: it holds at the start and for x >= 1 all the same."""
        assert status(grows(x**2 - x, x, ""), x >= 1) != "verified"

    def test_integers_do_not_grow_continuously(self):
        assert status(grows(t, t, ""), t >= 0) == "undecided"

    def test_nor_does_what_an_abbreviation_hides(self):
        y = sp.Symbol("y", real=True)
        assert status(grows(x + y, x, ""), x >= 0, y >= 0, definitions={y: -2 * x}) != "verified"

    def test_a_jump_is_not_a_continuous_function(self):
        assert status(grows(1 / x, x, ""), x >= 0) != "verified"


class TestTogether:
    def test_claims_that_need_each_other(self):
        assert status(swapped(), t >= 0, recursions=SWAPPING) == "verified"

    def test_a_rest_that_is_not_there_is_refuted(self):
        assert status(swapped(rest=sp.S.One), t >= 0, recursions=SWAPPING) == "refuted"

    def test_a_carry_may_not_be_negative(self):
        falling = {X: Recursion(sp.S.One, n, -2 * Y[n]), Y: Recursion(sp.S.One, n, 3 * X[n])}
        assert status(swapped(carries=((0, -2), (3, 0))), t >= 0, recursions=falling) == "refuted"

    def test_the_base_counts(self):
        below = {X: Recursion(-sp.S.One, n, 2 * Y[n]), Y: Recursion(sp.S.One, n, 3 * X[n])}
        assert status(swapped(), t >= 0, recursions=below) == "refuted"

    def test_nothing_is_claimed_before_the_start(self):
        assert status(swapped(start=1), t >= 0, recursions=SWAPPING) != "verified"

    def test_strict_inequalities_are_not_meant(self):
        assert status(swapped(claim=more_than), t >= 0, recursions=SWAPPING) == "undecided"

    def test_one_rest_and_one_row_for_each_claim(self):
        with pytest.raises(ValueError, match="zip"):
            swapped(carries=((0, 2),))
