"""A run against a defective Adam ends with the name of the defect, and with "nothing fits" where nobody knows it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from adam_ref import ADAM, Dialect
from conformance import check_adam
from conformance.diagnosis import Diagnosis
from conformance.diagnosis.evidence import Recorder
from conformance.diagnosis.measure import RIGHT, namer
from conformance.diagnosis.search import Evidence
from conformance.faults import CATALOGUE
from conformance.faults.adam import Adam, InPieces
from conformance.faults.matrix import Terms
from conformance.faults.pairs import pair_named

ONLY = ("update.ordinary", "update.near-epsilon", "update.constant", "purity.gradients", "metamorphic.resume")


def _diagnosed(optimizer: type[Adam], dialect: Dialect = ADAM, only: tuple[str, ...] = ONLY) -> list[Diagnosis]:
    target = InPieces("nameless", optimizer, dialect)
    report = check_adam(target, dialect=dialect, dtypes=["float32"], profile="quick", only=only, on_fail=None)
    return list(report.diagnosis)


@pytest.mark.parametrize(
    "name",
    [
        "correction-one-step-ahead",
        "epsilon-missing",
        "m-in-bfloat16",
        "gradient-zeroed-after-use",
        "m-lost-on-load",
        "beta2-ignored",
    ],
)
def test_a_fault_of_the_catalogue_is_named(name: str) -> None:
    fault = CATALOGUE[name]
    (found,) = _diagnosed(fault.optimizer(), fault.dialect)
    assert (found.name, found.kind, found.references) == (name, "fault", fault.stands_for)


def test_another_order_of_operations_has_the_same_name() -> None:
    """The candidate need not round as the target does."""

    class Folded(Adam):
        def first_moment(self, x):
            return x.slot.m + x.w1 * (x.g - x.slot.m)

        def difference(self, x):
            c1, c2 = 1 - x.beta1 ** (x.t + 1), 1 - x.beta2 ** (x.t + 1)
            return (x.lr * np.sqrt(c2) / c1) * x.m / (np.sqrt(x.v) + x.eps * np.sqrt(c2))

    (found,) = _diagnosed(Folded)
    assert found.name == "correction-one-step-ahead"
    assert "within" in found.evidence


def test_a_dialect_goes_before_the_fault_of_its_name() -> None:
    (found,) = _diagnosed(CATALOGUE["epsilon-hat"].optimizer())
    assert (found.name, found.kind) == ("epsilon-hat", "dialect")


def test_nothing_fits_what_nobody_has_seen() -> None:
    class Odd(Adam):
        def difference(self, x):
            return Adam.difference(self, x) * np.cos(x.m_hat)

    (found,) = _diagnosed(Odd)
    assert (found.name, found.kind, found.explains) == ("nothing fits", "none", ())


@pytest.mark.parametrize(
    ("piece", "name", "words"),
    [
        (("rate", lambda _, x: x.slot.lr * 1.0007), "lr", "acts as 1.0007 "),
        (("rate", lambda _, x: x.slot.lr / 2), "lr", "acts as 0.5 "),
        (("epsilon", lambda _, x: x.hyper.eps * 3), "eps", "acts as 3 "),
        (("beta1", lambda _, x: 0.95), "beta1", "eta1"),
        (("beta2", lambda _, x: 0.95), "beta2", "eta2"),
        (("gradient", lambda a, x: 3 * Adam.gradient(a, x)), "the", "acts as 3 "),
    ],
)
def test_a_number_that_acts_as_another_is_measured(piece, name: str, words: str) -> None:
    (found,) = _diagnosed(type("Turned", (Adam,), dict([piece])))
    assert (found.name.split()[0], found.kind) == (name, "value")
    assert words in found.evidence


def test_a_gradient_that_is_gone_after_the_step_is_a_finding() -> None:
    """It has no numbers, in a report and over a pipe as well."""

    class Gone(Adam):
        def held_gradients(self):
            return [None for _ in self.slots]

    report = check_adam(InPieces("gone", Gone), dtypes=["float32"], profile="quick", only=ONLY, on_fail=None)
    assert [c.id for c in report.checks if c.finding] == ["purity.gradients"]
    assert report.diagnosis


def test_two_faults_at_once_are_both_named() -> None:
    (found,) = _diagnosed(pair_named("m-unweighted+m-lost-on-load").target().optimizer)
    assert (set(found.name.split(" + ")), found.kind) == ({"m-unweighted", "m-lost-on-load"}, "combination")


def test_names_withheld() -> None:
    """The measure that runs over the whole catalogue, on four faults of it."""
    ids = ("epsilon-hat", "decay-ignored", "gradient-squared-in-place", "moments-lost-on-load")
    assert [one.outcome for one in map(namer(Terms()), ids)] == [RIGHT] * 4


def test_a_correct_adam_is_not_diagnosed() -> None:
    assert _diagnosed(Adam) == []


def test_candidates_that_no_finding_can_speak_for_are_not_replayed():
    """Replaying all faults of the update on everything that passed took a minute, to say nothing in the end."""
    evidence = Evidence([])
    quick = SimpleNamespace(profile="quick")
    evidence.failing = [SimpleNamespace(check=quick, slow=False, manner="strided", violation="beside it", steps=1)]
    evidence.passing = [SimpleNamespace(check=quick, slow=False, manner="", violation=None, steps=1)]
    of_the_update = SimpleNamespace(needs="", manners=())
    assert evidence.confirmed([of_the_update] * 3) == []


def test_of_cases_that_came_out_alike_the_quickest_to_replay_is_kept():
    """Every trajectory of a thorough run would be more than the memory holds; a lesser class must not be forgotten."""

    def examined(steps, violation=None, accuracy="A"):
        case = SimpleNamespace(steps=steps, parameters=(None,), elements=1, manner="", invalid=None)
        recorder.ran([case], [SimpleNamespace(refused="")])
        outcome = SimpleNamespace(violation=violation, accuracy=accuracy)
        recorder.examined(SimpleNamespace(id="a.check"), SimpleNamespace(dtype="float32"), case, outcome)

    recorder = Recorder()
    for steps in (9, 3, 5):
        examined(steps)
    examined(7, accuracy="B")
    examined(8, violation="outside", accuracy=None)
    kept = [(e.steps, e.violation, e.examination.accuracy) for e in recorder.exhibits]
    assert kept == [(3, None, "A"), (7, None, "B"), (8, "outside", None)]
    assert recorder.findings == 1
