"""Faults of the bias correction: missing, misplaced, of the wrong power, of the wrong beta."""

from __future__ import annotations

import math

import numpy as np

from adam_ref import ADAM
from conformance.faults.adam import Adam, rounded_scalar
from conformance.faults.catalogue import Chapter

fault = Chapter("bias correction")
ALONE = "constant"

fault(
    "no-bias-correction",
    "neither moment is corrected",
    ALONE,
    stands_for=("mlx #1640", "mlx-rs #301"),
    correction1=lambda _, _x: 1.0,
    correction2=lambda _, _x: 1.0,
)
fault(
    "m-uncorrected",
    "the first moment is not corrected",
    ALONE,
    correction1=lambda _, _x: 1.0,
)
fault(
    "v-uncorrected",
    "the second moment is not corrected",
    ALONE,
    correction2=lambda _, _x: 1.0,
)
fault(
    "corrected-where-no-correction-was-declared",
    "the moments are corrected where the declared dialect does not",
    ALONE,
    dialect=ADAM.with_(correct_m=False, correct_v=False),
    correction1=lambda _, x: 1 - x.beta1**x.t,
    correction2=lambda _, x: 1 - x.beta2**x.t,
)
fault(
    "correction-multiplied",
    "the moments are multiplied by 1 - beta^t instead of divided",
    ALONE,
    stands_for=("convnetjs #70",),
    corrected_m=lambda _, x: x.m * x.c1,
    corrected_v=lambda _, x: x.v * x.c2,
)
fault(
    "correction-without-power",
    "the corrections are 1 - beta, the power t forgotten",
    ALONE,
    stands_for=("ML-From-Scratch #35",),
    correction1=lambda _, x: 1 - x.beta1,
    correction2=lambda _, x: 1 - x.beta2,
)
fault(
    "v-correction-without-power",
    "the correction of v is 1 - beta2, the power t forgotten",
    ALONE,
    correction2=lambda _, x: 1 - x.beta2,
)
fault(
    "correction-of-beta-times-t",
    "the corrections are 1 - beta*t, a product for a power",
    ALONE,
    correction1=lambda _, x: 1 - x.beta1 * x.t if x.t == 1 else 1 + x.beta1 * x.t,
    correction2=lambda _, x: 1 - x.beta2 * x.t if x.t == 1 else 1 + x.beta2 * x.t,
)
fault(
    "v-correction-not-rooted",
    "the root of v is divided by 1 - beta2^t instead of its root",
    ALONE,
    stands_for=("pytorch #23737",),
    rooted=lambda _, x: np.sqrt(x.v_hat * x.c2) / x.c2,
)
fault(
    "v-correction-rooted-twice",
    "the root of v is divided by the fourth root of 1 - beta2^t",
    ALONE,
    rooted=lambda _, x: np.sqrt(x.v_hat * x.c2) / x.c2**0.25,
)
fault(
    "m-correction-rooted",
    "the first moment is divided by the root of 1 - beta1^t, like the second",
    ALONE,
    corrected_m=lambda _, x: x.m / x.c1**0.5,
)
fault(
    "correction-one-step-ahead",
    "the corrections are those of the next step: t is advanced twice before it is used",
    ALONE,
    stands_for=("tensorflow #35444", "burn #614"),
    correction1=lambda _, x: 1 - x.beta1 ** (x.t + 1),
    correction2=lambda _, x: 1 - x.beta2 ** (x.t + 1),
)
fault(
    "correction-one-step-behind",
    "the corrections are those of the step before, from the second step on",
    ALONE,
    stands_for=("tiny-dnn #823",),
    correction1=lambda _, x: 1 - x.beta1 ** max(x.t - 1, 1),
    correction2=lambda _, x: 1 - x.beta2 ** max(x.t - 1, 1),
)
fault(
    "correction-counts-from-zero",
    "the first step is number 0, and is divided by 0",
    ALONE,
    counted=lambda a, _x: a.calls - 1,
    correction1=lambda _, x: float(np.float64(1 - x.beta1**x.t)) or 1e-300,
)
fault(
    "m-correction-one-step-ahead",
    "the first moment is corrected by the next step's power (NAdam's schedule in Adam)",
    ALONE,
    correction1=lambda _, x: 1 - x.beta1 ** (x.t + 1),
)
fault(
    "v-correction-one-step-ahead",
    "the second moment is corrected by the next step's power",
    ALONE,
    correction2=lambda _, x: 1 - x.beta2 ** (x.t + 1),
)
fault(
    "v-correction-one-step-behind",
    "the second moment is corrected by the power of the step before, from the second step on",
    ALONE,
    correction2=lambda _, x: 1 - x.beta2 ** max(x.t - 1, 1),
)
fault(
    "corrections-swapped",
    "m is corrected with beta2 and v with beta1",
    ALONE,
    correction1=lambda _, x: 1 - x.beta2**x.t,
    correction2=lambda _, x: 1 - x.beta1**x.t,
)
fault(
    "both-corrected-with-beta1",
    "v is corrected with beta1",
    ALONE,
    correction2=lambda _, x: 1 - x.beta1**x.t,
)
fault(
    "both-corrected-with-beta2",
    "m is corrected with beta2",
    ALONE,
    correction1=lambda _, x: 1 - x.beta2**x.t,
)
fault(
    "correction-kept-in-m",
    "the corrected first moment is stored, so that the corrections accumulate",
    ALONE,
    stands_for=("holocron #1",),
    kept_m=lambda _, x: x.m_hat,
)
fault(
    "correction-kept-in-v",
    "the corrected second moment is stored, so that the corrections accumulate",
    ALONE,
    stands_for=("holocron #1",),
    kept_v=lambda _, x: x.v_hat,
)
fault(
    "first-step-uncorrected",
    "the correction begins with the second step",
    ALONE,
    correction1=lambda a, x: Adam.correction1(a, x) if x.t > 1 else 1.0,
    correction2=lambda a, x: Adam.correction2(a, x) if x.t > 1 else 1.0,
)
fault(
    "correction-ends-after-10-steps",
    "after ten steps the corrections are taken to be 1",
    ALONE,
    correction1=lambda a, x: Adam.correction1(a, x) if x.t <= 10 else 1.0,
    correction2=lambda a, x: Adam.correction2(a, x) if x.t <= 10 else 1.0,
)
fault(
    "correction-ends-after-100-steps",
    "after a hundred steps the corrections are taken to be 1",
    "beyond-256",
    correction2=lambda a, x: Adam.correction2(a, x) if x.t <= 100 else 1.0,
)
fault(
    "correction-ends-after-1000-steps",
    "after a thousand steps the corrections are taken to be 1",
    "beyond-2048",
    correction2=lambda a, x: Adam.correction2(a, x) if x.t <= 1000 else 1.0,
)
fault(
    "power-of-half-the-steps",
    "the root of the correction is taken as 1 - beta2^(t/2)",
    ALONE,
    rooted=lambda _, x: np.sqrt(x.v_hat * x.c2) / (1 - x.beta2 ** (x.t / 2)),
)
fault(
    "power-by-its-first-order",
    "beta^t is computed as exp(-t*(1-beta)), the logarithm cut after its first term",
    ALONE,
    correction1=lambda _, x: -math.expm1(-x.t * (1 - x.beta1)),
    correction2=lambda _, x: -math.expm1(-x.t * (1 - x.beta2)),
)
fault(
    "power-in-bfloat16",
    "beta2^t is rounded to bfloat16",
    ALONE,
    correction2=lambda _, x: 1 - rounded_scalar(x.beta2**x.t, "bfloat16") + 1e-12,
)
fault(
    "power-in-float16",
    "beta2^t is rounded to float16",
    ALONE,
    correction2=lambda _, x: 1 - rounded_scalar(x.beta2**x.t, "float16") + 1e-12,
)
fault(
    "corrections-in-bfloat16",
    "1 - beta^t is rounded to bfloat16",
    ALONE,
    correction1=lambda a, x: rounded_scalar(Adam.correction1(a, x), "bfloat16"),
    correction2=lambda a, x: rounded_scalar(Adam.correction2(a, x), "bfloat16"),
)
fault(
    "correction-guarded-by-epsilon",
    "1e-6 is added to 1 - beta2^t against a division by zero that cannot happen",
    "few-roundings",
    dtypes=("float64",),
    correction2=lambda a, x: Adam.correction2(a, x) + 1e-6,
)
fault(
    "m-correction-off-by-1e-5",
    "1 - beta1^t is 1e-5 too large",
    ALONE,
    correction1=lambda a, x: Adam.correction1(a, x) * (1 + 1e-5),
)
fault(
    "v-correction-off-by-2e-5",
    "1 - beta2^t is 2e-5 too large",
    ALONE,
    caught_by=("update.few-roundings",),
    correction2=lambda a, x: Adam.correction2(a, x) * (1 + 2e-5),
)
