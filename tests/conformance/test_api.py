"""The suite from Python: `check_adam`, and one pytest item a check."""

import subprocess
import sys

import pytest

from conformance import ConformanceError, ConformanceWarning, check_adam, parametrize_with_checks
from conformance.api import labels
from conformance.usage import UsageError
from tests import miniatures

QUICK = {"profile": "quick", "dtypes": ["float32"]}
NEAR = {**QUICK, "only": ["update.near-epsilon"]}


def test_importing_the_package_imports_nothing_else():
    """Every worker imports it, and so does whoever only asks for help."""
    code = "import sys, conformance; sys.exit(any(m in sys.modules for m in ('numpy', 'hypothesis', 'click', 'rich')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error():
    import conformance

    with pytest.raises(AttributeError, match="no attribute 'chek_adam'"):
        _ = conformance.chek_adam


class TestCheckAdam:
    """One call, one report."""

    def test_a_correct_one_conforms(self):
        report = check_adam(miniatures.adam, **NEAR)
        assert (report.verdict, report.target) == ("conforms", f"{miniatures.HERE}:adam")
        assert [(c.id, c.dtype, c.status) for c in report.checks] == [("update.near-epsilon", "float32", "pass")]
        assert report.accuracy_class == {"float32": "A"}

    def test_a_wrong_one_raises_with_its_findings_and_its_report(self):
        with pytest.raises(ConformanceError, match="off by") as caught:
            check_adam(miniatures.epsilon_hat, **NEAR)
        assert caught.value.report.exit_code == 1
        assert caught.value.report.diagnosis[0].name == "epsilon-hat"
        assert isinstance(caught.value, AssertionError)

    def test_the_dialect_may_be_declared(self):
        assert check_adam(miniatures.epsilon_hat, dialect="epsilon-hat", **NEAR).verdict == "conforms"

    def test_it_may_warn_or_say_nothing(self, recwarn):
        assert check_adam(miniatures.epsilon_hat, on_fail=None, **NEAR).exit_code == 1
        assert not recwarn.list
        with pytest.warns(ConformanceWarning, match="does not conform"):
            check_adam(miniatures.epsilon_hat, on_fail="warn", **NEAR)

    def test_an_expected_failure_is_waived(self):
        report = check_adam(miniatures.epsilon_hat, expected_failures={"update.near-epsilon": "we know"}, **NEAR)
        assert report.counts()["waived"] == 1

    def test_an_expected_failure_that_passes_is_stale(self):
        with pytest.raises(ConformanceError, match="stale"):
            check_adam(miniatures.adam, expected_failures={"update.near-epsilon-float32": "once"}, **NEAR)

    @pytest.mark.parametrize(
        "target", [miniatures.RaisesInStart, miniatures.RaisesSystemExit, "no_such_module:Adam", object()]
    )
    def test_what_cannot_be_run_is_not_a_pass(self, target):
        with pytest.raises(ConformanceError, match="could not be run"):
            check_adam(target, **NEAR)

    def test_what_ran_nothing_is_not_a_pass(self):
        with pytest.raises(ConformanceError, match="Nothing ran"):
            check_adam(miniatures.adam, dtypes=["float16"], profile="quick")

    def test_an_address_is_a_target(self):
        assert check_adam(f"{miniatures.HERE}:adam", **NEAR).verdict == "conforms"

    def test_the_same_seed_gives_the_same_report(self):
        """A verdict that changes from run to run cannot be used in continuous integration."""
        seen = [_timeless(check_adam(miniatures.adam, profile="quick", only=["update.ordinary"])) for _ in range(2)]
        assert seen[0] == seen[1]
        other = _timeless(check_adam(miniatures.adam, profile="quick", only=["update.ordinary"], seed=1))
        assert other["checks"] != seen[0]["checks"]

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"dialect": "adamm"}, "the names are adam, adamw"),
            ({"dtypes": ["float31"]}, "allowed are float64, float32"),
            ({"dtypes": "float32"}, "sequence of names"),
            ({"device": "tpu"}, "allowed are cpu, cuda"),
            ({"profile": "slow"}, "allowed are quick, standard, thorough"),
            ({"only": ["update.near"]}, "did you mean update.near-epsilon"),
            ({"expected_failures": {"update.near": "x"}}, "did you mean update.near-epsilon"),
            ({"on_fail": "ignore"}, "'raise', 'warn' or None"),
        ],
    )
    def test_a_wrong_request_says_what_is_allowed(self, wrong, words):
        with pytest.raises(UsageError, match=words):
            check_adam(miniatures.adam, **wrong)


def _timeless(report):
    data = report.to_json()
    for check in data["checks"]:
        del check["seconds"]
    return data


def _items(targets, **options):
    mark = parametrize_with_checks(targets, **options).mark
    assert mark.args[0] == ("target", "check")
    return {item.id: item.values for item in mark.args[1]}


class TestParametrize:
    """One item for each target, check and dtype; calling the check is running it."""

    def test_ids_are_stable_and_readable(self):
        ids = list(_items([miniatures.adam, "a:B?x=1"], only=["update.near-epsilon"], dtypes=["float32", "float64"]))
        assert ids == [
            "adam-update.near-epsilon-float32",
            "adam-update.near-epsilon-float64",
            "B?x=1-update.near-epsilon-float32",
            "B?x=1-update.near-epsilon-float64",
        ]

    def test_targets_of_one_name_are_told_apart(self):
        assert labels(["a:Adam", "b:Adam", "b:AdamW"]) == ["a:Adam", "b:Adam", "AdamW"]

    def test_every_check_is_an_item(self):
        from conformance.checks import CHECKS

        assert len(_items([miniatures.adam])) == 2 * len(CHECKS)

    def test_nothing_is_imported_while_collecting(self):
        assert _items(["no_such_module:Adam"], **NEAR)

    def test_a_pass_returns_its_result(self):
        ((target, check),) = _items([miniatures.adam], **NEAR).values()
        assert check(target).status == "pass"

    @pytest.mark.parametrize(
        ("target", "expected", "outcome", "words"),
        [
            (miniatures.epsilon_hat, {}, ConformanceError, "off by"),
            (miniatures.RaisesInStart, {}, ConformanceError, "could not be run: .*I do not like these"),
            ("no_such_module:Adam", {}, ConformanceError, "could not be run: importing no_such_module"),
            (miniatures.epsilon_hat, {"update.near-epsilon": "we know"}, pytest.xfail.Exception, "we know"),
            (miniatures.adam, {"update.near-epsilon-float32": "once"}, ConformanceError, "stale waiver"),
        ],
    )
    def test_other_outcomes_raise_as_pytest_wants_them(self, target, expected, outcome, words):
        ((given, check),) = _items([target], expected_failures=expected, **NEAR).values()
        with pytest.raises(outcome, match=words):
            check(given)

    def test_what_is_not_claimed_is_skipped_with_its_reason(self):
        ((target, check),) = _items(
            [miniatures.adam], profile="quick", only=["state.moments"], dtypes=["float32"]
        ).values()
        with pytest.raises(pytest.skip.Exception, match="does not claim state"):
            check(target)

    def test_a_target_is_adapted_once(self):
        (_, first), (_, second) = _items([miniatures.adam], only=["update.near-epsilon"]).values()
        assert first.hosts(miniatures.adam) is second.hosts(miniatures.adam)

    def test_in_pytest_itself(self, tmp_path):
        (tmp_path / "test_it.py").write_text(
            "from conformance import parametrize_with_checks\n"
            "from tests import miniatures\n"
            "@parametrize_with_checks([miniatures.adam, miniatures.epsilon_hat], profile='quick', dtypes=['float32'],\n"
            "    only=['update.near-epsilon', 'state.moments'], expected_failures={'update.near-epsilon': 'we know'})\n"
            "def test_it(target, check):\n"
            "    check(target)\n"
        )
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
        done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert "1 failed, 2 skipped, 1 xfailed" in done.stdout, done.stdout
        assert "test_it[adam-update.near-epsilon-float32]" in done.stdout
        assert "stale waiver" in done.stdout
