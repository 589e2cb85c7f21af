"""Everything that has an id, in words: what `explain` prints and `list` lists.

To add a kind of thing: a `Kind` in `KINDS`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from adam_ref import ADAM, DIALECTS
from adam_ref.dialect import AXES
from adam_ref.theorems import THEOREMS
from conformance.capabilities import Capabilities
from conformance.cases.regimes import REGIMES
from conformance.checks import CHECKS
from conformance.diagnosis import FAMILIES
from conformance.faults import CATALOGUE
from conformance.manners import MANNERS
from conformance.protocol import TargetError
from conformance.specs import clauses
from conformance.targets.registry import Registered, everything
from conformance.usage import UsageError, near

Facts = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Kind:
    """One kind of thing that has ids.

    Attributes:
        name: what one of them is called.
        ids: all ids, in the order in which they are listed.
        line: from an id, what it is in a line.
        facts: from an id, label and words of everything there is to say.

    """

    name: str
    ids: Callable[[], Iterable[str]]
    line: Callable[[str], str]
    facts: Callable[[str], Facts]


@dataclass(frozen=True)
class Explanation:
    """One thing in words."""

    kind: str
    id: str
    line: str
    facts: tuple[tuple[str, str], ...]


def explain(name: str) -> list[Explanation]:
    """Everything that is called `name`, capitals or not; raises `UsageError` with the nearest ids where nothing is."""
    found: list[Explanation] = []
    ids: list[str] = []
    trouble: TargetError | None = None
    for kind in KINDS.values():
        try:
            ids += (of_kind := list(kind.ids()))
        except TargetError as error:  # somebody's list of targets cannot be loaded
            trouble = error
            continue
        found += [
            Explanation(kind.name, id, kind.line(id), tuple((k, v) for k, v in kind.facts(id) if v))
            for id in of_kind
            if id.casefold() == name.casefold()
        ]
    if found:
        return found
    if trouble is not None:
        raise trouble
    hint = near(name, ids, f"adam-conformance list {' | '.join(KINDS)}")
    raise UsageError(f"nothing is called {name!r}; {hint}")


def listed(what: str) -> list[tuple[str, str]]:
    """Id and line of everything of the kind `what`, one of the keys of `KINDS`."""
    if what not in KINDS:
        raise UsageError(f"there are no {what!r} to list: allowed are {', '.join(KINDS)}")
    return [(id, KINDS[what].line(id)) for id in KINDS[what].ids()]


def _check(name: str) -> Facts:
    check = CHECKS[name]
    for clause in check.clauses:
        yield f"clause {clause}", _clause_line(clause)
    if check.regime:
        yield f"regime {check.regime}", REGIMES[check.regime].reason
    yield "needs", _joined(check.needs)
    yield "theorems", _joined(check.theorems)
    yield "must catch", _joined(fault.id for fault in CATALOGUE.values() if name in fault.caught_by)


def _clause_line(name: str) -> str:
    clause = clauses().get(name)
    return "not in specs/adam.md" if clause is None else f"({clause.level}) {clause.text}"


def _clause(name: str) -> Facts:
    yield "chapter", clauses()[name].chapter
    yield "checks", _joined(check.id for check in CHECKS.values() if name in check.clauses)


def _regime(name: str) -> Facts:
    regime = REGIMES[name]
    yield "history", _first_paragraph(regime.history)
    yield "steps", str(regime.steps)
    yield "with", _joined(f"{k} ({v})" if isinstance(v, str) else k for k, v in regime.features.items())
    yield "checks", _joined(check.id for check in CHECKS.values() if check.regime == name)
    yield "shows", _joined(fault.id for fault in CATALOGUE.values() if fault.regime == name)


def _dialect_line(name: str) -> str:
    changes = DIALECTS[name].differences(ADAM).items()
    return _joined(f"{axis}={value}" for axis, value in changes) or "Algorithm 1 as torch.optim.Adam has it"


def _dialect(name: str) -> Facts:
    dialect = DIALECTS[name]
    for axis, values in AXES.items():
        others = _joined(str(value) for value in values if value != getattr(dialect, axis))
        yield axis, f"{getattr(dialect, axis)} (elsewhere: {others})"
    yield "epsilon as in", FAMILIES[dialect.epsilon]


def _theorem_line(name: str) -> str:
    try:
        return THEOREMS[name].title
    except ModuleNotFoundError as error:
        return f"(its statement needs {error.name}: pip install 'adam-conformance[theorems]')"


def _theorem(name: str) -> Facts:
    try:
        theorem = THEOREMS[name]
    except ModuleNotFoundError:
        return
    yield "says", theorem.words
    for hypothesis in theorem.hypotheses:
        yield "where", hypothesis.words
    yield "in short", theorem.summary
    yield "uses", _joined(theorem.uses)
    yield "checks", _joined(check.id for check in CHECKS.values() if name in check.theorems)
    yield "references", _joined(theorem.references)


def _claim_line(name: str) -> str:
    """The words of its docstring, which is the only place where a claim is described."""
    attributes = (inspect.getdoc(Capabilities) or "").partition("Attributes:")[2].partition("Raises:")[0]
    described = re.split(r"^    (\w+): ", attributes, flags=re.MULTILINE)
    return " ".join(described[described.index(name) + 1].split())


def _claim(name: str) -> Facts:
    default = getattr(Capabilities(), name)
    yield "unless claimed", _joined(default) if isinstance(default, tuple) else str(default)
    yield "checks", _joined(check.id for check in CHECKS.values() if name in check.needs)


def _manner(name: str) -> Facts:
    yield "may be refused", "yes" if MANNERS[name].refusable else "no"
    yield "checks", _joined(check.id for check in CHECKS.values() if f"manner:{name}" in check.needs)


def _fault(name: str) -> Facts:
    fault = CATALOGUE[name]
    yield "chapter", fault.chapter
    yield f"regime {fault.regime}", REGIMES[fault.regime].reason if fault.regime in REGIMES else ""
    yield "caught by", _joined(fault.caught_by)
    yield "dtypes", _joined(fault.dtypes)
    yield "stands for", _joined(fault.stands_for)


def _targets() -> dict[str, Registered]:
    return {found.target.address: found for found in everything()}


def _target_line(name: str) -> str:
    found = _targets()[name]
    missing = found.missing()
    return f"{found.target.what} (dialect {found.target.dialect}{'; not installed' if missing else ''})"


def _target(name: str) -> Facts:
    found = _targets()[name]
    yield f"dialect {found.target.dialect}", _dialect_line(found.target.dialect)
    yield "dtypes", _joined(found.target.dtypes)
    yield "needs", f"{_joined(found.target.packages)}: {found.project.install}"
    yield "try", f"adam-conformance check '{name}'"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words)


def _first_paragraph(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


KINDS: dict[str, Kind] = {
    "checks": Kind("check", CHECKS.keys, lambda id: CHECKS[id].title, _check),
    "clauses": Kind("clause", lambda: clauses().keys(), _clause_line, _clause),
    "dialects": Kind("dialect", DIALECTS.keys, _dialect_line, _dialect),
    "regimes": Kind("regime", REGIMES.keys, lambda id: REGIMES[id].reason, _regime),
    "targets": Kind("target", lambda: _targets().keys(), _target_line, _target),
    "theorems": Kind("theorem", THEOREMS.keys, _theorem_line, _theorem),
    "claims": Kind("claim", lambda: (f.name for f in fields(Capabilities)), _claim_line, _claim),
    "manners": Kind("manner", MANNERS.keys, lambda id: MANNERS[id].words, _manner),
    "faults": Kind("fault", CATALOGUE.keys, lambda id: CATALOGUE[id].title, _fault),
}
"""By the word that `list` takes."""
