"""Flags: what is special about a vector, why that matters, and the public bugs that it would have shown.

To add one: a `Flag` in `FLAGS`; then `adam-conformance vectors generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from adam_ref import Format, Hyperparameters
from conformance.vectors.model import Tensor, Vector

TYPES = {
    "basic": "what every training run has",
    "edge-case": "rare in training, and where defects hide",
    "known-bug": "implementations that were in use have failed it",
    "option": "needs an option of the optimizer, or a hyperparameter away from its default",
    "numerics": "says something about the arithmetic itself",
}


@dataclass(frozen=True)
class Given:
    """What a flag may depend on: the inputs of one vector, and the format."""

    tensor: Tensor
    vector: Vector
    format: Format

    @property
    def hyper(self) -> Hyperparameters:
        """Those of the first step."""
        return self.tensor.hyper

    @property
    def gradients(self) -> list[float]:
        """Those that are there."""
        return [g for g in self.vector.gradients if g is not None]

    @property
    def sizes(self) -> list[float]:
        """The absolute values of those that are not zero."""
        return [abs(g) for g in self.gradients if g]

    @property
    def alternates(self) -> bool:
        """Whether the sign changes from each gradient to the next, zeros left out."""
        signs = [g > 0 for g in self.gradients if g]
        return len(signs) > 2 and all(a != b for a, b in pairwise(signs))

    def is_from(self, regime: str) -> bool:
        """Whether the history is one of that regime of the suite."""
        return self.tensor.check.endswith(f".{regime}")


@dataclass(frozen=True)
class Flag:
    """What is special about a vector.

    Attributes:
        type: one of `TYPES`.
        description: what it is, as a sentence.
        effect: what a defect does here.
        links: public bugs that it would have shown.
        applies: whether a vector has it, from its inputs alone.

    """

    type: str
    description: str
    effect: str
    links: tuple[str, ...]
    applies: Callable[[Given], bool]

    def to_json(self) -> dict[str, Any]:
        """As the file has it."""
        return {"type": self.type, "description": self.description, "effect": self.effect, "links": list(self.links)}


def flags_of(tensor: Tensor, fmt: Format) -> Tensor:
    """The tensor, its vectors with their flags."""
    vectors = [
        replace(v, flags=tuple(name for name, flag in FLAGS.items() if flag.applies(Given(tensor, v, fmt))))
        for v in tensor.vectors
    ]
    return replace(tensor, vectors=tuple(vectors))


def _issues(*names: str) -> tuple[str, ...]:
    """Addresses of `owner/repository#number` on GitHub."""
    return tuple(f"https://github.com/{name.replace('#', '/issues/')}" for name in names)


LONG_RUN = 256
"""Steps at which a counter kept in bfloat16 stops."""

FLAGS: dict[str, Flag] = {
    "Ordinary": Flag(
        "basic",
        "Normal gradients of magnitude near 1 with the hyperparameters of training.",
        "Whatever goes wrong here goes wrong in every run: swapped or ignored betas, moments that are not stored.",
        _issues("NovaSky-AI/SkyRL#1646", "tenstorrent/tt-metal#55935"),
        lambda h: h.is_from("ordinary"),
    ),
    "NearEpsilon": Flag(
        "known-bug",
        "A gradient is within a hundredfold of eps.",
        "Epsilon in another place, scaled by a bias correction, or left out, changes the step by up to 31.6 times; on "
        "ordinary gradients the same defect is below the noise of single precision.",
        _issues(
            "pytorch/pytorch#22628",
            "tensorflow/tensorflow#9047",
            "keras-team/keras#17391",
            "huggingface/transformers#35504",
            "tensorflow/tensorflow#61411",
        ),
        lambda h: any(g <= 100 * h.hyper.eps for g in h.sizes),
    ),
    "EpsilonUnderflows": Flag(
        "known-bug",
        "eps rounds to 0 in the format.",
        "Where v is 0 as well the step is 0/0, and one NaN later ruins the model.",
        _issues("google-deepmind/optax#1754", "chainer/chainer#6299", "FluxML/Optimisers.jl#167"),
        lambda h: h.hyper.eps > 0 and not h.format.round(h.hyper.eps),
    ),
    "EpsilonZero": Flag(
        "option",
        "eps = 0.",
        "Implementations that take 0 for not given use their default.",
        (),
        lambda h: h.hyper.eps == 0,
    ),
    "LargeEpsilon": Flag(
        "option",
        "eps is 1e-4 or more, as some users of half precision have it.",
        "Epsilon that is ignored, or limited, shows on every gradient.",
        (),
        lambda h: h.hyper.eps >= 1e-4,
    ),
    "ZeroGradient": Flag(
        "edge-case",
        "A gradient is exactly zero.",
        "The moments decay and the step counts all the same; skipping the element is an optimizer of another name.",
        _issues("pytorch/pytorch#186444"),
        lambda h: 0.0 in h.gradients,
    ),
    "AllGradientsZero": Flag(
        "known-bug",
        "Every gradient is zero.",
        "The parameter must keep its bits (without decay); 0/0 gives NaN.",
        _issues("google-deepmind/optax#1754", "chainer/chainer#6299"),
        lambda h: bool(h.gradients) and not h.sizes,
    ),
    "LateFirstGradient": Flag(
        "edge-case",
        "The gradients are zero at first; the step counter advances all the same.",
        "The bias correction and the counter alone decide how large the step is: any error in them stands alone.",
        _issues("tensorflow/tensorflow#35444", "tiny-dnn/tiny-dnn#823", "tracel-ai/burn#614"),
        lambda h: bool(h.sizes) and h.gradients[0] == 0,
    ),
    "MissingGradient": Flag(
        "edge-case",
        "At some step the parameter has no gradient at all (null): it keeps its bits, and counts no step.",
        "A zero in its place lets the moments decay; decay without a gradient moves the parameter.",
        _issues("KellerJordan/Muon#54"),
        lambda h: None in h.vector.gradients,
    ),
    "LateParameter": Flag(
        "known-bug",
        "The parameter has no gradient at the first steps: its own counter starts with its first gradient.",
        "One counter for all parameters corrects it as a later step, and makes the step a quarter too small.",
        _issues("InfiniTensor/InfiniTrain#235", "deepspeedai/DeepSpeed#8471", "flashlight/flashlight#143"),
        lambda h: bool(h.gradients) and h.vector.gradients[0] is None,
    ),
    "ConstantGradient": Flag(
        "known-bug",
        "The gradient is the same at every step, so that the corrected moments are exactly g and g^2.",
        "An error of the bias correction is all there is: none at all, a missing power, a missing root.",
        _issues(
            "ml-explore/mlx#1640",
            "karpathy/convnetjs#70",
            "eriklindernoren/ML-From-Scratch#35",
            "pytorch/pytorch#23737",
        ),
        lambda h: len(h.sizes) > 2 and len(set(h.vector.gradients)) == 1,
    ),
    "AlternatingSigns": Flag(
        "edge-case",
        "The gradient changes its sign at every step: m cancels while v grows.",
        "A lost sign, or an absolute value, makes a step of full size.",
        (),
        lambda h: h.alternates,
    ),
    "FallingGradient": Flag(
        "edge-case",
        "A spike, and then ever smaller gradients: v falls.",
        "A maximum of v that nobody asked for keeps the steps small.",
        (),
        lambda h: h.is_from("spike-then-decay"),
    ),
    "LargestStep": Flag(
        "edge-case",
        "The history that makes the largest step there is (theorem T9 of specs/derivations): it is beyond lr.",
        "Clipping the step at lr, which the paper's informal bound suggests, shows.",
        (),
        lambda h: h.is_from("extremal"),
    ),
    "LongRun": Flag(
        "known-bug",
        f"More than {LONG_RUN} steps.",
        "A counter kept in bfloat16 stops at 256, one in float16 at 2048, one in a byte wraps.",
        _issues("pytorch/ao#4915", "deepspeedai/DeepSpeed#8496", "pytorch/pytorch#76368"),
        lambda h: h.tensor.steps > LONG_RUN,
    ),
    "SquareUnderflows": Flag(
        "known-bug",
        "The square of a gradient, or what v takes of it, is below the smallest normal number of the format.",
        "Half precision without a wider v loses v. Devices that flush subnormals to zero are outside these vectors: "
        "leave the flag out there, and say so.",
        _issues("chainer/chainer#7780"),
        lambda h: any((1 - h.hyper.beta2) * g * g < h.format.smallest_normal for g in h.sizes),
    ),
    "SquareOverflows": Flag(
        "known-bug",
        "The square of a gradient is beyond the largest number of the format.",
        "v is infinite where it is kept in the format, and the step 0; saturating v instead makes a wrong step.",
        _issues("chainer/chainer#7780"),
        lambda h: any(g > h.format.largest**0.5 for g in h.sizes),
    ),
    "SubnormalGradient": Flag(
        "numerics",
        "A gradient is a subnormal number of the format.",
        "Flushing to zero shows. It is a defect only where it is not declared: leave the flag out there, and say so.",
        (),
        lambda h: any(g < h.format.smallest_normal for g in h.sizes),
    ),
    "PowersOfTwo": Flag(
        "numerics",
        "The betas and the other hyperparameters are short binary fractions: most operations are exact, and the "
        "interval is a few roundings wide.",
        "Errors of one part in a million show: a truncated constant, a moment or a gradient kept in fewer digits.",
        (),
        lambda h: h.is_from("few-roundings"),
    ),
    "ManyDigits": Flag(
        "numerics",
        "The hyperparameters have digits that no rounding to fewer of them keeps.",
        "Scalars held in bfloat16 or float16, or passed as short texts, show.",
        _issues("tenstorrent/tt-metal#55935", "pytorch/pytorch#88173"),
        lambda h: len(str(h.hyper.beta1)) > 8,
    ),
    "Beta1Zero": Flag(
        "option",
        "beta1 = 0: no first moment.",
        "Implementations that take 0 for not given use their default.",
        (),
        lambda h: h.hyper.beta1 == 0,
    ),
    "NoSecondMoment": Flag(
        "option",
        "beta2 = 0: v is the square of the last gradient.",
        "A correction that divides by 1 - beta2^t, or a logarithm of beta2, must survive it.",
        (),
        lambda h: h.hyper.beta2 == 0,
    ),
    "Beta1SquaredAtLeastBeta2": Flag(
        "option",
        "beta1^2 >= beta2, where the bound on the step grows with the number of steps.",
        "Betas that are swapped or shared show.",
        (),
        lambda h: h.hyper.beta1**2 >= h.hyper.beta2 > 0,
    ),
    "WeightDecay": Flag(
        "known-bug",
        "Weight decay, of the kind that the dialect says.",
        "Coupled for decoupled, after the step for before it, scaled by lr twice or not at all.",
        _issues(
            "keras-team/keras#19051",
            "bitsandbytes-foundation/bitsandbytes#2010",
            "huggingface/transformers#14539",
            "tensorflow/addons#2282",
            "NVIDIA/apex#1849",
        ),
        lambda h: h.hyper.weight_decay > 0,
    ),
    "AmsGrad": Flag(
        "known-bug",
        "AMSGrad: the maximum of what the dialect says, over all steps so far.",
        "A flag that is ignored, a maximum that is not stored, or is of the other moment.",
        _issues(
            "pytorch/pytorch#78807",
            "pytorch/pytorch#4271",
            "bitsandbytes-foundation/bitsandbytes#1261",
            "pytorch/pytorch#142323",
            "google-deepmind/optax#1423",
        ),
        lambda h: h.hyper.amsgrad,
    ),
    "Maximize": Flag(
        "known-bug",
        "Ascent: the gradient changes its sign, and nothing else does.",
        "Changing the sign of lr instead turns the weight decay round as well.",
        _issues("kozistr/pytorch_optimizer#528"),
        lambda h: h.hyper.maximize,
    ),
    "Schedule": Flag(
        "known-bug",
        "The learning rate changes between steps, to zero and beyond the first one too.",
        "A rate captured at the start, or applied one step late.",
        _issues("pytorch/pytorch#126854"),
        lambda h: len(h.tensor.lr) > 1,
    ),
    "LrZero": Flag(
        "edge-case",
        "lr = 0 throughout.",
        "Nothing may move; implementations that take 0 for not given use their default.",
        _issues("pytorch/pytorch#186444"),
        lambda h: h.tensor.lr == (0.0,),
    ),
    "ExtremeLr": Flag(
        "edge-case",
        "A learning rate below 1e-9 or above 100.",
        "A limit on lr, or something added to it, shows.",
        (),
        lambda h: 0 < h.tensor.lr[0] < 1e-9 or h.tensor.lr[0] > 100,
    ),
    "SeveralParameters": Flag(
        "known-bug",
        "The tensor is one of several parameters of one optimizer, empty ones among them, with groups of their own.",
        "One counter or one set of hyperparameters for all, an empty tensor that ends the loop. To show it, run the "
        "tensors with the same `optimizer` in one optimizer.",
        _issues("NVIDIA/TransformerEngine#3207", "pytorch/pytorch#100701", "clab/dynet#77"),
        lambda h: h.tensor.check.startswith("groups."),
    ),
}
