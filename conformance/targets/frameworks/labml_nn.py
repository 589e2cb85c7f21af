"""labml.ai's annotated implementations: Adam in both of its updates, and AMSGrad; weight decay of all three kinds.

`weight_decouple` and `absolute` in an address are the arguments of its `WeightDecay`, with that class's defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer

_REAL = ("float32", "float64", "bfloat16", "float16")


def _made(
    cls: Any, arguments: dict[str, Any], *, weight_decouple: bool = True, absolute: bool = False
) -> TorchOptimizer:
    """A class that takes a number for `weight_decay`, as groups of parameters do, around one that takes an object."""
    from labml_nn.optimizers import WeightDecay

    from conformance.targets.torch_optim import TorchOptimizer

    class Numbered(cls):  # type: ignore[misc]
        def __init__(
            self,
            params: Any,
            lr: float = 1e-3,
            betas: tuple[float, float] = (0.9, 0.999),
            eps: float = 1e-16,
            weight_decay: float = 0.0,
            **others: Any,
        ) -> None:
            super().__init__(params, lr, betas, eps, WeightDecay(weight_decay, weight_decouple, absolute), **others)

    kind = "absolute" if absolute else "decoupled" if weight_decouple else "coupled"
    return TorchOptimizer(Numbered, arguments, kinds=(kind,))


def adam(weight_decouple: bool = True, absolute: bool = False, **arguments: Any) -> TorchOptimizer:
    """`labml_nn.optimizers.adam.Adam`."""
    from labml_nn.optimizers.adam import Adam

    return _made(Adam, arguments, weight_decouple=weight_decouple, absolute=absolute)


def amsgrad(**arguments: Any) -> TorchOptimizer:
    """`labml_nn.optimizers.amsgrad.AMSGrad`, with the maximum unless the address says otherwise."""
    from labml_nn.optimizers.amsgrad import AMSGrad

    made = _made(AMSGrad, arguments)
    if "amsgrad" not in arguments:
        made.capabilities.pinned["amsgrad"] = True
    return made


PROJECT = Project(
    "labml_nn",
    "pip install 'adam-conformance[labml-nn]'",
    (
        Listed(
            address="labml_nn.optimizers.adam:Adam",
            dialect="epsilon-hat-decoupled",
            what="labml's Adam as it comes, the optimized update",
            make=adam,
            dtypes=_REAL,
        ),
        Listed(
            address="labml_nn.optimizers.adam:Adam?optimized_update=False",
            dialect="adamw",
            what="labml's Adam, Algorithm 1 step by step",
            make=adam,
            dtypes=_REAL,
        ),
        Listed(
            address="labml_nn.optimizers.adam:Adam?optimized_update=False&weight_decouple=False",
            dialect="adam",
            what="the same, its weight decay coupled",
            make=adam,
        ),
        Listed(
            address="labml_nn.optimizers.adam:Adam?absolute=True",
            dialect="epsilon-hat-absolute",
            what="the optimized update, its weight decay absolute",
            make=adam,
        ),
        Listed(
            address="labml_nn.optimizers.amsgrad:AMSGrad",
            dialect="epsilon-hat-decoupled",
            what="labml's AMSGrad as it comes",
            make=amsgrad,
        ),
    ),
)
