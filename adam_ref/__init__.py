"""What Adam is: the golden update, the enclosure of its admissible evaluations, an exact second reference.

Importing this package needs NumPy only.  `adam_ref.exact` needs the extra `exact`, `adam_ref.torch` the extra `torch`,
the proofs in `adam_ref.theorems` the extra `theorems`.
"""

from adam_ref._version import __version__
from adam_ref.arrays import ArrayError
from adam_ref.dialect import ADAM, DIALECTS, Dialect, DialectError, named_dialect
from adam_ref.enclosure import CLASS_A, CLASS_B, Enclosure, Interval, Numerics, advance, start
from adam_ref.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Format, FormatError, named_format
from adam_ref.golden import State, init, step
from adam_ref.hyperparameters import HyperparameterError, Hyperparameters

__all__ = [
    "ADAM",
    "BFLOAT16",
    "CLASS_A",
    "CLASS_B",
    "DIALECTS",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "ArrayError",
    "Dialect",
    "DialectError",
    "Enclosure",
    "Format",
    "FormatError",
    "HyperparameterError",
    "Hyperparameters",
    "Interval",
    "Numerics",
    "State",
    "__version__",
    "advance",
    "init",
    "named_dialect",
    "named_format",
    "start",
    "step",
]
