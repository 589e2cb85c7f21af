"""T15: the recursion of the enclosure contains every admissible evaluation.

A box is a middle and a radius. Each operation of `adam_ref.enclosure` takes boxes and weights that are known up to how
far they may be off, and gives a box; one lemma for each says that it holds whatever the values in the boxes and the
weights are. How far a weight may be off is the exponential of a number of roundings, less 1; for each number there is
a list of the evaluations that it is for, and one of them takes all of it. The constants are imported, not repeated.
Steps follow one another by induction: boxes that hold the values before a step hold them after it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from adam_ref.enclosure import counts, interval
from adam_ref.enclosure.counts import Count
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, t, u
from adam_ref.theorems.soundness import boxes, evaluations, recursion
from adam_ref.theorems.soundness.boxes import FORMULAS, Formula
from adam_ref.theorems.soundness.evaluations import COUNTS, OPERATIONS, WHOLE
from adam_ref.theorems.soundness.recursion import LOSSES
from adam_ref.theorems.soundness.symbols import (
    FACTORS,
    HYPOTHESES,
    PLACES,
    A,
    K,
    L,
    Y,
    d,
    e,
    eta,
    fraction,
    held,
    low,
    not_negative,
    o,
    p,
    place,
    q,
    r,
    s,
    sigma,
    w,
    within,
)
from adam_ref.theorems.steps import Follows, Step, at_most
from adam_ref.theorems.t01_rescaled_epsilon import THEOREM as THE_FIRST

OURS, SLACK = sp.Integer(counts.OWN), sp.Integer(int(interval.SLACK * 2**53))


def derive(
    table: Mapping[str, Count] = COUNTS,
    losses: Mapping[str, float] = LOSSES,
    formulas: Mapping[str, Formula] = FORMULAS,
    powers: sp.Expr = held * t,
    ours: sp.Expr = OURS,
    slack: sp.Expr = SLACK,
) -> Iterator[Step]:
    """The counts of the enclosure, and the formulas of its radii."""
    yield from recursion.roundings()
    yield from evaluations.counted(OPERATIONS, table)
    yield from evaluations.attained(table)
    yield from evaluations.wholes(table)
    yield from boxes.operations(formulas)
    yield from boxes.weights(formulas)
    yield from recursion.underflow(losses)
    yield from recursion.powers(powers)
    yield from recursion.own_arithmetic(ours, slack)
    yield from recursion.from_step_to_step()


def _one_less(name: str, kind: str, less: float = 1) -> dict[str, Any]:
    count = COUNTS[name]
    return {"table": COUNTS | {name: replace(count, **{kind: getattr(count, kind) - less})}}


def _with(name: str, formula: Formula) -> dict[str, Any]:
    return {"formulas": FORMULAS | {name: formula}}


STEPS = tuple(derive())


def _claims() -> Iterator[Claim]:
    """Every lemma, but for what only other steps rest on: squares of roots, and the three factors of a whole step."""
    squared = {o.statement for step in STEPS for o in step.obligations if isinstance(o, Follows)}
    factors = {part.words for whole in WHOLE for part in whole.parts}
    for step in STEPS:
        supports = step.rule == "grows" or step.statement in squared or step.why.split(": at most")[0] in factors
        if not supports:
            yield Claim(step.statement, step.why, step.assuming)


CLAIMS = tuple(_claims())


def _claim(beginning: str) -> int:
    """The number of the claim whose reason begins so."""
    return next(n for n, claim in enumerate(CLAIMS) if claim.words.startswith(beginning))


TINY_U = sp.Rational(1, 256)


def _confirmations() -> tuple[Confirmation, ...]:
    """The lemmas on boxes and weights once more, decided by z3."""
    positions, radii = within(p, q, sigma), not_negative(A, r, s, o, w, d, e)
    given = (*positions, *radii, K >= 0, K <= 1, L > 0)
    x, middle = sp.symbols("x c", real=True)
    ends = middle - r, middle + r
    reach = boxes.rooted(sp.sqrt(middle), sp.sqrt(ends[0]), r)
    lemmas = {
        "a product with a weight": "Interval.scaled",
        "a square": "Interval.squared",
        "a quotient": "Interval.divided",
        "a lerp from the new value": "The weight of the new value",
        "a lerp with the complement of a weight": "The same with K",
        "a sum that rounds": "The sum rounds",
        "decay as a term": "theta - lambda*theta",
    }
    return (
        *(
            Confirmation(f"{words}, for all reals", CLAIMS[_claim(start)].statement, given)
            for words, start in lemmas.items()
        ),
        Confirmation(
            "a root, for all reals",
            sp.And(
                at_most(sp.sqrt(x), sp.sqrt(middle) + reach),
                at_most(sp.sqrt(middle) - reach, sp.sqrt(x)),
                evaluate=False,
            ),
            (middle > 0, r >= 0, ends[0] >= 0, x >= ends[0], x <= ends[1]),
        ),
        Confirmation(
            "one step of the recursion: boxes that hold the values before it hold them after it",
            at_most((w + o * q) * x + d * p, w * middle + (w + o) * r + o * sp.Abs(middle) + d),
            (*positions, *radii, x >= ends[0], x <= ends[1]),
        ),
    )


SUM_OF_BOXES: dict[sp.Basic, Any] = {A: 0, sigma: 0, Y: 0, r: 1, s: 0, p: 0, q: 0}

THEOREM = Theorem(
    id="T15",
    name="the enclosure is sound",
    title="Every admissible evaluation lies in its enclosure",
    words=(
        "Let every operation round to nearest in a format with roundoff u, scalars within u_s, underflow within eta. "
        "Then parameter and moments lie in the boxes of the enclosure after every step, for every admissible order of "
        "operations: each operation on boxes holds the results of values in them, each count of roundings is enough "
        "for the evaluations it is for and is taken by one of them, and what holds before a step holds after it."
    ),
    hypotheses=HYPOTHESES,
    definitions=CORRECTIONS | FACTORS,
    recursions=recursion.recursions(),
    claims=CLAIMS,
    derive=derive,
    variants=(
        Variant("a sum not counted", "SUM = 0", _one_less("SUM", "tensor")),
        Variant("one rounding less in the root", "CORRECTED_ROOT", _one_less("CORRECTED_ROOT", "tensor")),
        Variant(
            "the cast of c2 once, not one and a half times", "CORRECTED_ROOT", _one_less("CORRECTED_ROOT", "cast", 0.5)
        ),
        Variant("the reciprocal counted as one rounding", "QUOTIENT = 1", _one_less("QUOTIENT", "tensor")),
        Variant("the cast of c1 not counted", "MOMENT_CORRECTION", _one_less("MOMENT_CORRECTION", "cast")),
        Variant(
            "a count that no evaluation takes",
            "SQUARE = 2: sound, but not as tight as can be",
            {"table": COUNTS | {"SQUARE": Count(2)}},
        ),
        Variant("a sum that does not round", "the weights after a sum", _with("after_sum", lambda _w, o, _e: o)),
        Variant("no cross term", "r*w + A*o for a product of boxes", _with("scaled", lambda A, r, w, o: r * w + A * o)),
        Variant("a square to first order", "2*A*r", _with("squared", lambda A, r: 2 * A * r)),
        Variant("no factor M/D", "(r + s)/(D - s)", _with("divided", lambda _A, r, D, s: (r + s) / (D - s))),
        Variant("divided by the middle", "(r + A/D*s)/D", _with("divided", lambda A, r, D, s: (r + A / D * s) / D)),
        Variant("the derivative of the root", "r/(2*sqrt(x))", _with("rooted", lambda top, _low, r: r / (2 * top))),
        Variant("root without its half", "r/(4*sqrt(x))", _with("rooted", lambda top, low, r: r / (2 * top + 2 * low))),
        Variant(
            "lerp from the new value without its rounding",
            "K*e + (1-K)*d",
            _with("lerp", lambda K, e, d: K * e + (1 - K) * d),
        ),
        Variant(
            "decay without the rounding of its own rounding",
            "(1-K)*e + K*d, which the enclosure had before this proof",
            _with("of_decay", lambda K, e, d: (1 - K) * e + K * d),
        ),
        Variant("one product less in beta^t", "t - 1 roundings for t products", {"powers": held * (t - 1)}),
        Variant("one underflow less", "UNDERFLOWS_FIRST = 1", {"losses": LOSSES | {"UNDERFLOWS_FIRST": 1.0}}),
        Variant("half of our own arithmetic", "OWN = 4", {"ours": sp.Integer(4)}),
        Variant("radii rounded to nearest", "SLACK = 0", {"slack": sp.S.Zero}),
    ),
    counterexamples=(
        Counterexample(
            "roundoffs",
            "u = -1: no rounding at all would be outside",
            {u: -1, low: 1, fraction: 1, place: 0},
            claim=_claim("Half an ulp"),
        ),
        Counterexample(
            "nearest",
            "1 rounded to 1 - u, which is not half an ulp away but one: there the ulp is half as large",
            {u: TINY_U, low: 1, fraction: 0, place: -1},
            claim=_claim("And B is at most"),
        ),
        Counterexample(
            "roundings",
            "a sum that is off by two roundoffs",
            {u: TINY_U, PLACES[evaluations.T1][1]: 2, evaluations.a: 1, evaluations.b: 1},
            claim=_claim("a sum"),
        ),
        Counterexample("boxes", "a value at twice the radius", SUM_OF_BOXES | {p: 2}, claim=_claim("Interval.__add__")),
        Counterexample(
            "radii",
            "a radius of -1 holds not even the middle",
            SUM_OF_BOXES | {r: -1},
            claim=_claim("Interval.__add__"),
        ),
        Counterexample(
            "divisor",
            "a divisor that may be 0: the enclosure leaves the element undecided",
            SUM_OF_BOXES | {L: 0},
            claim=_claim("Interval.divided"),
        ),
        Counterexample(
            "underflow",
            "a weight that underflows to nothing pays for no rounding",
            {w: 0, eta: 1, e: sp.Rational(1, 16)},
            claim=_claim("Where it underflows"),
        ),
        *(replace(c, claim=_claim("Before anything")) for c in THE_FIRST.counterexamples),
    ),
    confirmations=_confirmations(),
    uses=("T1",),
    checks=("update.ordinary", "state.moments"),
    references=(
        "IEEE 754-2019, section 4.3: rounding to nearest; section 7.5: underflow",
        "N. J. Higham: Accuracy and Stability of Numerical Algorithms, second edition, SIAM 2002, chapters 2 and 3",
        "CUDA C++ Programming Guide, mathematical functions: pow within 2 ulp, powf within 4",
    ),
    remarks=(
        "IEEE's definition of rounding is a hypothesis here, and so is that nothing overflows: past the largest finite "
        "number the enclosure admits an infinity, or says nothing.",
        "That pow is within the ulps of POWER_ULPS is what the makers of the hardware state; products need no trust.",
        "Tight: of every count of roundings some evaluation takes all, so that none can be lowered; the counts of "
        "underflows cannot be lowered by one either, within the model that each result may lose eta.",
        "In fast-math a quotient and a root round f_q and f_r times more than once: the counts say how many of the "
        "roundings are of quotients and roots, and the same evaluations show that too.",
        "The proof found four places where the code was short by a product of two roundings, or by a rounding of a "
        "radius: decay as a term, the lerp with a complement, beta^t by many products, and radii in float64.",
    ),
    summary=(
        "Each operation of the enclosure holds what it is for, each count is enough and attained, and the "
        "enclosure pays for its own arithmetic; by induction its boxes hold every admissible evaluation."
    ),
)
