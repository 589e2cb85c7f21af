"""The published results: judged, put on record, and on pages that agree with the records and with the reasons."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import check_adam
from conformance.cli import run
from conformance.field.pages import findings_page, results_page, with_summary, write_pages
from conformance.field.reasons import Defect, Reason, ReasonError, disagreements, read_reasons
from conformance.field.record import RecordError, outcome, read_all, record, write
from conformance.targets.registry import Listed, project_of

NEAR = {"only": ["update.near-epsilon", "special.eps-zero"], "dtypes": ["float32"], "profile": "quick"}
LISTED = Listed(address="some:Adam", dialect="adam", what="some Adam", dtypes=("float32",))
VERSIONS = {"python": "3.11", "some": "1.2", "numpy": "2.0", "ml_dtypes": "0.5"}


@pytest.fixture(scope="module")
def wrong():
    """The record of a target with a finding."""
    report = check_adam("tests.miniatures:epsilon_hat", on_fail=None, **NEAR)
    return record(LISTED, VERSIONS, "quick", 0, {"float32": {**outcome(report), "worst": {}}})


@pytest.fixture(scope="module")
def right():
    report = check_adam("tests.miniatures:adam", **NEAR)
    return record(
        replace(LISTED, address="other:Adam"), VERSIONS, "quick", 0, {"float32": {**outcome(report), "worst": {}}}
    )


REASON = Reason("some/adam.py, Adam.step", "It puts eps elsewhere.", {"float32": "does-not-conform"})
DEFECT = Defect("eps is elsewhere", ("float32",), ("update.near-epsilon",), "Line 7.")


class TestRecords:
    """What is kept of a run."""

    def test_it_has_the_verdict_the_closest_call_with_its_input_and_the_findings(self, wrong, right):
        found, clean = wrong.dtypes["float32"], right.dtypes["float32"]
        assert (found["verdict"], clean["verdict"]) == ("does-not-conform", "conforms")
        assert [f["check"] for f in found["findings"]] == ["update.near-epsilon"]
        assert [d["name"] for d in found["diagnosis"]] == ["epsilon-hat"]
        assert clean["accuracy_class"] == "A"
        assert 0 < clean["closest"]["ratio"] <= 1
        assert clean["closest"]["input"]["gradients"]

    def test_a_target_that_cannot_be_run_says_why(self):
        found = outcome(check_adam("no_such_module:Adam", on_fail=None, **NEAR))
        assert (found["verdict"], found["closest"], found["accuracy_class"]) == ("could-not-run", None, None)
        assert "no_such_module" in found["errors"][""]

    def test_it_is_read_as_it_was_written(self, wrong, right, tmp_path):
        assert write(wrong, tmp_path).name == "some-adam.json"
        write(right, tmp_path)
        assert read_all(tmp_path) == [right, wrong]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "adam-conformance/result/0"}'])
    def test_what_is_no_record_is_refused(self, text, tmp_path):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(RecordError, match=r"x\.json is no record"):
            read_all(tmp_path)


class TestReasons:
    """Records and reasons must say the same."""

    def test_they_agree(self, wrong):
        assert list(disagreements([wrong], {"some:Adam": replace(REASON, defects=(DEFECT,))})) == []

    @pytest.mark.parametrize(
        ("reasons", "words"),
        [
            ({}, "some:Adam has no reason"),
            ({"some:Adam": REASON}, "nothing is said about the cause of update.near-epsilon"),
            ({"some:Adam": replace(REASON, verdicts={"float32": "conforms"}, defects=(DEFECT,))}, "was judged"),
            ({"some:Adam": replace(REASON, defects=(DEFECT,)), "gone:Adam": REASON}, "gone:Adam has a reason"),
            (
                {"some:Adam": replace(REASON, defects=(DEFECT, replace(DEFECT, checks=("purity.memory",))))},
                "no check shows 'eps is elsewhere'",
            ),
        ],
    )
    def test_they_do_not(self, wrong, reasons, words):
        assert any(words in sentence for sentence in disagreements([wrong], reasons))

    def test_pages_are_refused_where_they_do_not(self, wrong, tmp_path):
        write(wrong, tmp_path)
        (tmp_path / "reasons.toml").write_text("")
        with pytest.raises(ReasonError, match="some:Adam has no reason"):
            write_pages(tmp_path)

    @pytest.mark.parametrize("text", ["[", '["a:b"]\nsource = "x"', '["a:b"]\nunknown = 1'])
    def test_a_file_that_holds_no_reasons_is_refused(self, text, tmp_path):
        (tmp_path / "reasons.toml").write_text(text)
        with pytest.raises(ReasonError, match="holds no reasons"):
            read_reasons(tmp_path)


class TestPages:
    """What a reader gets to see."""

    def test_the_table_and_the_finding_show_what_the_record_has(self, wrong, right):
        reasons = {"some:Adam": replace(REASON, defects=(DEFECT,)), "other:Adam": replace(REASON, verdicts={})}
        page = results_page([right, wrong], reasons)
        assert (
            "2 targets of 2 projects; of 2 pairs of target and dtype 1 conform, 1 do not, 0 could not be run." in page
        )
        assert "| `some:Adam` | 1.2 | adam |  | **does not conform** (1) |  |  |" in page
        written = findings_page([right, wrong], reasons)
        finding = wrong.dtypes["float32"]["findings"][0]
        assert "## some:Adam: eps is elsewhere" in written
        assert f"got {finding['got']['decimal']}" in written
        assert "**Cause.** Line 7." in written

    def test_what_could_not_be_run_is_shown_with_its_reason(self):
        report = check_adam("no_such_module:Adam", on_fail=None, **NEAR)
        found = record(LISTED, VERSIONS, "quick", 0, {"float32": {**outcome(report), "worst": {}}})
        reason = replace(REASON, defects=(replace(DEFECT, checks=("",)),))
        assert "in every check: importing no_such_module raised" in findings_page([found], {"some:Adam": reason})


class TestCommand:
    """`adam-conformance matrix`."""

    def test_it_judges_what_is_named_and_lists_what_is_not_installed(self, tmp_path, capsys, monkeypatch):
        """In the interpreter that has it; the run is cut to one check to be quick."""
        monkeypatch.setattr("conformance.suite.Plan.checks", lambda plan: [])
        command = ["matrix", "adam_ref.torch:Adam", "mlx:Adam", "--results", str(tmp_path), "--python", sys.executable]
        assert run(command) == 0
        shown = capsys.readouterr().out
        assert "mlx:Adam: not installed; it needs mlx: pip install 'adam-conformance[mlx]'" in shown
        data = json.loads((tmp_path / "adam-ref.torch-adam.json").read_text())
        assert {outcome["verdict"] for outcome in data["dtypes"].values()} == {"nothing-ran"}
        assert data["versions"]["torch"] != "unknown"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["no_such_project"], "no target and no project is called 'no_such_project'"),
            (["--profile", "slow"], "allowed are quick, standard, thorough"),
            (["--python", "/bin/true"], "is no Python that tells what it has"),
        ],
    )
    def test_2_usage(self, arguments, words, capsys):
        assert run(["matrix", *arguments]) == 2
        assert words in capsys.readouterr().err

    def test_1_where_records_and_reasons_disagree(self, wrong, tmp_path, capsys):
        write(wrong, tmp_path)
        assert run(["matrix", "--render", "--results", str(tmp_path)]) == 1
        assert "reasons.toml" in capsys.readouterr().err


class TestPublished:
    """specs/results as it is committed."""

    FOLDER = Path(__file__).resolve().parents[3] / "specs" / "results"

    def test_the_pages_are_what_the_records_and_reasons_give(self):
        records, reasons = read_all(self.FOLDER), read_reasons(self.FOLDER)
        assert list(disagreements(records, reasons)) == []
        assert (self.FOLDER / "README.md").read_text() == results_page(records, reasons)
        assert (self.FOLDER / "findings.md").read_text() == findings_page(records, reasons)

    def test_the_readme_shows_their_summary(self):
        readme = (self.FOLDER.parents[1] / "README.md").read_text()
        assert with_summary(readme, read_all(self.FOLDER)) == readme

    def test_there_are_as_many_as_were_promised(self):
        records = read_all(self.FOLDER)
        assert len(records) >= 20
        assert len({project_of(found.target) for found in records}) >= 10
