"""The report: verdicts, exit codes, waivers, its JSON against its schema, and the way back."""

import json
import math
from dataclasses import fields, replace

import jsonschema
import numpy as np
import pytest

from adam_ref import ADAM, Dialect, Hyperparameters
from adam_ref.dialect import AXES
from adam_ref.formats import COMPONENTS, FORMATS
from conformance.capabilities import DEVICES, Capabilities
from conformance.case import case_from_json
from conformance.checks import CHECKS, PROFILES
from conformance.compare import Worst
from conformance.report import ReportError, read_finding, require_report, to_text
from conformance.specs import report_schema
from tests.conformance.samples import (
    CASE,
    EPSILON_HAT,
    OUTSIDE,
    RULE,
    broken,
    failing,
    passing,
    report,
    skipped,
    warned,
)


@pytest.mark.parametrize(
    ("made", "verdict", "code"),
    [
        (report(passing()), "conforms", 0),
        (report(passing(), skipped()), "conforms", 0),
        (report(passing(), warned()), "conforms", 0),
        (report(warned()), "conforms", 0),
        (report(warned(), failing()), "does-not-conform", 1),
        (report(warned(), broken()), "could-not-run", 3),
        (report(passing(), failing()), "does-not-conform", 1),
        (report(failing(), broken()), "does-not-conform", 1),
        (report(passing(), broken()), "could-not-run", 3),
        (report(failing(), fatal="it hangs"), "could-not-run", 3),
        (report(passing(), fatal="it died"), "could-not-run", 3),
        (report(fatal="no module"), "could-not-run", 3),
        (report(skipped()), "nothing-ran", 5),
        (report(passing(), skipped(dtype="float16")), "nothing-ran", 5),
        (report(failing(), skipped(dtype="float16")), "does-not-conform", 1),
        (report(), "nothing-ran", 5),
    ],
)
def test_verdict_and_exit_code(made, verdict, code):
    """A run that was cut short, or looked at nothing, must never be green."""
    assert (made.verdict, made.exit_code) == (verdict, code)
    assert json.loads(to_text(made))["verdict"] == verdict


class TestWaivers:
    """A waiver sets one expected failure aside, and is reported once nothing fails."""

    def test_a_waived_failure_is_green_and_keeps_its_finding(self):
        made = report(passing(), failing()).waiving({"update.near-epsilon": "known"})
        assert made.exit_code == 0
        assert (made.checks[1].status, made.checks[1].reason) == ("waived", "known")
        assert len(made.findings) == 1

    def test_a_waiver_of_one_dtype_leaves_the_others_red(self):
        made = report(failing(), failing(dtype="float64")).waiving({"update.near-epsilon-float64": "known"})
        assert [c.status for c in made.checks] == ["fail", "waived"]
        assert made.exit_code == 1

    def test_a_waiver_of_what_passes_is_stale(self):
        made = report(passing(), passing(dtype="float64")).waiving({"update.ordinary-float64": "once upon a time"})
        assert made.stale_waivers == ("update.ordinary-float64",)
        assert made.exit_code == 4

    def test_a_waiver_that_one_dtype_still_needs_is_not_stale(self):
        made = report(passing(), failing("update.ordinary", "float64")).waiving({"update.ordinary": "known"})
        assert made.stale_waivers == ()
        assert made.exit_code == 0

    @pytest.mark.parametrize("result", [skipped("update.ordinary"), broken("update.ordinary")])
    def test_what_was_not_judged_says_nothing_about_a_waiver(self, result):
        assert report(passing("state.moments"), result).waiving({"update.ordinary": "known"}).stale_waivers == ()

    def test_a_stale_waiver_does_not_hide_a_failure(self):
        made = report(passing(), failing()).waiving({"update.ordinary": "once"})
        assert made.exit_code == 1

    def test_a_warning_can_be_waived_too(self):
        made = report(passing(), warned()).waiving({"hyperparameters.invalid": "as upstream has it"})
        assert [c.status for c in made.checks] == ["pass", "waived"]
        assert made.exit_code == 0

    def test_errors_cannot_be_waived(self):
        assert report(passing(), broken()).waiving({"purity.gradients": "known"}).exit_code == 3


def test_a_warning_is_counted_by_itself_and_spoils_no_accuracy_class():
    made = report(passing(), warned())
    assert (made.counts()["warn"], made.counts()["fail"]) == (1, 0)
    assert made.accuracy_class == {"float32": "A"}
    assert len(made.findings) == 1


@pytest.mark.parametrize("violation", [OUTSIDE, RULE, replace(OUTSIDE, got=math.nan, ulp=math.inf, hi=math.inf)])
def test_a_finding_comes_back_from_its_file_to_the_last_bit(tmp_path, violation):
    file = tmp_path / "report.json"
    made = report(passing(), failing("purity.gradients"), failing(violation=violation))
    file.write_text(to_text(made))
    recorded = read_finding(file, 2)
    assert (recorded.target, recorded.dialect, recorded.profile, recorded.seed) == ("mine:Adam", ADAM, "quick", 0)
    assert (recorded.dtype, recorded.device) == ("float32", "cpu")
    assert recorded.finding.to_json() == made.findings[1].to_json()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no report"),
        ("[]", "does not follow"),
        ('{"schema": "adam-conformance/report/1"}', "does not follow"),
        (to_text(report(passing())), "holds 0 findings"),
        (to_text(report(failing())), "none of number 2"),
    ],
)
def test_a_file_without_the_finding_is_refused_by_name(tmp_path, text, words):
    file = tmp_path / "report.json"
    file.write_text(text)
    with pytest.raises(ReportError, match=words):
        read_finding(file, 2)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ReportError, match="is no report"):
        read_finding(tmp_path / "none.json", 1)


def test_the_closest_call_is_recorded_as_its_one_element():
    """Whole cases of 64 elements would make a report of megabytes."""
    parts = np.arange(6, dtype=np.float32).astype(np.complex64)
    case = replace(CASE, dtype="complex64", parameters=(parts, parts), hyperparameters=CASE.hyperparameters * 2)
    case = replace(case, gradients=((parts, parts), (parts, None), (parts, parts)), lrs=())
    result = replace(passing(), dtype="complex64", worst=Worst(0.5, 1.0, "parameter", 2, 1, 9), worst_case=case)
    recorded = case_from_json(result.to_json()["worst"]["input"])
    assert recorded.steps == 2
    assert recorded.parameters == (np.complex64(4),)
    assert recorded.gradients == ((np.complex64(4),), (None,))
    to_text(report(result))


class TestSchema:
    """The published schema is strict, and says what the code says."""

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(report_schema())

    def test_every_object_is_closed(self):
        """An object that takes any key would let a misspelt one through."""
        open_ones = [path for path, node in _nodes(report_schema()) if _is_open(node)]
        assert open_ones == []

    def test_a_full_report_follows_it(self):
        made = report(passing(), failing(violation=RULE), skipped(), broken(), diagnosis=(EPSILON_HAT,))
        to_text(made.waiving({"purity.gradients": "x"}))

    @pytest.mark.parametrize(
        "change",
        [
            {"verdict": "fine"},
            {"extra": 1},
            {"seed": "0"},
            {"verdict": "does-not-conform"},
            {"checks": []},
            {"fatal": "it died"},
        ],
    )
    def test_a_wrong_report_does_not_follow_it(self, change):
        data = {**report(passing()).to_json(), **change}
        assert not jsonschema.Draft202012Validator(report_schema()).is_valid(data)

    @pytest.mark.parametrize("change", [{"status": "fail"}, {"cases": 0}, {"elements": 0}, {"dtype": "float8"}])
    def test_a_check_that_passed_without_looking_does_not_follow_it(self, change):
        data = report(passing()).to_json()
        data["checks"][0].update(change)
        assert not jsonschema.Draft202012Validator(report_schema()).is_valid(data)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda r: r.update(verdict="could-not-run"), "the verdict is could-not-run, and does-not-conform follows"),
            (lambda r: r["checks"].pop(0), "the counts are"),
            (lambda r: r["counts"].update(elements=1), "the counts are"),
            (lambda r: r["checks"][1].update(dtype="float64"), "update.near-epsilon in float64 has a finding of"),
            (lambda r: r["checks"][1]["finding"].update(check="update.ordinary"), "has a finding of update.ordinary"),
            (lambda r: r["checks"][1].update(id="update.ordinary"), "update.ordinary in float32 is there 2 times"),
        ],
    )
    def test_a_report_that_contradicts_itself_is_refused(self, change, words):
        """One that was edited by hand, or cut short, must not be read as a verdict."""
        data = report(passing(), failing()).to_json()
        require_report(data, "it")
        change(data)
        with pytest.raises(ReportError, match=f"it contradicts itself: .*{words}"):
            require_report(data, "it")

    @pytest.mark.parametrize(
        "change",
        [
            lambda case: case["parameters"][0].update(shape=[7]),
            lambda case: case["gradients"][0].append(None),
            lambda case: case["hyperparameters"].append(case["hyperparameters"][0]),
            lambda case: case["gradients"][0][0].update(dtype="float64"),
            lambda case: case["hyperparameters"][0].update(beta1="0x1.8000000000000p+0"),
            lambda case: case["lrs"].__setitem__(1, "0x1.0p+99999"),
        ],
    )
    def test_a_finding_whose_case_cannot_be_run_is_refused(self, change, tmp_path):
        data = report(failing()).to_json()
        change(data["checks"][0]["finding"]["case"])
        (tmp_path / "r.json").write_text(json.dumps(data))
        with pytest.raises(ReportError, match=r"finding 1 of .* has a case that cannot be run"):
            read_finding(tmp_path / "r.json", 1)

    def test_a_report_that_does_not_follow_it_is_not_written(self):
        with pytest.raises(ReportError, match=r"seed"):
            to_text(replace(report(passing()), seed=-1))

    def test_it_knows_every_axis_and_value_of_the_dialect(self):
        properties = report_schema()["$defs"]["dialect"]["properties"]
        for axis, values in AXES.items():
            allowed = properties[axis]
            validator = jsonschema.Draft202012Validator({**allowed, "$defs": report_schema()["$defs"]})
            assert all(validator.is_valid(value) for value in values), axis
        assert set(properties) == {"name", *(f.name for f in fields(Dialect))}

    def test_it_knows_what_the_code_knows(self):
        defs, properties = report_schema()["$defs"], report_schema()["properties"]
        assert set(defs["dtype"]["enum"]) == {*FORMATS, *COMPONENTS}
        assert set(defs["device"]["enum"]) == set(DEVICES)
        assert set(properties["profile"]["enum"]) == set(PROFILES)
        assert set(defs["capabilities"]["properties"]) == {f.name for f in fields(Capabilities)}
        assert set(defs["hyperparameters"]["properties"]) == {f.name for f in fields(Hyperparameters)}

    def test_waivers_can_tell_check_from_dtype(self):
        """`id-dtype` would be ambiguous if a check's own id ended in a dtype."""
        assert not [id for id in CHECKS for dtype in (*FORMATS, *COMPONENTS) if id.endswith(f"-{dtype}")]


def _nodes(node, path="$"):
    yield path, node
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _nodes(child, f"{path}.{key}")


def _is_open(node):
    return (
        isinstance(node, dict)
        and node.get("type") == "object"
        and "properties" in node
        and (node.get("additionalProperties") is not False)
        and "required" in node
    )
