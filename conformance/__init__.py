"""Whether an implementation is Adam.

    from conformance import check_adam
    check_adam(MyAdam)                      # raises ConformanceError with the findings where it is not

    @parametrize_with_checks([MyAdam])      # one pytest item for each check in each dtype
    def test_my_adam(target, check):
        check(target)

Importing this package imports nothing else; the names below are fetched when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import ConformanceError, ConformanceWarning, check_adam, parametrize_with_checks

__all__ = ["ConformanceError", "ConformanceWarning", "check_adam", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from conformance import api

    return getattr(api, name)
