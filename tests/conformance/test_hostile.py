"""Every hostile miniature ends in its verdict: never in a pass, a hang, a crash or a lost report of ours.

The rows say what is run, how it must end, and which words of the report must tell why.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.hosts import Isolated
from conformance.limits import Limits
from conformance.protocol import TargetError
from conformance.suite import Plan, not_run, run
from tests.miniatures import HERE

MIB = 1 << 20

PATIENT = Limits(answer=60.0)
"""For targets that answer, on a machine that is busy with other tests."""

EXIT_CODES = {"conforms": 0, "does-not-conform": 1, "could-not-run": 3}


@dataclass(frozen=True)
class Row:
    """One miniature and its end."""

    name: str
    reason: str
    verdict: str = "could-not-run"
    limits: Limits = PATIENT
    only: str = "update.ordinary"

    @property
    def address(self):
        return self.name if ":" in self.name else f"{HERE}:{self.name}"


SOON = Limits(answer=1.0)
"""For targets that do not answer; the worker itself has started by then."""

TABLE = [
    # They take more than they may.
    Row("EatsMemory", "MemoryError.* memory are allowed, see --memory", limits=Limits(memory=400 * MIB)),
    Row("EatsSharedMemory", "uses too much memory: .* allowed, see --memory", limits=Limits(memory=400 * MIB)),
    Row("EatsMemoryInChildren", "uses too much memory", limits=Limits(memory=400 * MIB)),
    Row("FloodsOutput", "prints without end; 4 MiB of output are allowed", limits=Limits(output=4 * MIB)),
    Row("FloodsOutputFromAThread", "prints without end", limits=Limits(output=4 * MIB)),
    Row("ForksWithoutEnd", "too many processes: 16 are allowed", limits=Limits(processes=16)),
    Row("Dawdles", "all answers together had taken 2 s: the target hangs", limits=Limits(total=2.0)),
    # They die.
    Row("ExitsInStep", "the worker exited with status 0"),
    Row("ExitsWhenMade", "starting the target .* the worker exited with status 0"),
    Row("DiesOfASegmentationFault", "killed by SIGSEGV; it said:\na last word"),
    Row("ReadsAddressZero", "killed by SIGSEGV"),
    Row("IsKilled", "killed by SIGKILL"),
    Row("KillsItsWarden", "took its warden with it"),
    Row("KillsItsGroup", "killed by SIGKILL"),
    Row("ClosesEverything", "the worker exited with status 1"),
    Row("ClosesEverythingAndHangs", "closed its channel and goes on"),
    # They write on the channel.
    Row("WritesToEveryDescriptor", "no message"),
    Row("AnswersTwice", "answered what it was not asked"),
    Row("AnswersAhead", "answered what it was not asked"),
    Row("BreaksOff", "exited with status 0"),
    Row("BreaksOffAndHangs", "the target hangs", limits=SOON),
    Row("PromisesTooMuch", "a message of .* bytes; at most .* are allowed"),
    Row("UsesBytesAgain", "no message: an array .* starts at byte 0"),
    Row("SaysNothing", "none to this .*trajectories"),
    Row("SaysAList", "answered what it was not asked"),
    Row("SaysAnErrorThatIsNone", "running a case|but"),
    Row("LeavesStepsOut", "has parameters of 0 steps"),
    Row("LeavesCasesOut", "none to this .*shorter"),
    Row("SaysWordsForNumbers", "parameter 0 as str"),
    Row("SaysStepsThatAreNone", "changed gradients at"),
    Row("SaysAnotherShape", r"returned parameter 0 with shape \(1,\)"),
    Row("ClaimsOnTheChannel", "makes no sense"),
]


def judged(row):
    """The report on it, as the command line gets it, and its host."""
    plan = Plan(dtypes=("float32",), profile="quick", only=(row.only,), address=row.address)
    host = Isolated(row.address, dialect=None, device="cpu", limits=row.limits)
    try:
        host.wait_until_ready()
    except TargetError as error:
        return not_run(plan, str(error)), host
    else:
        return run(host, plan), host
    finally:
        host.close()


def reasons(report):
    return "\n".join([report.fatal, *(c.reason for c in report.checks)])


def left_over(mark):
    """Processes of that worker that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_hostile_target_ends_in_its_verdict(row):
    """Anything else lets a broken implementation pass, or takes the run down with it."""
    began = time.monotonic()
    report, host = judged(row)
    assert (report.verdict, report.exit_code) == (row.verdict, EXIT_CODES[row.verdict]), reasons(report)
    assert re.search(row.reason, reasons(report), re.DOTALL), reasons(report)
    assert time.monotonic() - began < 40
    assert not left_over(host.mark)
    assert len(reasons(report)) < 20_000
