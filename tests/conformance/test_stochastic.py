"""Rounding at random: how it is judged, on what odds, and what becomes of the generators."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from adam_ref import ADAM, DIALECTS
from conformance import check_adam
from conformance.capabilities import Capabilities
from conformance.case import case_from_json, case_to_json
from conformance.checks import CHECKS
from conformance.faults import CATALOGUE, HONEST, kill_matrix
from conformance.faults.adam import EVERYTHING, Adam, InPieces
from conformance.isolation.hosts import InProcess, Isolated
from conformance.replay import run_again
from conformance.report import read_finding, to_text
from conformance.sampling import FAILURE, Question, Samples, answered, explained
from conformance.suite import Plan, run

AT_RANDOM = replace(EVERYTHING, stochastic_rounding=True)
BOTH = [CHECKS["stochastic.mean"], CHECKS["stochastic.independence"]]
BRIEF = {"dtypes": ["bfloat16"], "profile": "quick"}


class TestOdds:
    """The bound is Hoeffding's, shared by all questions."""

    @pytest.mark.parametrize(("numbers", "questions"), [(1, 1), (16_384, 19), (200_000, 40)])
    def test_the_bound_has_the_probability_that_is_promised(self, numbers, questions):
        bound = explained(numbers, questions)
        assert questions * 2 * math.exp(-2 * bound**2 / numbers) == pytest.approx(FAILURE, rel=1e-9)

    def test_a_sum_beyond_it_is_said_and_one_within_is_not(self):
        z = np.zeros((1, 1, 1000))
        samples = Samples(z, z, z)
        edge = explained(1000, 1) / 1000
        for mean, said in ((0.99 * edge, ""), (1.01 * edge, f"{1.01 * edge:.4f} too high"), (-1.01 * edge, "too low")):
            question = Question.mean("{} too high", "{} too low", replace(samples, z=z + mean), np.ones(1000))
            assert said in answered([question])[0]
            assert bool(said) == bool(answered([question])[0])

    def test_what_the_enclosure_leaves_open_is_no_finding(self):
        z = np.full((1, 1, 1000), 0.3)
        question = Question.mean("{}", "{}", Samples(z, z, z), np.ones(1000))
        assert answered([question]) == ("", 1000)

    def test_products_are_as_far_off_as_their_factors_allow(self):
        generator = np.random.default_rng(0)
        truth = generator.uniform(-1, 1, (2, 3, 50))
        off = generator.uniform(0, 0.1, truth.shape)
        seen = truth + generator.uniform(-1, 1, truth.shape) * off
        one, other = (..., slice(0, 25)), (..., slice(25, 50))
        question = Question.product("{}", Samples(seen, off, off), one, other)
        assert (np.abs(question.terms - truth[one] * truth[other]) <= question.off + 1e-15).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_right_ones_are_not_flagged_whatever_the_seed(seed):
    for name in ("stochastic-rounding", "stochastic-rounding-by-magnitude"):
        matrix = kill_matrix([HONEST[name]], BOTH, dtypes=["bfloat16"], seed=seed)
        assert [c.status for c in matrix.cells] == ["passed", "passed"]


@pytest.mark.parametrize("name", ["epsilon-hat", "epsilon-inside-raw", "no-bias-correction"])
def test_other_dialects_can_be_rounded_at_random(name):
    target = InPieces("mine", Adam, DIALECTS[name], AT_RANDOM)
    report = run(InProcess(target), Plan(DIALECTS[name], ("float16",), profile="quick", only=("stochastic",)))
    assert report.verdict == "conforms"


def test_a_learning_rate_that_is_pinned_is_a_fraction_of_some_spacing():
    claims = replace(AT_RANDOM, pinned={"lr": 0.003}, several=False)
    report = run(InProcess(InPieces("mine", Adam, ADAM, claims)), Plan(dtypes=("bfloat16",), only=("stochastic",)))
    assert report.verdict == "conforms"


def test_a_wrong_update_is_seen_through_the_noise():
    """Each step is judged from what was stored before it: noise hides no more than a spacing."""
    for name in ("epsilon-hat", "lr-squared", "m-uncorrected", "beta2-ignored"):
        fault = CATALOGUE[name]
        claims = {**(fault.claims or {}), "stochastic_rounding": True}
        noisy = replace(fault, claims=claims, dtypes=("bfloat16",))
        update = [check for id, check in CHECKS.items() if id.startswith("update.")]
        assert kill_matrix([noisy], update, dtypes=["bfloat16"]).survivors() == []


def test_other_dtypes_are_rounded_to_nearest():
    report = check_adam(
        InPieces("mine", Adam, ADAM, AT_RANDOM),
        dtypes=["float32"],
        profile="quick",
        only=["metamorphic.sign", "stochastic"],
    )
    reasons = {c.id: c.reason for c in report.checks}
    assert reasons["stochastic.mean"] == "the target does not claim stochastic rounding of float32"
    assert reasons["metamorphic.sign"] == ""


def test_what_is_random_by_accident_is_not_forgiven():
    """Only who claims to round at random may: the same target without the claim does not conform."""
    honest = InPieces("mine", Adam, ADAM, replace(AT_RANDOM, stochastic_rounding=False), np.random.default_rng(0))
    report = check_adam(honest, on_fail=None, only=["purity.repeatable"], **BRIEF)
    assert report.verdict == "does-not-conform"


def test_a_claim_without_a_seed_cannot_be_judged():
    class Unseeded:
        name = "unseeded"
        capabilities = Capabilities(dtypes=("bfloat16",), stochastic_rounding=True)

        def start(self, parameters, hypers):
            raise AssertionError("it is seeded first")

    report = check_adam(Unseeded(), on_fail=None, only=["update.ordinary"], **BRIEF)
    assert report.exit_code == 3
    assert "a target that rounds at random has seed(number)" in report.checks[0].reason


def adam_at_random(parameters, gradients, state, *, lr, beta1, beta2, eps):
    """Draws from NumPy's global generator, as a function does that knows no better."""
    t, ms, vs = state or (0, [0.0] * len(parameters), [0.0] * len(parameters))
    stored, t = [], t + 1
    for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        g = g.astype(np.float32)
        ms[i], vs[i] = beta1 * ms[i] + (1 - beta1) * g, beta2 * vs[i] + (1 - beta2) * g * g
        step = lr * (ms[i] / (1 - beta1**t)) / (np.sqrt(vs[i] / (1 - beta2**t)) + eps)
        bits = np.ascontiguousarray(p.astype(np.float32) - step.astype(np.float32)).view(np.uint32)
        drawn = np.random.randint(0, 1 << 16, bits.shape, np.uint32)  # noqa: NPY002
        stored.append(((bits + drawn) >> 16).astype(np.uint16).view(p.dtype))
    return stored, (t, ms, vs)


adam_at_random.capabilities = {"dtypes": ["bfloat16"], "stochastic_rounding": True}


def test_a_function_draws_from_numpys_generator_which_is_as_it_was_afterwards():
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    before = np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
    report = check_adam(adam_at_random, only=["stochastic", "purity.repeatable", "update.ordinary"], **BRIEF)
    assert report.verdict == "conforms"
    after = np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
    assert (before[0][0] == after[0][0]).all()
    assert (before[0][1], before[1]) == (after[0][1], after[1])


def test_torchs_generator_goes_on_where_it_was():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    expected = [torch.rand(1).item() for _ in range(2)]
    torch.manual_seed(3)
    drawn = [torch.rand(1).item()]
    report = run(
        InProcess(HONEST["torch-stochastic-rounding"].target()),
        Plan(dtypes=("bfloat16",), profile="quick", only=("stochastic.mean", "purity.process")),
    )
    assert report.verdict == "conforms"
    assert [*drawn, torch.rand(1).item()] == expected


def test_in_a_worker_and_again_from_the_report(tmp_path):
    """Seeds cross to the worker and into reports: the same finding, to the last bit."""
    address = "conformance.faults:Faulty?fault=dither-of-half-the-width"
    host = Isolated(address, dialect=ADAM, device="cpu").wait_until_ready()
    try:
        report = run(host, Plan(dtypes=("bfloat16",), profile="quick", only=("stochastic.mean",), address=address))
        assert report.verdict == "does-not-conform"
        file = tmp_path / "report.json"
        file.write_text(to_text(report))
        recorded = read_finding(file, 1)
        again = run_again(host, recorded)
        assert again.finding.to_json() == recorded.finding.to_json()
    finally:
        host.close()


def test_the_seed_is_part_of_the_case():
    (case,) = list(
        CHECKS["stochastic.mean"].cases(
            Plan(dtypes=("bfloat16",), seed=3).context(
                InProcess(InPieces("mine", Adam, ADAM, AT_RANDOM)), "bfloat16", lambda *_: None
            )
        )
    )
    assert case.seed == 3 * 64
    assert case_from_json(case_to_json(case)).seed == case.seed
