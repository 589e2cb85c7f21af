"""The theorems about Adam that the harness rests on, as proofs that run."""
