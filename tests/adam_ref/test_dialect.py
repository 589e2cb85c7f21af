"""Dialects: declared, validated, named once."""

from __future__ import annotations

import dataclasses

import pytest

from adam_ref import ADAM, DIALECTS, Dialect, DialectError, named_dialect
from adam_ref.dialect import AXES, name_of


def test_every_axis_is_a_field_and_every_field_an_axis():
    """An axis without values, or values without a field, would never be validated."""
    assert [f.name for f in dataclasses.fields(Dialect)] == list(AXES)
    for axis, values in AXES.items():
        assert getattr(ADAM, axis) == values[0]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("value", ["other", None, 7, ["outside"]])
def test_a_value_that_is_no_dialect(axis, value):
    with pytest.raises(DialectError) as error:
        Dialect(**{axis: value})
    allowed = ", ".join(map(repr, AXES[axis]))
    assert str(error.value) == f"{axis} = {value!r} is not a dialect: it must be one of {allowed}"


def test_names_are_unique_and_lead_back():
    assert len(set(DIALECTS.values())) == len(DIALECTS)
    for name, dialect in DIALECTS.items():
        assert named_dialect(name) is dialect
        assert name_of(dialect) == name


def test_a_dialect_without_a_name_is_told_by_its_differences():
    unnamed = ADAM.with_(epsilon="hat", correct_m=False)
    assert name_of(unnamed) == "adam with epsilon=hat, correct_m=False"
    assert unnamed.differences(ADAM) == {"epsilon": "hat", "correct_m": False}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DialectError, match="no dialect is called 'adamax': the names are adam, adamw, "):
        named_dialect("adamax")


def test_immutable_and_replaced_with_validation():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ADAM.epsilon = "hat"
    with pytest.raises(DialectError, match="'sometimes'"):
        ADAM.with_(correct_v="sometimes")
