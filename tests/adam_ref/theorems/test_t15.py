"""T15 and the code of the enclosure: neither can move alone.

The counts are imported by the theorem, and each is refused when it is one less or one more. The radii are formulas in
the theorem, and what the code computes is compared with them here.
"""

import math
import random
from dataclasses import replace
from decimal import Decimal

import mpmath
import numpy as np
import pytest

sp = pytest.importorskip("sympy")

from adam_ref import Dialect, Hyperparameters, Numerics  # noqa: E402
from adam_ref.enclosure import counts, interval  # noqa: E402
from adam_ref.enclosure.accuracy import ACCURACY_CLASSES, ROUNDING_UP, _correction, scalars  # noqa: E402
from adam_ref.enclosure.interval import Interval  # noqa: E402
from adam_ref.enclosure.numerics import Rounding  # noqa: E402
from adam_ref.enclosure.phases import EVERYWHERE, Step  # noqa: E402
from adam_ref.enclosure.weights import moment_weights  # noqa: E402
from adam_ref.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, FORMATS  # noqa: E402
from adam_ref.theorems import THEOREMS, engine, evaluate  # noqa: E402
from adam_ref.theorems.model import Variant  # noqa: E402
from adam_ref.theorems.soundness import boxes, evaluations, recursion  # noqa: E402
from adam_ref.theorems.soundness.evaluations import COUNTS, OPERATIONS, WHOLE  # noqa: E402
from adam_ref.theorems.soundness.recursion import LOSSES  # noqa: E402
from adam_ref.theorems.soundness.symbols import FACTORS, HYPOTHESES, PLACES, error  # noqa: E402

NUMERICS = [
    Numerics.uniform(format_, accuracy)
    for format_ in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)
    for accuracy in ACCURACY_CLASSES.values()
]
FAST = [replace(numerics, fast_math=True) for numerics in NUMERICS]


@pytest.fixture(scope="module")
def known():
    """The steps of the theorem and what became of them: as long as a wrong version agrees, they are taken from here."""
    theorem = THEOREMS["T15"]
    derivation = tuple(theorem.derive())
    with mpmath.workdps(evaluate.DIGITS + evaluate.GUARD):
        results = tuple(engine.verify(theorem.context, derivation, seed="T15"))
    assert all(result.ok for result in results)
    return tuple(zip(derivation, results, strict=True))


def refused(known, **change):
    with mpmath.workdps(evaluate.DIGITS + evaluate.GUARD):
        return engine._refuse(THEOREMS["T15"], Variant("", "", change), known)


class TestCounts:
    def test_the_theorem_takes_every_count_of_the_code(self):
        named = {name for name in vars(counts) if name.isupper()}
        assert named == set(COUNTS) | set(LOSSES) | {"OWN", "FAST_QUOTIENT", "FAST_ROOT"}
        covered = {name for evaluation in OPERATIONS for name in evaluation.allowed}
        assert set(COUNTS) - covered == {"NOTHING"}

    @pytest.mark.parametrize("name", sorted(set(COUNTS) - {"NOTHING"}))
    def test_a_count_cannot_be_one_less_nor_one_more(self, known, name):
        for kind in ("tensor", "cast", "scalar", "quotients", "roots"):
            for change in (-1, 1):
                count = replace(COUNTS[name], **{kind: getattr(COUNTS[name], kind) + change})
                if getattr(count, kind) > -1:
                    assert refused(known, table=COUNTS | {name: count}).refused, (kind, change)

    @pytest.mark.parametrize("name", sorted(set(LOSSES)))
    def test_a_count_of_underflows_cannot_be_less(self, known, name):
        less = LOSSES[name] - (1 if LOSSES[name] > 1 else 0.25)
        assert refused(known, losses=LOSSES | {name: less}).refused

    def test_what_is_paid_for_our_own_arithmetic_cannot_be_less_than_what_it_takes(self, known):
        assert refused(known, ours=sp.Integer(recursion.OURS_AT_MOST)).refused
        assert refused(known, slack=sp.Integer(recursion.OURS_OF_RADII)).refused
        assert math.log2(interval.SLACK).is_integer()

    @pytest.mark.parametrize("numerics", [*NUMERICS, *FAST], ids=str)
    def test_what_the_theorem_assumes_of_roundoffs_holds_in_every_format_and_class(self, numerics):
        """A root in the target's format is counted as a cast where scalars are cast, else as one between scalars."""
        r = Rounding(numerics.parameter, numerics)
        assert r.cast == r.u or (r.cast == 0 and r.u <= r.held)
        assert r.u <= 2**-8
        assert np.finfo(numerics.work).eps / 2 <= 2**-8
        assert r.own == counts.OWN * np.finfo(numerics.work).eps / 2
        count = counts.CORRECTED_ROOT
        tensor = count.tensor + r.per_quotient * count.quotients + r.per_root * count.roots
        first_order = r.u * tensor + r.cast * count.cast + r.held * count.scalar
        assert r.first_order(count) == first_order
        assert r.relative(count) == pytest.approx(math.expm1(first_order) + r.own, rel=1e-11)
        assert r.relative(count) >= math.expm1(first_order) + r.own


def at_random(evaluation, source, sizes):
    """The roundings drawn in the worst and in random directions, 1+d with abs(d) <= u as IEEE has it."""
    largest = source.choice([True, False])
    factors = {}
    for factor, power in evaluation.exponents.items():
        kind, _ = PLACES[factor]
        u = sizes[kind]
        d = u / (1 + u) * (mpmath.sign(power) if largest else source.uniform(-1, 1))
        factors[factor] = 1 + d
    return factors


class TestEvaluations:
    """The listed evaluations in numbers: a second look, which shares nothing with the algebra."""

    EVERY = (*OPERATIONS, *(part for whole in WHOLE for part in whole.parts))

    @pytest.mark.parametrize("evaluation", EVERY, ids=[e.words for e in EVERY])
    def test_stays_inside_its_radius(self, evaluation):
        source = random.Random(evaluation.words)
        symbols = sorted(evaluation.computed.free_symbols - FACTORS.keys(), key=str)
        allowed = evaluations.together(evaluation.allowed, COUNTS)
        with mpmath.workdps(50):
            computed = sp.lambdify([*symbols, *FACTORS], evaluation.computed, "mpmath")
            exact = sp.lambdify(symbols, evaluation.exact, "mpmath")
            for _ in range(60):
                u = mpmath.mpf(2) ** -source.choice([8, 11, 24, 53])
                held = mpmath.mpf(2) ** -source.choice([24, 53])
                fast = source.choice([0, 1])
                slow = {"Q": 1 + fast * counts.FAST_QUOTIENT, "R": 1 + fast * counts.FAST_ROOT}
                sizes = {"T": u, "C": u if held < u else mpmath.mpf(0), "S": held}
                sizes |= {kind: times * u for kind, times in slow.items()} | {"H": u / 3}
                values = [mpmath.mpf(source.uniform(0.1, 10)) for _ in symbols]
                factors = dict.fromkeys(FACTORS, mpmath.mpf(1)) | at_random(evaluation, source, sizes)
                tensor = allowed.tensor + (slow["Q"] - 1) * allowed.quotients + (slow["R"] - 1) * allowed.roots
                first_order = u * tensor + sizes["C"] * allowed.cast + held * allowed.scalar
                first_order += float(evaluation.on_top / error) * sizes["H"]
                off = computed(*values, *factors.values()) / exact(*values) - 1
                assert abs(off) <= mpmath.expm1(first_order)

    @pytest.mark.parametrize("whole", WHOLE, ids=[w.words for w in WHOLE])
    def test_a_whole_step_stays_inside_the_box_of_the_code(self, whole):
        """Rounded in the worst directions, against denominator and step as the enclosure forms them."""
        source = random.Random(whole.words)
        hyper = Hyperparameters(lr=0.003, beta1=0.9, beta2=0.99, eps=1e-3)
        symbols = sorted(whole.computed.free_symbols - FACTORS.keys(), key=str)
        computed = sp.lambdify([*symbols, *FACTORS], whole.computed, "mpmath")
        with mpmath.workdps(50):
            for numerics in (*NUMERICS, *FAST):
                step = Step(7, hyper, numerics, Dialect())
                r = step.between
                sizes = {"T": r.u, "C": r.cast, "S": r.held}
                sizes |= {"Q": r.u * (1 + r.per_quotient), "R": r.u * (1 + r.per_root), "H": step.s.c2.error}
                for _ in range(6):
                    m, v = source.uniform(-2, 2), source.uniform(0, 2)
                    point = {"m": m, "v": v, "alpha": 0.003, "epsilon": 1e-3}
                    point |= {"c1": 1 - mpmath.mpf(0.9) ** 7, "c2": 1 - mpmath.mpf(0.99) ** 7}
                    factors = {f: mpmath.exp(sizes[PLACES[f][0]] * source.choice([-1, 1])) for f in FACTORS}
                    result = computed(*(mpmath.mpf(point[str(s)]) for s in symbols), *factors.values())
                    work = numerics.work
                    box = step.denominator(Interval.point(np.array([v]), work))
                    box = step.step_size(Interval.point(np.array([m]), work), box, EVERYWHERE)
                    middle = mpmath.mpf(float(box.at[0])) + mpmath.mpf(float(box.at[0] - work.type(float(box.at[0]))))
                    assert abs(result - middle) <= float(box.below[0])


def computed_like(formula, *arguments):
    """The formula of the theorem at numbers."""
    return float(formula(*(sp.Float(x, 40) for x in arguments)))


class TestRadii:
    """The formulas that the lemmas are about are those of the code, but for what they pay for our own arithmetic."""

    CLOSE = 1e-11

    def draw(self):
        source = random.Random(15)
        for _ in range(40):
            yield [10 ** source.uniform(-3, 3) for _ in range(4)]

    def test_scaled_and_relative(self):
        for size, radius, weight, off in self.draw():
            box = Interval.ball(np.array([-size]), np.array([radius]))
            expected = computed_like(boxes.scaled, size, radius, weight, off)
            off *= ROUNDING_UP  # as `Rounding.excess` has it
            assert box.scaled(weight, off).below[0] == pytest.approx(expected, rel=self.CLOSE)
            assert box.scaled(weight, off).below[0] >= expected
            expected = computed_like(boxes.scaled, size, radius, 1, off / ROUNDING_UP)
            assert box.relative(off).below[0] == pytest.approx(expected, rel=self.CLOSE)
            assert box.relative(off).below[0] >= expected

    def test_squared(self):
        for size, radius, *_ in self.draw():
            box = Interval.ball(np.array([-size]), np.array([radius])).squared()
            assert box.below[0] == pytest.approx(computed_like(boxes.squared, size, radius), rel=self.CLOSE)

    def test_root(self):
        for middle, radius, *_ in self.draw():
            box = Interval.ball(np.array([middle]), np.array([radius])).root()
            lower = math.sqrt(max(middle - radius, 0))
            expected = computed_like(boxes.rooted, math.sqrt(middle), lower, radius)
            assert box.below[0] == pytest.approx(expected, rel=1e-11)

    def test_divided(self):
        for size, radius, least, reach in self.draw():
            box = Interval.ball(np.array([-size]), np.array([radius]))
            divisor = Interval.ball(np.array([least + reach]), np.array([reach]))
            expected = computed_like(boxes.divided, size, radius, least + reach, reach)
            assert box.divided(divisor).below[0] == pytest.approx(expected, rel=1e-8)
            assert box.divided(divisor).below[0] >= expected

    def test_a_quotient_of_boxes_that_are_not_symmetric_holds_its_corners(self):
        for size, radius, least, reach in self.draw():
            for middle in (-size, size):
                above, further = np.array([radius / 3]), np.array([reach * 5])
                box = Interval(np.array([middle]), np.array([radius]), above)
                quotient = box.divided(Interval(np.array([least + reach]), np.array([reach]), further))
                with mpmath.workdps(40):
                    for numerator in (mpmath.mpf(middle) - radius, mpmath.mpf(middle) + above[0]):
                        for divisor in (mpmath.mpf(least + reach) - reach, mpmath.mpf(least + reach) + further[0]):
                            off = numerator / divisor - mpmath.mpf(float(quotient.at[0]))
                            room = 2**-52 * abs(mpmath.mpf(float(quotient.at[0])))  # the caller pays for the middle
                            assert -quotient.below[0] - room <= off <= quotient.above[0] + room

    @pytest.mark.parametrize("numerics", NUMERICS, ids=str)
    @pytest.mark.parametrize("beta1", [0.0, 0.1, 0.3, 0.5, 0.9])
    def test_weights_of_the_first_moment(self, numerics, beta1):
        """The largest of what the lemmas say of each order of evaluation, then the sum."""
        hyper = Hyperparameters(beta1=beta1)
        s = scalars(hyper, Dialect(), 1, numerics.accuracy, numerics.first_moment, numerics.work)
        r = Rounding(numerics.first_moment, numerics)
        k, w = float(s.beta1.value), float(s.w1.value)
        product, difference = ([counts.PRODUCT] * x.product for x in (s.beta1, s.w1)), counts.DIFFERENCE
        of_keep, of_take = (sum(counted, counts.NOTHING) for counted in product)
        e_keep = r.relative(of_keep, s.beta1.cast, s.beta1.error)
        e_take = r.relative(of_take, s.w1.cast, s.w1.error)
        lerp = r.relative(of_take + difference, s.w1.cast, s.w1.error)
        none = r.relative(counts.NOTHING)
        old, new = [k * e_keep, w * lerp], [w * e_take, boxes.of_new(w, lerp, none)]
        if 0 < k <= 0.5:
            back, cast = r.relative(of_keep + difference, s.beta1.cast, s.beta1.error), s.w1.cast + s.w1.error
            cast = r.relative(counts.NOTHING, cast)
            old += [k * back, boxes.of_complement(1 - w, back, cast)]
            new += [boxes.of_lerp(k, back, none), boxes.of_complement(1 - w, back, cast) * (1 + none) + w * none]
        weights, first = moment_weights(hyper, Dialect(), numerics)[0]
        for off, weight, needed in ((weights.off_old, k, max(old)), (weights.off_new, w, max(new))):
            assert off == pytest.approx(boxes.after_sum(weight, needed, r.sum), rel=1e-9)
            assert off >= boxes.after_sum(weight, needed, r.sum) * (1 - 1e-12)
        assert first.off_old <= weights.off_old
        assert first.off_new <= weights.off_new

    @pytest.mark.parametrize("numerics", NUMERICS, ids=str)
    @pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
    def test_weight_of_decay(self, numerics, rate):
        hyper = Hyperparameters(lr=1.0, weight_decay=rate)
        step = Step(3, hyper, numerics, Dialect(weight_decay="decoupled"))
        keep, off = step.keep
        s, r = step.s, step.theta
        cast = s.weight_decay.cast + r.u * s.weight_decay.product + s.decay.error
        needed = boxes.of_decay(float(keep), r.excess(cast), r.sum)
        assert off >= needed * (1 - 1e-12)
        assert off <= max(
            needed,
            float(keep) * r.relative(counts.SUM + counts.PRODUCT, s.keep.cast, s.keep.error),
            float(s.decay.value) * r.excess(cast + 2 * r.u),
        ) * (1 + 1e-9)

    @pytest.mark.parametrize("accuracy", ACCURACY_CLASSES.values(), ids=ACCURACY_CLASSES)
    @pytest.mark.parametrize("t", [2, 5, 100, 3000])
    def test_powers_by_products_rounded_all_one_way_stay_inside(self, accuracy, t):
        """With `t - 1` roundings to first order this fails from t = 5 on."""
        with mpmath.workdps(50):
            u, beta = mpmath.mpf(accuracy.roundoff), mpmath.mpf(0.999)
            c2 = _correction(0.999, t, accuracy, FLOAT64, np.dtype(np.longdouble))
            middle = mpmath.mpf(float(c2.value)) + mpmath.mpf(float(c2.value - np.longdouble(float(c2.value))))
            for way in (-1, 1):
                power = beta**t * (1 + way * u / (1 + u)) ** (t - 1)
                for last in (-1, 1):
                    ratio = (1 - power) * (1 + last * u / (1 + u)) / middle
                    assert 1 / (1 + mpmath.mpf(c2.error)) <= ratio <= 1 + mpmath.mpf(c2.error)


def test_no_constant_of_the_theorem_is_written_down_twice():
    theorem = THEOREMS["T15"]
    assert theorem.hypotheses == HYPOTHESES
    assert {format_.name for format_ in FORMATS.values() if format_.roundoff > 2**-8} == set()
    assert Decimal(interval.SLACK) * 2**53 == 16
