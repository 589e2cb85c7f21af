"""The engine under attack: false steps, and true ones that do not follow, must not be verified."""

import dataclasses

import mpmath
import pytest
import sympy as sp

from adam_ref.theorems import THEOREMS, evaluate
from adam_ref.theorems.algebra import vanishes
from adam_ref.theorems.context import Context, Recursion
from adam_ref.theorems.engine import prove, verify
from adam_ref.theorems.model import Counterexample, Hypothesis, Theorem, Variant
from adam_ref.theorems.notation import M, V, beta1, beta2, c1, g, h, i, j, k, m, n, t, v
from adam_ref.theorems.smt import decide
from adam_ref.theorems.steps import (
    apart,
    at_least,
    at_most,
    both_or_neither,
    both_sides,
    bound,
    case,
    cauchy_schwarz,
    cite,
    conclude,
    differentiate,
    equals,
    equivalent,
    in_words,
    induct,
    limit,
    logarithm,
    monotone,
    more_than,
    one_term,
    pinched,
    put,
    reindex,
    rewrite,
    square_root,
    substitute,
    tends_to,
    total,
    vanishing,
)

x, y = sp.symbols("x y", real=True)
BETAS = (beta1 >= 0, beta1 < 1, beta2 >= 0, beta2 < 1)
SUM = sp.Sum(beta1**k, (k, 0, t - 1))


def statuses(*steps, given=(), definitions=None, recursions=None):
    """What becomes of `steps`, one after the other, under the conditions `given`."""
    context = Context((), definitions or {}, recursions or {}).having(*given)
    with mpmath.workdps(evaluate.DIGITS + evaluate.GUARD):
        return [result.status for result in verify(context, steps, seed="test")]


def status(*steps, **context):
    return statuses(*steps, **context)[-1]


class TestIdentities:
    def test_true(self):
        assert status(rewrite((x + y) ** 2, x**2 + 2 * x * y + y**2, "")) == "verified"

    def test_false(self):
        assert status(rewrite((x + y) ** 2, x**2 + y**2, "")) == "refuted"

    def test_true_at_the_first_step_only(self):
        assert status(rewrite(beta1**t, beta1, ""), given=(*BETAS, t >= 1)) == "refuted"

    def test_true_at_even_steps_only(self):
        assert status(rewrite((-1) ** t, sp.S.One, ""), given=(t >= 1,)) == "refuted"

    def test_true_for_one_sign_only(self):
        assert status(rewrite(sp.sqrt(x**2), x, "")) == "refuted"
        assert status(rewrite(sp.sqrt(x**2), x, ""), given=(x >= 0,)) == "verified"

    def test_derivative_by_what_an_abbreviation_hides(self):
        assert status(differentiate(x * y, y, x, ""), definitions={x: y**2}) != "verified"

    def test_derivative_by_what_a_recursion_hides(self):
        ema = {M: Recursion(sp.S.Zero, n, beta1 * M[n] + g[n + 1])}
        assert status(differentiate(x * M[t], beta1, sp.S.Zero, ""), given=(t >= 1,), recursions=ema) != "verified"
        assert status(differentiate(x * M[t], x, M[t], ""), given=(t >= 1,), recursions=ema) == "verified"

    def test_true_but_for_one_integer(self):
        """`0**n` is 1 at n = 0, so continuity may not carry an identity over to the edge of integers."""
        assert status(rewrite(sp.S.Zero**n, sp.S.Zero, ""), given=(n >= 0,)) != "verified"
        assert status(rewrite(sp.S.Zero**n, sp.S.Zero, ""), given=(n >= 1,)) == "verified"

    def test_both_sides_undefined_somewhere(self):
        assert status(rewrite(x / x**2, 1 / x, "")) != "verified"
        assert status(rewrite(x / x**2, 1 / x, ""), given=(sp.Ne(x, 0),)) == "verified"

    def test_abbreviation_hides_nothing(self):
        assert status(rewrite(y, x**2, ""), definitions={y: x**2}) == "verified"
        assert status(rewrite(y, x**3, ""), definitions={y: x**2}) == "refuted"

    def test_within_one_part_in_ten_to_the_forty(self):
        tiny = sp.Rational(1, 10**40)
        assert status(rewrite(x, x * (1 + tiny), ""), given=(x > 0,)) == "refuted"

    def test_substitution(self):
        assert status(substitute(x**2, {x: y + 1}, y**2 + 2 * y + 1, "")) == "verified"
        assert status(substitute(x**2, {x: y + 1}, y**2 + 1, "")) == "refuted"

    def test_substitution_of_what_an_abbreviation_hides(self):
        assert status(substitute(x + 1, {y: sp.S.Zero}, x + 1, ""), definitions={x: y**2}) != "verified"

    def test_derivative(self):
        assert status(differentiate(x**3, x, 3 * x**2, "")) == "verified"
        assert status(differentiate(x**3, x, x**2, "")) == "refuted"

    def test_derivative_of_what_has_none(self):
        assert status(differentiate(sp.Abs(x), x, sp.sign(x), "")) != "verified"


class TestSums:
    def test_last_term_split_off(self):
        longer = sp.Sum(beta1**k, (k, 0, t))
        assert status(rewrite(longer, SUM + beta1**t, ""), given=(t >= 1,)) == "verified"
        assert status(rewrite(longer, SUM + beta1 ** (t + 1), ""), given=(*BETAS, t >= 1)) == "refuted"

    def test_summands_agree_on_the_first_index_only(self):
        assert status(rewrite(sp.Sum(beta1**k, (k, 0, t)), sp.Sum(1 + k, (k, 0, t)), ""), given=(t >= 1,)) == "refuted"

    def test_products_are_not_termwise(self):
        one, other = sp.Sum(g[k], (k, 0, t - 1)), sp.Sum(h[k], (k, 0, t - 1))
        both = sp.Sum(g[k] * h[k], (k, 0, t - 1))
        assert status(rewrite(one * other, both, ""), given=(t >= 1,)) == "refuted"

    def test_index_in_use_outside_is_not_confused(self):
        """Something known of k outside must not be used for the k that a sum runs over."""
        assert status(bound(at_least(sp.Sum(g[k], (k, 0, t)), 0), ""), given=(t >= 1, k >= 0)) != "verified"
        assert status(bound(more_than(sp.Sum(k, (k, 0, t)), 0), ""), given=(t >= 0, k >= 1)) != "verified"

    def test_double_sum_needs_equal_ranges(self):
        squares = sp.Sum((g[i] * h[j] - g[j] * h[i]), (i, 0, t - 1), (j, 0, t))
        assert status(rewrite(squares, sp.S.Zero, ""), given=(t >= 1,)) == "refuted"


class TestReindex:
    newest_first = sp.Sum(beta1**k * g[t - k], (k, 0, t - 1))
    oldest_first = sp.Sum(beta1 ** (t - i) * g[i], (i, 1, t))

    def test_mirrored(self):
        assert status(reindex(self.oldest_first, t - k, self.newest_first, ""), given=(t >= 1,)) == "verified"

    def test_shifted(self):
        later, first = sp.Sum(beta1**i, (i, n, n + t)), sp.Sum(beta1 ** (k + n), (k, 0, t))
        assert status(reindex(later, k + n, first, ""), given=(t >= 0, n >= 0, beta1 > 0)) == "verified"

    def test_other_place(self):
        assert status(reindex(self.oldest_first, t - k - 1, self.newest_first, ""), given=(t >= 1,)) != "verified"

    def test_other_ends(self):
        longer = sp.Sum(beta1**k * g[t - k], (k, 0, t))
        assert status(reindex(self.oldest_first, t - k, longer, ""), given=(t >= 1,)) == "refuted"

    def test_stretched(self):
        evens = sp.Sum(g[2 * k], (k, 0, t))
        assert status(reindex(sp.Sum(g[i], (i, 0, 2 * t)), 2 * k, evens, ""), given=(t >= 0,)) != "verified"

    def test_index_in_use_outside(self):
        one, other = sp.Sum(k * g[i], (i, 0, t)), sp.Sum(k * g[k], (k, 0, t))
        assert status(reindex(one, k, other, ""), given=(t >= 0,)) != "verified"

    def test_summand_that_agrees_under_an_outer_condition_only(self):
        one, other = sp.Sum(sp.Abs(i), (i, -t, t)), sp.Sum(k, (k, -t, t))
        assert status(reindex(one, k, other, ""), given=(t >= 0, k >= 0)) != "verified"


class TestInequalities:
    def test_needs_its_hypothesis(self):
        assert status(bound(at_least(x**3, 0), "")) == "refuted"
        assert status(bound(at_least(x**3, 0), ""), given=(x >= 0,)) == "verified"

    def test_strict_needs_strict(self):
        assert status(bound(more_than(x, 0), ""), given=(x >= 0,)) == "refuted"

    def test_sign_condition_does_not_follow(self):
        assert status(bound(at_least(beta2 - beta1, 0), ""), given=BETAS) == "refuted"

    def test_form_must_be_the_difference(self):
        claim = at_least(x**2 + y**2, 2 * x * y)
        assert status(bound(claim, "", form=(x - y) ** 2)) == "verified"
        assert status(bound(claim, "", form=(x - y) ** 2 + 1)) == "refuted"

    def test_true_but_not_shown(self):
        assert status(bound(at_least(x**2 + y**2, 2 * x * y), "", form=x**2 + y**2 - 2 * x * y + 0)) != "refuted"
        assert status(bound(at_least(x**4 - 2 * x**3 + x**2 + 1 - x**2 + 2 * x**3, 1 - x), "")) != "verified"

    def test_earlier_statement_is_usable_only_if_it_held(self):
        wrong, follows = bound(at_least(x - y, 0), ""), bound(at_least(x, y), "")
        assert statuses(wrong, follows) == ["refuted", "refuted"]

    def test_statement_of_a_case_does_not_leak(self):
        inside = case(x >= y, bound(at_least(x - y, 0), ""))
        assert statuses(*inside, bound(at_least(2 * x - 2 * y, 0), "")) == ["verified", "refuted"]

    def test_alternatives_are_all_looked_at(self):
        either = sp.Or(x > 0, y > 0)
        assert status(bound(more_than(x + y, 0), ""), given=(either, x >= 0, y >= 0)) == "verified"
        assert status(bound(more_than(x, 0), ""), given=(either, x >= 0, y >= 0)) == "refuted"

    def test_root_of_what_may_be_negative(self):
        assert status(bound(at_least(sp.sqrt(x), 0), "")) == "refuted"

    def test_parts_are_kept_apart(self):
        known = bound(at_least(x - y, 0), "")
        assert status(known, bound(at_least(x, 0), "", form=total(x - y, y)), given=(x >= y, y >= 0)) == "verified"


class TestInduction:
    geometric = equals(SUM, (1 - beta1**t) / (1 - beta1))

    def test_true(self):
        assert status(induct(self.geometric, t, ""), given=(*BETAS, t >= 1)) == "verified"

    def test_right_base_wrong_step(self):
        assert status(induct(equals(SUM, t), t, ""), given=(*BETAS, t >= 1)) == "refuted"

    def test_wrong_base_right_step(self):
        shifted = equals(SUM, (1 - beta1**t) / (1 - beta1) + 1)
        assert status(induct(shifted, t, ""), given=(*BETAS, t >= 1)) == "refuted"

    def test_base_later_than_the_first_step(self):
        assert status(induct(self.geometric, t, "", start=2), given=(*BETAS, t >= 1)) != "verified"

    def test_step_that_needs_more_of_t_than_the_base_gives(self):
        """Base at 0, step shown from 1 on: nothing leads from 0 to 1. True of each t >= 0: only t = 0."""
        claim = at_most(sp.Abs(t) * (t - 1), 0)
        assert status(induct(claim, t, "", start=0, rest=-2 * t), given=(t >= 1,)) != "verified"

    def test_hypothesis_on_t_is_not_inherited(self):
        """`x >= t` at one t says nothing of the next."""
        assert status(induct(at_least(x, t), t, "", start=1, carry=sp.S.One), given=(x >= t, t >= 1)) != "verified"
        claim = at_least(x, sp.Min(t, x))
        assert status(induct(claim, t, "", rest=x - t), given=(x >= t, t >= 1)) != "verified"

    def test_negative_carry(self):
        claim = at_least((-1) ** t + 1, 0)
        assert status(induct(claim, t, "", carry=sp.S.NegativeOne, rest=sp.S(2)), given=(t >= 1,)) != "verified"

    def test_negative_rest(self):
        assert status(induct(at_least(5 - t, 0), t, "", rest=sp.S.NegativeOne), given=(t >= 1,)) == "refuted"

    def test_not_over_the_reals(self):
        assert status(induct(at_least(x, 1), x, "", rest=sp.S.One), given=(x >= 1,)) != "verified"

    def test_recursion(self):
        ema = {M: Recursion(sp.S.Zero, n, beta1 * M[n] + (1 - beta1) * g[n + 1])}
        closed = (1 - beta1) * sp.Sum(beta1 ** (t - k) * g[k], (k, 1, t))
        step = induct(equals(M[t], closed), t, "", carry=beta1)
        assert status(step, given=(*BETAS, t >= 1), recursions=ema) == "verified"
        assert (
            status(induct(equals(M[t], closed / 2), t, "", carry=beta1), given=(*BETAS, t >= 1), recursions=ema)
            == "refuted"
        )
        unscaled = {M: Recursion(sp.S.Zero, n, beta1 * M[n] + g[n + 1])}
        assert status(step, given=(*BETAS, t >= 1), recursions=unscaled) == "refuted"

    def test_inequality_of_recursions(self):
        smallest = {M: Recursion(g[1], n, sp.Min(M[n], g[n + 1])), V: Recursion(g[1], n, sp.Max(V[n], g[n + 1]))}
        rest = total(sp.Max(V[t], g[t + 1]) - V[t], M[t] - sp.Min(M[t], g[t + 1]))
        claim = at_least(V[t] - M[t], 0)
        assert status(induct(claim, t, "", rest=rest), given=(t >= 1,), recursions=smallest) == "verified"
        assert status(induct(claim, t, "", rest=-rest), given=(t >= 1,), recursions=smallest) == "refuted"

    def test_over_what_an_abbreviation_hides(self):
        """`x` stands for t, and the step would leave it as it is."""
        claim = equals(x * (t - 1), 0)
        assert status(induct(claim, t, "", start=1), given=(t >= 1,), definitions={x: t - 1}) != "verified"

    def test_no_value_before_the_first(self):
        ema = {M: Recursion(sp.S.Zero, n, beta1 * M[n] + g[n + 1])}
        assert status(rewrite(M[t], M[t] + t - t, ""), given=(t <= 5,), recursions=ema) != "refuted"
        with pytest.raises(evaluate.UndefinedError):
            evaluate.value(M[t], {M: evaluate._Recursive(ema[M], {beta1: 1}), t: -1})


class TestOtherRules:
    over = (k, 0, t - 1)

    def test_cauchy_schwarz(self):
        left, right = sp.Sum(g[k] * h[k], self.over) ** 2, sp.Sum(g[k] ** 2, self.over) * sp.Sum(h[k] ** 2, self.over)
        steps = cauchy_schwarz(g[k], h[k], self.over, at_most(left, right), "")
        assert statuses(*steps, given=(t >= 1,)) == ["verified", "verified"]

    def test_cauchy_schwarz_of_other_sums(self):
        left, right = sp.Sum(g[k] * h[k], self.over) ** 2, sp.Sum(g[k] ** 2, self.over) * sp.Sum(h[k], self.over)
        steps = cauchy_schwarz(g[k], h[k], self.over, at_most(left, right), "")
        assert statuses(*steps, given=(t >= 1,)) == ["refuted", "refuted"]

    def test_roots_need_signs(self):
        squared = bound(at_most(x**2, y**2), "", form=y**2 - x**2)
        given = (at_most(x**2, y**2),)
        assert (
            status(squared, square_root(at_most(sp.Abs(x), sp.Abs(y)), squared.statement, ""), given=given)
            == "verified"
        )
        assert status(squared, square_root(at_most(sp.Abs(x), y), squared.statement, ""), given=given) == "refuted"

    def test_root_of_what_was_not_shown(self):
        assert status(square_root(at_most(sp.Abs(x), sp.Abs(y)), at_most(x**2, y**2), "")) != "verified"

    def test_one_term(self):
        squares = sp.Sum(h[k] ** 2, self.over)
        assert status(one_term(squares, {k: t - 1}, ""), given=(t >= 1,)) == "verified"
        assert status(one_term(squares, {k: t}, ""), given=(t >= 1,)) == "refuted"
        assert status(one_term(sp.Sum(h[k], self.over), {k: sp.S.Zero}, ""), given=(t >= 1,)) == "refuted"

    def test_equivalence_needs_a_cofactor_that_is_not_zero(self):
        first, second = equals(x * y, 0), equals(y, 0)
        assert status(equivalent(first, second, x, "")) == "refuted"
        assert status(equivalent(first, second, x, ""), given=(sp.Ne(x, 0),)) == "verified"

    def test_equivalence_of_inequalities_needs_a_positive_cofactor(self):
        step = equivalent(at_least(x * y, 0), at_least(y, 0), x, "")
        assert status(step, given=(sp.Ne(x, 0),)) == "refuted"
        assert status(step, given=(x > 0,)) == "verified"

    def test_equivalence_of_different_kinds(self):
        assert status(equivalent(at_least(x, 0), more_than(x, 0), sp.S.One, "")) != "verified"

    def test_apart(self):
        assert status(apart(equals(x, y + 1), equals(x, y), "")) == "verified"
        assert status(apart(equals(x, y**2), equals(x, y), "")) == "refuted"

    def test_monotone(self):
        assert status(monotone(x**3, x, "increasing", ""), given=(x > 0,)) == "verified"
        assert status(monotone(x**3, x, "increasing", "")) == "refuted"
        assert status(monotone(t**2, t, "increasing", "", form=2 * t + 1), given=(t >= 0,)) == "verified"
        assert status(monotone(t**2, t, "decreasing", ""), given=(t >= 0,)) == "refuted"

    def test_limit_of_powers(self):
        given = (beta2 >= 0, beta2 < 1, t >= 1)
        step = limit(1 / (1 - beta2**t), t, sp.S.One, "", null=(beta2**t,))
        assert status(step, given=given) == "verified"
        assert status(step, given=(beta2 >= 0, t >= 1)) != "verified"
        assert status(limit(1 / (1 - beta2**t), t, sp.S(2), "", null=(beta2**t,)), given=given) == "refuted"

    def test_limit_needs_continuity(self):
        given = (*BETAS, beta1 > 0, beta2 > 0, t >= 1)
        step = limit(beta1**t / (beta1**t + beta2**t), t, sp.S.Zero, "", null=(beta1**t, beta2**t))
        assert status(step, given=given) != "verified"

    def test_limit_with_time_hidden_in_an_abbreviation(self):
        step = limit(y * beta2**t, t, sp.S.Zero, "", null=(beta2**t,))
        assert status(step, given=(beta2 >= 0, beta2 < 1, t >= 1), definitions={y: t + 1}) != "verified"

    def test_vanishing(self):
        half = sp.S.Half
        step = vanishing(1 / (t + 1), t, sp.S.Zero, sp.S.One, "", (1 / (t * (t + 1)), 1 / t + 1 / (t + 1)))
        assert status(step, given=(t >= 1,)) == "verified"
        slow = vanishing(1 / sp.sqrt(t), t, sp.S.Zero, sp.S.One, "", (1 / t - 1 / sp.sqrt(t), 1 / t + 1 / sp.sqrt(t)))
        assert status(slow, given=(t >= 1,)) == "refuted"
        moving = vanishing(half, t, sp.S.Zero, t, "", (half, 1 + half))
        assert status(moving, given=(t >= 1,)) != "verified"

    def test_pinched(self):
        """Of two inequalities that were shown, and only if they are each other's opposite."""
        low, high = bound(at_least(x, y), ""), bound(at_most(x, y), "")
        given = (at_least(x, y), at_most(x, y))
        assert statuses(low, high, pinched(high.statement, low.statement, ""), given=given) == ["verified"] * 3
        assert status(low, pinched(at_most(x, y), low.statement, ""), given=(at_least(x, y),)) == "refuted"
        assert status(low, high, pinched(low.statement, low.statement, ""), given=given) != "verified"

    def test_put(self):
        claim, equation = bound(at_least(x**2, 0), ""), rewrite(x**2, x * x, "")
        assert statuses(claim, equation, put(claim.statement, equation.statement, "")) == ["verified"] * 3
        assert status(claim, put(claim.statement, equals(x**2, y), "")) != "verified"

    def test_put_into_a_sum_does_not_catch_its_index(self):
        given = (t >= 1, equals(g[k], h[k]))
        known = rewrite(g[k], h[k], "")
        claim = rewrite(sp.Sum(g[k], self.over), sp.Sum(g[k], self.over) + 0, "")
        assert status(known, claim, put(claim.statement, known.statement, ""), given=given) != "verified"

    def test_conclusions(self):
        a, b = rewrite(x + x, 2 * x, ""), rewrite(2 * x, 3 * x - x + 0 * y, "")
        assert status(a, b, conclude(equals(x + x, 2 * x), "")) == "verified"
        assert status(a, conclude(equals(x, y), "")) == "refuted"

    def test_consequence_in_the_wrong_direction(self):
        known = equivalent(equals(x * y, 0), equals(y, 0), x, "")
        given = (sp.Ne(x, 0),)
        assert status(known, conclude(sp.Implies(equals(y, 0), equals(x * y, 0)), ""), given=given) == "verified"
        assert status(known, conclude(equals(y, 0), ""), given=given) != "verified"

    def test_citation(self):
        power = tends_to(beta2**t, t, sp.S.Zero)
        given = (beta2 >= 0, beta2 < 1, t >= 1)
        here = {sp.Symbol("u", real=True): sp.S.Half}
        assert status(cite("T4", power, "", where=here), given=given) == "verified"
        assert status(cite("T4", power, "", where=here), given=(beta2 >= 0, t >= 1)) != "verified"
        assert status(cite("T4", tends_to(beta2**t, t, sp.S.One), "", where=here), given=given) != "verified"

    def test_words_are_counted(self):
        assert status(in_words(equals(x, y), "because")) == "in words"

    def test_logarithm(self):
        step = logarithm(at_most(x**t, y), at_most(t * sp.log(x), sp.log(y)), "")
        assert status(step, given=(x > 0, y > 0)) == "verified"
        assert status(step, given=(x > 0, y >= 0)) != "verified"
        assert status(step, given=(y > 0,)) != "verified"
        other = logarithm(at_most(x**t, y), at_most(sp.log(x), sp.log(y)), "")
        assert status(other, given=(x > 0, y > 0)) == "refuted"
        strict = logarithm(at_most(x, y), more_than(sp.log(y), sp.log(x)), "")
        assert status(strict, given=(x > 0, y > 0)) != "verified"

    def test_same_on_both_sides(self):
        known = rewrite((x + 1) ** 2, x**2 + 2 * x + 1, "")
        assert statuses(known, both_sides(known.statement, y, y / (1 + x**2), ""))[-1] == "verified"
        assert statuses(known, both_sides(known.statement, y, 1 / y, ""))[-1] != "verified"
        assert status(both_sides(equals(x, 1), y, 2 * y, "")) != "verified"

    def test_same_under_a_sum_whose_index_is_free(self):
        known = rewrite(k + x, x + k, "")
        function = sp.Sum(k * y, (k, 0, t))
        assert statuses(known, both_sides(known.statement, y, function, ""), given=(t >= 0,))[-1] != "verified"

    def test_extremes(self):
        assert status(bound(at_least(x - sp.Min(x, y), 0), "")) == "verified"
        assert status(bound(at_least(sp.Max(x, y) - y, 0), "")) == "verified"
        assert status(bound(at_least(sp.Min(x, y) - x, 0), "")) == "refuted"
        assert status(bound(at_least(x - sp.Max(x, y), 0), "")) == "refuted"
        assert status(bound(more_than(x - sp.Min(x, y), 0), "")) == "refuted"


class TestProve:
    """A theorem with one flaw must not be proved."""

    sound = THEOREMS["T2"]

    def flaws(self, **change):
        return " ".join(prove(dataclasses.replace(self.sound, **change)).problems)

    def test_claim_that_no_step_establishes(self):
        from adam_ref.theorems.model import Claim

        assert "no step establishes" in self.flaws(claims=(*self.sound.claims, Claim(at_least(v, 0))))

    def test_variant_that_is_right(self):
        harmless = Variant("nothing changed", "", {})
        assert "'nothing changed' was not refuted" in self.flaws(variants=(harmless,))

    def test_variant_that_breaks_for_another_cause(self):
        with pytest.raises(TypeError):
            self.flaws(variants=(Variant("misspelt", "", {"epsilom": x}),))

    def test_counterexample_that_is_none(self):
        point = dict(self.sound.counterexamples[0].at) | {m: 1}
        harmless = Counterexample("moves", "", point)
        assert "the dropped hypothesis holds here" in self.flaws(counterexamples=(harmless,))

    def test_counterexample_that_breaks_two_hypotheses(self):
        point = dict(self.sound.counterexamples[0].at) | {beta1: 1}
        assert "another hypothesis fails" in self.flaws(counterexamples=(Counterexample("moves", "", point),))

    def test_hypothesis_without_counterexample(self):
        assert "no counterexample shows that moves is needed" in self.flaws(counterexamples=())

    def test_contradictory_hypotheses(self):
        nothing = Hypothesis("nothing", "", (v < 0,))
        assert "no admissible point" in self.flaws(hypotheses=(*self.sound.hypotheses, nothing))

    def test_z3_refutes(self):
        from adam_ref.theorems.model import Confirmation

        assert "z3 says refuted" in self.flaws(confirmations=(Confirmation("nonsense", at_least(x, 0)),))

    def test_step_that_fails_is_named(self):
        def derive() -> list[object]:
            return [rewrite(x, x + 1, "")]

        assert "step 1 (rewrite) refuted" in self.flaws(derive=derive, variants=())

    def test_context_of_a_theorem_is_its_hypotheses(self):
        assert isinstance(self.sound, Theorem)
        assert set(self.sound.context.conditions) == {c for hyp in self.sound.hypotheses for c in hyp.conditions}


class TestParts:
    def test_z3(self):
        assert decide(at_least(x**2, 0), ()) == "proved"
        assert decide(at_least(x, 0), ()) == "refuted"
        assert decide(equals(sp.sqrt(x) ** 2, x), (x >= 0,)) == "proved"
        assert decide(at_least(sp.sqrt(x) - 1, 0), (x >= 1,)) == "proved"
        assert decide(both_or_neither(at_least(x, 0), at_least(y, 0)), ()) == "refuted"

    def test_z3_is_not_handed_what_it_cannot_read(self):
        with pytest.raises(ValueError, match="put a symbol in its place"):
            decide(at_least(sp.exp(x), 0), ())

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            (x**2 + sp.Rational(1, 3), "4.33333333333"),
            (sp.Sum(k**2, (k, 1, 3)), "14"),
            (sp.Sum(i * j, (i, 1, j), (j, 1, 2)), "7"),
        ],
    )
    def test_values(self, expression, expected):
        assert (
            mpmath.nstr(mpmath.mpf(evaluate.value(expression, {x: mpmath.mpf(2)})), 12).rstrip("0").rstrip(".")
            == expected
        )

    @pytest.mark.parametrize("expression", [1 / x, sp.log(x), sp.sqrt(x - 1)])
    def test_no_value(self, expression):
        with pytest.raises(evaluate.UndefinedError):
            evaluate.value(expression, {x: mpmath.mpf(0)})

    def test_points_are_admissible_repeatable_and_include_the_edges(self):
        context = Context((beta1 >= 0, beta1 < 1, t >= 1, sp.Or(v > 0, x > 0), v >= 0, x >= 0))
        drawn = list(evaluate.points(context, beta1 + v + t, 30, "seed"))
        again = list(evaluate.points(Context(context.conditions), beta1 + v + t, 30, "seed"))
        assert drawn == again
        assert all(evaluate.admissible(context, dict(point)) for point in drawn)
        assert any(point[beta1] == 0 for point in drawn)
        assert any(point[t] == 1 for point in drawn)
        assert any(point[v] == 0 for point in drawn)

    def test_points_have_values_for_what_depends_on_the_expression_and_for_nothing_else(self):
        context = Context((beta1 >= 0, beta1 < 1, t >= 1, sp.Or(v > 0, x > 0), v >= 0, x >= 0), {c1: 1 - beta1**t})
        assert {frozenset(point) for point in evaluate.points(context, v, 10, "seed")} == {frozenset({v, x})}
        assert {frozenset(point) for point in evaluate.points(context, c1, 10, "seed")} == {frozenset({beta1, t, c1})}

    def test_exponentials_lie_on_the_side_of_1_that_the_exponent_says(self):
        context = Context((x >= 0, v > 0))
        assert context.nonnegative(sp.exp(x) - 1)
        assert context.positive(sp.exp(v) - 1)
        assert context.positive(1 - sp.exp(-v))
        assert not context.positive(sp.exp(x) - 1)
        assert not context.nonnegative(sp.exp(beta1) - 1)

    def test_a_maximum_is_beyond_each_of_its_arguments(self):
        context = Context(())
        assert context.nonnegative(sp.Max(x + v, beta1) - x - v)
        assert not context.nonnegative(sp.Max(x + v, beta1) - x)

    def test_not_shown_is_not_zero(self):
        assert not vanishes(sp.sqrt(x**2) - x, Context(()))
