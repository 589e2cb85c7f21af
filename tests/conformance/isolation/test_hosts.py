"""A target may hang, die, raise, talk or answer nonsense: each ends as a sentence about the target, soon."""

import contextlib
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance.case import Case
from conformance.isolation.hosts import InProcess, Isolated, version_of
from conformance.isolation.limits import Limits
from conformance.protocol import TargetError
from conformance.suite import Plan, run
from conformance.targets import load_target

PATIENCE = 60.0
"""Seconds for a worker to start on a machine that is busy with other tests."""

SOON = 0.4
"""Seconds that an answer may take where the target is meant to hang."""

BRIEF = Limits(answer=SOON)


def a_case(steps=3, dtype="float32"):
    return Case(
        dtype=dtype,
        parameters=(np.zeros(4, dtype), np.ones((2, 1), dtype)),
        hyperparameters=(Hyperparameters(),) * 2,
        gradients=tuple((np.full(4, 0.5, dtype), np.full((2, 1), -1.0, dtype)) for _ in range(steps)),
    )


def start(name, dialect=None):
    return Isolated(f"tests.miniatures:{name}", dialect=dialect, device="cpu", limits=Limits(answer=PATIENCE))


@pytest.fixture
def isolated():
    """Makes workers that are ready, and ends them."""
    hosts = []

    def make(name):
        hosts.append(start(name))
        return hosts[-1].wait_until_ready()

    yield make
    for host in hosts:
        host.close()


def in_process(name):
    return InProcess(load_target(f"tests.miniatures:{name}"))


# It does not answer.


@pytest.mark.parametrize("name", ["HangsInStep", "HangsInStart", "HangsWithoutListening", "HangsAtTheThirdStep"])
def test_a_target_that_hangs_is_given_up(isolated, name):
    """Otherwise a run never ends, and continuous integration with it."""
    host = isolated(name)
    host.limits = BRIEF
    began = time.monotonic()
    with pytest.raises(TargetError, match=r"took more than 0\.4 s: the target hangs") as caught:
        host.run([a_case()])
    assert caught.value.fatal
    assert time.monotonic() - began < 10
    assert host.process.poll() is not None, "the worker is still there"


def test_nothing_more_is_asked_of_a_worker_that_was_given_up(isolated):
    host = isolated("HangsInStep")
    host.limits = BRIEF
    for _ in range(2):
        with pytest.raises(TargetError) as caught:
            host.run([a_case()])
        assert caught.value.fatal


def test_a_module_that_hangs_at_import_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "hangs_at_import.py").write_text("import time\ntime.sleep(3600)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    host = Isolated("hangs_at_import:Adam", dialect=None, device="cpu", limits=Limits(answer=3.0))
    with pytest.raises(TargetError, match=r"starting the target .* took more than") as caught:
        host.wait_until_ready()
    assert caught.value.fatal
    assert host.process.poll() is not None


@pytest.mark.parametrize("name", ["LeavesAChildBehind", "LeavesADaemonBehind"])
def test_what_a_target_started_ends_with_it(isolated, name):
    """A process left behind holds the terminal, or the machine."""
    host = isolated(name)
    host.limits = Limits(answer=2.0)
    with pytest.raises(TargetError):
        host.run([a_case()])
    child = int(host.channel.said().split()[1])
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    pytest.fail(f"process {child} outlived the worker")


def test_a_worker_that_no_longer_reads_is_given_up(isolated):
    """A request larger than a pipe holds would otherwise be waited for without end."""
    host = isolated("StopsListening")
    host.run([a_case()])
    time.sleep(0.5)
    host.limits = BRIEF
    large = np.zeros(1 << 20, np.float32)
    with pytest.raises(TargetError, match="the target hangs"):
        host.run([Case("float32", (large,), (Hyperparameters(),), ((large,),))])
    assert host.process.poll() is not None


def test_an_answer_from_a_second_process_is_not_taken_for_the_next(isolated):
    """Two processes that answer in turn would be compared with the wrong cases."""
    host = isolated("Forks")

    def ask_again():
        for _ in range(3):
            host.run([a_case(steps=1)])

    with pytest.raises(TargetError) as caught:
        ask_again()
    assert caught.value.fatal


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# It dies.


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ExitsInStep", "exited with status 0"),
        ("DiesOfASegmentationFault", r"killed by SIGSEGV; it said:\na last word"),
        ("IsKilled", "killed by SIGKILL"),
        ("ClosesEverything", "the worker"),
    ],
)
def test_a_target_that_dies_is_said_to_have_died(isolated, name, how):
    """A status of 0 from a process that was to answer is no success."""
    with pytest.raises(TargetError, match=how) as caught:
        isolated(name).run([a_case()])
    assert caught.value.fatal


def test_rubbish_in_the_pipe_is_no_answer(isolated):
    """The bytes of a confused target must not be taken for numbers."""
    with pytest.raises(TargetError, match="no message") as caught:
        isolated("WritesToEveryDescriptor").run([a_case()])
    assert caught.value.fatal


# It raises.


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("RaisesInStart", "start raised ValueError: I do not like these"),
        ("RaisesAtTheThirdStep", "step 3 raised ZeroDivisionError: the third step is one too many"),
        ("RecursesForever", "step 1 raised RecursionError"),
    ],
)
def test_an_exception_is_passed_on_with_its_step(name, what):
    with pytest.raises(TargetError, match=what) as caught:
        in_process(name).run([a_case()])
    assert not caught.value.fatal


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RaisesSomethingUnprintable", r"step 1 raised ValueError: \\ud800 \\x1b\[31mzzz.*characters\)$"),
        ("RaisesSomethingSpeechless", "step 1 raised SpeechlessError$"),
    ],
)
def test_what_a_target_says_is_made_printable(name, words):
    """A report that cannot be written, or that repaints the terminal, helps nobody."""
    with pytest.raises(TargetError, match=words) as caught:
        in_process(name).run([a_case()])
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("name", ["RaisesSystemExit", "InterruptsItself", "RaisesAtTheThirdStep"])
def test_a_worker_survives_what_its_target_raises(isolated, name):
    """sys.exit and KeyboardInterrupt in a target are exceptions of the target; the next case still gets its answer."""
    host = isolated(name)
    for _ in range(2):
        with pytest.raises(TargetError, match="raised") as caught:
            host.run([a_case()])
        assert not caught.value.fatal
    if name == "RaisesAtTheThirdStep":
        assert len(host.run([a_case(steps=2)])[0].parameters) == 2


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("tests.miniatures:RaisesWhenMade", "no device of mine is here"),
        ("tests.miniatures:IsNotThere", "has no 'IsNotThere'"),
        ("no_such_module_anywhere:Adam", "importing no_such_module_anywhere raised ModuleNotFoundError"),
        ("tests.miniatures:ClaimsNonsense", "raised|no target"),
        ("tests.miniatures:adan", r"has no 'adan'; did you mean adam\b"),
        ("no address at all", "is no address of a target"),
        ("my_adam.py:step", r"is no address of a target: .* my_adam:step for a function step in a file my_adam\.py"),
        ("./my_adam:step", "is no address of a target"),
    ],
)
def test_a_target_that_cannot_be_had_says_why(address, what):
    host = Isolated(address, dialect=None, device="cpu", limits=Limits(answer=PATIENCE))
    try:
        with pytest.raises(TargetError, match=what):
            host.wait_until_ready()
    finally:
        host.close()


# It answers nonsense.


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("ReturnsNothing", "step 1 returned NoneType; a list of as many parameters as were given, 2, is expected"),
        ("ReturnsTooFew", "step 1 returned list of length 1"),
        ("ReturnsAnotherShape", r"parameter 0 with shape \(5,\)"),
        ("ReturnsAnotherDtype", "dtype float64; it was given with shape .* and dtype float32"),
        ("ReturnsText", "step 1 returned parameter 0 with shape"),
        ("ReturnsObjects", "dtype object"),
        ("ShowsNoState", "state raised AttributeError"),
        ("ShowsNonsenseForState", "state"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_no_answer(name, what):
    """Broadcast or converted silently, it would be compared as if it were one."""
    with pytest.raises(TargetError, match=what) as caught:
        in_process(name).run([a_case()])
    assert not caught.value.fatal


def test_a_changed_gradient_is_seen():
    (trajectory,) = in_process("ChangesGradients").run([a_case(steps=1)])
    assert trajectory.changed_gradients == ((0, 0), (0, 1))


# It behaves, in its way.


@pytest.mark.parametrize("name", ["GradientDescent", "TalksAlot", "ReadsStandardInput"])
def test_a_worker_gives_what_the_process_itself_gives(isolated, name):
    """What a target prints, reads or does to its process changes no number."""
    (apart,) = isolated(name).run([a_case()])
    (here,) = in_process("GradientDescent").run([a_case()])
    for a, b in zip(apart.parameters, here.parameters, strict=True):
        assert all(x.tobytes() == y.tobytes() and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


def test_a_worker_does_not_outlive_a_harness_that_is_killed():
    """A run that continuous integration ends the hard way must leave nothing running."""
    script = (
        "import os, signal\n"
        "from conformance.isolation.hosts import Isolated\n"
        "host = Isolated('tests.miniatures:GradientDescent', dialect=None, device='cpu').wait_until_ready()\n"
        "print(host.mark, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    mark = ended.stdout.strip()
    assert mark.startswith("ADAM_CONFORMANCE_WORKER=")
    for _ in range(100):
        if not marked(mark):
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")


def marked(mark):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found += [process.name] if mark.encode() in (process / "environ").read_bytes() else []
    return found


@pytest.mark.parametrize("name", ["PromisesTooMuch", "UsesBytesAgain", "FloodsOutput"])
def test_what_a_target_sends_takes_no_memory_of_ours(isolated, name):
    """A worker with limits is no use where the harness itself is made to hold what it sends."""
    host = isolated(name)
    tracemalloc.start()
    try:
        with pytest.raises(TargetError):
            host.run([a_case(steps=1)])
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_isolation_costs_little():
    """Issue 5 allows 1.5 s a target: what worker, warden and crossing take of the processor beyond the run."""
    cases = [a_case(steps=10)] * 20

    def seconds(make):
        began = resources()
        host = make()
        for case in cases:
            host.run([case])
        host.close()
        return resources() - began

    apart = seconds(lambda: start("GradientDescent").wait_until_ready())
    here = seconds(lambda: in_process("GradientDescent"))
    assert apart - here < 1.5


def resources():
    """Seconds of processor time, of this process and of the children that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def test_closing_twice_is_closing_once():
    host = start("GradientDescent")
    host.close()
    host.close()
    assert host.process.poll() is not None


def test_no_descriptor_is_left_open():
    """A pytest session makes hundreds of hosts."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        host = start("GradientDescent").wait_until_ready()
        host.close()
    assert len(os.listdir("/proc/self/fd")) <= before


# What the suite makes of it.


def a_report(host, *only):
    return run(host, Plan(dtypes=("float32",), profile="quick", only=only, address=host.name))


def test_a_hang_ends_as_could_not_run(isolated):
    """Exit status 3, soon, with every check accounted for; never a pass."""
    host = isolated("HangsAtTheThirdStep")
    host.limits = BRIEF
    report = a_report(host, "update")
    assert (report.verdict, report.exit_code) == ("could-not-run", 3)
    assert "hangs" in report.fatal
    assert {c.status for c in report.checks} <= {"error", "skip"}


@pytest.mark.parametrize("name", ["ReturnsInputs", "ReturnsNaN", "ReturnsTheGradients", "GradientDescent"])
def test_wrong_numbers_end_as_does_not_conform(name):
    report = a_report(in_process(name), "update.ordinary")
    assert (report.verdict, report.exit_code) == ("does-not-conform", 1)
    assert report.findings[0].case.steps == 1


def test_an_exception_ends_as_could_not_run():
    report = a_report(in_process("RaisesAtTheThirdStep"), "update.ordinary")
    assert (report.verdict, report.exit_code) == ("could-not-run", 3)


def test_versions_come_from_the_distribution():
    assert version_of("numpy:array") == np.__version__
    assert version_of("no_such_package:thing") == "unknown"
