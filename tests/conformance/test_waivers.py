"""The file of waivers: read, or refused in words."""

import pytest

from conformance.waivers import WaiverError, known, read_waivers

CHECKS, DTYPES = ("update.ordinary", "update.near-epsilon"), ("float32", "float16")


def test_reasons_are_read_by_id(tmp_path):
    file = tmp_path / "waivers.toml"
    file.write_text('[waivers]\n"update.ordinary" = "we know"\n"update.ordinary-float16" = "eps underflows"\n')
    assert read_waivers(file) == {"update.ordinary": "we know", "update.ordinary-float16": "eps underflows"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[waivers", "is no file of waivers"),
        ("", "one table"),
        ('[waivers]\n[other]\na = "b"', "one table"),
        ("waivers = 1", "one table"),
        ('[waivers]\nupdate.ordinary = "we know"', "needs quotes"),
        ('[waivers]\n"update.ordinary" = ""', "reason in words"),
        ('[waivers]\n"update.ordinary" = true', "reason in words"),
    ],
)
def test_what_is_no_table_of_reasons_is_refused(tmp_path, text, words):
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    with pytest.raises(WaiverError, match=words):
        read_waivers(file)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WaiverError, match="is no file of waivers"):
        read_waivers(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["update.ordinary", "update.near-epsilon-float16"])
def test_a_check_may_be_waived_as_a_whole_or_in_one_dtype(name):
    assert known({name: "why"}, CHECKS, DTYPES) == {name: "why"}


@pytest.mark.parametrize(("name", "hint"), [("update.ordinari", "did you mean update.ordinary"), ("x", "list checks")])
def test_a_waiver_of_nothing_is_refused_with_what_is_near(name, hint):
    with pytest.raises(WaiverError, match=hint):
        known({name: "why"}, CHECKS, DTYPES)
