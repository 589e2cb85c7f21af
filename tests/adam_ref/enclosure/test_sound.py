"""No admissible evaluation lies outside: the enclosure against honest evaluations in every order we know of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adam_ref import (
    ADAM,
    BFLOAT16,
    CLASS_A,
    CLASS_B,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    Format,
    Hyperparameters,
    Numerics,
    advance,
    start,
)
from tests.adam_ref.enclosure.histories import SETTINGS, histories
from tests.adam_ref.enclosure.holding import Tally, enclose, hold_forms
from tests.adam_ref.enclosure.honest import Form, evaluate, some_forms

FORMS = some_forms(624)
CLASSES = {"A": CLASS_A, "B": CLASS_B}
FORMATS = {f.name: f for f in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}


def named(*names: str) -> list[Any]:
    """The settings of these names."""
    found = [setting for setting in SETTINGS if setting.name in names]
    assert len(found) == len(names)
    return found


def clean(tally: Tally, *, undecided: float = 0.15, not_finite: float = 0.05) -> None:
    """Nothing outside, and enough compared."""
    assert not tally.outside, f"{len(tally.outside)} outside, first {tally.outside[0]}"
    assert tally.undecided <= undecided * tally.numbers, "too little is decided"
    assert tally.not_finite <= not_finite * tally.numbers, "too many overflowed"


@pytest.mark.parametrize(("accuracy", "seed"), [("A", 0), ("A", 1), ("B", 2)])
@pytest.mark.parametrize("name", FORMATS)
def test_every_form_stays_inside(name: str, accuracy: str, seed: int) -> None:
    """A conforming implementation would be called broken, in some order of its operations."""
    tally = hold_forms(FORMS, Numerics.uniform(FORMATS[name], CLASSES[accuracy]), seed=seed)
    assert len(tally.forms) == len(FORMS) >= 500
    clean(tally)


@pytest.mark.parametrize("accuracy", CLASSES)
@pytest.mark.parametrize("name", FORMATS)
def test_long_histories_stay_inside(name: str, accuracy: str) -> None:
    """Errors that build up over more than 300 steps would outgrow the boxes."""
    settings = named("defaults", "slow", "amsgrad", "decoupled")
    numerics = Numerics.uniform(FORMATS[name], CLASSES[accuracy])
    # In float16 an epsilon of 1e-8 underflows, and over many steps most histories come to a denominator of 0.
    clean(hold_forms(FORMS[:8], numerics, settings=settings, steps=330, each=4), undecided=0.2)


@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, BFLOAT16], ids=lambda f: f.name)
def test_devices_that_flush_subnormals_stay_inside(target: Format) -> None:
    """An honest evaluation on a GPU or under XLA would be called broken where numbers are tiny."""
    clean(hold_forms(FORMS, Numerics.uniform(target.flushing())))


def test_fast_math_stays_inside() -> None:
    """A kernel compiled with fast-math would be called broken although its numerics are declared."""
    numerics = replace(Numerics.uniform(FLOAT32.flushing()), fast_math=True)
    clean(hold_forms(FORMS[:104], numerics))
    strict = replace(numerics, fast_math=False)
    hyper = named("beta1 = beta2 = 0")[0].hyper
    theta, gradients = histories(FLOAT32, hyper, 6, 100)
    box = enclose(theta, gradients, hyper, strict)["theta"]
    seen = np.stack(evaluate(Form(), theta, gradients, hyper, ADAM, numerics, fast=np.random.default_rng(0)).theta)
    assert (~(((box.lo <= seen) & (seen <= box.hi)) | box.undecided)).any(), "it makes a difference"


@pytest.mark.parametrize(
    ("numerics", "computing"),
    [
        (Numerics(BFLOAT16, FLOAT32, FLOAT32), FLOAT32),
        (Numerics(FLOAT16, FLOAT32, FLOAT32), FLOAT32),
        (Numerics(FLOAT32, BFLOAT16, FLOAT32), FLOAT32),
        (Numerics(FLOAT32, FLOAT32, BFLOAT16), FLOAT32),
        (Numerics(FLOAT64, FLOAT32, FLOAT32), FLOAT64),
        (Numerics(FLOAT32, BFLOAT16, FLOAT32, CLASS_B), FLOAT32),
    ],
    ids=lambda x: "-".join(f.name for f in x.formats) if isinstance(x, Numerics) else x.name,
)
def test_moments_in_other_formats_stay_inside(numerics: Numerics, computing: Format) -> None:
    """State kept in another format than the parameter (optax's mu_dtype, float32 state) would be called broken."""
    clean(hold_forms(FORMS[:156], numerics, computing=computing))


def test_master_weights_stay_inside() -> None:
    """A hidden float32 parameter, of which a bfloat16 copy is seen, would be called broken."""
    numerics = Numerics.uniform(FLOAT32)
    for setting in SETTINGS:
        theta, gradients = histories(BFLOAT16, setting.hyper, 8, 10)
        run = evaluate(Form(), theta, gradients, setting.hyper, setting.dialect, numerics)
        enclosure = start(theta, numerics)
        for step, g in enumerate(gradients):
            enclosure = advance(enclosure, g, setting.hyper, numerics, setting.dialect)
            visible = BFLOAT16.round(run.theta[step])
            box = enclosure.theta.rounded(BFLOAT16)
            inside = box.contains(visible) | ~np.isfinite(visible)
            assert inside.all(), (setting.name, step)
            with np.errstate(over="ignore", invalid="ignore"):
                slack = np.abs(box.lo - BFLOAT16.round(enclosure.theta.lo))
            allowed = 1e-15 * (np.abs(enclosure.theta.at) + np.abs(box.lo)) + 1e-300
            assert not (slack > allowed).any(), "no more is admitted than what is rounded"


@pytest.mark.parametrize("square", ["componentwise", "modulus"])
@pytest.mark.parametrize("target", [FLOAT64, FLOAT32], ids=lambda f: f.name)
def test_complex_parameters_stay_inside(target: Format, square: str) -> None:
    """Complex numbers in either dialect of the second moment would be called broken."""
    numerics, tally = Numerics.uniform(target), Tally()
    for i, setting in enumerate(SETTINGS):
        theta, gradients = histories(target, setting.hyper, 8, 10)
        mixed = np.random.default_rng(i).permutation(len(theta)).reshape(-1, 2)
        theta, gradients = theta[mixed], gradients[:, mixed]
        dialect = setting.dialect.with_(complex_square=square)
        ends = enclose(as_complex(theta), map(as_complex, gradients), setting.hyper, numerics, dialect)
        for form in FORMS[i :: len(SETTINGS)]:
            run = evaluate(form, theta, gradients, setting.hyper, dialect, numerics)
            tally.hold(run, ends, form, target, setting.name)
    clean(tally)


def as_complex(pairs: Any) -> Any:
    """Pairs of reals as complex numbers."""
    return pairs[:, 0] + 1j * pairs[:, 1]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("path", ["loop", "foreach", "fused"])
def test_torch_stays_inside(name: str, path: str) -> None:
    """torch's own paths, whose operations nobody here wrote, would be called broken."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        hold_torch(torch, name, path)
    finally:
        torch.set_num_threads(threads)


def hold_torch(torch: Any, name: str, path: str) -> None:
    """One path of torch in one format, against all settings that torch has."""
    target, dtype = FORMATS[name], getattr(torch, name)
    how = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}[path]
    for setting in SETTINGS:
        hyper, dialect = setting.hyper, setting.dialect
        plain = dialect == replace(dialect, epsilon="outside", correct_m=True, correct_v=True, amsgrad="raw")
        if not plain or hyper.eps_root or dialect.weight_decay == "absolute":
            continue
        if target is FLOAT16 and hyper.eps:
            hyper = hyper.with_(eps=max(hyper.eps, 1e-4))
        theta, gradients = histories(target, hyper, 5, 10)
        ends = enclose(theta, gradients, hyper, Numerics.uniform(target), dialect)
        for quantity, seen in run_torch(torch, dtype, theta, gradients, hyper, dialect.weight_decay, how).items():
            box = ends[quantity]
            outside = ~(((box.lo <= seen) & (seen <= box.hi)) | box.undecided)
            assert not outside.any(), (setting.name, quantity, np.argwhere(outside)[0])


def run_torch(
    torch: Any, dtype: Any, theta: Any, gradients: Any, hyper: Hyperparameters, decay: str, how: dict[str, bool]
) -> dict[str, Any]:
    """What torch's Adam, or AdamW, makes of it."""
    parameter = torch.nn.Parameter(torch.tensor(theta, dtype=dtype))
    kind = torch.optim.AdamW if decay == "decoupled" else torch.optim.Adam
    optimizer = kind(
        [parameter],
        lr=hyper.lr,
        betas=(hyper.beta1, hyper.beta2),
        eps=hyper.eps,
        weight_decay=hyper.weight_decay,
        amsgrad=hyper.amsgrad,
        maximize=hyper.maximize,
        **how,
    )
    names = {"m": "exp_avg", "v": "exp_avg_sq"} | ({"v_max": "max_exp_avg_sq"} if hyper.amsgrad else {})
    seen: dict[str, list[Any]] = {"theta": [], **{quantity: [] for quantity in names}}
    for g in gradients:
        parameter.grad = torch.tensor(g, dtype=dtype)
        optimizer.step()
        seen["theta"].append(parameter.detach().double().numpy().copy())
        for quantity, name in names.items():
            seen[quantity].append(optimizer.state[parameter][name].double().numpy().copy())
    return {quantity: np.stack(values) for quantity, values in seen.items()}
