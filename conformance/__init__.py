"""Whether an implementation is Adam: the conformance harness."""
