"""torch.compile leaves the shipped step alone; traced, it stepped one parameter in the place of another."""

import pytest

pytest.importorskip("torch")

import torch

from adam_ref.torch import Adam


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
@pytest.mark.parametrize("path", [{}, {"foreach": True}, {"fused": True}], ids=["loop", "foreach", "fused"])
def test_a_compiled_step_is_the_plain_one(path, lr):
    def stepped(*, compiled):
        params = [torch.nn.Parameter(torch.zeros(2 + i)) for i in range(2)]
        optimizer = Adam(params, lr=lr, **path)
        step = torch.compile(optimizer.step, backend="eager") if compiled else optimizer.step
        for t in range(4):
            for i, param in enumerate(params):
                param.grad = torch.full_like(param, t + i + 1.0)
            step()
        return [param.detach() for param in params], [optimizer.state[param]["step"] for param in params]

    torch._dynamo.reset()
    (plain, counts), (compiled, compiled_counts) = stepped(compiled=False), stepped(compiled=True)
    assert counts == compiled_counts == [4, 4]
    assert all(torch.equal(a, b) for a, b in zip(plain, compiled, strict=True))
