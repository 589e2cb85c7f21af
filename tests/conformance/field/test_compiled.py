"""specs/results/compiled.md shows what really happens: its programs are run, and print what stands below them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

PAGE = Path(__file__).resolve().parents[3] / "specs" / "results" / "compiled.md"
PROGRAMS = re.findall(
    r"^## (.*?)$.*?^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
)


def test_each_defect_has_a_program():
    assert len(PROGRAMS) == PAGE.read_text().count("\n## ") == 3


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="the page is about torch 2.13")
@pytest.mark.parametrize(("title", "program", "printed"), PROGRAMS, ids=[title for title, *_ in PROGRAMS])
def test_a_program_prints_what_the_page_says(title, program, printed):
    """A defect that torch has mended must not stand there as one that it has."""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == printed
