"""Faults of epsilon: where it goes, what it is scaled by, and whether it is there at all."""

from __future__ import annotations

import numpy as np

from adam_ref import ADAM
from conformance.faults.adam import Adam, rounded_scalar
from conformance.faults.catalogue import Chapter

fault = Chapter("epsilon")
NEAR = "near-epsilon"

fault(
    "epsilon-hat",
    "epsilon is divided by the root of the bias correction, as in the optimized form of the paper's section 2",
    NEAR,
    stands_for=(
        "pytorch #22628",
        "pytorch #2060",
        "tensorflow #9047",
        "keras #17391",
        "transformers #35504",
        "nanochat #304",
    ),
    divisor=lambda _, x: x.root + x.eps / x.c2**0.5,
)
fault(
    "epsilon-hat-in-time",
    "epsilon is divided by the root of the bias correction from the two hundredth step on",
    "beyond-256",
    caught_by=("update.beyond-256", "update.beyond-2048"),
    divisor=lambda _, x: x.root + (x.eps if x.t < 200 else x.eps / x.c2**0.5),
)
fault(
    "epsilon-unscaled-where-hat-was-declared",
    "epsilon is added after the bias correction where epsilon-hat was declared",
    NEAR,
    stands_for=("tensorflow #35102",),
    dialect=ADAM.with_(epsilon="hat"),
    divisor=lambda _, x: x.root + x.eps,
)
fault(
    "epsilon-missing",
    "epsilon is left out",
    NEAR,
    divisor=lambda _, x: x.root,
)
fault(
    "epsilon-subtracted",
    "epsilon is subtracted from the root",
    NEAR,
    stands_for=("tensorflow #61411",),
    divisor=lambda _, x: x.root - x.eps,
)
fault(
    "epsilon-inside-the-root",
    "epsilon is added to v_hat under the root",
    NEAR,
    stands_for=("keras-radam #29",),
    divisor=lambda _, x: np.sqrt(x.v_hat + x.eps),
)
fault(
    "epsilon-inside-the-root-of-raw-v",
    "epsilon is added to v before its bias correction, under the root",
    NEAR,
    divisor=lambda _, x: np.sqrt((x.v + x.eps) / x.c2),
)
fault(
    "epsilon-squared-inside-the-root",
    "the square of epsilon is added to v_hat under the root",
    NEAR,
    divisor=lambda _, x: np.sqrt(x.v_hat + x.eps**2),
)
fault(
    "epsilon-twice",
    "epsilon is added under the root and beside it",
    NEAR,
    stands_for=("Adan #8",),
    divisor=lambda _, x: np.sqrt(x.v_hat + x.eps) + x.eps,
)
fault(
    "epsilon-after-rsqrt",
    "epsilon is added to the reciprocal of the root",
    caught_by=("update.zeros-then-spike",),
    stands_for=("pytorch_optimizer #480",),
    difference=lambda _, x: x.lr * x.m_hat * (1 / x.root + x.eps),
)
fault(
    "epsilon-outside-the-quotient",
    "epsilon is added to the quotient instead of its denominator",
    "few-roundings",
    difference=lambda _, x: x.lr * (x.m_hat / x.root + x.eps),
)
fault(
    "epsilon-as-a-floor",
    "the denominator is the larger of root and epsilon instead of their sum",
    NEAR,
    divisor=lambda _, x: np.maximum(x.root, x.eps),
)
fault(
    "epsilon-only-where-v-vanishes",
    "epsilon replaces a root that is zero, and is left out elsewhere",
    NEAR,
    divisor=lambda _, x: np.where(x.root == 0, np.asarray(x.eps, x.root.dtype), x.root),
)
fault(
    "epsilon-divided-by-the-first-correction",
    "epsilon is divided by 1 - beta1^t",
    NEAR,
    divisor=lambda _, x: x.root + x.eps / x.c1,
)
fault(
    "epsilon-divided-by-the-second-correction",
    "epsilon is divided by 1 - beta2^t instead of its root",
    NEAR,
    dialect=ADAM.with_(epsilon="hat"),
    divisor=lambda _, x: x.root + x.eps / x.c2,
)
fault(
    "epsilon-times-the-root-of-the-correction",
    "epsilon is multiplied by sqrt(1 - beta2^t), the rescaling turned round",
    NEAR,
    divisor=lambda _, x: x.root + x.eps * x.c2**0.5,
)
fault(
    "epsilon-scaled-by-lr",
    "epsilon is multiplied by the learning rate",
    NEAR,
    divisor=lambda _, x: x.root + x.eps * x.lr,
)
fault(
    "epsilon-in-float16",
    "epsilon is rounded to float16, where 1e-8 is 0 and a zero gradient gives 0/0",
    NEAR,
    caught_by=("update.near-epsilon", "special.zero-gradient"),
    stands_for=("optax #1754", "chainer #6299", "Optimisers.jl #167"),
    epsilon=lambda _, x: rounded_scalar(x.hyper.eps, "float16"),
)
fault(
    "epsilon-in-bfloat16",
    "epsilon is rounded to bfloat16",
    NEAR,
    epsilon=lambda _, x: rounded_scalar(x.hyper.eps, "bfloat16"),
)
fault(
    "epsilon-ignored",
    "epsilon is 1e-8, whatever the user asked for",
    caught_by=("update.ordinary", "update.few-roundings"),
    epsilon=lambda _, _x: 1e-8,
)
fault(
    "epsilon-at-least-1e-8",
    "an epsilon below 1e-8 is raised to 1e-8, eps = 0 included",
    caught_by=("special.eps-zero",),
    epsilon=lambda _, x: max(x.hyper.eps, 1e-8),
)
fault(
    "epsilon-zero-replaced",
    "eps = 0 is taken for eps not given, and becomes the default",
    caught_by=("special.eps-zero",),
    epsilon=lambda _, x: x.hyper.eps or 1e-8,
)
fault(
    "epsilon-kept-in-v",
    "epsilon is added to v itself, and accumulates there",
    NEAR,
    second_moment=lambda a, x: Adam.second_moment(a, x) + x.eps,
)
fault(
    "epsilon-at-the-first-step-only",
    "epsilon is added at the first step and forgotten afterwards",
    NEAR,
    divisor=lambda _, x: x.root + (x.eps if x.t == 1 else 0.0),
)
fault(
    "epsilon-swapped-with-weight-decay",
    "epsilon and weight decay are swapped in the constructor",
    "weight-decay",
    stands_for=("Optimisers.jl #197",),
    epsilon=lambda _, x: x.hyper.weight_decay or x.hyper.eps,
    decay=lambda _, x: x.hyper.eps if x.hyper.weight_decay else 0.0,
)
fault(
    "epsilon-off-by-1e-3",
    "epsilon is one part in a thousand too large",
    NEAR,
    epsilon=lambda _, x: x.hyper.eps * (1 + 1e-3),
)
fault(
    "epsilon-off-by-1e-4",
    "epsilon is one part in ten thousand too large",
    NEAR,
    epsilon=lambda _, x: x.hyper.eps * (1 + 1e-4),
)
fault(
    "epsilon-of-twelve-decimals",
    "epsilon goes through a text of twelve decimals, where 1e-16 is 0",
    caught_by=("special.zero-gradient",),
    epsilon=lambda _, x: round(x.hyper.eps, 12),
)
