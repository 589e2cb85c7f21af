"""Every hostile miniature ends in its verdict: never in a pass, a hang, a crash or a lost report of ours.

The rows say what is run, how it must end, and which words of the report must tell why.
"""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adam_ref.dialect import named_dialect
from conformance.isolation.hosts import Isolated
from conformance.isolation.limits import Limits
from conformance.protocol import TargetError
from conformance.suite import Plan, not_run, run
from tests.miniatures import HERE

MIB = 1 << 20

PATIENT = Limits(answer=60.0)
"""For targets that answer, on a machine that is busy with other tests."""

EXIT_CODES = {"conforms": 0, "does-not-conform": 1, "could-not-run": 3}


@dataclass(frozen=True)
class Row:
    """One miniature and its end; `answer` is the limit on answers once it has started."""

    name: str
    reason: str
    verdict: str = "could-not-run"
    limits: Limits = PATIENT
    answer: float | None = None
    only: str = "update.ordinary"
    dialect: str = "adam"

    @property
    def address(self):
        return self.name if ":" in self.name else f"{HERE}:{self.name}"


SOON = 0.4
"""Seconds that a run may take where the target is meant to hang; its worker has started by then."""

AT_IMPORT = Limits(answer=3.0)
"""For targets that do not even start to answer."""

HANGS = "took more than 0.4 s: the target hangs"

HAT = {"dialect": "epsilon-hat", "only": "update.near-epsilon"}

FAILS, PASSES = "does-not-conform", "conforms"

TABLE = [
    # They do not answer.
    Row("tests.miniatures.hangs_at_import:Adam", "starting the target .* took more than 3 s", limits=AT_IMPORT),
    Row("HangsWhenMade", "starting the target .* took more than 3 s", limits=AT_IMPORT),
    Row("HangsInStart", HANGS, answer=SOON),
    Row("HangsInStep", HANGS, answer=SOON),
    Row("HangsAtTheThirdStep", HANGS, answer=SOON),
    Row("HangsWithoutListening", HANGS, answer=SOON),
    Row("HangsInLoad", HANGS, answer=SOON, only="metamorphic.resume"),
    Row("HangsInSave", HANGS, answer=SOON, only="metamorphic.resume"),
    Row("HangsInState", HANGS, answer=SOON),
    Row("HangsInArray", HANGS, answer=SOON),
    Row("HangsInC", HANGS, answer=SOON),
    Row("HangsAlone", HANGS, answer=SOON),
    Row("LeavesAChildBehind", HANGS, answer=SOON),
    Row("LeavesADaemonBehind", HANGS, answer=SOON),
    Row("Forks", "answered what it was not asked|too many processes", limits=Limits(processes=16)),
    # They raise.
    Row("tests.miniatures.raises_at_import:Adam", "raised KeyboardInterrupt"),
    Row("RaisesWhenMade", "raised RuntimeError: no device of mine is here"),
    Row("RaisesInStart", "start raised ValueError: I do not like these"),
    Row("RaisesAtTheThirdStep", "step 3 raised ZeroDivisionError: the third step is one too many"),
    Row("RaisesSystemExit", "step 1 raised SystemExit"),
    Row("InterruptsItself", "raised KeyboardInterrupt"),
    Row("RaisesSomethingUnprintable", r"step 1 raised ValueError: \\ud800 \\x1b"),
    Row("RaisesSomethingSpeechless", "step 1 raised SpeechlessError"),
    Row("RecursesForever", "step 1 raised RecursionError"),
    # They answer nonsense.
    Row("ReturnsNothing", "step 1 returned NoneType"),
    Row("ReturnsTooFew", "step 1 returned list of length 0"),
    Row("ReturnsTooMany", "step 1 returned list of length 2"),
    Row("ReturnsAnIterator", "step 1 returned list_iterator"),
    Row("ReturnsADict", "step 1 returned dict"),
    Row("ReturnsAnotherShape", r"returned parameter 0 with shape"),
    Row("ReturnsAHugeArray", "MemoryError|with shape .1099511627776,"),
    Row("ReturnsAnotherDtype", "dtype float64; it was given with shape .* and dtype float32"),
    Row("ReturnsBigEndian", "dtype >f4"),
    Row("ReturnsRecords", "dtype .*value"),
    Row("ReturnsComplex", "dtype complex64"),
    Row("ReturnsLongDoubles", "dtype float128|dtype longdouble"),
    Row("ReturnsObjects", "dtype object"),
    Row("ReturnsText", "dtype <U9"),
    Row("RaggedLists", "reading what step 1 returned raised ValueError"),
    Row("RaisesWhenRead", "reading what step 1 returned raised RuntimeError: not for you"),
    Row("ShowsNoState", "state raised AttributeError"),
    Row("ShowsNonsenseForState", "state gave str|state raised"),
    Row("ShowsAnotherState", r"m of parameter 0 has shape \(1,\)"),
    Row("ShowsObjectsForState", "m of parameter 0 has dtype object"),
    Row("ShowsAWordForTheCounter", "state raised ValueError"),
    Row("ClaimsNonsense", "no target|are none"),
    Row("ClaimsMore", "dtypes cannot be 'float7'"),
    # They answer wrongly.
    Row("GradientDescent", "outside its enclosure", FAILS),
    Row("ReturnsInputs", "outside its enclosure", FAILS),
    Row("ReturnsNaN", "outside its enclosure|not a number|NaN", FAILS),
    Row("ReturnsTheGradients", "outside its enclosure", FAILS),
    Row("ReturnsFlatteringArrays", "outside its enclosure", FAILS),
    Row("ChangesGradients", "the gradient of parameter 0 was changed by step 1", FAILS, only="purity.gradients"),
    Row("OverwritesGradientsLater", "gradient of parameter 0 changed after step", FAILS, only="purity.settled"),
    Row("OverwritesParametersLater", "parameter 0 changed after step", FAILS, only="purity.settled"),
    # They look for the right answers.
    Row("AnswersFromTheReference", "adam_ref.golden is withheld from targets"),
    Row("AnswersFromWhatThePackageOffers", "cannot import name 'step' from 'adam_ref'"),
    Row("AnswersFromTheEnclosure", "adam_ref.enclosure is withheld from targets"),
    Row("AsksTheChecks", "conformance.checks is withheld from targets"),
    Row("Chameleon", "outside its enclosure", FAILS, **HAT),
    Row("ChameleonByItsCallers", "outside its enclosure", FAILS, **HAT),
    Row("ChameleonByItsParents", "outside its enclosure", FAILS, **HAT),
    Row("ChameleonThatWasTold", "", PASSES, **HAT),
    Row("KnowsItsRegime", "outside its enclosure", FAILS),
    # They are right, and change the world around them.
    *(
        Row(name, reason, FAILS, only="purity.process")
        for name, reason in {
            "ChangesDirectory": "the working directory is /; it was ",
            "ChangesDirectoryWhenMade": "the working directory is /; it was ",
            "ChangesLocale": "the locale is ",
            "RoundsUpward": "the arithmetic is rounding up, .* it was rounding to nearest",
            "FlushesToZero": "subnormal numbers flushed to zero; it was .* kept",
            "SetsDefaultDtype": "torch's default dtype is torch.float64; it was torch.float32",
            "RaisesOnErrors": "NumPy's handling of floating-point errors is .*'raise'",
            "SeedsPython": "the seed of Python's random generator was changed",
            "SeedsNumPy": "the seed of NumPy's random generator was changed",
            "PatchesNumPy": "numpy.sqrt was replaced",
            "PatchesTime": "time.time, time.sleep|time.time",
            "PatchesTorch": "torch.sqrt was replaced",
            "PatchesBuiltins": "builtins.zip was replaced",
            "PatchesTheWorker": "conformance.protocol._same_bits was replaced",
        }.items()
    ),
    Row("ChangesDirectoryOnce", "the working directory is /; it was ", FAILS, only="purity"),
    Row("PatchesNumPyForTheWorse", "step 1"),
    Row("PatchesJson", "no message"),
    # They are right, and leave something behind.
    *(Row(name, "", PASSES) for name in ("LeavesAThread", "HangsAtExit", "IgnoresSignals", "LeavesADaemon")),
    # They take more than they may.
    Row("EatsMemory", "MemoryError.* memory are allowed, see --memory", limits=Limits(memory=400 * MIB)),
    Row("EatsSharedMemory", "uses too much memory: .* allowed, see --memory", limits=Limits(memory=400 * MIB)),
    Row("EatsMemoryInChildren", "uses too much memory", limits=Limits(memory=400 * MIB)),
    Row("FloodsOutput", "prints without end; 4 MiB of output are allowed", limits=Limits(output=4 * MIB)),
    Row("FloodsOutputFromAThread", "prints without end", limits=Limits(output=4 * MIB)),
    Row("ForksWithoutEnd", "too many processes: 16 are allowed", limits=Limits(processes=16)),
    Row("Dawdles", "all answers together had taken 2 s: the target hangs", limits=Limits(total=2.0)),
    # They die.
    Row("tests.miniatures.exits_at_import:Adam", "starting the target .* the worker exited with status 0"),
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
    Row("BreaksOffAndHangs", "the target hangs", answer=SOON),
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
    dialect = named_dialect(row.dialect)
    plan = Plan(dialect, dtypes=("float32",), profile="quick", only=(row.only,), address=row.address)
    host = Isolated(row.address, dialect=dialect, device="cpu", limits=row.limits)
    try:
        host.wait_until_ready()
        host.limits = replace(row.limits, answer=row.answer or row.limits.answer)
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
            if {mark.encode(), b"LEFT=behind"} & set((process / "environ").read_bytes().split(b"\0")):
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
