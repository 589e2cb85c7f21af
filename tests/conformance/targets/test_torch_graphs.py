"""Steps that are captured: what was compiled was compiled, what is recorded keeps what a CUDA graph keeps."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from adam_ref import ADAM, Hyperparameters
from conformance import check_adam
from conformance.checks import CHECKS, PROFILES
from conformance.faults import CATALOGUE, kill_matrix
from conformance.faults.torch_adam import optimizer, torch_target
from conformance.isolation.hosts import InProcess
from conformance.protocol import Run, run_case
from conformance.suite import Plan
from conformance.targets import adapt, load_target
from conformance.targets.torch_graphs import WARM_UP, Operations, Replayed

LOOP, FOREACH = "torch.optim:Adam?foreach=False&compiled=True", "torch.optim:Adam?foreach=True&compiled=True"
STANDARD = {"profile": "standard", "dtypes": ["float32"], "on_fail": None}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The tensors are small: more threads only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_pieces():
    return torch_target("in-pieces", optimizer("InPieces", {}), ADAM)


def cases_of(check, target, profile="standard", device="cpu"):
    plan = Plan(profile=profile, device=device)
    return list(CHECKS[check].cases(plan.context(InProcess(target), "float32", lambda *_: None)))


class TestCompiled:
    """The step really is compiled, afresh in each session."""

    def test_it_is_captured_again_where_it_must_be_and_not_at_each_step(self):
        target = load_target(LOOP)
        case = cases_of("graphs.compiled", target)[0]
        assert case.manner == "compiled"
        for _ in range(2):  # what the first session has captured is no use to the second
            run = Run(target, case)
            for step in range(case.steps):
                run.step(step)
            assert 2 <= run.session.way.graphs < case.steps

    def test_what_torch_leaves_alone_is_no_pass(self):
        class Plain(torch.optim.Adam):
            @torch.compiler.disable
            def step(self, closure=None):
                return super().step(closure)

        target = adapt(Plain, {"compiled": True})
        seen = run_case(target, cases_of("graphs.compiled", target)[0])
        assert "captured nothing" in seen.refused
        assert seen.parameters == ()

    def test_what_takes_longest_is_left_to_the_thorough_profile(self):
        target = load_target(LOOP)
        manners = {p: {c.manner for c in cases_of("graphs.compiled", target, p)} for p in PROFILES}
        assert manners["standard"] == {"compiled", "compiled-tensor-lr"}
        assert manners["thorough"] == manners["standard"] | {"compiled-functional"}

    def test_the_quick_profile_says_that_it_leaves_it_out(self):
        report = check_adam(LOOP, profile="quick", dtypes=["float32"], only=["graphs"], on_fail=None)
        reasons = {c.id: c.reason for c in report.checks if c.status == "skip"}
        assert "the profile quick leaves it out" in reasons["graphs.compiled"]

    def test_what_is_not_asked_for_is_not_captured(self):
        """A compiled step is other code, for which the plain one does not answer; many are right and take no graph."""

        class Unprepared(torch.optim.Optimizer):
            def __init__(self, params, lr=1e-3):
                super().__init__(params, {"lr": lr})

            def step(self, closure=None):
                pass

        def captured(cls, **arguments):
            return {m for m in adapt(cls, arguments).capabilities.manners if m.startswith(("compiled", "replayed"))}

        compiled = {"compiled", "compiled-tensor-lr", "compiled-functional"}
        assert captured(torch.optim.Adam) == {"replayed"}
        assert captured(torch.optim.Adam, compiled=True) == {"replayed", *compiled}
        assert captured(Unprepared) == set()
        assert captured(Unprepared, compiled=True) == compiled

    def test_an_argument_of_that_name_belongs_to_the_constructor(self):
        class Own(torch.optim.Adam):
            def __init__(self, params, lr=1e-3, *, compiled=False):
                super().__init__(params, lr)
                self.given = compiled

        target = adapt(Own, {"compiled": True})
        assert "compiled" not in target.capabilities.manners
        assert target._made([torch.nn.Parameter(torch.zeros(1))], Hyperparameters(**target.capabilities.pinned)).given

    @pytest.mark.parametrize("target", [in_pieces, lambda: FOREACH], ids=["in pieces", "torch's foreach"])
    def test_correct_optimizers_conform(self, target):
        report = check_adam(target(), only=["graphs"], **STANDARD)
        assert report.verdict == "conforms", [(c.id, c.reason) for c in report.checks]
        assert {c.id for c in report.checks if c.status == "pass"} >= {"graphs.compiled", "graphs.lr-zero"}

    def test_torchs_loop_makes_nan_of_lr_zero(self):
        """The public defect that the check was made for (pytorch #126514), named by the diagnosis."""
        report = check_adam(LOOP, only=["graphs.lr-zero"], **STANDARD)
        (finding,) = report.findings
        assert np.isnan(finding.violation.got)
        assert finding.case.elements == 1
        assert [d.name for d in report.diagnosis] == ["compiled-step-divides-by-lr"]


class TestTheCatalogue:
    """Dear checks run there where they are needed."""

    def test_a_fault_has_the_time_for_the_checks_that_name_it(self):
        fault = CATALOGUE["lr-of-the-trace"]
        cells = kill_matrix([fault], [CHECKS["graphs.compiled"], CHECKS["graphs.lr-zero"]]).cells
        assert [c.status for c in cells] == ["caught", "skipped"]

    def test_faults_of_a_compiled_step_are_none_of_the_plain_one(self):
        """Caught elsewhere too, they would tell nothing about the chapter."""
        faults = [f for f in CATALOGUE.values() if f.chapter == "graphs"]
        checks = [CHECKS[name] for name in ("update.few-roundings", "groups.missing-gradients", "update.schedule")]
        assert not [c for c in kill_matrix(faults, checks).cells if c.kills]


class TestReplayed:
    """A record keeps memory and numbers, and nothing of Python."""

    def test_new_numbers_in_the_same_memory_are_read_and_what_python_counted_is_not(self):
        x, y, count = torch.zeros(2), torch.zeros(2), [0]

        def function():
            count[0] += 1
            y.copy_((x * 2).add_(count[0]))

        record = Operations(function)
        assert y.tolist() == [1, 1]
        x.fill_(3)
        record.play()
        assert y.tolist() == [7, 7]
        assert count == [1]

    def test_a_tensor_that_is_put_in_the_place_of_another_is_written_and_not_read(self):
        held = {"x": torch.ones(1)}

        def function():
            held["x"] = held["x"] * 2

        record = Operations(function)
        record.play()
        assert held["x"].tolist() == [2]

    def test_views_and_lists_of_tensors_are_played_back(self):
        x, y = torch.zeros(4), torch.ones(2)

        def function():
            torch._foreach_add_([x[:2], x[2:]], [y, 2 * y])

        record = Operations(function)
        y.fill_(10)
        record.play()
        assert x.tolist() == [11, 11, 22, 22]

    def test_reading_a_number_is_refused(self):
        with pytest.raises(RuntimeError, match="cannot be recorded"):
            Operations(lambda: torch.ones(()).item())

    def test_two_steps_are_plain_and_one_is_recorded(self):
        target = in_pieces()
        case = cases_of("graphs.replayed", target)[0]
        run = Run(target, case)
        for step in range(case.steps):
            run.step(step)
            assert (run.session.way.record is not None) == (step >= WARM_UP)
        assert not run.refused
        assert all(isinstance(v, torch.Tensor) for s in run.session.optimizer.state.values() for v in s.values())

    def test_a_missing_gradient_cannot_be_recorded(self):
        way = Replayed("cpu")
        parameter = torch.nn.Parameter(torch.ones(1))
        with pytest.raises(ValueError, match="none may be missing"):
            way.give([parameter], [None])

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CUDA graphs are recorded there only")
    @pytest.mark.parametrize(
        "address", [LOOP, FOREACH, "torch.optim:Adam?fused=True", "torch.optim:Adam?capturable=True"]
    )
    def test_torchs_own_are_right_in_a_cuda_graph(self, address):
        report = check_adam(address, device="cuda", dtypes=["float32", "float64"], only=["graphs"], on_fail=None)
        failed = [(c.id, c.dtype, c.reason) for c in report.checks if c.status in ("fail", "error")]
        assert failed == []
        assert [c.status for c in report.checks if c.id == "graphs.replayed"] == ["pass", "pass"]

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: counters are on it where it is")
    def test_a_counter_on_the_device_is_read(self):
        target = load_target("torch.optim:Adam?capturable=True", device="cuda")
        case = replace(cases_of("update.ordinary", target, "quick", "cuda")[0], manner="")
        assert [m.step for (m,) in run_case(target, case).moments] == list(range(1, case.steps + 1))
