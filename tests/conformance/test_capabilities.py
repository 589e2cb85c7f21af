"""What a target may claim, and what becomes of claims that make no sense."""

import pytest

from conformance.capabilities import Capabilities, CapabilityError


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"dtypes": ["int8"]}, "dtypes cannot be 'int8': allowed are float64"),
        ({"dtypes": "float32"}, "must be a list of names"),
        ({"devices": ["tpu"]}, "allowed are cpu, cuda"),
        ({"settable": ["lr", "momentum"]}, "settable cannot be 'momentum'"),
        ({"weight_decay": ["decoupled", "l2"]}, "weight_decay cannot be 'l2': allowed are coupled"),
        ({"state": 1}, "state = 1 cannot be claimed: it must be True or False"),
        ({"pinned": {"lr": "fast"}}, "lr = 'fast'"),
        ({"pinned": {"beta1": 1.5}}, r"beta1 = 1\.5 is not allowed"),
        ({"pinned": {"momentum": 0.9}}, "keys are among"),
        ({"pinned": 3}, "keys are among"),
        ({"colour": "red"}, "no capability 'colour': allowed are dtypes, devices"),
        ("everything", "write a dict of dtypes, devices"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(claims, words):
    """Taken as it is, it would skip checks in silence, or end in an exception of ours."""
    with pytest.raises(CapabilityError, match=words):
        Capabilities.of(claims)


def test_what_a_mapping_leaves_out_is_as_it_was_read():
    read = Capabilities(groups=True, dtypes=("float64",))
    assert Capabilities.of({"groups": False}, read) == Capabilities(dtypes=("float64",))
    assert Capabilities.of({}) == Capabilities()
    assert Capabilities.of(read) is read


def test_lists_are_tuples_and_numbers_are_floats_afterwards():
    claims = Capabilities.of({"dtypes": ["float32"], "pinned": {"eps": 1, "amsgrad": True}})
    assert (claims.dtypes, claims.pinned) == (("float32",), {"eps": 1.0, "amsgrad": True})
    assert Capabilities.of(claims.to_json()) == claims
