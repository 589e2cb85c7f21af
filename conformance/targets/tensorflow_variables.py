"""Optimizers on TensorFlow: they assign to variables, and get gradients as constants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter


class TensorFlowAdapter(Adapter):
    """A target on variables; TensorFlow on CPU flushes subnormal numbers."""

    claims: Mapping[str, Any] = MappingProxyType({"flush_to_zero": True})

    def to_parameter(self, array: Array) -> Any:
        """A variable."""
        import tensorflow as tf

        return tf.Variable(array)

    def to_gradient(self, array: Array) -> Any:
        """A constant."""
        import tensorflow as tf

        return tf.constant(array)

    def to_numpy(self, held: Any) -> Array:
        """Either has its own method."""
        array: Array = held.numpy()
        return array
