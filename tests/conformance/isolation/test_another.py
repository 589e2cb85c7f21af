"""What only another process shows: whether results are the same there, and whether a checkpoint is whole."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance import check_adam
from conformance.api import NOT_IMPORTABLE, importable
from conformance.case import Case
from conformance.checks import CHECKS
from conformance.cli import run as run_command
from conformance.isolation.another import resumed_elsewhere
from conformance.isolation.hosts import InProcess, Isolated, another
from conformance.isolation.limits import Limits
from conformance.isolation.pipes import WORKER
from conformance.protocol import TargetError
from conformance.replay import run_again
from conformance.report import read_finding, to_text
from conformance.suite import Plan, run
from conformance.targets import load_target
from tests import miniatures
from tests.miniatures import remembering

ELSEWHERE = ("purity.another-process", "checkpoints.another-process")
ROOT = Path(__file__).resolve().parents[3]


def a_plan(address, *only):
    return Plan(dtypes=("float32",), only=only or ELSEWHERE, address=address)


def a_case(steps=4, at=2):
    """A case with a checkpoint, and a gradient of its own at each step."""
    return Case(
        dtype="float32",
        parameters=(np.zeros(4, np.float32),),
        hyperparameters=(Hyperparameters(),),
        gradients=tuple((np.full(4, 0.5 + step, np.float32),) for step in range(steps)),
        checkpoint_after=at,
    )


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """Makes workers that are ready, and ends them; `PID_FILE` is a file that is not there yet."""
    monkeypatch.setenv(miniatures.PID_FILE, str(tmp_path / "processes"))
    hosts = []

    def make(address, **more):
        address = address if ":" in address else f"{miniatures.HERE}:{address}"
        hosts.append(Isolated(address, dialect=None, device="cpu", limits=Limits(**more)))
        return hosts[-1].wait_until_ready()

    yield make
    for host in hosts:
        host.close()


def statuses(report):
    return {c.id: c.status for c in report.checks}


def same_bits(one, other):
    return [p.tobytes() for (p,) in one.parameters] == [p.tobytes() for (p,) in other.parameters]


def reason(report, check="checkpoints.another-process"):
    return next(c.reason for c in report.checks if c.id == check)


def test_a_checkpoint_of_values_goes_on(isolated):
    """What is right is not flagged, and something was really compared."""
    report = run(isolated("Remembers"), a_plan("x"))
    assert report.verdict == "conforms"
    assert all(c.elements > 0 for c in report.checks)


def test_what_is_left_in_memory_is_missed_in_another_process_alone(isolated):
    """In the process that saved it, nothing is missing."""
    host = isolated("RemembersInItsClass")
    report = run(host, a_plan("x", "checkpoints.any-step", "purity.repeatable", *ELSEWHERE))
    assert [c for c, status in statuses(report).items() if status == "fail"] == ["checkpoints.another-process"]
    assert "going on in another process" in reason(report)


def test_the_finding_is_found_again_from_the_report(isolated, tmp_path):
    """Its case is run through two processes again."""
    host = isolated("RemembersInItsClass")
    file = tmp_path / "report.json"
    file.write_text(to_text(run(host, a_plan("x", "checkpoints.another-process"))))
    recorded = read_finding(file, 1)
    assert recorded.finding.case.checkpoint_after is not None
    assert run_again(host, recorded).status == "fail"


def test_a_checkpoint_that_cannot_be_written_down_is_a_refusal(isolated):
    """Nobody was promised that it could; the report says why nothing was judged."""
    report = run(isolated("SavesALock"), a_plan("x", "checkpoints.another-process"))
    assert statuses(report) == {"checkpoints.another-process": "skip"}
    assert "refuses this: pickling what save gave raised TypeError: cannot pickle" in reason(report)


def test_what_was_saved_runs_no_code_in_the_judge(isolated):
    """A pickle is a program; it is run by the two workers, and by nobody else."""
    host = isolated("SavesCode")
    seen = resumed_elsewhere(host, a_case())
    assert (len(seen.parameters), seen.noticed) == (4, ())
    ran_in = set(map(int, Path(os.environ[miniatures.PID_FILE]).read_text().split()))
    assert len(ran_in) == 2
    assert os.getpid() not in ran_in


def test_a_forged_checkpoint_is_none(isolated):
    with pytest.raises(TargetError, match="has no checkpoint") as caught:
        isolated("SavesAgainAndAgain").begin(a_case())
    assert caught.value.fatal


def test_a_reference_into_memory_cannot_be_gone_on_from(isolated):
    """That loading raises in another process, and not in its own, is a finding and no failure to run."""
    host = isolated("conformance.faults:Faulty?fault=checkpoint-of-references")
    context = a_plan("x").context(host, "float32", lambda *_: None)
    found = CHECKS["checkpoints.another-process"].examine(a_case(), context).violation
    assert found.step == 2
    assert "in another process load raised KeyError" in found.message


def test_the_numbers_before_and_after_are_one_trajectory(isolated):
    host = isolated("Remembers")
    case = a_case()
    (plain,) = host.run([replace(case, checkpoint_after=None)])
    seen = resumed_elsewhere(host, case)
    assert same_bits(seen, plain)


# The second process.


def test_it_is_started_once_and_ends_with_the_first(isolated):
    host = isolated("Remembers")
    assert host.another.worker is None
    run(host, a_plan("x"))
    second = host.another.worker
    assert second.process.poll() is None
    host.close()
    assert second.process.poll() is not None
    assert host.process.poll() is not None


def test_quick_does_without(isolated):
    """A second import of a framework takes longer than the whole profile may."""
    host = isolated("Remembers")
    report = run(host, replace(a_plan("x"), profile="quick"))
    assert set(statuses(report).values()) == {"skip"}
    assert reason(report) == "the profile quick starts no second process"
    assert host.another.worker is None


@pytest.mark.parametrize("given", [None, "1", "7"])
def test_it_has_hashes_of_its_own(isolated, monkeypatch, given):
    """And the first one has the same in each run, so that the same command gives the same verdict."""
    if given is None:
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    else:
        monkeypatch.setenv("PYTHONHASHSEED", given)
    host = isolated("StepsByHashSeed")
    case = a_case(steps=1)
    assert host.another.missing() == ""
    steps = [float(abs(there.run([case])[0].parameters[0][0][0])) for there in (host, host.another)]
    assert steps == pytest.approx([1.0 + int(given or 0), 3.0 if given == "1" else 2.0])


def test_a_target_that_cannot_be_started_twice_is_skipped(isolated):
    """What has a device to itself is no worse an Adam for it."""
    report = run(isolated("LivesOnce"), a_plan("x"))
    assert set(statuses(report).values()) == {"skip"}
    assert "cannot be started in a second process: making a target" in reason(report)


def test_that_it_dies_says_nothing_of_the_first(isolated):
    host = isolated("DiesInASecondProcess")
    host.run([a_case()])
    report = run(host, a_plan("x", "purity.repeatable", "purity.another-process"))
    assert statuses(report) == {"purity.repeatable": "pass", "purity.another-process": "error"}
    assert "in a second process: running a case: the worker exited with status 3" in reason(
        report, "purity.another-process"
    )
    assert report.fatal == ""


def test_it_has_the_time_that_is_left(isolated):
    host = isolated("Remembers", total=50.0)
    host.waited = 20.0
    assert host.another.missing() == ""
    assert host.another.worker.limits.total == pytest.approx(30.0)


def test_a_worker_starts_no_other(monkeypatch):
    """A module that judges itself when it is imported would never come to an end."""
    monkeypatch.setenv(WORKER, "1")
    assert another("tests.miniatures:Remembers", None).missing() == "a worker starts no other"


@pytest.mark.parametrize(
    ("subject", "same"),
    [("HonestForm?form=moments-in-a-table", True), ("Faulty?fault=counter-in-a-global-variable", False)],
)
def test_a_program_is_started_twice(isolated, monkeypatch, subject, same):
    """What one run of it saves another one loads, over the same messages."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    program = ROOT / "tests" / "programs.py"
    host = isolated(f"process:{sys.executable} {program} Serve conformance.faults:{subject}")
    (plain,) = host.run([replace(a_case(), checkpoint_after=None)])
    assert same_bits(resumed_elsewhere(host, a_case()), plain) == same


def test_a_finding_outlives_a_second_process_that_it_is_made_smaller_in(isolated, monkeypatch):
    """A program that ends itself over a checkpoint answers nothing afterwards; what it did is known by then."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    program = ROOT / "tests" / "programs.py"
    host = isolated(
        f"process:{sys.executable} {program} Serve conformance.faults:Faulty?fault=checkpoint-of-references"
    )
    report = run(host, a_plan("x", "checkpoints.another-process"))
    assert statuses(report) == {"checkpoints.another-process": "fail"}
    assert "in another process ended: load: the program exited with status 1" in reason(report)


# Targets that run in this process.


def test_one_that_can_be_imported_is_imported_there_too():
    report = check_adam(remembering.RemembersInItsClass, dtypes=["float32"], only=ELSEWHERE, on_fail=None)
    assert statuses(report) == {"purity.another-process": "pass", "checkpoints.another-process": "fail"}


def test_one_that_lives_here_alone_is_skipped():
    """There is no way to it, and it is not judged by another one of its class."""
    report = check_adam(remembering.Remembers(), dtypes=["float32"], only=[*ELSEWHERE, "update.near-epsilon"])
    assert {c.reason for c in report.checks if c.status == "skip"} == {NOT_IMPORTABLE}
    assert report.counts()["skip"] == 2


def test_what_can_be_imported():
    class Local(remembering.Remembers):
        pass

    def local():
        pass

    assert importable(remembering.Remembers)
    assert importable(miniatures.adam)
    assert importable("tests.miniatures:adam")
    assert not any(importable(thing) for thing in (Local, local, lambda: None, remembering.Remembers(), miniatures))


def test_it_ends_with_its_host():
    host = InProcess(load_target("tests.miniatures:Remembers"), another=another("tests.miniatures:Remembers", None))
    assert host.another.missing() == ""
    second = host.another.worker
    del host
    assert second.process.poll() is not None


def test_from_the_command_line(capsys):
    arguments = [f"--only={check}" for check in ELSEWHERE]
    assert run_command(["check", "tests.miniatures:Remembers", "--in-process", *arguments]) == 0
    assert "conforms to adam: 4 checks" in " ".join(capsys.readouterr().out.split())
