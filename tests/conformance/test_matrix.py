"""`adam-conformance faults`: what it runs, prints, writes and exits with, also where the suite does not hold."""

import json
from dataclasses import replace

import pytest

from conformance import cli, strength
from conformance.checks import CHECKS
from conformance.faults import CATALOGUE, HONEST, Matrix, kill_matrix, pairs, random_pairs, subject_named
from conformance.faults.catalogue import CatalogueError
from conformance.faults.evidence import Evidence, costs, own_clauses, strongest_first, witnesses
from conformance.faults.matrix import Cell, Terms
from conformance.faults.parallel import trials
from conformance.rendering import matrices
from conformance.rendering.terminal import as_text
from conformance.targets import load_target

FEW = ("update.few-roundings", "purity.gradients")


def cell(subject, check, status, seconds=1.0, dtype="float32", regime="ordinary"):
    return Cell(subject, check, dtype, status, case=1, step=1, regime=regime, seconds=seconds)


def evidence(*cells):
    return Evidence(Terms(), Matrix("quick", cells))


def shown(evidence):
    return " ".join(as_text(*matrices.blocks(evidence)).split())


class TestCommand:
    def test_a_fault_is_shown_check_by_check(self, capsys):
        assert cli.run(["faults", "epsilon-hat", "--dtype", "float32", "--first-kill", "--jobs", "1"]) == 0
        out = capsys.readouterr().out
        assert "caught: the parameter is" in out
        assert "1 faults, 0 honest forms" in out

    def test_json_is_all_there_is_on_standard_output(self, capsys, tmp_path):
        file = tmp_path / "matrix.json"
        arguments = ["--dtype", "float64", "--first-kill", "--jobs", "1", "--format", "json", "--output", str(file)]
        assert cli.run(["faults", "epsilon-hat", *arguments]) == 0
        out = capsys.readouterr().out
        assert file.read_text() == out
        data = json.loads(out)
        assert data["ok"] is True
        assert data["survivors"] == data["flagged"] == data["redundant"] == []
        assert [c["status"] for c in data["cells"]][-1] == "caught"

    def test_a_chapter_names_its_faults(self):
        from conformance.cli.faults import _names

        members = [f.id for f in CATALOGUE.values() if f.chapter == "step counter"]
        assert _names(("step counter", "in-pieces"), None, 0) == [*members, "in-pieces"]
        assert _names((), None, 0) == [*CATALOGUE, *HONEST]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["no-such-fault"],
            ["--pairs", "3", "epsilon-hat"],
            ["--pairs", "0"],
            ["--dtype", "int8"],
            ["--profile", "no"],
        ],
    )
    def test_what_makes_no_sense_is_a_usage_error(self, arguments, capsys):
        assert cli.run(["faults", *arguments]) == 2
        assert capsys.readouterr().out == ""

    def test_the_diagnosis_is_measured_with_names_withheld(self, capsys, tmp_path):
        file = tmp_path / "diagnosis.json"
        arguments = ["--diagnosis", "--dtype", "float32", "--jobs", "1", "--output", str(file)]
        assert cli.run(["faults", "epsilon-hat", "beta2-ignored", "in-pieces", *arguments]) == 0
        words = " ".join(capsys.readouterr().out.split())
        assert "2 with their names withheld" in words
        assert "2 right (100.0%), 0 tied (0.0%), 0 nothing fits (0.0%), 0 wrong (0.0%)" in words
        data = json.loads(file.read_text())
        assert [one["subject"] for one in data["named"]] == ["epsilon-hat", "beta2-ignored"]
        assert data["named"][0]["found"][0]["kind"] == "dialect"

    def test_a_survivor_is_exit_1(self, capsys, monkeypatch):
        """A fault that is none: the catalogue's own Adam under another name."""
        harmless = replace(CATALOGUE["epsilon-hat"], id="harmless", pieces={})
        monkeypatch.setitem(CATALOGUE, "harmless", harmless)
        assert cli.run(["faults", "harmless", "--jobs", "1", "--dtype", "float32"]) == 1
        assert "survives harmless in float32" in " ".join(capsys.readouterr().out.split())


class TestEvidence:
    """What a matrix is read as decides whether the suite holds."""

    def test_a_fault_that_nothing_catches_survives(self):
        found = evidence(cell("epsilon-hat", "update.ordinary", "passed"))
        assert found.survivors == [("epsilon-hat", "float32")]
        assert not found.ok
        assert "survives epsilon-hat in float32" in shown(found)

    def test_an_honest_form_that_is_caught_is_flagged(self):
        found = evidence(cell("in-pieces", "update.ordinary", "caught"))
        assert [c.check for c in found.flagged] == ["update.ordinary"]
        assert found.survivors == []
        assert not found.ok
        assert "flagged in-pieces in float32 by update.ordinary" in shown(found)

    def test_a_check_needs_a_kill_or_a_clause_of_its_own(self):
        caught_by_both = [cell("epsilon-hat", c, "caught") for c in ("groups.hyperparameters", "update.near-epsilon")]
        terms = Terms(("groups.hyperparameters", "update.near-epsilon"))
        found = Evidence(terms, Matrix("quick", ()), Matrix("quick", tuple(caught_by_both)))
        assert own_clauses("update.near-epsilon") == ["UPD-4"]
        assert own_clauses("groups.hyperparameters") == []
        assert found.redundant == ["groups.hyperparameters"]
        assert not found.ok
        assert "for nothing groups.hyperparameters" in shown(found)
        assert evidence(*caught_by_both).redundant == []
        assert {check for name in witnesses() for check in CATALOGUE[name].caught_by} == {
            check for check in CHECKS if not own_clauses(check)
        }

    def test_the_strongest_check_is_the_one_that_catches_most_of_the_rest_a_second(self):
        caught = {"slow": "abcd", "weak": "a", "quick": "bc"}
        found = Matrix("quick", tuple(cell(fault, c, "caught") for c, faults in caught.items() for fault in faults))
        assert strongest_first(found, {"slow": 10.0, "weak": 1.0, "quick": 0.1}) == ["quick", "weak", "slow"]

    def test_what_a_check_costs_is_measured_on_a_correct_adam(self):
        """By itself: what other targets have left computed must not count."""
        of_a_framework, of_nobody = "gradients.closure", "processes.agree"
        found = costs(Terms((*FEW, of_a_framework, of_nobody), dtypes=("float32",)))
        assert set(found) == {*FEW, of_a_framework}
        assert all(seconds > 0 for seconds in found.values())
        assert of_nobody not in strongest_first(Matrix("quick", ()), found)

    def test_regimes_are_judged_by_what_they_alone_show(self):
        found = Matrix(
            "quick",
            (
                cell("a", "update.ordinary", "caught"),
                cell("a", "update.constant", "caught", regime="constant"),
                cell("b", "update.ordinary", "caught"),
            ),
        )
        assert found.only_shown_by() == {"constant": [], "ordinary": ["b"]}


class TestOrder:
    def test_checks_that_are_not_listed_come_last_as_they_were(self, monkeypatch):
        monkeypatch.setattr(strength, "STRONGEST_FIRST", ("c", "a"))
        assert strength.strongest_first(["x", "a", "b", "c"]) == ["c", "a", "x", "b"]

    def test_only_checks_that_there_are_are_listed(self):
        assert set(strength.STRONGEST_FIRST) <= set(CHECKS)
        assert len(set(strength.STRONGEST_FIRST)) == len(strength.STRONGEST_FIRST)


class TestParallel:
    def test_processes_find_what_one_finds(self):
        """Where a subject runs must not change what is found."""
        names = ["epsilon-hat", "in-pieces"]
        terms = Terms(FEW, dtypes=("float32",))
        one = list(trials(names, terms, 1))
        two = list(trials(names, terms, 2))
        without_time = [[[replace(c, seconds=0.0) for c in found] for found in each] for each in (one, two)]
        assert without_time[0] == without_time[1]
        assert [found[0].subject for found in two] == names

    def test_after_the_first_kill_a_dtype_is_done(self):
        (found,) = trials(["step-uphill"], Terms(FEW, first_kill=True), 1)
        assert [(c.dtype, c.check, c.status) for c in found] == [
            ("float32", FEW[0], "caught"),
            ("float64", FEW[0], "caught"),
        ]

    def test_until_the_first_kill_the_checks_that_a_fault_names_come_first(self):
        """They find it soonest; what survives them is put through all others as before."""
        terms = Terms(FEW, first_kill=True)
        fault = CATALOGUE["step-uphill"]
        assert list(terms.in_turn(replace(fault, caught_by=(FEW[-1],)))) == [FEW[-1], *FEW[:-1]]
        assert list(terms.in_turn(HONEST["in-pieces"])) == list(FEW)
        assert tuple(replace(terms, first_kill=False).in_turn(replace(fault, caught_by=(FEW[-1],)))) == FEW


def test_no_fault_and_honest_form_share_a_name():
    """One would be run in the place of the other."""
    assert not set(CATALOGUE) & set(HONEST)


class TestPairs:
    def test_the_same_seed_draws_the_same_pairs(self):
        drawn = random_pairs(100, 0)
        assert [p.id for p in drawn] == [p.id for p in random_pairs(100, 0)]
        assert [p.id for p in drawn] != [p.id for p in random_pairs(100, 1)]
        assert len({frozenset(p.id.split("+")) for p in drawn}) == 100

    def test_a_pair_has_both_defects(self):
        pair = subject_named("epsilon-hat+step-uphill")
        made = vars(pair.target().optimizer)
        for name in ("epsilon-hat", "step-uphill"):
            assert all(made[piece] is edit for piece, edit in CATALOGUE[name].pieces.items())
        assert kill_matrix([pair], [CHECKS[FEW[0]]], dtypes=["float32"]).killers(pair.id) == [FEW[0]]

    def test_a_pair_has_an_address(self):
        target = load_target("conformance.faults:Faulty?fault=epsilon-hat&beside=step-uphill")
        assert target.name == subject_named("epsilon-hat+step-uphill").target().name

    @pytest.mark.parametrize("name", ["epsilon-hat+none-such", "epsilon-hat+", "a+b+c", "epsilon-hat+epsilon-hat"])
    def test_what_is_no_pair_is_refused(self, name):
        with pytest.raises(CatalogueError, match=r"names no two faults|the same piece"):
            pairs.pair_named(name)
