"""The second reference: Adam in rigorous arbitrary precision, written apart from the golden update, to check it.

Needs the extra `exact` (python-flint).  `init`, `step`, `run` and `resume` compute balls that contain the exact values,
the hyperparameters being taken as exactly the doubles they are; `Balls` compares them with float64 numbers::

    >>> from adam_ref import Hyperparameters, exact, golden
    >>> hyper, gradients = Hyperparameters(lr=0.1), [[1.0, -2.0], [0.5, 3.0]]
    >>> state, reference = exact.init([0.0, 1.0]), golden.init(np.array([0.0, 1.0]))
    >>> for gradient in gradients:
    ...     state, reference = exact.step(state, gradient, hyper), golden.step(reference, np.array(gradient), hyper)
    >>> state.theta.ulps(reference.theta)     # 1 - beta2**t costs digits at the second step, see `analysis`
    array([24.83360019,  0.52644491])

How far the golden values are off.  m is measured in u = 2^-53 of the sum of the absolute values of its terms, because
where they cancel no number of ulps of the result holds; v in ulps; theta in ulps of the largest abs(theta) on the way.
`MEASURED` has the most that was seen, rounded up to powers of two, on 13 regimes (noise of 1e-150, 1e-8, 1 and 1e150,
scales mixed over 300 decades, constants, alternating signs, spikes) in 5 dialects without coupled decay.
`analysis` derives what must hold, for any history.  tests/adam_ref/test_exact.py establishes both:

    after n steps   m        v        theta      m a priori   v a priori
    1               1        1        1          3            4
    2               2        2        64         5            6
    10              4        4        64         21           22
    100             16       32       64         201          202
    1000            32       256      256        2001         2002
    3000            64       512      512        6001         6002

On noise v is off by about sqrt(n)/2 ulps up to the memory 1/(1-beta2) and stays there.  The worst is a constant
gradient: v settles where its increments are below half an ulp, 418 ulps short, and never more than 2002 roundings.
The 64 ulps of theta at the second step come from `1 - beta2**t` (1000 roundings a priori at t = 2, 3 at t = 700).
With coupled decay there is a bound too, but it grows as fast as theta's error can be amplified through the gradient.
"""

from adam_ref.exact.balls import Balls
from adam_ref.exact.update import MAX_PRECISION, PRECISION, PrecisionError, State, init, resume, run, step

MEASURED: dict[int, tuple[int, int, int]] = {
    1: (1, 1, 1),
    2: (2, 2, 64),
    10: (4, 4, 64),
    100: (16, 32, 64),
    1000: (32, 256, 256),
    3000: (64, 512, 512),
}
"""Steps: the errors of m, v and theta, in the units above."""

__all__ = [
    "MAX_PRECISION",
    "MEASURED",
    "PRECISION",
    "Balls",
    "PrecisionError",
    "State",
    "init",
    "resume",
    "run",
    "step",
]
