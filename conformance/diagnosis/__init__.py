"""What the target does instead of what was declared: a dialect, a fault, several, or a number that acts as another."""

from conformance.diagnosis.dialects import FAMILIES, Seen, class_of, fitting_dialects
from conformance.diagnosis.result import Diagnosis

__all__ = ["FAMILIES", "Diagnosis", "Seen", "class_of", "fitting_dialects"]
