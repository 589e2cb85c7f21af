"""The symbols of the derivations, named as in the paper.

Symbols are real (`t`, `n`, `k`, `i`, `j` integer) and nothing more: every sign and range comes from the hypotheses
that a theorem states, so a hypothesis that is not written cannot be used.

`c1`, `c2` and `q` are abbreviations. A theorem that uses them lists them in `definitions`; the engine looks through
them, the pages keep them.
"""

import sympy as sp

t = sp.Symbol("t", integer=True)
n, k, i, j = sp.symbols("n k i j", integer=True)
beta1, beta2, eps, e, lr = sp.symbols("beta1 beta2 epsilon e alpha", real=True)
m, v = sp.symbols("m v", real=True)
c1, c2, q = sp.symbols("c1 c2 q", real=True)
u = sp.Symbol("u", real=True)
"""A tolerance, such as the unit roundoff of a format: half the distance from 1 to the next number."""
g = sp.IndexedBase("g", real=True)
"""Gradients in the order they came: `g[1]` ... `g[t]`."""
M = sp.IndexedBase("M", real=True)
V = sp.IndexedBase("V", real=True)
"""The moments after each step: `M[0] = V[0] = 0`. Sequences need names of their own, so not `m` and `v`."""
h = sp.IndexedBase("h", real=True)
"""Gradients by age: `h[k] = g[t-k]`, so `h[0]` is the newest."""

CORRECTIONS = {c1: 1 - beta1**t, c2: 1 - beta2**t}
"""What the two bias corrections stand for."""


ROOT = sp.sqrt(c2)


def unoptimized(epsilon: sp.Expr, c1: sp.Expr = c1, c2: sp.Expr = c2) -> sp.Expr:
    """`U(eps)`: Algorithm 1, epsilon added to the corrected root."""
    return lr / c1 * m / (sp.sqrt(v) / sp.sqrt(c2) + epsilon)


def optimized(epsilon: sp.Expr, c1: sp.Expr = c1, c2: sp.Expr = c2) -> sp.Expr:
    """`O(e)`: the correction of v folded into the step size, epsilon added to the raw root."""
    return lr * sp.sqrt(c2) / c1 * m / (sp.sqrt(v) + epsilon)


def at(expression: sp.Expr, step: sp.Expr) -> sp.Expr:
    """`expression` at another step count, its bias corrections written out."""
    return expression.subs(CORRECTIONS).subs(t, step)
