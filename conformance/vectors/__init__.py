"""Test vectors: histories and the intervals that an Adam must stay in, for people who cannot run Python.

`plan` says which there are, `bounds` computes them, `certify` holds them against the exact reference, `text` writes and
reads the files of specs/vectors, `lint` checks their form, `library` does all that for a directory.
"""
