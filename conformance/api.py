"""The suite from Python: `check_adam` for one verdict, `parametrize_with_checks` for one pytest item a check.

Targets run in this process; what only another process shows is looked for in a second one, a worker, which the profile
"quick" does without.  A target is a subclass of torch.optim.Optimizer, a function over NumPy arrays, an object of the
plug-in protocol, or an address such as "torch.optim:Adam?fused=True".
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from adam_ref import ADAM, Dialect
from adam_ref.dialect import DialectError, named_dialect
from adam_ref.formats import COMPONENTS, FORMATS
from conformance.checks import CHECKS, Check
from conformance.isolation.another import Another
from conformance.isolation.hosts import InProcess, another
from conformance.protocol import TargetError, raised
from conformance.report import ERROR, FAIL, SKIP, WARN, CheckResult, Report
from conformance.suite import Plan, iterate, not_run, run, run_one
from conformance.targets import adapt, load_target
from conformance.targets.registry import declared
from conformance.usage import UsageError
from conformance.waivers import known

if TYPE_CHECKING:
    import pytest

DTYPES = ("float32", "float64")


class ConformanceError(AssertionError):
    """A target that was not shown to be Adam; the message is the report as people read it.

    Attributes:
        report: the report; `None` where a single check failed.

    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class ConformanceWarning(UserWarning):
    """The same as `ConformanceError`, where `on_fail="warn"` was asked for; or a finding of what only SHOULD be so."""


def check_adam(
    target: Any,
    *,
    dialect: str | Dialect | None = None,
    dtypes: Sequence[str] = DTYPES,
    device: str = "cpu",
    profile: str = "standard",
    seed: int = 0,
    only: Sequence[str] = (),
    expected_failures: Mapping[str, str] | None = None,
    on_fail: Literal["raise", "warn"] | None = "raise",
) -> Report:
    """Run the suite against `target` in this process, and a few checks in this one and a second one.

    Args:
        target: an optimizer class of torch, a function, an object of the plug-in protocol, or an address.
        dialect: the declared one, or its name; where it is None, `adam`, or what a name is listed as that only the
            list of targets knows.
        dtypes: names of the parameter dtypes to try.
        device: "cpu" or "cuda".
        profile: "quick", "standard" or "thorough".
        seed: every random choice follows from it; the same seed gives the same verdict.
        only: ids of checks, chapters or clauses; all where it is empty.
        expected_failures: reasons by the id of a check, or by `id-dtype`, for failures that are known.
        on_fail: what to do about anything but `conforms` without stale waivers: raise, warn, or nothing (`None`).

    Returns:
        The report, whose `exit_code` is that of the command line.

    Raises:
        ConformanceError: with `on_fail="raise"`, unless the target conforms.
        UsageError: a dialect, dtype, device, profile, check or expected failure that does not exist.

    """
    if on_fail not in ("raise", "warn", None):
        raise UsageError(f"on_fail = {on_fail!r} is not allowed: it must be 'raise', 'warn' or None")
    expected = _expected(expected_failures)
    plan = _plan(target, dialect, dtypes, device, profile, seed, only)
    try:
        report = run(_host(target, plan), plan).waiving(expected)
    except TargetError as error:
        report = not_run(plan, str(error))
    if report.exit_code != 0 and on_fail is not None:
        from conformance.rendering.reports import blocks
        from conformance.rendering.terminal import as_text

        message = "\n" + as_text(*blocks(report))
        if on_fail == "raise":
            raise ConformanceError(message, report)
        warnings.warn(message, ConformanceWarning, stacklevel=2)
    return report


def parametrize_with_checks(
    targets: Iterable[Any],
    *,
    dialect: str | Dialect | None = None,
    dtypes: Sequence[str] = DTYPES,
    device: str = "cpu",
    profile: str = "standard",
    seed: int = 0,
    only: Sequence[str] = (),
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Decorate a test that takes `target` and `check`: one pytest item for each target, check and dtype.

    The test calls `check(target)`.  Ids are stable and read as in `Adam-update.ordinary-float32`.  What the target does
    not claim is skipped with the reason; an expected failure is an xfail, and an error once it passes.  Nothing is
    imported or run while pytest collects.  The other arguments are those of `check_adam`.
    """
    import pytest

    listed, expected = list(targets), _expected(expected_failures)
    parameters = []
    for target, label in zip(listed, labels(listed), strict=True):
        plan = _plan(target, dialect, dtypes, device, profile, seed, only)
        hosts = _Hosts(plan)
        for check, dtype in iterate(plan):
            bound = BoundCheck(check, dtype, plan, hosts, expected)
            parameters.append(pytest.param(target, bound, id=f"{label}-{check.id}-{dtype}"))
    return pytest.mark.parametrize(("target", "check"), parameters)


class _Hosts:
    """Adapts a target when it is first asked for, and once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.made: list[tuple[Any, InProcess]] = []

    def __call__(self, target: Any) -> InProcess:
        for known_target, host in self.made:
            if known_target is target:
                return host
        self.made.append((target, _host(target, self.plan)))
        return self.made[-1][1]


@dataclass(frozen=True)
class BoundCheck:
    """A check in one dtype that is called with its target, and raises, skips or xfails as pytest wants it."""

    check: Check
    dtype: str
    plan: Plan
    hosts: Callable[[Any], InProcess]
    expected: Mapping[str, str]

    def __call__(self, target: Any) -> CheckResult:
        """Run the check.

        Raises:
            ConformanceError: it failed, the target could not be run, or it passes and was expected to fail.

        """
        import pytest

        result = self._result(target)
        reason = next((self.expected[name] for name in result.names if name in self.expected), None)
        if result.status == SKIP:
            pytest.skip(result.reason)
        if result.status in (FAIL, WARN) and reason is not None:
            pytest.xfail(reason)
        if result.status == WARN:
            warnings.warn(_text(result), ConformanceWarning, stacklevel=2)
            return result
        if result.status == FAIL:
            raise ConformanceError(_text(result))
        if result.status == ERROR:
            raise ConformanceError(f"{self.plan.address} could not be run: {result.reason}")
        if reason is not None:
            raise ConformanceError(
                f"stale waiver: {result.id} passes in {self.dtype} and was expected to fail: {reason}"
            )
        return result

    def _result(self, target: Any) -> CheckResult:
        try:
            return run_one(self.hosts(target), self.plan, self.check, self.dtype)
        except TargetError as error:
            raise ConformanceError(f"{self.plan.address} could not be run: {error}") from error


def _text(result: CheckResult) -> str:
    from conformance.rendering.reports import finding
    from conformance.rendering.terminal import as_text

    assert result.finding is not None
    return "\n" + as_text(finding(result.finding))


def labels(targets: Sequence[Any]) -> list[str]:
    """A short name for each target; where two would have the same, those get their modules too."""
    full = [address_of(target) for target in targets]
    short = [name.partition("?")[0].rpartition(":")[2] + _query(name) for name in full]
    return [f if short.count(s) > 1 else s for f, s in zip(full, short, strict=True)]


def _query(address: str) -> str:
    _, mark, query = address.partition("?")
    return mark + query


def address_of(target: Any) -> str:
    """How the command line would name it: `module:name` of a class or function, the name of an object."""
    if isinstance(target, str):
        return target
    if inspect.isclass(target) or inspect.isfunction(target):
        return f"{target.__module__}:{target.__qualname__}"
    return str(getattr(target, "name", f"{type(target).__module__}:{type(target).__qualname__}"))


def _plan(
    target: Any,
    dialect: str | Dialect | None,
    dtypes: Sequence[str],
    device: str,
    profile: str,
    seed: int,
    only: Sequence[str],
) -> Plan:
    try:
        if dialect is None:
            dialect = declared(target) if isinstance(target, str) else ADAM
        elif isinstance(dialect, str):
            dialect = named_dialect(dialect)
    except DialectError as error:
        raise UsageError(str(error)) from error
    for name, given in (("dtypes", dtypes), ("only", only)):
        if isinstance(given, str):
            raise UsageError(f"{name} = {given!r} is not allowed: it must be a sequence of names, as in [{given!r}]")
    return Plan(dialect, tuple(dtypes), device, profile, seed, tuple(only), address_of(target))


def _expected(given: Mapping[str, str] | None) -> dict[str, str]:
    return known(given or {}, CHECKS, (*FORMATS, *COMPONENTS))


def _host(target: Any, plan: Plan) -> InProcess:
    again = another(plan.address, plan.dialect, plan.device) if importable(target) else Another(NOT_IMPORTABLE)
    if isinstance(target, str):
        return InProcess.made(lambda: load_target(target, dialect=plan.dialect, device=plan.device), another=again)
    try:
        return InProcess.made(lambda: adapt(target, dialect=plan.dialect, device=plan.device), another=again)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetError(f"making a target of {plan.address} {raised(error)}") from error


NOT_IMPORTABLE = (
    "a second process cannot import this target: a class or function at the top of a module can be, and an address"
)


def importable(target: Any) -> bool:
    """Whether `address_of(target)` names it in any process: neither an object, nor from a script or a function."""
    if isinstance(target, str):
        return True
    if not (inspect.isclass(target) or inspect.isfunction(target)) or target.__module__ == "__main__":
        return False
    found: Any = sys.modules.get(target.__module__)
    for name in target.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is target
