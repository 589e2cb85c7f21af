"""Faults of the step itself: what is divided by what, clipped, approximated or rounded on the way to the parameter."""

from __future__ import annotations

import numpy as np

from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Step, rounded
from conformance.faults.catalogue import Chapter

fault = Chapter("the step")

fault("step-uphill", "the step is added instead of subtracted", "ordinary", moved=lambda _, x: x.theta + x.change)
fault(
    "step-clipped-at-lr",
    "the step is clipped at lr, the bound that the paper states",
    "extremal",
    difference=lambda a, x: np.clip(Adam.difference(a, x), -x.lr, x.lr),
)
fault(
    "step-clipped-at-2-lr",
    "the step is clipped at twice lr",
    "extremal",
    difference=lambda a, x: np.clip(Adam.difference(a, x), -2 * x.lr, 2 * x.lr),
)
fault(
    "step-clipped-at-20-lr",
    "the step is clipped at twenty times lr, which the paper's defaults never reach",
    "beyond-2048",
    difference=lambda a, x: np.clip(Adam.difference(a, x), -20 * x.lr, 20 * x.lr),
)
fault(
    "step-clipped-at-1",
    "the step is clipped at 1",
    caught_by=("special.extreme-lr",),
    difference=lambda a, x: np.clip(Adam.difference(a, x), -1, 1),
)
fault(
    "step-clipped-by-its-rms",
    "the step is divided by its root mean square where that is above lr",
    "extremal",
    difference=lambda a, x: _rms_clipped(Adam.difference(a, x), x.lr),
)


def _rms_clipped(change: Array, lr: float) -> Array:
    if not change.size or not lr:
        return change
    rms = float(np.sqrt(np.mean(np.square(change, dtype=np.float64))))
    return change / max(1.0, rms / lr)


fault(
    "step-scaled-by-the-parameter",
    "the step is scaled by the norm of the parameter over its own, as in LAMB",
    "weight-decay",
    difference=lambda a, x: Adam.difference(a, x) * _trust(x.theta, Adam.difference(a, x), x.lr),
)


def _trust(theta: Array, change: Array, lr: float) -> float:
    norms = float(np.linalg.norm(theta.astype(float))), float(np.linalg.norm(change.astype(float)))
    return lr * norms[0] / norms[1] if all(norms) else 1.0


fault(
    "every-thousandth-step-left-out",
    "every thousandth step is counted and not made",
    caught_by=("metamorphic.every-step",),
    moved=lambda a, x: Adam.moved(a, x) if x.t % 1000 else x.theta,
)


def _compensated_wrongly(_: Adam, x: Step) -> Array:
    """Kahan's compensation with the wrong sign: what rounding took away is taken away again."""
    change = -x.change + x.slot.past.get("lost", np.zeros_like(x.theta))
    after: Array = x.theta + change
    x.slot.past["lost"] = (after - x.theta) - change
    return after


fault(
    "compensation-with-the-wrong-sign",
    "what the parameter lost by rounding is taken away once more at the next step",
    caught_by=("special.extreme-lr",),
    moved=_compensated_wrongly,
)
fault("root-forgotten", "m_hat is divided by v_hat, its root forgotten", "ordinary", rooted=lambda _, x: x.v_hat)
fault("root-twice", "the root is taken twice", "ordinary", rooted=lambda _, x: np.sqrt(np.sqrt(x.v_hat)))
fault(
    "gradient-for-m-hat",
    "the step uses the gradient instead of the first moment, as in RMSprop",
    "ordinary",
    corrected_m=lambda _, x: x.g,
)
fault("sign-of-m-hat", "the step is lr*sign(m_hat)", "ordinary", difference=lambda _, x: x.lr * np.sign(x.m_hat))
fault("m-hat-alone", "the step is not divided by the root at all", "ordinary", difference=lambda _, x: x.lr * x.m_hat)
fault(
    "step-applied-twice",
    "the parameter is moved twice",
    "ordinary",
    moved=lambda _, x: x.theta - x.change - x.change,
)
fault(
    "step-every-other-time",
    "the parameter is moved with every second step only",
    "ordinary",
    moved=lambda _, x: x.theta - x.change if x.t % 2 else x.theta,
)
fault(
    "step-of-the-time-before",
    "the parameter is moved by the step of the time before",
    "ordinary",
    moved=lambda _, x: x.theta - _delayed(x.slot.past, x.change),
)


def _delayed(past: dict[str, Array], change: Array) -> Array:
    before = past.get("change", np.zeros_like(change))
    past["change"] = change
    return before


fault(
    "step-in-bfloat16",
    "the step is rounded to bfloat16",
    "ordinary",
    difference=lambda a, x: rounded(Adam.difference(a, x), "bfloat16"),
)
fault(
    "step-in-float16",
    "the step is rounded to float16",
    "ordinary",
    difference=lambda a, x: rounded(Adam.difference(a, x), "float16"),
)
fault(
    "step-in-float32",
    "the step of a float64 parameter is computed in float32",
    "few-roundings",
    dtypes=("float64",),
    difference=lambda a, x: rounded(Adam.difference(a, x), "float32"),
)
fault(
    "root-in-float16",
    "the root is taken in float16",
    "ordinary",
    rooted=lambda _, x: np.sqrt(x.v_hat.astype(np.float16)).astype(x.v_hat.dtype),
)
fault(
    "parameter-in-bfloat16",
    "the parameter is kept in bfloat16 between steps",
    "ordinary",
    kept_theta=lambda _, x: rounded(x.theta, "bfloat16"),
)
fault(
    "parameter-in-float16",
    "the parameter is kept in float16 between steps",
    "ordinary",
    kept_theta=lambda _, x: rounded(x.theta, "float16"),
)
fault(
    "parameter-in-float32",
    "a float64 parameter is kept in float32 between steps",
    "few-roundings",
    dtypes=("float64",),
    kept_theta=lambda _, x: rounded(x.theta, "float32"),
)
fault(
    "square-in-float16",
    "the square is taken in float16, where it overflows beyond 255",
    "mixed-scales",
    stands_for=("chainer #7780",),
    squared=lambda _, x: np.square(x.g.astype(np.float16)).astype(x.g.dtype),
)
fault(
    "square-in-float32",
    "the square of a float64 gradient is taken in float32, where it overflows",
    "extreme-squares",
    dtypes=("float64",),
    squared=lambda _, x: np.square(x.g.astype(np.float32)).astype(x.g.dtype),
)
fault(
    "square-through-its-root",
    "the square overflows on the way: it is taken as exp(2*log(abs(g)))",
    "ordinary",
    dtypes=("float32",),
    squared=lambda _, x: np.exp(2 * np.log(np.abs(x.g), dtype=np.float16).astype(x.g.dtype)),
)


def _rsqrt(x: Array, newton: int) -> Array:
    """The famous approximation, in the array's own format, with so many Newton steps."""
    if x.dtype == np.float32:
        bits, magic = x.view(np.int32), 0x5F3759DF
    else:
        bits, magic = x.view(np.int64), 0x5FE6EB50C7B537A9
    y = (magic - (bits >> 1)).astype(bits.dtype).view(x.dtype)
    for _ in range(newton):
        y = y * (1.5 - 0.5 * x * y * y)
    return y


for steps, error in ((1, "2e-3"), (2, "5e-6")):
    fault(
        f"rsqrt-with-{steps}-newton-step{'s' * (steps > 1)}",
        f"the root is the reciprocal of a fast inverse root with {steps} Newton step{'s' * (steps > 1)}, {error} off",
        "ordinary" if steps == 1 else "few-roundings",
        rooted=lambda _, x, n=steps: np.where(x.v_hat > 0, x.v_hat * _rsqrt(x.v_hat, n), 0).astype(x.v_hat.dtype),
    )
fault(
    "rsqrt-with-3-newton-steps",
    "the root of a float64 is the reciprocal of a fast inverse root with three Newton steps, 3e-11 off",
    "few-roundings",
    dtypes=("float64",),
    rooted=lambda _, x: np.where(x.v_hat > 0, x.v_hat * _rsqrt(x.v_hat, 3), 0).astype(x.v_hat.dtype),
)
fault(
    "reciprocal-of-12-bits",
    "the quotient multiplies with a reciprocal that has 12 bits, as a fast-math instruction gives it",
    "ordinary",
    difference=lambda _, x: x.lr * x.m_hat * _twelve_bits(1 / x.denominator),
)


def _twelve_bits(x: Array) -> Array:
    significand, exponent = np.frexp(x)
    return np.ldexp(np.round(significand * 4096) / 4096, exponent).astype(x.dtype)


fault(
    "small-steps-dropped",
    "a step below 1e-10 is taken for none",
    "near-epsilon",
    caught_by=("special.extreme-lr",),
    difference=lambda a, x: _without_small(Adam.difference(a, x), 1e-10),
)
fault(
    "small-gradients-dropped",
    "a gradient below 1e-7 is taken for zero",
    "near-epsilon",
    gradient=lambda a, x: _without_small(Adam.gradient(a, x), 1e-7),
)
fault(
    "subnormal-gradients-flushed",
    "gradients in the subnormal range are taken for zero, where the target does not say that it flushes",
    "subnormals",
    gradient=lambda a, x: _without_small(Adam.gradient(a, x), float(np.finfo(x.slot.m.dtype).tiny)),
)
fault(
    "subnormal-moments-flushed",
    "first moments in the subnormal range are taken for zero, where the target does not say that it flushes",
    "subnormals",
    first_moment=lambda a, x: _without_small(Adam.first_moment(a, x), float(np.finfo(x.g.dtype).tiny)),
)
fault(
    "small-v-flushed",
    "a second moment below 1e-20 is taken for zero",
    "near-epsilon",
    second_moment=lambda a, x: _without_small(Adam.second_moment(a, x), 1e-20),
)


def _without_small(x: Array, least: float) -> Array:
    return np.where(np.abs(x) < least, 0, x).astype(x.dtype)


fault(
    "parameter-clipped-at-1",
    "the parameter is clipped to [-1, 1]",
    "weight-decay",
    moved=lambda a, x: np.clip(Adam.moved(a, x), -1, 1),
)
fault(
    "parameter-clipped-at-1e6",
    "the parameter is clipped to [-1e6, 1e6]",
    caught_by=("special.zero-gradient", "special.lr-zero"),
    moved=lambda a, x: np.clip(Adam.moved(a, x), -1e6, 1e6),
)
fault(
    "zero-gradient-elements-not-moved",
    "elements whose gradient is zero are not moved, though their momentum would",
    "exact-zeros",
    moved=lambda a, x: np.where(x.given == 0, x.theta, Adam.moved(a, x)),
)
fault(
    "step-from-the-start",
    "every step is made from the parameter as it was at the start of the session",
    "ordinary",
    moved=lambda _, x: x.slot.past.setdefault("start", x.theta) - x.change,
)
fault(
    "signs-agree-or-no-step",
    "elements whose momentum and gradient disagree in sign are not moved, as in cautious Adam",
    "alternating-signs",
    difference=lambda a, x: np.where(x.m * x.g < 0, 0, Adam.difference(a, x)).astype(x.g.dtype),
)
fault(
    "step-multiplied-out",
    "numerator and denominator are multiplied by the root, so that a small gradient gives 0/0",
    caught_by=("special.first-step", "special.zero-gradient"),
    difference=lambda _, x: x.lr * (x.m_hat * x.root / (x.v_hat + x.eps * x.root)),
)
fault(
    "step-as-text",
    "the step goes through a text of eight digits, which float32 hardly notices",
    caught_by=("metamorphic.lr-scale",),
    dtypes=("float32",),
    difference=lambda a, x: _eight_digits(Adam.difference(a, x)),
)
fault(
    "parameter-rounded-down",
    "the parameter is rounded towards minus infinity instead of to nearest",
    caught_by=("metamorphic.sign",),
    dtypes=("float32",),
    moved=lambda _, x: _rounded_down(x.theta.astype(np.float64) - x.change.astype(np.float64)),
)


def _eight_digits(x: Array) -> Array:
    return np.array([float(f"{number:.8g}") for number in x.tolist()], x.dtype)


def _rounded_down(x: Array) -> Array:
    nearest = x.astype(np.float32)
    return np.where(nearest > x, np.nextafter(nearest, np.float32(-np.inf)), nearest)
