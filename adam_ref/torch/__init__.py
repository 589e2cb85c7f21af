"""The shipped torch Adam: Algorithm 1 of Kingma & Ba (arXiv 1412.6980) as a `torch.optim.Optimizer`.

    from adam_ref.torch import Adam, WeightDecay

    optimizer = Adam(model.parameters(), lr=1e-3, weight_decay=WeightDecay(0.01), fused=True)

`adam` holds the readable loop that the hooks define, `paths` the same update on torch's foreach and fused kernels,
`base` what every adaptive optimizer shares, `weight_decay` the three kinds of decay.
"""

from adam_ref.torch.adam import Adam
from adam_ref.torch.base import GenericAdaptiveOptimizer
from adam_ref.torch.paths import Choice
from adam_ref.torch.weight_decay import WeightDecay

__all__ = ["Adam", "Choice", "GenericAdaptiveOptimizer", "WeightDecay"]
