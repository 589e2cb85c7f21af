"""What is in use, judged: every listed target in every dtype that it is listed with, recorded and put on pages.

judge.py     runs one target in one dtype, in the interpreter that has its framework
record.py    what is kept of that, as a JSON document a target
reasons.py   what a person found in the target's source, target by target
pages.py     the Markdown pages that are made of both
"""
