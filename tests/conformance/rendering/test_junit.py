"""JUnit's XML: every outcome as continuous integration counts it."""

from xml.etree import ElementTree as ET

import pytest

from conformance.rendering.junit import to_xml
from tests.conformance.samples import broken, failing, passing, report, skipped, warned


def _suite(made):
    return ET.fromstring(to_xml(made)).find("testsuite")


def _counts(suite):
    return {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}


def test_every_check_is_a_case_with_a_stable_name():
    suite = _suite(report(passing(), failing(), skipped(), broken()))
    names = [(case.get("classname"), case.get("name")) for case in suite]
    assert names == [
        ("mine:Adam", "update.ordinary-float32"),
        ("mine:Adam", "update.near-epsilon-float32"),
        ("mine:Adam", "update.amsgrad-float32"),
        ("mine:Adam", "purity.gradients-float32"),
    ]
    assert _counts(suite) == {"tests": 4, "failures": 1, "errors": 1, "skipped": 1}


def test_a_failure_says_what_people_read():
    failure = _suite(report(failing())).find("testcase/failure")
    assert failure.get("message") == "the parameter is outside its enclosure"
    assert "[-0.25, 0.5]" in failure.text
    assert "adam-conformance check a:b --only update.near-epsilon" in failure.text


def test_a_warning_is_the_output_of_a_case_that_passes():
    suite = _suite(report(passing(), warned()))
    assert "HYP-4" in suite.find("testcase/system-out").text
    assert _counts(suite) == {"tests": 2, "failures": 0, "errors": 0, "skipped": 0}


def test_a_waived_failure_is_skipped_with_its_reason():
    suite = _suite(report(passing(), failing()).waiving({"update.near-epsilon": "known"}))
    assert suite.find("testcase/skipped").get("message") == "waived: known"
    assert _counts(suite) == {"tests": 2, "failures": 0, "errors": 0, "skipped": 1}


@pytest.mark.parametrize(
    ("made", "name", "outcome"),
    [
        (report(fatal="no module"), "target.starts", "error"),
        (report(skipped()), "suite.something-ran", "error"),
        (report(passing()).waiving({"update.ordinary": "once"}), "waiver.update.ordinary", "failure"),
    ],
)
def test_a_run_that_settles_nothing_is_not_green(made, name, outcome):
    """A report of skipped tests alone counts as green almost everywhere."""
    suite = _suite(made)
    (case,) = [case for case in suite if case.get("name") == name]
    assert case.find(outcome) is not None
    assert _counts(suite)["failures"] + _counts(suite)["errors"] == 1


def test_what_xml_cannot_hold_does_not_break_it():
    """A dead worker's last words may be anything."""
    message = _suite(report(fatal="said \x00\x1b[31m <&> \ud800")).find("testcase/error").get("message")
    assert message == "said \ufffd\ufffd[31m <&> \ufffd"
