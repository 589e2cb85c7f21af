"""The report for people: what must be on the screen, at 80 columns."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from adam_ref import Dialect, Hyperparameters
from conformance.diagnosis import Diagnosis
from conformance.identify import Fit, Identification
from conformance.rendering.reports import blocks, case_lines, identification, print_report, ulps
from conformance.rendering.terminal import as_text, console, in_columns
from tests.conformance.samples import (
    CASE,
    EPSILON_HAT,
    RULE,
    broken,
    failing,
    passing,
    report,
    skipped,
)


def _shown(made, file=None, width=80):
    return as_text(*blocks(made, file), width=width)


def _words(text):
    """The text without its line breaks and columns."""
    return " ".join(text.split())


def test_the_verdict_is_the_last_thing_said():
    last = _shown(report(passing(), skipped())).rstrip().rpartition("\n\n")[2]
    assert _words(last) == "mine:Adam conforms to adam: 1 check, 3 cases, 1,200 elements (1 skipped)."


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (report(passing(), failing()), "mine:Adam does not conform to adam: 1 of 2 checks failed."),
        (report(fatal="importing mine raised ImportError"), "could not be run: importing mine raised ImportError"),
        (
            report(passing(), broken()),
            "could not be run in purity.gradients in float32: step 1 raised RuntimeError: no kernel",
        ),
        (report(skipped()), "Nothing ran: none of 1 check applies to mine:Adam."),
        (report(passing()).waiving({"update.ordinary": "x"}), "but a waiver is stale"),
        (report(passing(), failing()).waiving({"update.near-epsilon": "x"}), "conforms to adam: 1 check"),
    ],
)
def test_the_verdict_in_one_sentence(made, words):
    assert words in _words(_shown(made))


class TestTable:
    """A line for a chapter where all is well, and a line for each check where it is not."""

    def test_a_chapter_that_passes_is_one_line(self):
        text = _shown(report(passing(), passing("update.constant"), passing("state.moments")))
        (line,) = [line for line in text.splitlines() if line.startswith("update")]
        assert line.split() == ["update,", "2", "checks", "pass", "6", "2,400", "8", "41.2%", "A", "0.5"]
        assert "constant" not in text

    def test_a_chapter_with_a_failure_lists_its_checks(self):
        lines = _shown(report(passing(), failing())).splitlines()
        assert [line.split()[:2] for line in lines if line.startswith("  ordinary")] == [["ordinary", "pass"]]
        assert [line.split()[:2] for line in lines if line.startswith("  near-epsilon ")] == [["near-epsilon", "fail"]]

    def test_each_dtype_has_its_class(self):
        text = _shown(report(passing(), replace(passing(dtype="float64"), accuracy="B"), failing(dtype="bfloat16")))
        assert "float32, accuracy class A\n" in text
        assert "float64, accuracy class B\n" in text
        assert "bfloat16\n" in text


def test_what_was_skipped_waived_or_broken_has_its_reason():
    made = report(passing(), skipped(), skipped(dtype="float64"), broken(), failing())
    text = _words(_shown(made.waiving({"update.near-epsilon": "we know", "update.ordinary": "once"})))
    assert "update.amsgrad (float32, float64): the target does not let amsgrad be set" in text
    assert "purity.gradients (float32): step 1 raised RuntimeError: no kernel" in text
    assert "update.near-epsilon (float32): we know" in text
    assert "update.ordinary passes: take its waiver out" in text


class TestFinding:
    """One finding shows what was expected, what came, where, on which case, and how to see it again."""

    TEXT = _shown(report(failing()), "out/report.json")

    @pytest.mark.parametrize(
        "words",
        [
            "Finding 1: update.near-epsilon in float32",
            "UPD-1 (MUST)",
            "the parameter is outside its enclosure",
            "step 2, parameter 0, element 0",
            "expected [-0.25, 0.5] [-0x1.0000000000000p-2, 0x1.0000000000000p-1]",
            "got 0.75 0x1.8000000000000p-1",
            "off by 12.50 ulp",
            "2 steps, 1 element, from the regime near-epsilon",
            "with eps = 1e-06",
            "start [0.0]",
            "grad 1 [0.10000000149011612]",
            "grad 2 none, lr = 0.5 from here on",
        ],
    )
    def test_it_shows(self, words):
        assert words in _words(self.TEXT)

    def test_the_commands_are_whole_lines(self):
        """A command that is broken by the layout cannot be copied."""
        made = report(failing("update." + "x" * 90))
        lines = [line.strip() for line in _shown(made, "out dir/report.json").splitlines()]
        assert f"adam-conformance check a:b --only update.{'x' * 90} --dtype float32" in lines
        assert "adam-conformance replay 'out dir/report.json#1'" in lines

    def test_without_a_file_there_is_nothing_to_replay(self):
        assert "replay" not in _shown(report(failing()))

    def test_a_broken_rule_has_no_interval(self):
        text = _shown(report(failing(violation=RULE)))
        assert "the gradient was changed" in text
        assert "expected" not in text
        assert "nan" not in text

    def test_the_fourth_is_a_line(self):
        checks = [failing(f"update.number-{i}") for i in range(1, 6)]
        text = _shown(report(*checks, failing("purity.gradients", violation=RULE)))
        assert text.count("expected") == 3
        lines = [line.split() for line in text.splitlines()]
        assert ["4", "update.number-4", "float32", "2", "12.50", "ulp"] in lines
        assert ["6", "purity.gradients", "float32", "the", "gradient", "was", "changed"] in lines


class TestCase:
    """The case as a reader wants it: what is unusual, and not thousands of numbers."""

    def test_defaults_are_not_listed(self):
        lines = dict(case_lines(replace(CASE, hyperparameters=(Hyperparameters(),))))
        assert lines["with"] == "the paper's hyperparameters"

    def test_long_ones_are_cut(self):
        many = np.zeros((40, 5), np.float32)
        case = replace(CASE, parameters=(many,), gradients=((many,),) * 300, lrs=(), checkpoint_after=7)
        lines = list(case_lines(case))
        assert len(lines) < 20
        assert ("start", "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...] of shape (40, 5)") in lines
        assert ("", "... and 288 more steps") in lines
        assert ("saved", "and loaded after step 7") in lines

    def test_steps_that_are_only_counted_are_shown(self):
        lines = list(case_lines(replace(CASE, skipped=1000)))
        assert ("before", "1,000 steps with zero gradients") in lines

    def test_groups_and_complex_numbers_are_shown(self):
        z = np.array([1 - 2j], np.complex64)
        case = replace(
            CASE,
            parameters=(z, z),
            hyperparameters=(Hyperparameters(), Hyperparameters(lr=0.5)),
            gradients=((z, None),),
        )
        lines = dict(case_lines(case))
        assert lines["with (1)"] == "lr = 0.5"
        assert lines["grad 1"] == "[(1-2j)]; none"


@pytest.mark.parametrize(
    ("distance", "words"), [(0.5, "0.50 ulp"), (1234.5, "1,234.50 ulp"), (4.2e9, "4.2e+09 ulp"), (math.inf, "infinite")]
)
def test_distances_are_readable(distance, words):
    assert words in ulps(distance)


class TestDiagnosis:
    """The diagnosis says what it explains, on what evidence, and what to try."""

    def test_a_dialect_can_be_tried(self):
        text = _words(_shown(report(failing(), diagnosis=(EPSILON_HAT,))))
        assert "Diagnosis: the dialect epsilon-hat" in text
        assert "all 3 trajectories lie inside" in text
        assert "theorem T1" in text
        assert "adam-conformance check mine:Adam --dialect epsilon-hat" in text

    def test_a_fault_cannot_be_declared(self):
        fault = Diagnosis("epsilon-missing", "fault", ("update.near-epsilon",), "it fits", ())
        text = _shown(report(failing(), diagnosis=(fault,)))
        assert "the fault epsilon-missing" in text
        assert "--dialect" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_but_commands_is_wider_than_the_screen(width):
    made = report(
        passing(), failing(), skipped(), broken(), failing(dtype="complex128"), diagnosis=(EPSILON_HAT,)
    ).waiving({"update.ordinary": "once"})
    wide = [line for line in _shown(made, "report.json", width).splitlines() if len(line) > width]
    assert all("adam-conformance" in line for line in wide)


def test_brackets_are_not_read_as_markup():
    """rich takes [red] for a colour; a reason or an address may hold anything."""
    made = replace(report(broken(), passing()), target="mine:Adam?x=[red]")
    made = replace(made, checks=(replace(made.checks[0], reason="shape [bold] of [/red]"), made.checks[1]))
    text = _words(_shown(made))
    assert "mine:Adam?x=[red]" in text
    assert "shape [bold] of [/red]" in text


def test_no_colour_means_no_escape(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = {}
    for colour in (True, False):
        to = console(colour=colour)
        to.file = io.StringIO()
        print_report(report(failing()), to)
        shown[colour] = "\x1b[" in to.file.getvalue()
    assert shown == {True: True, False: False}


def test_a_recording_console_gets_all_of_it():
    to = Console(record=True, file=io.StringIO(), width=80)
    print_report(report(passing(), failing(), diagnosis=(EPSILON_HAT,)), to)
    html = to.export_html()
    assert "does not conform" in html
    assert "Finding 1" in html


class TestIdentification:
    """What is said of a target of which nothing was declared."""

    def test_one_dialect(self):
        fit = Fit(Dialect(epsilon="hat"), {"float32": "A"})
        text = _words(as_text(identification(Identification("m:f", "1", (fit,), (("amsgrad", "no"),), cases=9))))
        assert "m:f is epsilon-hat, as far as 9 probes show." in text
        assert "amsgrad not told: no" in text
        assert "A in float32" in text

    def test_several_that_cannot_be_told_apart(self):
        fits = (Fit(Dialect(), {}), Fit(Dialect(correct_m=False), {}))
        text = _words(as_text(identification(Identification("m:f", "1", fits, cases=9))))
        assert "is adam or adam with correct_m=False" in text
        assert "nothing that it lets us vary tells correct_m apart" in text

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            (Identification("m:f", fatal="it hangs"), "could not be run: it hangs"),
            (Identification("m:f"), "Nothing ran"),
            (Identification("m:f", refuted=("epsilon",), cases=3), "is no dialect: no value of epsilon fits"),
        ],
    )
    def test_none(self, found, words):
        assert words in _words(as_text(identification(found)))


class TestListing:
    def test_short_labels_stand_beside_their_words(self):
        assert as_text(in_columns([("a", "one word"), ("bcd", "another")])) == "a    one word\nbcd  another\n"

    def test_words_stand_below_labels_that_leave_no_room(self):
        """An address of a target is as long as the line: its words were once squeezed into four characters."""
        label = "package.module:Class?argument=value&other=value"
        assert as_text(in_columns([(label, "what it is"), ("b", "c")])) == f"{label}\n    what it is\nb\n    c\n"
