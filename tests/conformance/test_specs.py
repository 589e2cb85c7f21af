"""The normative text cut into clauses."""

import pytest

from conformance import specs
from conformance.specs import Clause, SpecError, clauses, parse_clauses, spec_file

TEXT = """# Title

**NOT-1** is talked about here, and is no clause.

## Update
**UPD-1** (MUST) After every step
the parameter *lies* inside.

**UPD-2** (SHOULD) Another.
## State

Words about **STA-1** (MUST) in the middle.

**STA-10** (MUST) A third.
"""


def test_a_clause_is_a_paragraph_with_its_chapter():
    assert parse_clauses(TEXT.replace("Another.\n", "Another.\n\n")) == {
        "UPD-1": Clause("UPD-1", "MUST", "After every step the parameter *lies* inside.", "Update"),
        "UPD-2": Clause("UPD-2", "SHOULD", "Another.", "Update"),
        "STA-10": Clause("STA-10", "MUST", "A third.", "State"),
    }


def test_a_heading_ends_a_paragraph():
    """Or a forgotten empty line would move clauses into the chapter before."""
    assert parse_clauses(TEXT)["STA-10"].chapter == "State"
    assert parse_clauses(TEXT)["UPD-2"].text == "Another."


def test_a_number_that_is_there_twice_is_an_error():
    with pytest.raises(SpecError, match="UPD-1 is there twice"):
        parse_clauses("**UPD-1** (MUST) a\n\n**UPD-1** (MUST) b")


def test_the_real_text_has_clauses_in_every_chapter_of_checks():
    assert len(clauses()) > 30
    assert {"UPD-1", "STA-1", "MET-1", "PUR-1", "GRP-1"} <= set(clauses())


def test_an_installed_wheel_has_its_own_copy(tmp_path, monkeypatch):
    (tmp_path / "adam.md").write_text("")
    monkeypatch.setattr(specs, "_PLACES", (tmp_path / "none", tmp_path))
    assert spec_file("adam.md") == tmp_path / "adam.md"
    with pytest.raises(SpecError, match="is missing"):
        spec_file("report.schema.json")
