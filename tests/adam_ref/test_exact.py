"""The arbitrary-precision reference, and what it says about the golden one.

If these fail, either a reference is wrong or the numbers that its documentation states are.
"""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest

pytest.importorskip("flint", reason="the exact reference needs python-flint (extra `exact`)")

import flint
from hypothesis import given, settings

from adam_ref import ADAM, Dialect, Hyperparameters, exact, golden
from adam_ref.dialect import AXES, DIALECTS
from adam_ref.exact import analysis
from adam_ref.exact import update as exact_update
from tests import strategies
from tests.strategies import REGIMES, SUBNORMAL

U = 2.0**-53
NAMES = ("theta", "m", "v", "v_max")


def decimal_update(theta, gradients, hyper, dialect):
    """Algorithm 1 for one real parameter, the moments as the closed sums of theorem T7, in 120 digits."""
    names = ("lr", "beta1", "beta2", "eps", "weight_decay", "eps_root")
    lr, b1, b2, eps, decay, eps_root = (Decimal(getattr(hyper, name)) for name in names)
    seen, v_max, theta = [], Decimal(0), Decimal(theta)
    for t, gradient in enumerate(gradients, start=1):
        g = Decimal(gradient) * (-1 if hyper.maximize else 1)
        if dialect.weight_decay == "coupled":
            g += decay * theta
        seen.append(g)
        m = (1 - b1) * sum(power(b1, t - i) * x for i, x in enumerate(seen, start=1))
        v = (1 - b2) * sum(power(b2, t - i) * x * x for i, x in enumerate(seen, start=1))
        c1 = 1 - power(b1, t) if dialect.correct_m else Decimal(1)
        c2 = 1 - power(b2, t) if dialect.correct_v else Decimal(1)
        v_hat = v / c2
        if hyper.amsgrad:
            v_max = max(v_max, v if dialect.amsgrad == "raw" else v_hat)
            v_hat = v_max / c2 if dialect.amsgrad == "raw" else v_max
        v_hat += eps_root
        denominator = {
            "outside": lambda x=v_hat: x.sqrt() + eps,
            "hat": lambda x=v_hat, c=c2: x.sqrt() + eps / c.sqrt(),
            "inside-corrected": lambda x=v_hat: (x + eps).sqrt(),
            "inside-raw": lambda x=v_hat, c=c2: (x + eps / c).sqrt(),
        }[dialect.epsilon]()
        kept = {"coupled": Decimal(1), "decoupled": 1 - lr * decay, "absolute": 1 - decay}[dialect.weight_decay]
        theta = kept * theta - lr * m / c1 / denominator
    return theta, m, v, v_max


def power(base, exponent):
    return base**exponent if exponent else Decimal(1)


@pytest.mark.parametrize("epsilon", AXES["epsilon"])
def test_the_balls_contain_what_decimal_arithmetic_gives(epsilon):
    """A wrong branch in `exact` for some dialect, or a ball that does not contain the exact value."""
    axes = ("correct_m", "correct_v", "weight_decay", "amsgrad")
    rng = np.random.default_rng(1)
    for i, values in enumerate(itertools.product(*(AXES[axis] for axis in axes))):
        dialect = Dialect(epsilon=epsilon, **dict(zip(axes, values, strict=True)))
        beta1, beta2 = [(0.9, 0.999), (0.0, 0.5), (0.3, 0.0)][i % 3]
        flags = {"amsgrad": bool(i % 4), "maximize": bool(i % 2)}
        hyper = Hyperparameters(
            lr=0.1, beta1=beta1, beta2=beta2, eps=1e-3, weight_decay=0.1, eps_root=[0.0, 1e-5][i % 2], **flags
        )
        gradients = rng.standard_normal(6).tolist()
        state = exact.run([0.7], [[g] for g in gradients], hyper, dialect)
        with localcontext() as context, flint.ctx.workprec(state.precision):
            context.prec = 120
            for name, value in zip(NAMES, decimal_update(0.7, gradients, hyper, dialect), strict=True):
                ball = getattr(state, name).values[0]
                assert abs(ball - flint.arb(str(value))) < 1e-100, (dialect, name)


def moved(parameters, gradients, hyper, dialect=ADAM):
    """After each step: the exact state, the golden one, and the bound on their difference."""
    state, reference = exact.init(parameters), golden.init(np.asarray(parameters))
    bound = analysis.start(state)
    for gradient in gradients:
        before, state = state, exact.step(state, gradient, hyper, dialect)
        reference = golden.step(reference, gradient, hyper, dialect)
        bound = analysis.advance(bound, before, state)
        yield state, reference, bound


def assert_within(state, reference, bound):
    for name in NAMES:
        errors = getattr(state, name).errors(getattr(reference, name))
        allowed = getattr(bound, name).upper()
        assert (errors <= allowed).all(), (name, state.t, errors, allowed)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(strategies.histories(), strategies.hyperparameters, strategies.dialects)
def test_golden_is_within_the_a_priori_bound(history, hyper, dialect):
    """An operation of the golden update that loses more than a rounding, or that is not the dialect's."""
    start = np.linspace(-1.0, 1.0, history.shape[1])
    for state, reference, bound in moved(start, history, hyper, dialect):
        assert_within(state, reference, bound)


@pytest.mark.parametrize("epsilon", AXES["epsilon"])
def test_golden_is_within_the_bound_in_every_dialect(epsilon):
    """The same, but no combination of axes is left to chance; complex, so that both squares are told apart."""
    axes = [axis for axis in AXES if axis != "epsilon"]
    rng = np.random.default_rng(2)
    for i, values in enumerate(itertools.product(*(AXES[axis] for axis in axes))):
        dialect = Dialect(epsilon=epsilon, **dict(zip(axes, values, strict=True)))
        hyper = Hyperparameters(
            lr=0.1, beta2=0.98, weight_decay=0.1, eps=1e-2, amsgrad=bool(i % 3), maximize=i % 5 == 0
        )
        gradients = rng.standard_normal((8, 2)) + 1j * rng.standard_normal((8, 2))
        bounds = list(moved(np.array([1 + 2j, 0]), gradients, hyper, dialect))
        for state, reference, bound in bounds:
            assert_within(state, reference, bound)
        assert np.isfinite(bounds[-1][2].theta.upper()).all()
        assert (bounds[-1][2].theta.upper() < 1e-12).all()


LONG = {
    "adam": (Hyperparameters(), ADAM),
    "adam without eps": (Hyperparameters(lr=0.1, eps=0.0), ADAM),
    "epsilon-hat": (Hyperparameters(), DIALECTS["epsilon-hat"]),
    "adamw": (Hyperparameters(weight_decay=1e-2), DIALECTS["adamw"]),
    "amsgrad": (Hyperparameters(amsgrad=True), ADAM),
}
STEPS = 3000


def long_history(steps):
    """A column a regime, and starting values."""
    rng = np.random.default_rng(3)
    gradients = np.concatenate([make(rng, STEPS, 1) for make in REGIMES.values()], axis=1)[:steps]
    return rng.standard_normal(len(REGIMES)), gradients


NORMAL = np.array([regime not in SUBNORMAL for regime in REGIMES])


@pytest.mark.parametrize("name", LONG)
def test_three_thousand_steps_as_measured(name):
    """The numbers of ulps that `adam_ref.exact` states."""
    hyper, dialect = LONG[name]
    start, gradients = long_history(STEPS)
    state, reference = exact.init(start), golden.init(start)
    m_sizes, reach = np.zeros_like(start), np.abs(start)
    for gradient in gradients:
        state = exact.step(state, gradient, hyper, dialect)
        reference = golden.step(reference, gradient, hyper, dialect)
        m_sizes = hyper.beta1 * m_sizes + (1 - hyper.beta1) * np.abs(gradient)
        reach = np.fmax(reach, np.abs(reference.theta))
        if state.t in exact.MEASURED:
            assert_as_measured(state, reference, m_sizes, reach)


@pytest.mark.parametrize(("name", "steps"), [("adam", STEPS), ("adamw", 300), ("adam without eps", 300)])
def test_many_steps_within_the_bound_and_its_closed_forms(name, steps):
    """What `adam_ref.exact.analysis` says of the growth with t."""
    hyper, dialect = LONG[name]
    start, gradients = long_history(steps)
    sizes, plain = golden.init(np.zeros_like(start)), hyper.with_(weight_decay=0.0)
    reach = np.abs(start)
    for gradient, (state, reference, bound) in zip(gradients, moved(start, gradients, hyper, dialect), strict=True):
        sizes = golden.step(sizes, np.abs(gradient), plain, dialect)
        reach = np.fmax(reach, np.abs(reference.theta))
        if state.t in (*exact.MEASURED, steps):
            assert_within(state, reference, bound)
            assert_closed_forms(state, bound, np.abs(gradients[: state.t]).max(axis=0), sizes, hyper)
            if not hyper.weight_decay:
                assert_closed_form_of_theta(state, bound, sizes, reach, hyper)


def assert_as_measured(state, reference, m_sizes, reach):
    m, v, theta = exact.MEASURED[state.t]
    assert (state.m.errors(reference.m) <= m * U * m_sizes)[NORMAL].all()
    assert (state.v.ulps(reference.v) <= v).all()
    assert (state.theta.errors(reference.theta) <= theta * np.spacing(reach))[NORMAL].all()


def assert_closed_forms(state, bound, largest, sizes, hyper):
    """Both forms for m and for v; the slack is for the float64 arithmetic on this side."""
    n, slack = state.t, 1 + 1e-9
    m, v, v_exact = bound.m.upper(), bound.v.upper(), state.v.upper()
    assert (m <= slack * (2 * n + 1) * U * sizes.m)[NORMAL].all()
    assert (m <= slack * (3 + 2 * hyper.beta1 / (1 - hyper.beta1)) * U * largest)[NORMAL].all()
    assert (v <= slack * (2 * n + 2) * U * v_exact + 2 * n * 5e-324).all()
    assert (v <= slack * (4 + 2 * hyper.beta2 / (1 - hyper.beta2)) * U * largest**2 + 2 * n * 5e-324).all()


def assert_closed_form_of_theta(state, bound, sizes, reach, hyper):
    """The path is the way of theta under the absolute gradients, which golden itself computes."""
    n, path = state.t, np.abs(sizes.theta)
    k1, k2 = (analysis.correction_roundings(beta, min(n, 2)) for beta in (hyper.beta1, hyper.beta2))
    allowed = U * (n * reach + (3 * n + 12 + k1 + k2 / 2) * path) * (1 + 1e-9)
    decided = NORMAL & np.isfinite(path)
    assert (bound.theta.upper() <= allowed)[decided].all()


def test_coupled_decay_stays_within_its_growing_bound():
    """Where theta feeds back, the bound must hold, and on ordinary gradients it must still say something."""
    rng = np.random.default_rng(4)
    gradients = np.concatenate([make(rng, 300, 1) for make in REGIMES.values()], axis=1)
    hyper = Hyperparameters(lr=0.01, weight_decay=0.1)
    for state, reference, bound in moved(rng.standard_normal(len(REGIMES)), gradients, hyper):
        if state.t % 50 == 1 or state.t < 4:
            assert_within(state, reference, bound)
    ordinary = list(REGIMES).index("noise")
    assert bound.theta.upper()[ordinary] < 1e-11


@pytest.mark.parametrize("planted", [{"lr": 0.1 * (1 + 1e-13)}, {"beta2": 0.98 * (1 + 1e-13)}, {"eps": 1e-2 + 1e-14}])
def test_a_planted_error_is_outside_the_bound(planted):
    """A bound so wide that it would pass anything."""
    hyper = Hyperparameters(lr=0.1, beta2=0.98, eps=1e-2)
    gradients = np.random.default_rng(5).standard_normal((20, 4)) * 0.01
    *_, (state, _, bound) = moved(np.zeros(4), gradients, hyper)
    wrong = golden.init(np.zeros(4))
    for gradient in gradients:
        wrong = golden.step(wrong, gradient, hyper.with_(**planted))
    assert (state.theta.errors(wrong.theta) > bound.theta.upper()).any()


def test_one_step_from_a_golden_state():
    """`resume` is how a single step is judged, wherever the trajectory has gone."""
    hyper, rng = Hyperparameters(weight_decay=0.1, amsgrad=True), np.random.default_rng(6)
    reference = golden.init(rng.standard_normal(3))
    for _ in range(20):
        state = exact.resume(reference.t, reference.theta, reference.m, reference.v, reference.v_max)
        gradient = rng.standard_normal(3)
        reference = golden.step(reference, gradient, hyper)
        after = exact.step(state, gradient, hyper)
        assert_within(after, reference, analysis.advance(analysis.start(state), state, after))
        assert after.t == reference.t
        assert (after.v.ulps(reference.v) < 4).all()


def test_hyperparameters_may_change_on_the_way():
    """A schedule, and betas changed between steps, mean the same in both references."""
    rng = np.random.default_rng(7)
    state, reference = exact.init([1.0]), golden.init(np.array([1.0]))
    for i in range(10):
        hyper = Hyperparameters(lr=0.1 / (i + 1), beta1=0.9 - 0.05 * i, beta2=0.99 - 0.01 * i)
        gradient = rng.standard_normal(1)
        state, reference = exact.step(state, gradient, hyper), golden.step(reference, gradient, hyper)
    assert (state.theta.errors(reference.theta) < 1e-14).all()


# --- precision -------------------------------------------------------------------------------------------------------


def test_precision_rises_when_the_balls_get_wide():
    """Balls wider than an ulp would certify nothing."""
    gradients = np.random.default_rng(8).standard_normal((30, 2))
    few = exact.init([1e3, 0.0], precision=64)
    for gradient in gradients:
        few = exact.step(few, gradient, Hyperparameters())
    many = exact.run([1e3, 0.0], gradients, Hyperparameters())
    assert few.precision > 64
    assert many.precision == exact.PRECISION
    for name in NAMES:
        np.testing.assert_array_equal(getattr(few, name).nearest(), getattr(many, name).nearest())


def test_precision_has_an_end(monkeypatch):
    """A history that no precision settles must say so instead of running for ever."""
    monkeypatch.setattr(exact_update, "MAX_PRECISION", 64)
    with pytest.raises(exact.PrecisionError, match=r"step 1: .* 60 bits.*fewer steps"):
        exact.step(exact.init([1.0], precision=60), [0.1], Hyperparameters(), ADAM.with_(weight_decay="decoupled"))


def test_a_parameter_that_cancels_exactly():
    """A ball around zero, of which no relative accuracy can be asked, is still squared and rooted rightly."""
    hyper = Hyperparameters(lr=3.0, beta1=0.0, beta2=0.5, eps=0.0, weight_decay=0.1)
    once = exact.run([3.0], [[0.0]], hyper)
    assert once.theta.nearest().tolist() == [0.0]
    assert once.precision > exact.PRECISION
    reference = golden.init(np.array([3.0]))
    for gradient in (0.0, 0.0, 1.0):
        reference = golden.step(reference, np.array([gradient]), hyper)
    assert (exact.run([3.0], [[0.0], [0.0], [1.0]], hyper).theta.errors(reference.theta) < 1e-14).all()


# --- comparison with floats ------------------------------------------------------------------------------------------


def balls(*texts):
    return exact.Balls(tuple(flint.arb(text) for text in texts), 200)


def test_lower_and_upper_enclose_tightly():
    """A bound rounded inward would make the certificate worthless."""
    third = exact.run([0.0], [[1.0]], Hyperparameters(lr=1.0, beta1=0.0, beta2=0.0, eps=2.0)).theta
    assert third.lower()[0] < third.upper()[0] == math.nextafter(third.lower()[0], 1.0)
    assert third.nearest()[0] == -1 / 3
    assert -third.upper()[0] < 1 / 3 + 1e-16


def test_subnormal_and_huge_values_enclose():
    tiny = balls("1e-330", "-1e-330", "1e400", "-1e400", "0")
    assert tiny.lower().tolist() == [0.0, -5e-324, sys.float_info.max, -math.inf, 0.0]
    assert tiny.upper().tolist() == [5e-324, 0.0, math.inf, -sys.float_info.max, 0.0]


def test_ulps_are_those_of_the_exact_value():
    """The unit of every figure that is reported."""
    one = balls("1", "1", "0", "1e-320")
    ulps = one.ulps([1.0 + 2.0**-52, 1.0 - 2.0**-53, 5e-324, 1e-320])
    assert ulps == pytest.approx([1.0, 0.5, 1.0, 0.5], abs=0.5)
    assert ulps[:3].tolist() == [1.0, 0.5, 1.0]
    assert len(one) == 4


def test_what_is_not_finite():
    """0/0 must be told from a number, in either direction, and an honest overflow from a wrong one."""
    values = balls("nan", "nan", "1", "1e400", "1e400", "-1e400")
    errors = values.errors([math.nan, 1.0, math.nan, math.inf, -math.inf, -math.inf])
    assert errors.tolist() == [0.0, math.inf, math.inf, 0.0, math.inf, 0.0]
    assert np.isnan(values.lower()[:2]).all()
    assert not np.isnan(values.lower()[2:]).any()


def test_an_undefined_step_is_undefined_from_there_on():
    """Zero gradients without eps are 0/0 (and NaN in golden); other elements do not notice."""
    hyper = Hyperparameters(eps=0.0)
    state = exact.run([1.0, 1.0], [[0.0, 1.0], [1.0, 1.0]], hyper)
    assert np.isnan(state.theta.nearest()).tolist() == [True, False]
    assert not np.isnan(state.v.nearest()).any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    """An exact update of an infinity does not exist; the message must say so."""
    with pytest.raises(ValueError, match=f"{bad} is not allowed: the exact reference takes finite numbers only"):
        exact.init([bad])
    with pytest.raises(ValueError, match="finite numbers only"):
        exact.step(exact.init([1.0]), [bad], Hyperparameters())


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="gradient of 2 elements does not fit a parameter of 1"):
        exact.step(exact.init([1.0]), [1.0, 2.0], Hyperparameters())
    with pytest.raises(ValueError, match=r"moments of \[2, 1, 1\] elements do not fit a parameter of 1"):
        exact.resume(1, [1.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="2 numbers were given to compare with 1"):
        exact.init([1.0]).theta.ulps([1.0, 2.0])
    with pytest.raises(ValueError, match="without a past"):
        analysis.advance(analysis.start(exact.init([1.0])), exact.init([1.0]), exact.init([1.0]))


def test_without_python_flint_the_message_names_the_extra():
    """A bare ModuleNotFoundError would not say what to install."""
    code = "import sys; sys.modules['flint'] = None\nimport adam_ref.exact"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'adam-conformance[exact]'" in done.stderr
