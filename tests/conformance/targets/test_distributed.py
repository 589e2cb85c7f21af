"""Optimizers on several ranks: right ones pass, each small edit is caught, and whatever a rank does has its verdict."""

import contextlib
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adam_ref import ADAM, DIALECTS, Hyperparameters
from conformance.case import Moments
from conformance.checks import CHECKS
from conformance.isolation.hosts import InProcess, Isolated
from conformance.isolation.limits import Limits
from conformance.protocol import TargetError
from conformance.report import ERROR, FAIL, PASS, SKIP, CheckResult
from conformance.suite import Plan, Tally, run
from conformance.targets import load_target
from conformance.targets.distributed.pieces import Gathered, Piece, gathered_moments
from conformance.targets.distributed.ranks import RankError, Ranks
from conformance.targets.distributed.target import Distributed

HERE = "tests.sharded_adams"

TELLING = ("metamorphic.arrangement", "groups.missing-gradients", "checkpoints.any-step", "processes.agree")
"""Checks that most faults of sharding show in."""

CAUGHT = [
    ("replicated", "LosesTheRemainder", "metamorphic.arrangement"),
    ("replicated", "ShiftsByThePadding", "metamorphic.arrangement"),
    ("replicated", "CountsOnlyItsOwn", "update.exact-zeros"),
    ("replicated", "SkipsWhatIsZero", "update.exact-zeros"),
    ("replicated", "LoadsFromItsNeighbour", "metamorphic.resume"),
    ("replicated", "DriftsApart", "processes.agree"),
    ("replicated", "SchedulesTheFirst", "update.schedule"),
    ("replicated", "SeedsOnOneRank", "purity.process"),
    ("unreduced", "ShardedAdam", "processes.agree"),
    ("dtensor", "LeavesEmptyShardsOut", "groups.tensors"),
    ("fsdp2", "LeavesEmptyShardsOut", "groups.tensors"),
]


@pytest.fixture(scope="module")
def ranks():
    """Two ranks, which every target here runs on in turn."""
    group = Ranks(2, 120.0)
    yield group
    group.close()


def judged(target, check, dialect=ADAM, dtype="float32"):
    """How one check ends, and its words; a finding is not made small."""
    plan, check = Plan(dialect, (dtype,), profile="quick"), CHECKS[check]
    context = plan.context(InProcess(target), dtype, lambda *_: None)
    if words := check.missing(context):
        return SKIP, words
    tally = Tally(check, context)
    try:
        tally.examine_all()
    except TargetError as error:
        return ERROR, str(error)
    if tally.violation is not None:
        return FAIL, tally.violation.message
    result = tally.result(CheckResult(check.id, check.clauses, dtype, "cpu", SKIP))
    return result.status, result.reason


def named(name):
    """An address of one of the optimizers here."""
    return f"{HERE}:{name}"


class TestRightOnes:
    """Torch's own, and ours."""

    @pytest.mark.parametrize("layout", ["zero", "dtensor", "fsdp2"])
    def test_torch_conforms_in_what_sharding_breaks(self, ranks, layout):
        target = Distributed(layout, ranks=ranks)
        assert target.capabilities.state
        assert target.capabilities.processes
        for check in (*TELLING, "gradients.closure", "purity.memory"):
            assert (check, *judged(target, check)) == (check, PASS, "")

    def test_complex_parameters_may_be_infinite(self, ranks):
        """A contribution of infinity times zero would be none."""
        assert judged(Distributed("zero", ranks=ranks), "special.not-a-number", dtype="complex64") == (PASS, "")

    @pytest.mark.parametrize(("layout", "name"), [("replicated", "ShardedAdam"), ("unreduced", "AveragesItself")])
    def test_one_that_shards_itself_conforms(self, ranks, layout, name):
        target = Distributed(layout, optimizer=named(name), ranks=ranks)
        assert not target.capabilities.state
        for check in (*TELLING, "update.exact-zeros", "update.schedule"):
            assert (check, *judged(target, check)) == (check, PASS, "")

    def test_ours_decays_on_shards_as_is_declared(self, ranks):
        target = Distributed(
            "dtensor", optimizer="adam_ref.torch:Adam", optimized_update=False, dialect=ADAM, ranks=ranks
        )
        assert judged(target, "update.weight-decay") == (PASS, "")

    def test_full_checkpoints_count_a_step_where_no_gradient_has_come_yet(self, ranks):
        """Torch's finding; from checkpoints of its own the optimizer goes on right."""
        status, words = judged(Distributed("fsdp2", checkpoint="full", ranks=ranks), "metamorphic.resume")
        assert status == FAIL
        assert "after saving and loading" in words

    def test_full_checkpoints_bring_back_moments_without_axes_as_plain_tensors(self, ranks):
        """Another one: there is a step after loading, and it mixes tensors and DTensors."""
        status, words = judged(Distributed("dtensor", checkpoint="full", ranks=ranks), "checkpoints.any-step")
        assert (status, words) == (
            ERROR,
            "step 2 raised AssertionError: every rank raised AssertionError",
        )

    def test_arguments_reach_the_constructor(self, ranks):
        target = Distributed("fsdp2", optimizer="AdamW", fused=True, eps=1e-4, ranks=ranks)
        assert target.capabilities.pinned == {"eps": 1e-4}
        assert judged(target, "update.weight-decay", DIALECTS["adamw"]) == (PASS, "")


class TestWrongOnes:
    """Small edits."""

    @pytest.mark.parametrize(("layout", "name", "check"), CAUGHT)
    def test_it_is_caught(self, ranks, layout, name, check):
        assert judged(Distributed(layout, optimizer=named(name), ranks=ranks), check)[0] == FAIL

    def test_ranks_that_drift_apart_are_told_from_one_another(self, ranks):
        target = Distributed("replicated", optimizer=named("DriftsApart"), ranks=ranks)
        words = "after step 1 rank 1 holds another parameter 0 than rank 0"
        assert judged(target, "processes.agree") == (FAIL, words)


class TestRefusals:
    """What cannot be run says why, and what is refused is no pass."""

    def test_fully_shard_does_not_take_every_shape(self, ranks):
        status, words = judged(Distributed("fsdp2", ranks=ranks), "groups.any-shape")
        assert (status, words) == (SKIP, "the target does not claim any_shape")

    def test_a_hyperparameter_that_all_ranks_refuse_is_refused(self, ranks):
        status, words = judged(Distributed("zero", optimizer=named("WantsAPositiveLr"), ranks=ranks), "special.lr-zero")
        assert status == SKIP
        assert "lr must be positive" in words

    def test_only_sharded_tensors_have_full_checkpoints(self, ranks):
        with pytest.raises(ValueError, match="checkpoint=full is not possible with zero: allowed is own"):
            Distributed("zero", checkpoint="full", ranks=ranks)

    @pytest.mark.parametrize("processes", [0, 3, True, "two"])
    def test_numbers_of_processes_that_would_round_are_not_possible(self, processes):
        with pytest.raises(TargetError, match="allowed are 1, 2, 4, 8"):
            Distributed("zero", processes=processes)

    @pytest.mark.parametrize("optimizer", ["Adamm", "functional", f"{HERE}:dist", f"{HERE}:Gone"])
    def test_what_is_no_optimizer_is_named(self, ranks, optimizer):
        with pytest.raises(ValueError, match=f"optimizer={optimizer} is no torch optimizer"):
            Distributed("zero", optimizer=optimizer, ranks=ranks)


class TestMisbehaviour:
    """A rank that raises, dies or hangs, and what is left of the others."""

    def test_a_rank_that_raises_is_named_and_so_is_one_that_hangs_in_the_group_that_takes_over(self):
        target = load_target(f"torch.distributed:replicated?optimizer={named('RaisesOnOneRank')}")
        first, (status, words) = target.ranks, judged(target, "groups.tensors")
        assert status == ERROR
        assert "rank 1 raised ArithmeticError: too large for me; no answer from rank 0" in words
        target.start([np.ones(1, np.float32)], [Hyperparameters()]).step([np.ones(1, np.float32)])
        assert target.ranks is not first

        other = Distributed("replicated", optimizer=named("HangsOnOneRank"), ranks=target.ranks)
        other.ranks.patience = 1.0
        with pytest.raises(RankError, match=r"did not answer within 1 s: the target hangs") as raised:
            other.start([np.ones(3, np.float32)], [Hyperparameters()]).step([np.ones(3, np.float32)])
        assert raised.value.fatal
        other.close()

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("DiesOnOneRank", "rank 1 was killed by SIGKILL"),
            ("HangsOnOneRank", "took more than 1 s: the target hangs"),
        ],
    )
    def test_no_rank_outlives_its_worker(self, name, words):
        address = f"torch.distributed:replicated?optimizer={named(name)}"
        host = Isolated(address, dialect=ADAM, device="cpu", limits=Limits(answer=120.0)).wait_until_ready()
        assert len(_marked(host.mark)) == 5  # the warden, the worker, the leader and two ranks
        if name == "HangsOnOneRank":
            host.limits = replace(host.limits, answer=1.0)
        report = run(host, Plan(only=("groups.tensors",), dtypes=("float32",), profile="quick", address=address))
        host.close()
        assert report.verdict == "could-not-run"
        assert words in report.checks[0].reason
        deadline = time.monotonic() + 5
        while _marked(host.mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _marked(host.mark)


def _marked(mark):
    """Processes that have a worker's mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
    return found


class TestPieces:
    """Putting together what ranks have."""

    def test_parts_are_joined_in_the_order_of_the_ranks(self):
        parts = [[Piece(False, np.array(numbers))] for numbers in ([1.0, 2.0], [3.0], [])]
        assert Gathered("parameter", parts).arrays[0].tolist() == [1.0, 2.0, 3.0]

    def test_an_empty_array_keeps_its_shape(self):
        parts = [[Piece(False, np.zeros((0, 3), np.float32))] for _ in range(2)]
        assert Gathered("parameter", parts).arrays[0].shape == (0, 3)

    def test_what_no_rank_has_is_none(self):
        assert Gathered("gradient", [[None], [None]]).arrays == [None]

    def test_wholes_that_differ_in_the_last_bit_are_a_difference(self):
        one = np.float32(1)
        answers = [[Piece(True, np.array([x]))] for x in (one, one, np.nextafter(one, np.float32(2)))]
        assert Gathered("parameter", answers).differences == ["rank 2 holds another parameter 0 than rank 0"]

    def test_counters_that_differ_are_a_difference(self):
        moments, said = gathered_moments([[{"step": 3.0}], [{"step": 4.0}]])
        assert moments == [Moments(step=3.0)]
        assert said == ["the steps of parameter 0 are not the same on every rank: rank 0 counts 3, rank 1 counts 4"]
