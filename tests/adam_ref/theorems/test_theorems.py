"""The theorems themselves: each is proved, survives its attacks, and gives the figures that the pages print."""

import json
import subprocess
import sys

import mpmath
import pytest

from adam_ref.theorems import THEOREMS, prove


@pytest.fixture(scope="module", params=list(THEOREMS))
def proof(request):
    return prove(request.param)


def test_is_proved(proof):
    assert proof.ok, proof.problems


def test_rests_on_no_argument_in_words(proof):
    assert proof.in_words == 0


def test_every_wrong_variant_is_refuted_by_a_point(proof):
    """Refused for want of a proof would not do: a variant that is true but unproved would count as wrong."""
    assert len(proof.variants) >= 3
    assert all(variant.refused and variant.witness for variant in proof.variants)


def test_every_hypothesis_has_a_counterexample(proof):
    assert {h.name for h in THEOREMS[proof.theorem].hypotheses} <= {c.drops for c in proof.counterexamples}
    assert all(c.ok for c in proof.counterexamples)


def test_attack_reaches_fifty_digits(proof):
    assert proof.attack.points >= 40
    assert proof.attack.residual < 1e-50


def test_z3_confirms_or_a_reason_is_given(proof):
    assert proof.confirmations or THEOREMS[proof.theorem].no_confirmation
    assert {c.verdict for c in proof.confirmations} <= {"proved"}


def test_survives_json(proof):
    data = proof.to_json()
    assert json.loads(json.dumps(data, allow_nan=False))["ok"] is True


@pytest.mark.parametrize("name", list(THEOREMS))
def test_names_agree(name):
    theorem = THEOREMS[name]
    assert theorem.id == name
    assert set(theorem.uses) <= set(THEOREMS)


@pytest.mark.parametrize("name", list(THEOREMS))
def test_tables_have_rows_as_wide_as_their_header(name):
    for table in THEOREMS[name].tables:
        rows = list(table.rows())
        assert rows
        assert {len(row) for row in rows} == {len(table.header)}


@pytest.mark.parametrize("name", list(THEOREMS))
def test_figures_can_be_drawn(name):
    figure = pytest.importorskip("matplotlib.figure")
    for picture in THEOREMS[name].figures:
        axes = figure.Figure().subplots()
        picture.draw(axes)
        assert axes.lines or axes.collections or axes.images


@pytest.mark.parametrize("name", list(THEOREMS))
def test_uses_are_exactly_what_the_steps_cite(name):
    """A dependency that no step cites, or a citation that the graph of theorems does not show, would mislead."""
    from adam_ref.theorems.steps import Cited

    theorem = THEOREMS[name]
    cited = {o.theorem for step in theorem.derive() for o in step.obligations if isinstance(o, Cited)}
    assert set(theorem.uses) == cited


def test_on_step_is_told_of_each_step():
    told = []
    proof = prove("T1", on_step=told.append)
    assert tuple(told) == proof.steps


def test_unknown_theorem_names_those_there_are():
    with pytest.raises(KeyError, match="T1, T2"):
        THEOREMS["T99"]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from adam_ref.theorems import THEOREMS; list(THEOREMS); 'T1' in THEOREMS", ["sympy", "mpmath", "z3"]),
        ("from adam_ref.theorems import THEOREMS; THEOREMS['T1']", ["z3", "matplotlib", "adam_ref.theorems.t09"]),
    ],
)
def test_imports_are_lazy(code, absent):
    code += f"; import sys; assert not [m for m in sys.modules if m.startswith(tuple({absent!r}))]"
    subprocess.run([sys.executable, "-c", code], check=True)


class TestFigures:
    def test_t1_printed_factor_is_off_by_percents(self):
        from fractions import Fraction

        from adam_ref.theorems.t01_rescaled_epsilon import printed_factor_error

        errors = [
            printed_factor_error(Fraction(1, 100), Fraction(1, 10), t, Fraction(999, 1000)) for t in range(1, 4000)
        ]
        assert 0.02 < max(errors) < 0.1

    @pytest.mark.parametrize("u", [2**-8, 2**-11, 2**-24, 2**-53])
    @pytest.mark.parametrize("beta2", [0.9, 0.99, 0.999])
    def test_t4_first_merged_is_the_first(self, beta2, u):
        from adam_ref.theorems.t04_they_merge import first_merged

        first = first_merged(beta2, u)
        with mpmath.workdps(50):
            gap = [1 - mpmath.sqrt(1 - mpmath.mpf(str(beta2)) ** t) for t in (first - 1, first)]
        assert gap[0] > u >= gap[1]

    def test_t5_effective_epsilon_at_the_first_step(self):
        from adam_ref.theorems.t05_gap_at_equal_epsilon import effective_factor

        assert float(effective_factor(0.999, 1)) == pytest.approx(31.6, abs=0.05)

    def test_t9_limit_at_the_defaults(self):
        from adam_ref.theorems.t09_sharp_step_bound import largest_step, largest_step_ever

        assert float(largest_step_ever(0.9, 0.999)) == pytest.approx(7.2703, abs=5e-5)
        assert float(largest_step(0.9, 0.999, 10**6)) == pytest.approx(float(largest_step_ever(0.9, 0.999)), rel=1e-12)

    @pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.81), (0.9, 0.7), (0.0, 0.5), (0.5, 0.99)])
    @pytest.mark.parametrize("steps", [1, 2, 50])
    def test_t9_bound_is_reached_by_the_recursion_of_adam(self, betas, steps):
        from adam_ref.theorems.t09_sharp_step_bound import largest_step

        beta1, beta2 = betas
        m = v = 0.0
        for age in range(steps - 1, -1, -1):
            gradient = (beta1 / beta2) ** age
            m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
        step = m / (1 - beta1**steps) / (v / (1 - beta2**steps)) ** 0.5
        assert step == pytest.approx(float(largest_step(beta1, beta2, steps)), rel=1e-12)
