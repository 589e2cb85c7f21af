"""Optimizers that several processes run together, over gloo on this machine.

`target` is what the suite sees; it speaks with the `ranks`, which a `leader` forks once and which then live through
many sessions.  Each `rank` holds its part as one of the `layouts` says: whole, or a shard.  What comes back from the
ranks is put together by `pieces`, which also says where ranks disagree.  Only `leader`, `rank` and `layouts` import
torch.
"""
