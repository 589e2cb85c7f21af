"""The lemmas of theorem T15: evaluations and what they round, boxes, and the recursion from step to step."""
