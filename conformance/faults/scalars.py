"""Faults of the hyperparameters on their way into the update: lost, swapped, rounded, slightly off."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from conformance.faults.adam import Adam, rounded_scalar
from conformance.faults.catalogue import Chapter

fault = Chapter("scalars")


def _truncated(value: float) -> float:
    """The upper 16 bits of a float32: bfloat16 without rounding."""
    bits = np.float32(value).view(np.uint32) & np.uint32(0xFFFF0000)
    return float(bits.view(np.float32))


fault(
    "betas-in-bfloat16",
    "the betas are rounded to bfloat16, where 0.999 is 1",
    "ordinary",
    stands_for=("tt-metal #55935", "keras 3.15"),
    beta1=lambda _, x: rounded_scalar(x.hyper.beta1, "bfloat16"),
    beta2=lambda _, x: rounded_scalar(x.hyper.beta2, "bfloat16"),
)
fault(
    "betas-truncated-to-bfloat16",
    "the betas are cut to bfloat16, where 0.999 is 0.99609375",
    "ordinary",
    stands_for=("tt-metal #55935",),
    beta1=lambda _, x: _truncated(x.hyper.beta1),
    beta2=lambda _, x: _truncated(x.hyper.beta2),
)
fault(
    "betas-in-float16",
    "the betas are rounded to float16",
    "ordinary",
    beta1=lambda _, x: rounded_scalar(x.hyper.beta1, "float16"),
    beta2=lambda _, x: rounded_scalar(x.hyper.beta2, "float16"),
)
fault(
    "weights-in-bfloat16",
    "1 - beta1 and 1 - beta2 are rounded to bfloat16",
    "ordinary",
    weight1=lambda _, x: rounded_scalar(1 - x.beta1, "bfloat16"),
    weight2=lambda _, x: rounded_scalar(1 - x.beta2, "bfloat16"),
)
fault(
    "weights-in-float16",
    "1 - beta1 and 1 - beta2 are rounded to float16",
    "ordinary",
    weight1=lambda _, x: rounded_scalar(1 - x.beta1, "float16"),
    weight2=lambda _, x: rounded_scalar(1 - x.beta2, "float16"),
)
fault(
    "lr-in-bfloat16",
    "the learning rate is rounded to bfloat16",
    "ordinary",
    rate=lambda _, x: rounded_scalar(x.slot.lr, "bfloat16"),
)
fault(
    "lr-in-float16",
    "the learning rate is rounded to float16, where small ones vanish",
    "ordinary",
    caught_by=("update.ordinary", "special.extreme-lr"),
    rate=lambda _, x: rounded_scalar(x.slot.lr, "float16"),
)
fault(
    "lr-of-4-digits",
    "the learning rate goes through a text of four significant digits",
    "few-roundings",
    rate=lambda _, x: float(f"{x.slot.lr:.4g}"),
)
fault(
    "lr-small-flushed",
    "a learning rate below 1e-9 is taken for 0",
    caught_by=("special.extreme-lr",),
    rate=lambda _, x: x.slot.lr if x.slot.lr >= 1e-9 else 0.0,
)
fault(
    "lr-at-most-1",
    "a learning rate above 1 is cut to 1",
    caught_by=("special.extreme-lr",),
    rate=lambda _, x: min(x.slot.lr, 1.0),
)
fault(
    "lr-zero-replaced",
    "lr = 0 is taken for lr not given, and becomes the default",
    caught_by=("special.lr-zero",),
    rate=lambda _, x: x.slot.lr or 1e-3,
)
fault(
    "lr-ignored",
    "the learning rate is 1e-3, whatever the user asked for",
    "ordinary",
    rate=lambda _, _x: 1e-3,
)
fault(
    "lr-squared",
    "the learning rate multiplies the step twice",
    "ordinary",
    difference=lambda _, x: x.lr * x.lr * x.m_hat / x.denominator,
)
fault(
    "lr-missing",
    "the step is not multiplied by the learning rate",
    "ordinary",
    difference=lambda _, x: x.m_hat / x.denominator,
)
fault(
    "lr-decays-by-itself",
    "the learning rate is divided by 1 + 1e-3*t, an old default",
    "ordinary",
    rate=lambda _, x: x.slot.lr / (1 + 1e-3 * (x.t - 1)),
)
fault(
    "lr-warmed-up",
    "the learning rate is warmed up over the first five steps",
    "ordinary",
    rate=lambda _, x: x.slot.lr * min(x.t / 5, 1.0),
)
fault(
    "lr-captured-at-the-start",
    "the learning rate is that of the constructor, whatever the scheduler says",
    "schedule",
    stands_for=("pytorch #126854",),
    rate=lambda _, x: x.hyper.lr,
)
fault(
    "lr-one-step-late",
    "a new learning rate takes effect one step late",
    "schedule",
    rate=lambda _, x: x.slot.past.setdefault("lr", [x.hyper.lr]).append(x.slot.lr) or x.slot.past["lr"][-2],
)
fault(
    "lr-never-rises",
    "the learning rate may fall between steps, and never rises again",
    "schedule",
    rate=lambda _, x: x.slot.past.update(lr=min(x.slot.past.get("lr", x.hyper.lr), x.slot.lr)) or x.slot.past["lr"],
)
fault(
    "betas-swapped",
    "beta1 and beta2 are swapped",
    "ordinary",
    beta1=lambda _, x: x.hyper.beta2,
    beta2=lambda _, x: x.hyper.beta1,
)
fault(
    "betas-ignored",
    "the betas are 0.9 and 0.999, whatever the user asked for",
    "ordinary",
    stands_for=("SkyRL #1646",),
    beta1=lambda _, _x: 0.9,
    beta2=lambda _, _x: 0.999,
)
fault(
    "beta1-ignored",
    "beta1 is 0.9, whatever the user asked for",
    "ordinary",
    beta1=lambda _, _x: 0.9,
)
fault(
    "beta2-ignored",
    "beta2 is 0.999, whatever the user asked for",
    "ordinary",
    beta2=lambda _, _x: 0.999,
)
fault(
    "beta1-zero-replaced",
    "beta1 = 0 is taken for beta1 not given, and becomes the default",
    "ordinary",
    beta1=lambda _, x: x.hyper.beta1 or 0.9,
)
fault(
    "beta1-decays",
    "beta1 decays with the steps, as in the paper's convergence theorem and not in Algorithm 1",
    "ordinary",
    beta1=lambda _, x: x.hyper.beta1 * 0.999 ** (x.t - 1),
)
fault(
    "beta1-for-both",
    "v decays by beta1",
    "ordinary",
    beta2=lambda _, x: x.hyper.beta1,
)
fault(
    "beta2-for-both",
    "m decays by beta2",
    "ordinary",
    beta1=lambda _, x: x.hyper.beta2,
)
fault(
    "m-unweighted",
    "the gradient is added to m without the factor 1 - beta1",
    "ordinary",
    weight1=lambda _, _x: 1.0,
)
fault(
    "v-unweighted",
    "the square is added to v without the factor 1 - beta2",
    "ordinary",
    weight2=lambda _, _x: 1.0,
)
fault(
    "m-weights-turned-round",
    "m is kept with 1 - beta1 and the gradient taken with beta1",
    "ordinary",
    first_moment=lambda _, x: x.w1 * x.slot.m + x.beta1 * x.g,
)
fault(
    "v-weights-turned-round",
    "v is kept with 1 - beta2 and the square taken with beta2",
    "ordinary",
    second_moment=lambda _, x: x.w2 * x.slot.v + x.beta2 * x.square,
)
fault(
    "v-weighted-with-beta1",
    "the square is weighted with 1 - beta1",
    "ordinary",
    weight2=lambda _, x: 1 - x.beta1,
)
fault(
    "lr-off-by-1e-4",
    "the step is one part in ten thousand too large",
    "ordinary",
    rate=lambda _, x: x.slot.lr * (1 + 1e-4),
)
fault(
    "lr-off-by-1e-5",
    "the step is one part in a hundred thousand too large",
    "few-roundings",
    rate=lambda _, x: x.slot.lr * (1 + 1e-5),
)
fault(
    "lr-off-by-3e-6",
    "the step is three parts in a million too large",
    "few-roundings",
    rate=lambda _, x: x.slot.lr * (1 + 3e-6),
)
fault(
    "m-weight-off-by-1e-5",
    "1 - beta1 is one part in a hundred thousand too large",
    "few-roundings",
    weight1=lambda a, x: Adam.weight1(a, x) * (1 + 1e-5),
)
fault(
    "v-weight-off-by-2e-5",
    "1 - beta2 is two parts in a hundred thousand too large",
    "few-roundings",
    weight2=lambda a, x: Adam.weight2(a, x) * (1 + 2e-5),
)
fault(
    "beta2-rounded-to-3-digits",
    "beta2 goes through a text of two digits: 0.999 becomes 1.0",
    "ordinary",
    beta2=lambda _, x: min(float(f"{x.hyper.beta2:.2g}"), 0.99),
)
fault(
    "1-beta-in-bfloat16",
    "1 - beta2 is computed in bfloat16 while v is kept with the right beta2",
    "ordinary",
    weight2=lambda _, x: float(ml_dtypes.bfloat16(1) - ml_dtypes.bfloat16(x.beta2)),
)
