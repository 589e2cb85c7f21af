"""Defects that are no entry of the catalogue, but one of a family: a count, a format, a condition, a fact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import check_adam
from conformance.diagnosis.formats import truncated
from conformance.diagnosis.values import shortest
from conformance.faults.adam import EVERYTHING, Adam, InPieces, rounded

UPDATES = ("update.ordinary", "update.constant", "update.near-epsilon", "update.beyond-256")
SILENT = replace(EVERYTHING, state=False, counter=False, fast_forward=False)


def _named(only: tuple[str, ...] = UPDATES, claims: Any = EVERYTHING, **pieces: Any) -> tuple[str, str]:
    """The name of the one diagnosis, and its evidence."""
    target = InPieces("nameless", type("Nameless", (Adam,), pieces), capabilities=claims)
    report = check_adam(target, dtypes=["float32"], profile="quick", only=only, on_fail=None)
    (found,) = report.diagnosis
    return found.name, found.evidence


@pytest.mark.parametrize(
    ("counted", "name"),
    [
        (lambda _, x: x.slot.t + 1 if x.slot.t else 2, "counter: t + 1"),
        (lambda _, x: x.slot.t + 3, "counter: 3*t"),
        (lambda _, x: min(x.slot.t + 1, 20), "counter: the smaller of t and 20"),
        (lambda _, x: 10, "counter: 10"),
        (lambda _, x: x.slot.t % 64 + 1, "counter: a count that goes on with 1 after 64"),
    ],
)
def test_a_counter_that_runs_otherwise_is_read_off_the_steps(counted: Any, name: str) -> None:
    assert _named(counted=counted)[0] == name


def test_a_correction_with_a_count_of_its_own_is_told_from_the_counter() -> None:
    assert _named(correction1=lambda _, x: 1 - x.beta1 ** (x.t + 2))[0] == "the correction of m: t + 2"


@pytest.mark.parametrize(
    ("t", "name"),
    [
        (lambda t: t + 5, "counter 5 ahead after loading"),
        (lambda _: 1, "counter set to 1 by loading"),
        (lambda t: 2 * t, "counter times 2 after loading"),
    ],
)
def test_a_run_that_goes_on_at_a_wrong_step_is_measured(t: Any, name: str) -> None:
    def restore(a: Adam, slot: Any, entry: Any) -> None:
        Adam.restore(a, slot, {**entry, "t": t(entry["t"])})

    only = ("update.ordinary", "metamorphic.resume", "checkpoints.any-step")
    assert _named(only, restore=restore)[0] == name


def test_the_format_of_a_state_is_in_the_bits_that_are_shown() -> None:
    name, evidence = _named(kept_m=lambda _, x: rounded(x.m, "bfloat16"), kept_v=lambda _, x: rounded(x.v, "bfloat16"))
    assert name == "m and v kept in bfloat16"
    assert "every number of m that is shown is one of bfloat16" in evidence


def test_where_no_state_is_shown_the_parameters_tell_its_format() -> None:
    name, evidence = _named(claims=SILENT, kept_v=lambda _, x: truncated(x.v, "bfloat16"))
    assert (name, "shown" in evidence) == ("v kept in bfloat16", False)


def test_a_power_that_is_rounded_is_told_from_what_is_made_of_it() -> None:
    name, _ = _named(
        correction1=lambda _, x: 1 - float(np.float16(x.beta1**x.t)),
        correction2=lambda _, x: 1 - float(np.float16(x.beta2**x.t)),
    )
    assert name == "beta1^t and beta2^t in float16"


def test_truncation_goes_towards_zero() -> None:
    numbers = np.array([1.0, -1.0, 1 + 2**-7 + 2**-9, -1 - 2**-7 - 2**-9, 1 + 2**-8 + 2**-9, 0.0], np.float32)
    expected = [1.0, -1.0, 1 + 2**-7, -1 - 2**-7, 1.0, 0.0]
    assert truncated(numbers, "bfloat16").tolist() == expected


def test_a_fault_under_a_condition_is_named_with_it() -> None:
    def doubled(a: Adam, x: Any) -> Any:
        return Adam.moved(a, x) - (x.change if x.hyper.amsgrad else 0 * x.change)

    name, _ = _named(("update.ordinary", "update.amsgrad", "update.near-epsilon"), moved=doubled)
    assert name == "step-applied-twice with AMSGrad"


def test_a_gradient_that_is_changed_is_a_fact_with_numbers() -> None:
    def kept(_: Adam, x: Any) -> Any:
        np.multiply(x.given, 0.375, out=x.given)
        return x.m

    name, evidence = _named(("update.ordinary", "purity.gradients"), kept_m=kept)
    assert name == "gradients are multiplied by 0.375 by the step"
    assert "after" in evidence


def test_the_shortest_decimal_between_two_numbers() -> None:
    assert [shortest(0.4999, 0.5001), shortest(1e-7, 1e-7), shortest(1.00012, 1.00019)] == [0.5, 1e-7, 1.00015]


torch = pytest.importorskip("torch")


def test_torchs_fused_kernel_takes_every_tensor_for_contiguous() -> None:
    """By replaying, in the very layouts, an Adam that does so; on contiguous tensors it is right."""
    only = ["layouts", "update.ordinary"]
    report = check_adam("torch.optim:Adam?fused=True", dtypes=["float32"], profile="quick", only=only, on_fail=None)
    assert [d.name for d in report.diagnosis] == ["everything-taken-for-contiguous"]


def test_a_closure_that_is_called_three_times_says_so_by_itself() -> None:
    from conformance.faults.torch_adam import Pieces, optimizer

    class Thrice(optimizer("Correct", {})):  # type: ignore[misc]
        def loss(self, closure: Any) -> Any:
            return [Pieces.loss(self, closure) for _ in range(3)][-1]

    report = check_adam(
        Thrice, dtypes=["float32"], profile="quick", only=["gradients.closure", "update.ordinary"], on_fail=None
    )
    assert [(d.name, d.kind) for d in report.diagnosis] == [("the closure was called 3 times in one step", "fact")]
