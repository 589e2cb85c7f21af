"""`adam-conformance prove`: what it prints, writes and exits with, also when a theorem is not proved."""

import dataclasses
import json

import pytest

pytest.importorskip("sympy")
pytest.importorskip("z3")

from adam_ref import theorems
from adam_ref.theorems.parallel import cores, prove_all
from conformance import cli
from conformance.cli.bars import watching
from conformance.rendering import proofs
from conformance.rendering.terminal import as_text


@pytest.fixture(scope="module")
def proof():
    return theorems.prove("T1")


def shown(proof):
    return as_text(*proofs.in_full(proof, "the words", ["a hypothesis"]))


class TestCommand:
    def test_one_theorem_is_shown_with_its_steps(self, capsys):
        assert cli.run(["prove", "T1"]) == 0
        out = capsys.readouterr().out
        assert "1  rewrite: verified by domain, algebra" in out
        assert "T1 proved: 3 steps, 0 in words" in out

    def test_several_are_shown_briefly_and_in_order(self, capsys):
        assert cli.run(["prove", "T2", "t1", "--jobs", "1"]) == 0
        out = capsys.readouterr().out
        assert out.index("T2  proved") < out.index("T1  proved")
        assert "2 of 2 theorems proved" in out
        assert "0 in words alone" in out

    def test_json_is_all_there_is_on_standard_output(self, capsys):
        assert cli.run(["prove", "T1", "--format", "json"]) == 0
        (proof,) = json.loads(capsys.readouterr().out)
        assert proof["ok"] is True
        assert proof["in_words"] == 0
        assert {variant["refused"] for variant in proof["variants"]} == {True}

    def test_pages_are_written(self, tmp_path, capsys):
        assert cli.run(["prove", "T1", "--render", str(tmp_path / "pages")]) == 0
        assert "1 files written" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "pages").iterdir()] == ["T01-rescaled-epsilon.md"]

    @pytest.mark.parametrize("arguments", [["T99"], ["T1", "T0"], ["--jobs", "0"], ["--format", "xml"], ["T1.md"]])
    def test_what_makes_no_sense_is_a_usage_error(self, arguments, capsys):
        assert cli.run(["prove", *arguments]) == 2
        assert capsys.readouterr().out == ""

    def test_an_unknown_theorem_names_those_there_are(self, capsys):
        cli.run(["prove", "T99"])
        assert "'T99'" in (err := capsys.readouterr().err)
        assert "T1, T2, T3" in err

    def test_a_theorem_that_fails_is_status_one_and_writes_nothing(self, monkeypatch, tmp_path, capsys, proof):
        """Pages of what is not proved would be the worst that could be committed."""
        failed = dataclasses.replace(proof, problems=("step 2 (rewrite) refuted: not zero: x",))
        monkeypatch.setattr("adam_ref.theorems.parallel.prove", lambda _: failed)
        assert cli.run(["prove", "T1", "--render", str(tmp_path / "pages")]) == 1
        assert "not proved" in (out := capsys.readouterr().out)
        assert "step 2 (rewrite) refuted" in out
        assert not (tmp_path / "pages").exists()


class TestParallel:
    def test_several_processes_give_the_same_in_the_same_order(self, proof):
        found = list(prove_all(["T3", "T1"], jobs=2))
        assert [p.theorem for p in found] == ["T3", "T1"]
        assert found[1].variants == proof.variants
        assert [s.statement for s in found[1].steps] == [s.statement for s in proof.steps]

    def test_a_single_theorem_starts_no_process(self, monkeypatch):
        monkeypatch.setattr("adam_ref.theorems.parallel.ProcessPoolExecutor", None)
        assert next(prove_all(["T1"], jobs=8)).ok

    def test_none_are_none(self):
        assert list(prove_all([])) == []

    def test_there_is_a_core(self):
        assert cores() >= 1


class TestRendering:
    def test_in_full_says_what_was_refused_and_by_which_point(self, proof):
        text = shown(proof)
        assert "missing root: the tutorial's docstring" in text
        assert "step 2 (rewrite) at" in text
        assert proof.variants[1].right in text
        assert "proved  by z3" in text

    def test_a_variant_that_passes_stands_out(self, proof):
        variant = dataclasses.replace(proof.variants[0], refused=False)
        assert "NOT REFUSED  epsilon not rescaled" in shown(dataclasses.replace(proof, variants=(variant,)))

    def test_a_counterexample_that_is_none_stands_out(self, proof):
        none = dataclasses.replace(proof.counterexamples[0], ok=False, detail="the claim holds here")
        assert "NO COUNTEREXAMPLE" in shown(dataclasses.replace(proof, counterexamples=(none,)))

    def test_steps_in_words_are_counted(self, proof):
        steps = (dataclasses.replace(proof.steps[0], status="in words", engines=("words",)), *proof.steps[1:])
        weaker = dataclasses.replace(proof, steps=steps)
        assert "1 in words alone" in proofs.summary([proof, weaker]).plain
        assert "1 in words" in as_text(proofs.brief(weaker))

    def test_failures_under_attack_are_counted(self, proof):
        attack = dataclasses.replace(proof.attack, failures=({"t": "1"},))
        assert "1 failures" in shown(dataclasses.replace(proof, attack=attack))

    def test_nothing_is_wider_than_the_terminal(self, proof):
        assert max(len(line) for line in shown(proof).splitlines()) <= 80

    def test_the_learning_rate_goes_by_its_name(self, proof):
        assert "alpha" not in shown(proof)


def test_a_bar_appears_in_a_terminal_alone():
    import io

    from rich.console import Console

    for terminal in (False, True):
        out = io.StringIO()
        with watching(Console(file=out, force_terminal=terminal), 1) as told:
            told("proving T1")
            told("")
        assert bool(out.getvalue()) is terminal
