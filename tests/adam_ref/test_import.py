"""What importing the package costs."""

from __future__ import annotations

import subprocess
import sys

OPTIONAL = ("torch", "sympy", "z3", "flint", "hypothesis", "rich", "click", "ml_dtypes", "jsonschema", "conformance")


def test_import_needs_numpy_only():
    """Reading a formula must not load a framework: anything optional is imported where it is used."""
    code = f"import sys, adam_ref; print(*[m for m in {OPTIONAL!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_import_without_the_optional_packages():
    """The golden update must run where nothing but NumPy is installed."""
    code = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None
import numpy as np
import adam_ref
print(adam_ref.step(adam_ref.init(np.zeros(1)), np.ones(1), adam_ref.Hyperparameters()).theta[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert abs(float(done.stdout) + 1e-3) < 1e-10
