"""From a failing case to a small one: fewer steps, one element, plain numbers.  Hypothesis does the shrinking."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning, NoSuchExample

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case, dtype_named
from conformance.compare import Violation
from conformance.protocol import TargetError

TRIES = 120
"""Candidates tried at the most: shrinking is there to help a reader, not to hold the report up."""

Examine = Callable[[Case], Violation | None]


@dataclass(frozen=True)
class Shrunk:
    """The smallest failing case found, and what is wrong with it."""

    case: Case
    violation: Violation


def shrink(case: Case, violation: Violation, examine: Examine, *, plain: bool = True) -> Shrunk:
    """Make `case` smaller while `examine` still finds something wrong with it.

    Adam acts element by element, so first the one element and the steps up to the violation are tried alone; then,
    where `plain` asks for it, Hypothesis drops steps and replaces numbers by plainer ones.  Where the target cannot be
    run on a smaller case, this ends; where it cannot be run any more, a fatal `TargetError` is raised.
    """
    best = _Best(case, violation, examine)
    try:
        _of_one_element(best)
        if plain:
            _in_plain_numbers(best)
    except TargetError as error:
        if error.fatal:
            raise
    return Shrunk(best.case, best.violation)


def _of_one_element(best: _Best) -> None:
    case, violation = best.case, best.violation
    if violation.step:
        best.try_(case.up_to(violation.step))
    if violation.step and len(case.parameters) > 1:
        best.try_(best.case.of_parameter(violation.parameter))
    if violation.step and case.checkpoint_after is None:
        e, i = best.violation.element // _parts(case), best.violation.parameter
        if best.try_(best.case.of_element(i, e)):
            return
        while best.try_(best.case.up_to_element(i, e)) and best.violation.element // _parts(case) < e:
            e, i = best.violation.element // _parts(case), best.violation.parameter  # with fewer, an earlier one shows


def _in_plain_numbers(best: _Best) -> None:
    base = best.case
    if base.steps > _MOST_STEPS or base.elements > _MOST_ELEMENTS:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        try:
            find(_smaller(base), best.try_, settings=_SETTINGS, random=None)
        except (NoSuchExample, _OutOfTries):
            pass
        except Exception as error:
            if "Flaky" not in type(error).__name__:
                raise


_MOST_STEPS, _MOST_ELEMENTS = 40, 16
_SETTINGS = settings(
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=TRIES,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


class _OutOfTries(BaseException):
    """Enough candidates were tried; a BaseException, so that Hypothesis hands it on."""


class _Best:
    """The smallest failing case so far; lets Hypothesis know whether a candidate fails."""

    def __init__(self, case: Case, violation: Violation, examine: Examine) -> None:
        self.case, self.violation, self.examine = case, violation, examine
        self.tries = 0

    def try_(self, candidate: Case) -> bool:
        self.tries += 1
        if self.tries > TRIES:
            raise _OutOfTries
        violation = self.examine(candidate)
        if violation is None:
            return False
        if _size(candidate) <= _size(self.case):
            self.case, self.violation = candidate, violation
        return True


def _parts(case: Case) -> int:
    return 2 if case.dtype.startswith("complex") else 1


def _size(case: Case) -> tuple[int, int, int]:
    """Elements, steps, and digits: how much a reader has to take in."""
    return case.elements, case.steps, sum(_digits(a) for a in _arrays(case)) + _hyper_digits(case)


def _arrays(case: Case) -> list[Array]:
    return [*case.parameters, *(g for step in case.gradients for g in step if g is not None)]


def _digits(array: Array) -> int:
    numbers = np.asarray(array).astype(np.complex128 if np.iscomplexobj(array) else np.float64).reshape(-1)
    return sum(len(repr(x)) for x in numbers.tolist())


def _hyper_digits(case: Case) -> int:
    plain = Hyperparameters()
    return sum(value != getattr(plain, name) for h in case.hyperparameters for name, value in vars(h).items())


PLAIN = 4
"""Levels of plainness: 0 for the plainest a number can be replaced by, PLAIN - 1 for the number itself."""


def _smaller(case: Case) -> st.SearchStrategy[Case]:
    """Cases made from `case` by dropping steps and plainer numbers; the first choices are the plainest."""
    steps = st.lists(
        st.integers(0, PLAIN), min_size=case.steps, max_size=case.steps
    )  # 0: the step is dropped; otherwise how plain its gradients become
    return st.builds(lambda levels, start: _reduced(case, levels, start), steps, st.integers(0, PLAIN - 1))


def _reduced(case: Case, levels: list[int], start: int) -> Case:
    kept = [i for i, level in enumerate(levels) if level] or [case.steps - 1]
    return replace(
        case,
        parameters=tuple(_plainer(p, start) for p in case.parameters),
        gradients=tuple(
            tuple(None if g is None else _plainer(g, max(levels[i], 1) - 1) for g in case.gradients[i]) for i in kept
        ),
        lrs=tuple(case.lrs[i] for i in kept if i < len(case.lrs)),
        checkpoint_after=None if case.checkpoint_after is None else max(1, min(case.checkpoint_after, len(kept) - 1)),
    )


def _plainer(array: Array, level: int) -> Array:
    """Zeros or signs, powers of two, three digits, or the numbers themselves."""
    if level >= PLAIN - 1 or not array.size or array.dtype.kind == "c":
        return array
    x = array.astype(np.float64)
    with np.errstate(all="ignore"):
        if level == 0:
            plain = np.sign(x)
        elif level == 1:
            plain = np.where(x == 0, 0.0, np.sign(x) * 2.0 ** np.round(np.log2(np.abs(x))))
        else:
            plain = np.array([float(f"{v:.3g}") for v in x.reshape(-1)]).reshape(x.shape)
        plain = np.where(np.isfinite(x), plain, x)
    return np.asarray(plain.astype(dtype_named(str(array.dtype))))
