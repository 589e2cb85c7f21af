"""The ends of the range: overflow, underflow, 0/0, NaN, and exact zeros; and the shapes that go through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adam_ref import (
    CLASS_A,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    ArrayError,
    Dialect,
    Enclosure,
    Format,
    Hyperparameters,
    Numerics,
    advance,
    init,
    start,
    step,
)
from adam_ref.enclosure import recursion
from tests.adam_ref.enclosure.histories import SETTINGS, histories

HALF, SINGLE = Numerics.uniform(FLOAT16), Numerics.uniform(FLOAT32)
HYPER = Hyperparameters(eps=1e-4)


def after(gradients: list[list[float]], hyper: Hyperparameters = HYPER, numerics: Numerics = HALF) -> Enclosure:
    """The enclosure after these steps, from theta = 0."""
    enclosure = start(np.zeros(len(gradients[0])), numerics)
    for g in gradients:
        enclosure = advance(enclosure, np.array(g), hyper, numerics)
    return enclosure


def test_a_square_that_overflows_may_be_infinite_and_then_theta_stands_still() -> None:
    """float16 with gradients above 256: v is infinite in one order of operations and finite in the other."""
    e = after([[300.0, 200.0]])
    assert e.v.contains([np.inf, np.inf]).tolist() == [True, False]
    assert e.v.contains([90.0, 40.0]).tolist() == [True, True]
    assert not e.theta.undecided.any()
    assert e.theta.contains([0.0, 0.0]).tolist() == [True, False]
    assert e.theta.contains([-1e-3, -1e-3]).all()
    assert not e.theta.contains([np.nan, np.nan]).any()
    assert not e.theta.contains([1e-3, 1e-3]).any(), "never the wrong way"


def test_an_infinite_parameter_is_admitted_only_where_it_overflows() -> None:
    """An implementation that overflows without need would pass."""
    enclosure = start(np.array([65000.0, 65000.0, 6.0]), HALF)
    for lr, expected in ((1000.0, [True, True, False]), (1.0, [False, False, False])):
        e = advance(enclosure, np.array([-1.0, -2.0, -1.0]), HYPER.with_(lr=lr), HALF)
        assert e.theta.contains(np.full(3, np.inf)).tolist() == expected
        assert not e.theta.contains(np.full(3, -np.inf)).any()


def test_an_epsilon_that_underflows_leaves_the_element_undecided() -> None:
    """0/0 in float16 with eps = 1e-8 would pass silently, or a tiny gradient there fail an honest target."""
    e = after([[0.0, 1e-4, 1.0]], Hyperparameters(eps=1e-8))
    assert e.theta.undecided.tolist() == [False, True, False]
    assert e.theta.contains([0.0, 0.0, -1e-3]).all(), "a step on zero gradients is zero"
    assert e.theta.contains([np.nan] * 3).tolist() == [False, True, False]
    assert after([[0.0]], Hyperparameters(eps=0.0)).theta.undecided.all(), "0/0 is Algorithm 1 itself where eps = 0"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, FLOAT16], ids=lambda f: f.name)
def test_nan_and_infinity_stay_in_their_element(bad: float, target: Format) -> None:
    """One bad gradient would excuse all others, or make them fail."""
    numerics = Numerics.uniform(target)
    clean, spoilt = (start(np.zeros(3), numerics) for _ in range(2))
    for g in ([1.0, 2.0, 3.0], [1.0, bad, 3.0], [1.0, 2.0, 3.0]):
        spoilt = advance(spoilt, np.array(g), HYPER, numerics)
        clean = advance(clean, np.nan_to_num(np.array(g), nan=2.0, posinf=2.0, neginf=2.0), HYPER, numerics)
    for quantity in ("theta", "m", "v"):
        a, b = getattr(spoilt, quantity), getattr(clean, quantity)
        assert a.undecided.tolist() == [False, True, False]
        assert not b.undecided.any()
        for others in (0, 2):
            width = b.hi[others] - b.lo[others]
            assert abs(a.lo[others] - b.lo[others]) <= 0.02 * width
            assert abs(a.hi[others] - b.hi[others]) <= 0.02 * width


@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, FLOAT16], ids=lambda f: f.name)
def test_zero_gradients_change_exactly_nothing(target: Format) -> None:
    """A target whose parameters drift on zero gradients would pass."""
    numerics = Numerics.uniform(target)
    theta = target.round(np.array([0.0, 1.5, -3e-3, 6e4]))
    enclosure = start(theta, numerics)
    for _ in range(3):
        enclosure = advance(enclosure, np.zeros(4), HYPER, numerics)
    assert not enclosure.m.hi.any()
    assert not enclosure.v.hi.any()
    assert enclosure.theta.contains(theta).all()
    away = np.nextafter(theta.astype(target.dtype), target.dtype.type(np.inf)).astype(float)
    assert not enclosure.theta.contains(away).any()


def test_no_step_is_taken_where_lr_is_zero() -> None:
    """An lr of 0 that moves a parameter by an ulp would pass."""
    e = start(np.array([1.0, 0.0]), SINGLE)
    for _ in range(3):
        e = advance(e, np.array([0.3, -2.0]), Hyperparameters(lr=0.0), SINGLE)
    assert e.theta.contains([1.0, 0.0]).all()
    assert not e.theta.contains([float(np.nextafter(np.float32(1), np.float32(2))), 1e-30]).any()


def test_a_lerp_that_may_overflow_is_undecided() -> None:
    """`g - m` overflows where neither does: torch's own float32 Adam gives infinity there."""
    e = after([[3.3e38, 1e38], [-3.3e38, -1e38]], numerics=SINGLE)
    assert e.m.undecided.tolist() == [True, False]
    large_step = after([[3e38, 1.0]], HYPER.with_(lr=100.0), SINGLE)
    assert large_step.theta.undecided.tolist() == [True, False], "lr * m overflows"


def test_subnormal_gradients_have_boxes_of_a_few_subnormals() -> None:
    """Gradual underflow would be ignored, or an excuse for everything."""
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    e = after([[3 * tiny, 1e-30]], numerics=SINGLE)
    assert e.m.contains([0.0, 1e-31]).all()
    assert e.m.contains([tiny, 1e-31]).all()
    assert not e.m.contains([3 * tiny, 1.1e-31]).any()
    flushed = after([[1e-39, 1.0]], numerics=Numerics.uniform(FLOAT32.flushing()))
    assert flushed.m.contains([0.0, 0.1]).tolist() == [True, True]
    assert after([[1e-39, 1.0]], numerics=SINGLE).m.contains([0.0, 0.1]).tolist() == [False, True]


@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, FLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_the_golden_update_lies_in_the_middle(target: Format, setting: object) -> None:
    """The recursion and the reference would be two different optimizers, close enough to pass by accident."""
    hyper, dialect = setting.hyper, setting.dialect  # type: ignore[attr-defined]
    theta, gradients = histories(target, hyper, 6, 4)
    ordinary = np.abs(gradients).max(0) < 1e3
    theta, gradients = theta[ordinary], gradients[:, ordinary]
    state, enclosure, numerics = init(theta), start(theta, Numerics.uniform(target)), Numerics.uniform(target)
    for g in gradients:
        state, enclosure = step(state, g, hyper, dialect), advance(enclosure, g, hyper, numerics, dialect)
    for quantity in ("theta", "m", "v", "v_max"):
        box, value = getattr(enclosure, quantity), getattr(state, quantity)
        assert box.contains(value).all(), quantity


def test_shapes_and_kinds() -> None:
    """A shape that the reference takes would not go through the enclosure."""
    hyper = Hyperparameters()
    for shape in ((), (0,), (3,), (2, 3), (2, 0, 3)):
        e = advance(start(np.ones(shape), SINGLE), np.ones(shape), hyper, SINGLE)
        assert e.theta.lo.shape == (int(np.prod(shape)),)
        e = advance(start(np.ones(shape, complex), SINGLE), np.ones(shape, complex), hyper, SINGLE)
        assert e.theta.lo.shape == (int(np.prod(shape)), 2)
    with pytest.raises(ArrayError):
        advance(start(np.ones(3), SINGLE), np.ones(4), hyper, SINGLE)


def test_blocks_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large tensor would have other boxes than the same elements in a small one."""
    theta, gradients = histories(FLOAT16, HYPER, 4, 20)
    hyper = HYPER.with_(amsgrad=True)

    def run() -> list[Enclosure]:
        e, seen = start(theta, HALF), []
        for g in gradients:
            e = advance(e, g, hyper, HALF)
            seen.append(e)
        return seen

    whole = run()
    monkeypatch.setattr(recursion, "BLOCK", 50)
    for a, b in zip(whole, run(), strict=True):
        for quantity in ("theta", "m", "v", "v_max"):
            for end in ("lo", "hi"):
                x, y = (getattr(getattr(e, quantity), end) for e in (a, b))
                assert np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True), quantity


def test_a_step_that_only_counts_changes_nothing_else() -> None:
    """The harness skips steps on zero gradients by raising `t`; the boxes would differ from those that did not."""
    skipped = replace(start(np.zeros(2), SINGLE), t=5)
    walked = start(np.zeros(2), SINGLE)
    for _ in range(5):
        walked = advance(walked, np.zeros(2), HYPER, SINGLE)
    a, b = (advance(e, np.array([1.0, -2.0]), HYPER, SINGLE) for e in (skipped, walked))
    assert a.theta.lo.tolist() == b.theta.lo.tolist()
    assert a.v.hi.tolist() == b.v.hi.tolist()


def test_the_step_that_is_numbered_one_may_start_from_a_state() -> None:
    """A counter that was reset would meet the weights of a step from nothing, and boxes too small."""
    e = advance(start(np.zeros(1), SINGLE), np.array([1.0]), HYPER, SINGLE)
    again = advance(replace(e, t=0), np.array([1.0]), HYPER, SINGLE)
    assert again.m.contains([0.19]).all()
    assert (again.m.hi - again.m.lo) > (e.m.hi - e.m.lo)


def test_amsgrad_corrected_does_not_fall() -> None:
    """The maximum would be forgotten."""
    dialect, hyper = Dialect(amsgrad="corrected"), HYPER.with_(amsgrad=True)
    e, numerics = start(np.zeros(3), SINGLE), Numerics.uniform(FLOAT32, CLASS_A)
    last = np.zeros(3)
    for g in ([1.0, 5.0, 0.0], [0.1, 0.1, 0.0], [0.0, 7.0, 1e-30]):
        e = advance(e, np.array(g), hyper, numerics, dialect)
        assert (e.v_max.lo >= last * (1 - 1e-6) - 1e-60).all()
        last = e.v_max.lo
