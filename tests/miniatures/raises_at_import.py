"""Its import raises what is no Exception."""

raise KeyboardInterrupt
