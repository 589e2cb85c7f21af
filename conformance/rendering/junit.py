"""The report as JUnit's XML, as continuous integration reads it: one test case for each check in each dtype.

A run that settles nothing is not green here either: what could not be run at all, a stale waiver, and a run in which
nothing ran are test cases of their own that do not pass.  What only SHOULD be so is the output of a case that passes.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from conformance.rendering.reports import finding, nothing_ran
from conformance.rendering.terminal import as_text
from conformance.report import ERROR, FAIL, NOTHING_RAN, SKIP, WAIVED, WARN, CheckResult, Report

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(report: Report) -> str:
    """The report as an XML document."""
    suite = ET.Element("testsuite", name=f"adam-conformance {_clean(report.target)}")
    for result in report.checks:
        _add_check(suite, report, result)
    if report.fatal and not report.checks:
        _add(suite, report, "target.starts", "error", report.fatal)
    if report.verdict == NOTHING_RAN:
        _add(suite, report, "suite.something-ran", "error", nothing_ran(report))
    for name in report.stale_waivers:
        _add(suite, report, f"waiver.{name}", "failure", f"{name} passes: take its waiver out")
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{sum(c.seconds for c in report.checks):.3f}")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_check(suite: ET.Element, report: Report, result: CheckResult) -> None:
    name = f"{result.id}-{result.dtype}"
    if result.status == FAIL and result.finding is not None:
        _add(suite, report, name, "failure", result.reason, as_text(finding(result.finding)), result.seconds)
    elif result.status == WARN and result.finding is not None:
        _add(suite, report, name, "system-out", text=as_text(finding(result.finding)), seconds=result.seconds)
    elif result.status == ERROR:
        _add(suite, report, name, "error", result.reason, seconds=result.seconds)
    elif result.status in (SKIP, WAIVED):
        message = f"waived: {result.reason}" if result.status == WAIVED else result.reason
        _add(suite, report, name, "skipped", message, seconds=result.seconds)
    else:
        _add(suite, report, name, seconds=result.seconds)


def _add(
    suite: ET.Element,
    report: Report,
    name: str,
    outcome: str = "",
    message: str = "",
    text: str = "",
    seconds: float = 0.0,
) -> None:
    case = ET.SubElement(suite, "testcase", classname=_clean(report.target), name=name, time=f"{seconds:.3f}")
    if outcome:
        said = {"message": _clean(message)} if message else {}
        ET.SubElement(case, outcome, said).text = _clean(text) or None


def _clean(text: str) -> str:
    """`text` without the characters that XML cannot hold; a dead worker may have said anything."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
