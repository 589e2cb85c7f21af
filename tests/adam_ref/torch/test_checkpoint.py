"""Saving and resuming: bit for bit, in the same dtype, memory and dialect."""

from __future__ import annotations

import copy
import io
import math
import pickle

import pytest
import torch

from adam_ref.torch import Adam, WeightDecay
from tests.adam_ref.torch.oracle import DECAYS, PATHS, drive, make, noise, parameter

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64]
SETTINGS = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": WeightDecay(0.1), "optimized_update": False}


def through_a_file(state_dict):
    buffer = io.BytesIO()
    torch.save(state_dict, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


def twin(params):
    return [param.detach().clone().requires_grad_() for param in params]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("route", [copy.deepcopy, through_a_file, lambda state: state], ids=["copy", "file", "direct"])
def test_resuming_is_bit_for_bit(path, dtype, route):
    """Moments cast to the parameter's half precision on load change the run (pytorch #75224)."""
    params = [parameter(3, 4, dtype=dtype, seed=1), parameter(dtype=dtype, seed=2)]
    optimizer = make(path, params, **SETTINGS)
    drive(optimizer, params, 0, 5)
    resumed = twin(params)
    second = make(path, resumed)
    second.load_state_dict(route(optimizer.state_dict()))
    drive(optimizer, params, 5, 5)
    drive(second, resumed, 5, 5)
    for param, other in zip(params, resumed, strict=True):
        assert torch.equal(param, other)
        for name in ("exp_avg", "exp_avg_sq"):
            assert optimizer.state[param][name].dtype == second.state[other][name].dtype
            assert torch.equal(optimizer.state[param][name], second.state[other][name])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "route", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))], ids=["deepcopy", "pickle"]
)
def test_copies_go_on_alike_and_apart(path, route):
    """Options that the base class does not know of are lost by its pickling."""
    params = [parameter(3, 4), parameter(2, seed=1)]
    optimizer = make(path, params, **SETTINGS)
    drive(optimizer, params, 0, 3)
    other_params, other = route((params, optimizer))
    drive(optimizer, params, 3, 3)
    drive(other, other_params, 3, 3)
    for param, twin_of_it in zip(params, other_params, strict=True):
        assert torch.equal(param, twin_of_it)
    assert [choice.path for choice in other.explain_path()] == [path] * 2
    assert other.weight_decay == optimizer.weight_decay


def test_a_copy_with_a_scheduler_goes_on():
    param = parameter(3)
    optimizer = Adam([param])
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.5)
    copied = copy.deepcopy(optimizer)
    inner = copied.param_groups[0]["params"][0]
    inner.grad = torch.ones_like(inner)
    copied.step()
    assert torch.equal(param, parameter(3))
    assert not torch.equal(inner, param)


@pytest.mark.parametrize("decay", DECAYS.values(), ids=DECAYS)
@pytest.mark.parametrize("optimized", [True, False])
def test_checkpoint_keeps_the_dialect(decay, optimized):
    """In the original neither the form of the update nor the kind of decay is saved."""
    params = [parameter(4)]
    optimizer = Adam(params, weight_decay=decay, optimized_update=optimized, eps=1e-2)
    drive(optimizer, params, 0, 3)
    resumed = twin(params)
    second = Adam(resumed, weight_decay=WeightDecay(0.3, weight_decouple=False), optimized_update=not optimized)
    second.load_state_dict(optimizer.state_dict())
    drive(optimizer, params, 3, 3)
    drive(second, resumed, 3, 3)
    assert torch.equal(params[0], resumed[0])


@pytest.mark.parametrize("path", PATHS)
def test_checkpoint_does_not_choose_the_path(path):
    """How the update is computed belongs to the machine it runs on, not to the checkpoint."""
    params = [parameter(4)]
    saved = Adam(params, fused=True).state_dict()
    optimizer = make(path, params)
    optimizer.load_state_dict(saved)
    assert optimizer.explain_path()[0].path == path


def test_loading_shares_no_tensor():
    """torch.optim aliases the tensors of the state dict it loads: the two optimizers then disturb each other."""
    params = [parameter(4)]
    optimizer = Adam(params)
    drive(optimizer, params, 0, 2)
    resumed = twin(params)
    second = Adam(resumed)
    second.load_state_dict(optimizer.state_dict())
    before = optimizer.state[params[0]]["exp_avg"].clone()
    drive(second, resumed, 2, 2)
    assert torch.equal(optimizer.state[params[0]]["exp_avg"], before)
    assert optimizer.state[params[0]]["step"] == 2


def test_loaded_moments_are_laid_out_like_the_parameter():
    plain = [parameter(2, 3, 4, 5)]
    optimizer = Adam(plain)
    drive(optimizer, plain, 0, 1)
    channels_last = plain[0].detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    second = Adam([channels_last], fused=True)
    second.load_state_dict(optimizer.state_dict())
    assert second.state[channels_last]["exp_avg"].stride() == channels_last.stride()
    assert second.explain_path()[0].path == "fused"


class Extended(Adam):
    """A subclass whose state holds more than Adam's."""

    def init_state(self, state, group, param):
        super().init_state(state, group, param)
        state["master"] = param.detach().to(torch.float64)
        state["log"] = [1]


def test_other_state_is_copied_as_it_was_saved():
    """A subclass's float64 copy of a float32 parameter must not be rounded to float32."""
    params = [parameter(3, dtype=torch.float32)]
    optimizer = Extended(params)
    drive(optimizer, params, 0, 1)
    optimizer.state[params[0]]["master"].fill_(math.pi)
    second = Extended(twin(params))
    second.load_state_dict(optimizer.state_dict())
    state = second.state[second.param_groups[0]["params"][0]]
    assert state["master"].tolist() == [math.pi] * 3
    state["log"].append(2)
    state["master"].zero_()
    assert optimizer.state[params[0]]["master"].tolist() == [math.pi] * 3
    assert optimizer.state[params[0]]["log"] == [1]


class AMSGrad(Adam):
    """The seed's idiom: a subclass with a group entry of its own, which happens to have a name that torch has too."""

    def __init__(self, params, *, amsgrad=True, **options):
        super().__init__(params, defaults={"amsgrad": amsgrad}, **options)

    def init_state(self, state, group, param):
        super().init_state(state, group, param)
        state["max_exp_avg_sq"] = torch.zeros_like(state["exp_avg_sq"])

    def get_mv(self, state, group, grad):
        m, v = super().get_mv(state, group, grad)
        largest = torch.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        return m, largest if group["amsgrad"] else v


@pytest.mark.parametrize("amsgrad", [True, False])
@pytest.mark.parametrize("optimized", [True, False])
def test_a_subclass_with_torchs_entries_resumes_its_own_checkpoint(amsgrad, optimized):
    """Taken for torch's, the checkpoint would be refused, or go on as the other update."""
    params = [parameter(4)]
    optimizer = AMSGrad(params, amsgrad=amsgrad, optimized_update=optimized, eps=1e-2)
    drive(optimizer, params, 0, 3)
    resumed = twin(params)
    second = AMSGrad(resumed)
    second.load_state_dict(optimizer.state_dict())
    drive(optimizer, params, 3, 3)
    drive(second, resumed, 3, 3)
    assert torch.equal(params[0], resumed[0])


@pytest.mark.parametrize(
    "route", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))], ids=["deepcopy", "pickle"]
)
def test_a_copy_keeps_what_a_subclass_has_set(route):
    """torch's own pickling drops it, and the copy's hooks then fail."""
    params = [parameter(4)]
    optimizer = Extended(params)
    optimizer.warmup = 10
    optimizer.register_step_post_hook(lambda *_: None)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.5)
    _, other = route((params, optimizer))
    assert other.warmup == 10
    assert other.step.__self__ is other
    assert not other._optimizer_step_post_hooks


class TestInterchangeWithTorch:
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("theirs", [torch.optim.Adam, torch.optim.AdamW])
    @pytest.mark.parametrize("options", [{"foreach": False}, {"foreach": True}, {"fused": True}], ids=str)
    def test_their_checkpoint_goes_on_as_theirs(self, path, theirs, options):
        """The unoptimized update and their kind of decay, whatever this optimizer was made with."""
        params = [parameter(4)]
        optimizer = theirs(params, lr=0.02, eps=1e-2, weight_decay=0.1, **options)
        drive(optimizer, params, 0, 3)
        resumed = twin(params)
        second = make(path, resumed, weight_decay=WeightDecay(0.3, absolute=True))
        saved = optimizer.state_dict()
        given = copy.deepcopy(saved["param_groups"])
        second.load_state_dict(saved)
        assert saved["param_groups"] == given
        drive(optimizer, params, 3, 5)
        drive(second, resumed, 3, 5)
        torch.testing.assert_close(params[0], resumed[0], rtol=1e-12, atol=1e-14)
        assert second.state[resumed[0]]["step"] == 8

    @pytest.mark.parametrize("decoupled", [True, False])
    def test_our_checkpoint_goes_on_in_theirs(self, decoupled):
        params = [parameter(4)]
        decay = WeightDecay(0.1, weight_decouple=decoupled)
        optimizer = Adam(params, lr=0.02, eps=1e-2, weight_decay=decay, optimized_update=False)
        drive(optimizer, params, 0, 3)
        resumed = twin(params)
        second = (torch.optim.AdamW if decoupled else torch.optim.Adam)(resumed)
        second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        drive(optimizer, params, 3, 5)
        drive(second, resumed, 3, 5)
        torch.testing.assert_close(params[0], resumed[0], rtol=1e-12, atol=1e-14)

    def test_their_half_precision_moments_are_widened(self):
        params = [parameter(4, dtype=torch.bfloat16)]
        optimizer = torch.optim.Adam(params)
        drive(optimizer, params, 0, 2)
        resumed = twin(params)
        second = Adam(resumed)
        second.load_state_dict(optimizer.state_dict())
        assert second.state[resumed[0]]["exp_avg"].dtype == torch.float32
        drive(second, resumed, 2, 1)

    @pytest.mark.parametrize("flag", ["amsgrad", "maximize"])
    def test_a_dialect_we_do_not_have_is_refused(self, flag):
        params = [parameter(4)]
        theirs = torch.optim.Adam(params, **{flag: True})
        with pytest.raises(ValueError, match=f"{flag}=True"):
            Adam(twin(params)).load_state_dict(theirs.state_dict())


class TestRefusal:
    """A checkpoint that does not fit is refused before anything changes."""

    def refused(self, match, change):
        params = [parameter(4), parameter(2, 3)]
        optimizer = Adam(params)
        drive(optimizer, params, 0, 2)
        saved = copy.deepcopy(optimizer.state_dict())
        change(saved)
        given = copy.deepcopy(saved)
        before = copy.deepcopy(optimizer.state_dict())
        with pytest.raises((ValueError, TypeError), match=match):
            optimizer.load_state_dict(saved)
        for now, then in ((optimizer.state_dict(), before), (saved, given)):
            assert now["param_groups"] == then["param_groups"]
            for key, state in then["state"].items():
                assert torch.equal(now["state"][key]["exp_avg"], state["exp_avg"])

    def test_shape(self):
        self.refused(r"exp_avg.*\(4,\)", lambda saved: saved["state"][1].update(exp_avg=torch.zeros(4)))

    def test_number_of_parameters(self):
        self.refused("groups of", lambda saved: saved["param_groups"][0].update(params=[0]))

    def test_hyperparameter(self):
        self.refused("lr must be finite", lambda saved: saved["param_groups"][0].update(lr=-1.0))

    def test_flag(self):
        self.refused("optimized_update", lambda saved: saved["param_groups"][0].update(optimized_update="yes"))


def test_hooks_see_the_checkpoint_and_the_restored_state():
    """The caller's pre-hook may replace the state dict, its post-hook must find the state in place."""
    params, seen = [parameter(4)], []
    optimizer = Adam(params)
    drive(optimizer, params, 0, 1)
    replacement = copy.deepcopy(optimizer.state_dict())
    replacement["state"][0]["exp_avg"] = noise(4, seed=9)
    optimizer.register_load_state_dict_pre_hook(lambda _, given: replacement)
    optimizer.register_load_state_dict_post_hook(lambda self: seen.append(self.state[params[0]]["exp_avg"].clone()))
    optimizer.load_state_dict(optimizer.state_dict())
    assert torch.equal(seen[0], noise(4, seed=9))


def test_parameters_never_stepped_have_no_state_after_loading():
    params = [parameter(4), parameter(3)]
    optimizer = Adam(params)
    drive(optimizer, params[:1], 0, 1)
    second = Adam(twin(params))
    second.load_state_dict(optimizer.state_dict())
    assert len(second.state) == 1
    assert second.state_dict()["state"].keys() == {0}


def test_missing_entries_are_those_of_the_loading_optimizer():
    """A checkpoint from before an entry existed, and not from torch, takes this optimizer's own."""
    params = [parameter(4)]
    saved = Adam(params).state_dict()
    del saved["param_groups"][0]["optimized_update"]
    second = Adam(params, optimized_update=False)
    second.load_state_dict(saved)
    assert second.param_groups[0]["optimized_update"] is False
