"""Implementations that are not in Python, behind the programs of specs/protocol/examples, run in their folder.

The folder holds what specs/protocol/README.md says to build and to install: `libtorch`, compiled of libtorch.cpp, and
tfjs.mjs with hexadecimal.mjs beside the node_modules of @tensorflow/tfjs.
"""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

PROJECT = Project(
    "process",
    "specs/protocol/README.md says how to build it",
    (
        Listed(
            address="process:./libtorch",
            dialect="adam",
            what="libtorch's torch::optim::Adam, in C++",
            dtypes=("float32", "float64", "bfloat16"),
            files=("libtorch",),
        ),
        Listed(
            address="process:node tfjs.mjs",
            dialect="adam",
            what="tf.train.adam of TensorFlow.js on its CPU backend, in JavaScript",
            dtypes=("float32",),
            files=("tfjs.mjs", "node_modules/@tensorflow/tfjs"),
        ),
    ),
)
