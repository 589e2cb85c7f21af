"""The line that shows a finding again can be run where it is copied to."""

import pytest

from adam_ref import ADAM, DIALECTS, Dialect
from conformance import check_adam
from conformance.commands import importable, to_check
from tests import miniatures


def test_what_goes_without_saying_is_not_said():
    assert to_check("a.b:C") == "adam-conformance check a.b:C"
    assert to_check("a:B?x=1&y=2") == "adam-conformance check 'a:B?x=1&y=2'"


def test_every_option_is_said():
    line = to_check(
        "a:B",
        DIALECTS["adamw"],
        only=("UPD-4", "groups"),
        dtypes=("bfloat16",),
        device="cuda",
        profile="quick",
        seed=3,
    )
    assert line == (
        "adam-conformance check a:B --only UPD-4 --only groups --dtype bfloat16 --dialect adamw --device cuda "
        "--profile quick --seed 3"
    )


def test_a_dialect_without_a_name_is_given_by_its_axes():
    dialect = ADAM.with_(epsilon="hat", correct_m=False)
    assert to_check("a:B", dialect).endswith("--epsilon hat --correct-m false")


@pytest.mark.parametrize(
    "address", ["test_it:test_one.<locals>.Mine", "__main__:Mine", "my_module:<lambda>", "the name of an object", ""]
)
def test_what_no_other_process_can_import_is_checked_from_python(address):
    """A shell command that cannot find the target reproduces nothing."""
    assert not importable(address)
    assert to_check(address).startswith("check_adam(")


def test_a_line_for_python_runs():
    class Mine(miniatures.GradientDescent):
        pass

    (found,) = check_adam(
        Mine, dialect=Dialect(epsilon="hat"), only=["SPE-1", "update.ordinary"], dtypes=["float32"], profile="quick",
        seed=2, on_fail=None,
    ).findings  # fmt: skip
    assert found.reproduce == (
        "check_adam(Mine, only=['update.ordinary'], dtypes=['float32'], dialect='epsilon-hat', profile='quick', seed=2)"
    )
    with pytest.raises(AssertionError, match=r"check_adam\(Mine"):
        eval(found.reproduce, {"check_adam": check_adam, "Mine": Mine})
