"""Manners: the ways in which a caller may work with an optimizer that must not change what it computes.

A case that is run in a manner has the same enclosure as without it.  What differs is how the target's adapter holds the
arrays, calls the step, or goes on from a checkpoint.  A target claims the manners that its adapter knows.

To add one: a line in `MANNERS`, its way in the adapter that knows it (`conformance.targets.torch_manners`), and a check
that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.case import Case


@dataclass(frozen=True)
class Manner:
    """One way of working with an optimizer.

    Attributes:
        name: its id; cases and capabilities name it.
        words: what the caller does.
        refusable: whether a target may refuse it with an exception, as long as nothing is changed that is not its own.

    """

    name: str
    words: str
    refusable: bool = True


MANNERS: dict[str, Manner] = {
    manner.name: manner
    for manner in (
        Manner("transposed", "parameters and gradients are transposed: their last axis has the largest stride"),
        Manner("transposed-parameters", "parameters are transposed, gradients are not"),
        Manner("transposed-gradients", "gradients are transposed, parameters are not", refusable=False),
        Manner("strided", "parameters and gradients are every other element of a larger tensor"),
        Manner("strided-parameters", "parameters are every other element of a larger tensor, gradients are contiguous"),
        Manner("strided-gradients", "gradients are every other element of a larger tensor", refusable=False),
        Manner("channels-last", "parameters and gradients of four axes have the second one innermost"),
        Manner("views", "parameters lie side by side in one buffer, as views of it", refusable=False),
        Manner("expanded-parameters", "all elements of a parameter are one and the same number in memory"),
        Manner("expanded-gradients", "all elements of a gradient are one and the same number in memory"),
        Manner("closure", "gradients are made by a closure that the step calls", refusable=False),
        Manner("sparse-gradients", "gradients are sparse, with entries that stand for one element twice"),
        Manner("two-dtypes", "parameters of another dtype stand before and behind in the same group"),
        Manner(
            "rewritten",
            "hyperparameters are written into the groups before the first gradient that is not zero",
            refusable=False,
        ),
        Manner("scheduler", "the learning rate is changed by a scheduler of the framework", refusable=False),
        Manner("tensor-lr", "the learning rate is given as a tensor, and changed by writing into it"),
        Manner("late-group", "parameters are added in groups of their own when their first gradient comes"),
        Manner("gradient-scaler", "gradients are scaled and unscaled by a scaler that skips steps that overflow"),
        Manner("compiled", "the step is compiled: captured by a tracer, and run as it was captured"),
        Manner("compiled-tensor-lr", "the step is compiled, with a learning rate that is a tensor and is written into"),
        Manner("compiled-functional", "the step is compiled, and captured without operations in place"),
        Manner("replayed", "the step is recorded once, and played back with other numbers in the same memory"),
        Manner("deepcopy", "after the checkpoint a deep copy of the optimizer and its parameters goes on"),
        Manner("pickle", "after the checkpoint the optimizer and its parameters go on from a pickle"),
        Manner("other-hyperparameters", "the checkpoint is loaded into an optimizer that was made with others"),
        Manner("taken-back", "the checkpoint is loaded into an optimizer that has made more steps, and then once more"),
        Manner("one-thread", "one thread computes", refusable=False),
        Manner("two-threads", "two threads compute", refusable=False),
    )
}
"""Every manner by its name."""

EDGES = ("lr", "beta1", "beta2", "eps")
"""Hyperparameters that may be 0 by Algorithm 1, and that some implementations want to be positive."""


def manner_refusable(case: Case) -> bool:
    """Whether an exception anywhere in this case is a refusal of the manner in which it is run."""
    return bool(case.manner) and MANNERS[case.manner].refusable


def hyperparameters_refusable(case: Case) -> bool:
    """Whether a ValueError before anything has moved is a refusal of this case's hyperparameters."""
    return case.invalid is not None or any(getattr(h, name) == 0 for h in case.hyperparameters for name in EDGES)
