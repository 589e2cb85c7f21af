"""Where a target runs, and what keeps it from harming, delaying or consulting its judge.

`hosts` is the way in; a worker (`worker`) under a keeper (`warden`, within `limits`) answers over `pipes` in the
messages of `wire`, in the interpreter that `interpreters` finds, without what is `withheld` from it, and with its
`surroundings` watched.  Nothing is imported here: the warden starts before anything of weight is.
"""
