"""The theorems about Adam that the harness rests on, as proofs that run.

    from adam_ref.theorems import THEOREMS, prove
    list(THEOREMS)                 ids, from the names of the modules; nothing is imported
    prove("T1").ok                 imports T1 and sympy, verifies, attacks

One module a theorem: `t01_rescaled_epsilon.py` defines `THEOREM`, whose id is `T1`. To add a theorem, add a module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adam_ref.theorems.model import Theorem
    from adam_ref.theorems.proof import Proof, StepResult

__all__ = ["THEOREMS", "prove"]


class _Theorems(Mapping[str, "Theorem"]):
    """Theorem by id, in order; a theorem is imported when it is looked up."""

    @cached_property
    def modules(self) -> dict[str, str]:
        """Id to module name."""
        names = sorted(module.name for module in iter_modules(__path__))
        found = ((re.fullmatch(r"t(\d\d)_\w+", name), name) for name in names)
        return {f"T{int(match[1])}": name for match, name in found if match}

    def __getitem__(self, key: str) -> Theorem:
        if key not in self.modules:
            raise KeyError(f"no theorem {key!r}; there are {', '.join(self.modules)}")
        theorem: Theorem = import_module(f"{__name__}.{self.modules[key]}").THEOREM
        return theorem

    def __contains__(self, key: object) -> bool:
        return key in self.modules

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)


THEOREMS = _Theorems()


def prove(theorem: str, *, on_step: Callable[[StepResult], None] = lambda _: None) -> Proof:
    """Prove the theorem with this id; `on_step` is told of each step as it is verified."""
    from adam_ref.theorems import engine

    return engine.prove(THEOREMS[theorem], on_step=on_step)
