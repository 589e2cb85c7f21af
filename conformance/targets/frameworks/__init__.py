"""What people use: one module a project, called like its top-level package, with a `PROJECT` that lists its targets.

A module imports its framework only when a target is made, so that listing needs none of them installed.  An
`Adapter` says what the framework calls its hyperparameters and its state, and how its arrays are made and read; where
one says more than that, its docstring says why.  To add one: such a module, and its extra in pyproject.toml.
"""
