"""Chapter "state": where the moments can be read, they lie inside their own enclosures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adam_ref import Hyperparameters
from conformance.case import Case
from conformance.cases.build import beside, case_of
from conformance.cases.hyperparameters import settable, with_all_features
from conformance.cases.regimes import REGIMES
from conformance.checks.base import Check, Context, Examination, broken, from_regimes, inside_enclosure, refusal
from conformance.checks.groups import tensors


def moments(case: Case, context: Context) -> Examination:
    """The first and the second moment against their enclosures; both are there once a parameter had a gradient."""
    seen = context.trajectory(case)
    for step, (held, gradients) in enumerate(zip(seen.moments, case.gradients, strict=True), 1):
        for i, (moment, gradient) in enumerate(zip(held, gradients, strict=True)):
            for name in ("m", "v"):
                if gradient is not None and gradient.size and getattr(moment, name) is None:
                    words = f"the state holds no {name} of parameter {i} after a step with a gradient"
                    return Examination.rule(broken(words, step, i), 1)
    return inside_enclosure(case, context, ("m", "v"), seen)


def moment_cases(context: Context) -> list[Case]:
    """Histories that tell the moments apart; the last case has several tensors, each with moments of its own."""
    from_one = from_regimes(
        "ordinary", "mixed-scales", "zeros-then-spike", "constant", "few-roundings", "extreme-squares"
    )(context)
    return [*from_one, *(tensors(context) if context.capabilities.several else ())]


def maximum(case: Case, context: Context) -> Examination:
    """AMSGrad's maximum against its enclosure."""
    seen = context.trajectory(case)
    if all(m.v_max is None for step in seen.moments for m in step):
        return Examination(unjudged="the state shows no maximum")
    return inside_enclosure(case, context, ("v_max",), seen)


def counter(case: Case, context: Context) -> Examination:
    """The counter says how many steps were made."""
    seen = context.trajectory(case)
    facts = 0
    for made, step in enumerate(seen.moments, 1):
        for i, moment in enumerate(step):
            if moment.step is None:
                continue
            facts += 1
            if moment.step != made:
                message = f"after {made} steps the counter says {moment.step:g}"
                return Examination.rule(broken(message, made, i, got=moment.step), facts)
    return Examination.rule(None, facts)


FAR = (126, 254, 2_046, 32_766, 65_534, (1 << 24) - 3)
"""Steps after which 7, 8, 11 (float16), 15, 16 and 24 (float32) bits no longer count on."""

WALKED, WALKED_QUICKLY = FAR[4], 5_000
"""Steps to make where the counter cannot be written; in the quick profile fewer."""


def far(case: Case, context: Context) -> Examination:
    """The numbers after many steps; an exception there is a finding, unless it is raised at a first step as well."""
    seen = context.trajectory(case)
    if not seen.refused:
        return inside_enclosure(case, context, trajectory=seen)
    near = context.trajectory(replace(case, skipped=0))
    return refusal(near if near.refused else seen)


def far_cases(context: Context) -> Iterable[Case]:
    """The first gradients after so many steps; one beta has a memory as long, so that its correction still differs.

    One at a time, or else what is missing in the one makes up for what is missing in the other.
    """
    for skipped in FAR:
        for beta1, beta2 in ((1 - 1 / skipped, 0.99), (0.9, 1 - 1 / skipped)):
            yield from _after(skipped, beta1, beta2, context)


def walked_cases(context: Context) -> Iterable[Case]:
    """The same where the steps must be made; with eps = 0 there is no telling where zero gradients lead.

    Both betas have a long memory: where they are one, the step falls with every t, so that no wrong one will do.
    """
    skipped = WALKED_QUICKLY if context.profile.name == "quick" else WALKED
    beta = 1 - 1 / skipped
    return [case for case in _after(skipped, beta, beta, context) if case.hyperparameters[0].eps]


def _after(skipped: int, beta1: float, beta2: float, context: Context) -> Iterable[Case]:
    """Gradients near 1 and near eps after so many steps, without and with what else there is to set."""
    plain = settable(Hyperparameters(lr=0.01, beta1=beta1, beta2=beta2), context.capabilities)
    for hyper in dict.fromkeys((plain, with_all_features(plain, context.dialect.weight_decay, context.capabilities))):
        near_one, near_epsilon = (
            case_of(REGIMES[name], hyper, context.dtype, context.seed, elements=4, steps=3, device=context.device)
            for name in ("constant", "near-epsilon")
        )
        yield replace(beside(near_one, near_epsilon), skipped=skipped)


CHECKS = [
    Check(
        id="state.moments",
        title="the moments stay inside their enclosures",
        clauses=("STA-1", "STA-2"),
        examine=moments,
        cases=moment_cases,
        needs=("state",),
        theorems=("T6", "T7", "T15"),
    ),
    Check(
        id="state.maximum",
        title="AMSGrad's maximum stays inside its enclosure",
        clauses=("STA-3",),
        examine=maximum,
        cases=from_regimes("amsgrad"),
        needs=("state", "settable:amsgrad"),
        theorems=("T13",),
    ),
    Check(
        id="state.counter",
        title="the step counter counts steps",
        clauses=("STA-4",),
        examine=counter,
        cases=from_regimes("ordinary", "beyond-256"),
        needs=("counter",),
    ),
    Check(
        id="state.far",
        title="the bias corrections use the step count after millions of steps too",
        clauses=("STA-5",),
        examine=far,
        cases=far_cases,
        needs=("fast_forward",),
    ),
    Check(
        id="state.walked",
        title="the bias corrections use the step count after tens of thousands of steps that were made",
        clauses=("STA-5",),
        examine=far,
        cases=walked_cases,
        needs=("walks",),
    ),
]
