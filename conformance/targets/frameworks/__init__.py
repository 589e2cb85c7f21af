"""What people use: one module a project, called like its top-level package, with a `PROJECT` that lists its targets.

A module imports its framework only when a target is made, so that listing needs none of them installed.  An adapter is
a session around the framework's own optimizer and array conversion (`conformance.targets.adapter`); what the framework
calls its hyperparameters and its state stands there and nowhere else.  To add one: such a module, and its extra in
pyproject.toml.
"""
