"""Weight decay in its three kinds, as an immutable value.

| kind | made by | what it does to `theta` and `g` |
|---|---|---|
| coupled | `WeightDecay(x, weight_decouple=False)` | `g + x*theta` enters the moments (L2 regularisation) |
| decoupled | `WeightDecay(x)` | `theta *= 1 - lr*x` before the update (Loshchilov & Hutter, arXiv 1711.05101) |
| absolute | `WeightDecay(x, absolute=True)` | `theta *= 1 - x` before the update, whatever `lr` is |

Theorem T12: decoupled decay with `lr*x` is absolute decay with that number; coupled and decoupled decay are not
equivalent for Adam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from adam_ref.torch.validation import as_flag, as_nonnegative


@dataclass(frozen=True)
class WeightDecay:
    """How strongly, and in which of the three ways, parameters are pulled towards zero.

    Args:
        weight_decay: the strength, finite and `>= 0`; 0 switches decay off.
        weight_decouple: decay the parameter itself (True) or add the decay to the gradient (False).
        absolute: decay by `weight_decay` and not by `lr*weight_decay`. Only decoupled decay can be absolute.

    Raises:
        TypeError: a value that is not a number, or not a bool.
        ValueError: a negative or non-finite strength, or coupled decay that is asked to be absolute.
    """

    weight_decay: float = 0.0
    weight_decouple: bool = True
    absolute: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight_decay", as_nonnegative("weight_decay", self.weight_decay))
        validate_kind(self.weight_decouple, self.absolute)

    def defaults(self) -> dict[str, Any]:
        """The entries a parameter group needs, so that strength and kind are saved with a checkpoint.

        The kind's names in a group are torch's own (`decoupled_weight_decay`) where torch has one.
        """
        return {
            "weight_decay": self.weight_decay,
            "decoupled_weight_decay": self.weight_decouple,
            "absolute_weight_decay": self.absolute,
        }

    def coefficients(self, group: Mapping[str, Any]) -> tuple[float, float]:
        """`(coupled, share)`: the factor of `theta` that joins the gradient, and the share of `theta` taken away.

        Args:
            group: a parameter group; `lr` in it is the learning rate in force, a missing entry falls back to `self`.
        """
        entry = {**self.defaults(), **group}
        strength = float(entry["weight_decay"])
        if not entry["decoupled_weight_decay"]:
            return strength, 0.0
        return 0.0, strength if entry["absolute_weight_decay"] else strength * float(entry["lr"])

    def __call__(self, param: Tensor, grad: Tensor, group: Mapping[str, Any]) -> Tensor:
        """Decay `param` in place if the decay is decoupled, and return the gradient to use.

        Args:
            param: real tensor of any shape, changed in place by decoupled decay only.
            grad: tensor like `param`; never modified.
            group: the parameter group, with the learning rate in force as `lr`.
        """
        coupled, share = self.coefficients(group)
        if share:
            param.mul_(1 - share)
        return grad.add(param, alpha=coupled) if coupled else grad


def validate_kind(decoupled: object, absolute: object) -> None:
    """Refuse a kind of decay that does not exist."""
    as_flag("weight_decouple", decoupled)
    as_flag("absolute", absolute)
    if absolute and not decoupled:
        raise ValueError(
            "weight decay cannot be absolute and coupled at once: absolute means 'not scaled by lr', and coupled decay "
            "joins the gradient before lr is applied; use weight_decouple=True or absolute=False"
        )
