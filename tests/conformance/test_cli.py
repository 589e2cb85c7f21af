"""The command line: exit statuses, what is written where, and that neither a hang nor a crash gets past it."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from adam_ref import ADAM, DIALECTS, Dialect
from adam_ref.dialect import AXES
from conformance.checks import CHECKS
from conformance.cli import COMMANDS, run
from conformance.cli.check import check
from conformance.cli.options import dialect_of
from conformance.report import require_report
from tests.miniatures import HERE, PID_FILE

FAST = ["--profile", "quick", "--dtype", "float32", "--only", "update.near-epsilon", "--in-process"]


@pytest.fixture
def reported(tmp_path):
    """Runs `check` with a report and JUnit's XML written; gives the status, the report and the test suite."""

    def checked(target, *options):
        output, junit = tmp_path / "report.json", tmp_path / "report.xml"
        status = run(["check", target, "--output", str(output), "--junit", str(junit), *options])
        report = json.loads(output.read_text())
        require_report(report, "the report")
        return status, report, ET.parse(junit).getroot().find("testsuite")

    return checked


class TestHelp:
    """Help is there, and instant."""

    def test_it_names_every_command(self, capsys):
        assert run(["--help"]) == 0
        shown = capsys.readouterr().out
        assert all(f"  {name} " in shown for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_it(self, name, capsys):
        assert run([name, "--help"]) == 0
        assert "Usage: adam-conformance" in capsys.readouterr().out

    def test_every_axis_is_an_option(self, capsys):
        run(["check", "--help"])
        shown = capsys.readouterr().out
        assert all(f"--{axis.replace('_', '-')} " in shown for axis in AXES)

    def test_it_imports_nothing_heavy(self):
        """Help that takes a second is not asked for."""
        code = "import sys; from conformance.cli import run; run(['--help']); print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not {"numpy", "hypothesis", "rich", "jsonschema", "torch"} & set(done.stdout.split())

    def test_the_version(self, capsys):
        assert run(["--version"]) == 0
        assert capsys.readouterr().out.startswith("adam-conformance 0.")

    def test_the_module_is_the_command(self):
        done = subprocess.run(
            [sys.executable, "-m", "conformance", "lisst"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "lisst" in done.stderr


class TestStatus:
    """Exit statuses, with the target in this process."""

    def test_0_conforms(self, capsys):
        assert run(["check", f"{HERE}:adam", *FAST]) == 0
        assert f"{HERE}:adam conforms to adam" in " ".join(capsys.readouterr().out.split())

    def test_1_does_not_conform(self, capsys):
        assert run(["check", f"{HERE}:epsilon_hat", *FAST]) == 1
        shown = capsys.readouterr().out
        assert "Finding 1: update.near-epsilon in float32" in shown
        assert "Diagnosis: the dialect epsilon-hat" in shown

    def test_0_in_the_right_dialect(self):
        assert run(["check", f"{HERE}:epsilon_hat", "--dialect", "epsilon-hat", *FAST]) == 0
        assert run(["check", f"{HERE}:epsilon_hat", "--epsilon", "hat", *FAST]) == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--dialect", "adamm"], "the names are adam, adamw"),
            (["--epsilon", "inside"], "'inside-corrected'"),
            (["--dtype", "float31"], "allowed are float64, float32"),
            (["--device", "tpu"], "'cpu', 'cuda'"),
            (["--profile", "slow"], "allowed are quick, standard, thorough"),
            (["--only", "update.near"], "did you mean update.near-epsilon"),
            (["--seed", "-1"], "-1"),
            (["--timeout", "0"], "0"),
            (["--timeout", "nan"], "nan is not a number of seconds"),
            (["--output", ""], "names no file"),
            (["--output", "x", "--junit", "x"], "the second would overwrite the first"),
            (["--only", "UPD-99"], "no check, chapter or clause is called 'UPD-99'"),
            (["--only", ""], "see adam-conformance list checks"),
            (["--format", "yaml"], "'pretty', 'json'"),
            (["--output", "/no/such/dir/r.json"], "no directory '/no/such/dir'"),
            (["--junit", "/no/such/dir/r.xml"], "no directory '/no/such/dir'"),
            (["--waivers", "/no/such/file"], "/no/such/file"),
            (["--no-such-option"], "--no-such-option"),
        ],
    )
    def test_2_usage(self, arguments, words, capsys):
        """What was given, what is allowed; and never a verdict."""
        assert run(["check", f"{HERE}:adam", "--in-process", *arguments]) == 2
        said = capsys.readouterr()
        assert words in said.err
        assert said.out == ""

    @pytest.mark.parametrize("address", ["", "torch.optim.Adam", "torch.optim:", ":Adam", "a:b?c", "a:b?c=1&c=2"])
    def test_2_for_what_is_no_address(self, address, capsys):
        assert run(["check", address]) == 2
        assert address.partition("?")[2] in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["RaisesInStart", "RaisesSystemExit"])
    def test_3_could_not_be_run(self, name, reported):
        status, report, suite = reported(f"{HERE}:{name}", *FAST)
        assert (status, report["verdict"], suite.get("errors")) == (3, "could-not-run", "1")

    def test_4_a_waiver_is_stale_and_0_once_it_is_needed(self, tmp_path, reported):
        waivers = tmp_path / "waivers.toml"
        waivers.write_text('[waivers]\n"update.near-epsilon" = "we are Keras"\n')
        status, report, suite = reported(f"{HERE}:adam", "--waivers", str(waivers), *FAST)
        assert (status, report["stale_waivers"], suite.get("failures")) == (4, ["update.near-epsilon"], "1")
        status, report, suite = reported(f"{HERE}:epsilon_hat", "--waivers", str(waivers), *FAST)
        assert (status, report["checks"][0]["status"], suite.get("failures")) == (0, "waived", "0")

    def test_2_for_a_waiver_of_nothing(self, tmp_path, capsys):
        waivers = tmp_path / "waivers.toml"
        waivers.write_text('[waivers]\n"update.near" = "why"\n')
        assert run(["check", f"{HERE}:adam", "--waivers", str(waivers), *FAST]) == 2
        assert "did you mean update.near-epsilon" in capsys.readouterr().err

    def test_5_nothing_ran(self, reported):
        status, report, suite = reported(f"{HERE}:adam", "--profile", "quick", "--dtype", "bfloat16", "--in-process")
        assert (status, report["verdict"], suite.get("errors")) == (5, "nothing-ran", "1")

    def test_5_nothing_ran_in_one_of_the_dtypes_that_were_asked_for(self, reported, capsys):
        """Green in float32 says nothing of bfloat16."""
        dtypes = ["--dtype", "bfloat16", "--dtype", "float32"]
        status, report, suite = reported(f"{HERE}:adam", *FAST, *dtypes)
        assert (status, report["verdict"], suite.get("errors")) == (5, "nothing-ran", "1")
        assert report["counts"]["pass"] == 1
        assert "Nothing ran in bfloat16" in capsys.readouterr().out

    def test_2_for_a_disk_that_is_full(self, capsys):
        assert run(["check", f"{HERE}:adam", "--output", "/dev/full", *FAST]) == 2
        assert "'/dev/full' cannot be written: No space left" in capsys.readouterr().err

    def test_a_clause_keeps_its_checks(self, reported):
        few = ["--profile", "quick", "--dtype", "float32", "--in-process", "--only"]
        _, report, _ = reported(f"{HERE}:adam", *few, "UPD-2", "--only", "PUR-1")
        asked = [check.id for check in CHECKS.values() if {"UPD-2", "PUR-1"} & set(check.clauses)]
        assert [c["id"] for c in report["checks"]] == asked
        assert set(asked) < set(CHECKS)

    def test_70_a_defect_of_ours_is_no_verdict(self, monkeypatch, capsys):
        """Python's own status for an exception is 1, which means `does not conform` here."""
        monkeypatch.setattr("conformance.suite.run", lambda *_: 1 / 0)
        assert run(["check", f"{HERE}:adam", *FAST]) == 70
        assert "ZeroDivisionError" in capsys.readouterr().err


class TestOutput:
    """What is written where."""

    @pytest.mark.parametrize("where", [[], ["--in-process"]])
    def test_json_stands_alone_on_standard_output(self, where, capsys):
        """Also where the target itself prints."""
        options = ["--profile", "quick", "--dtype", "float32", "--only", "update.constant", "--format", "json", *where]
        assert run(["check", f"{HERE}:talkative", *options]) == 0
        report = json.loads(capsys.readouterr().out)
        require_report(report, "the report")
        assert report["verdict"] == "conforms"

    def test_the_file_holds_what_is_on_the_screen(self, tmp_path, capsys):
        file = tmp_path / "r.json"
        run(["check", f"{HERE}:adam", "--format", "json", "--output", str(file), *FAST])
        assert capsys.readouterr().out == file.read_text()

    def test_what_can_be_replayed_is_said(self, tmp_path, capsys):
        file = tmp_path / "r.json"
        run(["check", f"{HERE}:epsilon_hat", "--output", str(file), *FAST])
        assert f"adam-conformance replay '{file}#1'" in capsys.readouterr().out

    def test_progress_is_for_terminals(self, monkeypatch, capsys):
        """A bar in a log file is noise; FORCE_COLOR is how rich is told that it writes to a terminal."""
        run(["check", f"{HERE}:adam", *FAST])
        assert capsys.readouterr().err == ""
        monkeypatch.setenv("FORCE_COLOR", "1")
        run(["check", f"{HERE}:adam", *FAST])
        said = capsys.readouterr()
        assert "update.near-epsilon in float32" in said.err
        assert "1/1" in said.err
        assert "1/1" not in said.out

    def test_no_color_has_no_escapes(self, monkeypatch, capsys):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)
        run(["check", f"{HERE}:adam", *FAST])
        assert "\x1b[" in capsys.readouterr().out
        run(["check", f"{HERE}:adam", "--no-color", *FAST])
        assert "\x1b[" not in capsys.readouterr().out


def _parsed_dialect(words):
    """The dialect that `check` would take from these options."""
    context = check.make_context("check", [f"{HERE}:adam", *words])
    return dialect_of(context.params["dialect_name"], {axis: context.params[axis] for axis in AXES})


def test_every_dialect_can_be_said_and_is_said_so():
    """The line that reproduces a finding must name the dialect that it was found in."""
    from conformance.checks import CHECKS
    from conformance.suite import Plan

    for values in product(*AXES.values()):
        dialect = Dialect(**dict(zip(AXES, values, strict=True)))
        line = Plan(dialect, address=f"{HERE}:adam").reproduce(CHECKS["update.ordinary"], "float32")
        assert _parsed_dialect(shlex.split(line)[3:]) == dialect


def test_a_single_axis_changes_a_named_dialect():
    words = ["--dialect", "adamw", "--correct-m", "false", "--amsgrad", "corrected"]
    assert _parsed_dialect(words) == DIALECTS["adamw"].with_(correct_m=False, amsgrad="corrected")
    assert _parsed_dialect([]) == ADAM


class TestWorker:
    """The target in a worker of its own."""

    def test_torch_conforms(self, reported):
        pytest.importorskip("torch", reason="torch is not installed (extra `torch`)")
        only = ("--only", "update.ordinary", "--only", "state.moments")
        status, report, suite = reported("torch.optim:Adam", "--profile", "quick", "--dtype", "float32", *only)
        assert (status, report["verdict"], report["fatal"]) == (0, "conforms", "")
        assert report["counts"]["pass"] == int(suite.get("tests")) == 2

    def test_a_hang_ends(self, reported, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv(PID_FILE, str(tmp_path / "pid"))
        began = time.monotonic()
        status, report, _ = reported(f"{HERE}:HangsInStep", "--profile", "quick", "--timeout", "3")
        assert time.monotonic() - began < 30
        assert (status, report["verdict"]) == (3, "could-not-run")
        assert "took more than 3 s: the target hangs" in report["fatal"]
        assert "took more than 3 s" in " ".join(capsys.readouterr().out.split())
        assert _is_gone(tmp_path / "pid")

    def test_a_death_is_no_success(self, reported):
        """The target ends its process with status 0 in the middle of a step."""
        status, report, _ = reported(f"{HERE}:ExitsInStep", "--profile", "quick")
        assert (status, report["verdict"]) == (3, "could-not-run")
        assert "exited with status 0" in report["fatal"]

    @pytest.mark.parametrize(
        ("address", "words"),
        [("no_such_module:Adam", "No module named 'no_such_module'"), (f"{HERE}:no_such_name", "no 'no_such_name'")],
    )
    def test_what_cannot_be_imported_still_has_a_report(self, address, words, reported):
        status, report, suite = reported(address)
        assert (status, report["verdict"], report["checks"]) == (3, "could-not-run", [])
        assert words in report["fatal"]
        assert words in suite.find("testcase/error").get("message")

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_being_stopped_stops_the_worker(self, number, status, tmp_path):
        """A worker that hangs would otherwise stay for ever."""
        file = tmp_path / "pid"
        command = [sys.executable, "-m", "conformance", "check", f"{HERE}:HangsInStep", "--profile", "quick"]
        with subprocess.Popen(command, env={**os.environ, PID_FILE: str(file)}, stderr=subprocess.DEVNULL) as ours:
            _wait_for(lambda: file.exists() and file.read_text())
            ours.send_signal(number)
            assert ours.wait(20) == status
        assert _is_gone(file)


def _wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_gone(pid_file: Path) -> bool:
    """Whether the process that wrote the file is no more (a zombie is no more)."""
    number = int(pid_file.read_text())
    with suppress(FileNotFoundError, ProcessLookupError):
        status = Path(f"/proc/{number}/stat").read_text() if Path("/proc").is_dir() else os.kill(number, 0) or " S "
        return status.rpartition(")")[2].split()[:1] == ["Z"]
    return True


class TestReplay:
    """One finding again, from its report alone."""

    @pytest.fixture
    def report(self, tmp_path):
        file = tmp_path / "r#1.json"
        run(["check", f"{HERE}:epsilon_hat", "--output", str(file), *FAST])
        return file

    def test_it_is_found_again_to_the_last_bit(self, report, capsys):
        assert run(["replay", f"{report}#1", "--in-process"]) == 1
        assert "it is still there, to the last bit" in " ".join(capsys.readouterr().out.split())

    def test_a_rule_that_is_broken_is_the_same_one_again(self, tmp_path, capsys):
        """Such findings hold NaN where no number is meant, and NaN is not equal to itself."""
        report = tmp_path / "r.json"
        options = ["--profile", "quick", "--dtype", "float32", "--only", "purity.gradients", "--in-process"]
        assert run(["check", f"{HERE}:ChangesGradients", "--output", str(report), *options]) == 1
        capsys.readouterr()
        assert run(["replay", f"{report}#1", "--in-process"]) == 1
        assert "to the last bit" in " ".join(capsys.readouterr().out.split())

    def test_in_a_worker_too(self, report):
        assert run(["replay", f"{report}#1"]) == 1

    def test_it_is_gone_once_the_target_is_mended(self, report, capsys):
        report.write_text(report.read_text().replace(f"{HERE}:epsilon_hat", f"{HERE}:adam"))
        assert run(["replay", f"{report}#1", "--in-process"]) == 0
        assert "finds nothing wrong" in " ".join(capsys.readouterr().out.split())

    def test_a_target_that_cannot_be_run_is_neither(self, report):
        report.write_text(report.read_text().replace(f"{HERE}:epsilon_hat", f"{HERE}:RaisesInStart"))
        assert run(["replay", f"{report}#1", "--in-process"]) == 3
        report.write_text(report.read_text().replace(f"{HERE}:RaisesInStart", "no_such_module:Adam"))
        assert run(["replay", f"{report}#1"]) == 3

    @pytest.mark.parametrize(
        ("suffix", "words"),
        [("", "REPORT#N"), ("#x", "REPORT#N"), ("#²", "REPORT#N"), ("#2", "holds 1 findings"), ("x#1", "is no report")],
    )
    def test_what_names_no_finding_is_usage(self, suffix, words, tmp_path, capsys):
        file = tmp_path / "r.json"
        run(["check", f"{HERE}:epsilon_hat", "--output", str(file), *FAST])
        assert run(["replay", f"{file}{suffix}"]) == 2
        assert words in capsys.readouterr().err


class TestIdentify:
    """No dialect declared."""

    @pytest.mark.parametrize(("name", "dialect"), [("adam", "adam"), ("epsilon_hat", "epsilon-hat")])
    def test_0_it_is_told(self, name, dialect, capsys):
        assert run(["identify", f"{HERE}:{name}", "--in-process", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [d["name"] for d in found["dialects"]] == [dialect]
        assert ("torch.optim:Adam" in found["dialects"][0]["listed"]) == (name == "adam")
        assert found["dialects"][0]["accuracy_class"] == {"float32": "A", "float64": "A"}
        assert "amsgrad" in found["untold"]
        assert ("weight_decay" in found["untold"]) == (name == "epsilon_hat")

    def test_0_what_cannot_be_told_apart_is_named(self, capsys):
        """With beta1 = 0 there is nothing to correct in m."""
        assert run(["identify", f"{HERE}:adam_without_options?beta1=0.0", "--in-process", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["undistinguished"] == ["correct_m"]
        assert len(found["dialects"]) == 2

    def test_1_none_fits(self, capsys):
        assert run(["identify", f"{HERE}:always_wrong", "--in-process"]) == 1
        assert "is no dialect" in capsys.readouterr().out

    def test_1_no_dialect_and_the_fault_it_has(self, capsys):
        """Probes fit no dialect; what the checks find is explained, and whose dialect it is a faulty one of."""
        target = "conformance.faults:Faulty?fault=correction-one-step-ahead"
        assert run(["identify", target, "--in-process", "--dtype", "float32", "--format", "json"]) == 1
        (flaw,) = json.loads(capsys.readouterr().out)["flawed"]
        assert (flaw["dialect"], flaw["diagnosis"]["name"]) == ("adam", "correction-one-step-ahead")
        assert "PyTorch" in flaw["family"]

    def test_3_could_not_be_run(self):
        assert run(["identify", f"{HERE}:RaisesInStart", "--in-process"]) == 3
        assert run(["identify", f"{HERE}:ExitsInStep"]) == 3

    def test_5_nothing_ran(self):
        assert run(["identify", f"{HERE}:adam", "--dtype", "float16", "--in-process"]) == 5

    def test_2_usage(self, capsys):
        assert run(["identify"]) == 2
        assert run(["identify", f"{HERE}:adam", "--dtype", "float31"]) == 2
        assert "float31" in capsys.readouterr().err


class TestWords:
    """`list` and `explain`."""

    def test_everything_that_is_listed_can_be_explained(self, capsys):
        from conformance.explain import KINDS, explain, listed

        for what, kind in KINDS.items():
            assert run(["list", what]) == 0
            shown = capsys.readouterr().out
            for id, line in listed(what):
                assert id in shown
                assert line
                assert kind.name in [e.kind for e in explain(id)]

    @pytest.mark.parametrize(
        ("id", "words"),
        [
            ("UPD-1", ["(MUST)", "update.ordinary"]),
            ("upd-1", ["clause UPD-1"]),
            ("update.near-epsilon", ["UPD-4", "T1", "regime near-epsilon"]),
            ("near-epsilon", ["update.near-epsilon", "steps"]),
            ("optax", ["corrected (elsewhere: raw)", "modulus"]),
            ("T9", ["theorem T9", "update.extremal"]),
            ("torch.optim:AdamW", ["adamw"]),
        ],
    )
    def test_an_explanation_says_what_goes_with_it(self, id, words, capsys):
        assert run(["explain", id]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert all(word in shown for word in words)

    def test_a_name_of_two_things_is_explained_twice(self, capsys):
        """`epsilon-hat` is a dialect, and a fault of whoever declared another."""
        from conformance.faults import CATALOGUE

        assert "epsilon-hat" in CATALOGUE
        run(["explain", "epsilon-hat"])
        shown = capsys.readouterr().out
        assert "dialect epsilon-hat" in shown
        assert "fault epsilon-hat" in shown

    def test_theorems_are_named_without_their_extra(self, monkeypatch, capsys):
        """sympy is an extra; nobody needs it to list ids."""
        for name in [m for m in sys.modules if m.startswith("adam_ref.theorems.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "sympy", None)
        assert run(["list", "theorems"]) == 0
        assert "pip install 'adam-conformance[theorems]'" in " ".join(capsys.readouterr().out.split())
        assert run(["explain", "T1"]) == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["explain", "upd4"], "UPD-4"),
            (["explain", "zzzzzz"], "list checks"),
            (["list", "things"], "checks, clauses"),
        ],
    )
    def test_2_for_what_there_is_not(self, arguments, words, capsys):
        assert run(arguments) == 2
        assert words in capsys.readouterr().err
