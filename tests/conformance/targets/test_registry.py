"""Targets that have a name: ours, those of other distributions, and what a name stands for."""

import sys
import tomllib
from pathlib import Path

import pytest

from adam_ref import ADAM, DIALECTS
from adam_ref.formats import FORMATS
from conformance.cli import UNUSABLE, run
from conformance.protocol import TargetError
from conformance.targets import load_target
from conformance.targets.registry import GROUP, declared, everything, project_of, projects, registered

PYPROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"
ABSENT = [found for found in everything() if found.missing() and found.target.packages]
NEAR = ["--only", "update.near-epsilon", "--dtype", "float32", "--profile", "quick"]
THEIRS = """
from conformance.targets.registry import Listed, Project
from tests.miniatures import epsilon_hat
from conformance.targets.numpy_function import NumpyFunction

def make(**arguments):
    return NumpyFunction(epsilon_hat, arguments)

class Plain:
    name, capabilities = "plain", {"dtypes": ["float32"]}

    def start(self, parameters, hyperparameters):
        raise AssertionError

PROJECT = Project("theirs", "pip install theirs", (
    Listed(address="theirs:Adam", dialect="epsilon-hat", what="their Adam", make=make, needs=("numpy",)),
    Listed(address="theirs:Adam?eps=1e-7", dialect="epsilon-hat", what="with their eps", make=make, needs=("numpy",)),
    Listed(address="theirs:Plain", dialect="adam", what="an object", make=Plain, needs=("numpy",)),
    Listed(address="theirs:Gone", dialect="adam", what="not there", make=make, needs=("no_such_package",)),
))
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A distribution of someone else's, as pip leaves it."""
    (tmp_path / "theirs_targets.py").write_text(THEIRS)
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    points = metadata / "entry_points.txt"
    points.write_text(f"[{GROUP}]\ntheirs = theirs_targets:PROJECT\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield points
    sys.modules.pop("theirs_targets", None)


class TestOurs:
    """What we list makes sense, whether or not it is installed."""

    def test_every_address_begins_with_the_name_of_its_project_and_is_there_once(self):
        addresses = [listed.address for project in projects() for listed in project.targets]
        assert len(addresses) == len(set(addresses)) > 20
        assert all(project_of(t.address) == p.name for p in projects() for t in p.targets)

    @pytest.mark.parametrize("found", everything(), ids=lambda found: found.target.address)
    def test_it_is_listed_with_a_dialect_dtypes_and_a_way_to_install_it(self, found):
        assert found.target.dialect in DIALECTS
        assert set(found.target.dtypes) <= set(FORMATS)
        assert registered(found.target.address) == found
        if found.target.files:
            assert "specs/protocol/README.md" in found.project.install
            return
        extra = found.project.install.removeprefix("pip install 'adam-conformance[").removesuffix("]'")
        assert extra in tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]

    @pytest.mark.parametrize("found", ABSENT, ids=lambda found: found.target.address)
    def test_what_is_not_installed_says_how_to_get_it(self, found):
        """Whatever else could be imported under that name is not tried."""
        with pytest.raises(TargetError, match=r"needs .+: pip install"):
            load_target(found.target.address)


class TestNames:
    """What a name is taken for."""

    def test_of_several_entries_the_one_with_the_most_arguments_counts(self):
        assert registered("adam_ref.torch:Adam").dialect == DIALECTS["epsilon-hat"]
        assert registered("adam_ref.torch:Adam?optimized_update=False&eps=1").dialect == ADAM
        assert registered("adam_ref.torch:Adam?optimized_update=True").dialect == DIALECTS["epsilon-hat"]

    def test_what_is_not_listed_is_taken_for_algorithm_1(self):
        assert registered("torch.optim:NAdam") is None
        assert declared("tests.miniatures:adam") == ADAM

    def test_it_is_held_to_the_dialect_that_it_is_listed_with(self, capsys):
        assert run(["check", "torch.optim:SparseAdam", *NEAR, "--in-process"]) == 0
        assert "epsilon-hat (as torch.optim:SparseAdam is listed)" in capsys.readouterr().out

    def test_a_dialect_that_is_declared_comes_first_and_is_part_of_the_line_to_copy(self, capsys):
        """Without it the line would check something else."""
        assert run(["check", "torch.optim:SparseAdam", "--dialect", "adam", *NEAR, "--in-process"]) == 1
        shown = capsys.readouterr().out
        assert "adam (listed as epsilon-hat)" in shown
        assert "--only update.near-epsilon --dtype float32 --dialect adam" in shown

    def test_the_list_shows_them(self, capsys):
        assert run(["list", "targets"]) == 0
        assert "optax:adamw" in capsys.readouterr().out


@pytest.mark.usefixtures("theirs")
class TestTheirs:
    """Targets of another distribution, through its entry point."""

    def test_they_are_listed(self):
        assert "theirs:Adam" in [found.target.address for found in everything()]

    @pytest.mark.parametrize("where", ["--in-process", "--no-color"])
    def test_they_are_judged_here_and_in_a_worker(self, where, capsys):
        assert run(["check", "theirs:Adam?lr=0.5", *NEAR, where]) == 0
        assert "epsilon-hat (as theirs:Adam is listed)" in capsys.readouterr().out

    def test_arguments_pin(self):
        assert load_target("theirs:Adam?eps=1e-7").capabilities.pinned == {"eps": 1e-7}

    @pytest.mark.parametrize(
        ("value", "words"),
        [("no_such_module:PROJECT", "ModuleNotFoundError"), ("theirs_targets:make", "names no Project")],
    )
    def test_an_entry_point_that_leads_nowhere_could_not_be_run(self, theirs, value, words, capsys):
        theirs.write_text(f"[{GROUP}]\ntheirs = {value}\n")
        assert run(["check", "theirs:Adam", *NEAR, "--in-process"]) == 3
        assert words in capsys.readouterr().out.replace("\n", " ")

    def test_an_entry_point_that_leads_nowhere_is_named_where_all_are_listed(self, theirs, capsys):
        """It is no defect of ours, and in nobody's way who asks for something else."""
        theirs.write_text(f"[{GROUP}]\ntheirs = no_such_module:PROJECT\n")
        for command in (["list", "targets"], ["explain", "theirs:Adam"]):
            assert run(command) == UNUSABLE
            said = capsys.readouterr().err
            assert "the entry point theirs = no_such_module:PROJECT" in said
            assert "Traceback" not in said
        assert run(["explain", "UPD-4"]) == 0

    def test_a_plain_object_may_be_made(self):
        """As the README shows it: claims are a dict."""
        assert load_target("theirs:Plain").capabilities.dtypes == ("float32",)

    def test_the_target_of_a_package_that_is_not_there_could_not_be_run(self, capsys):
        assert run(["check", "theirs:Gone", *NEAR, "--in-process"]) == 3
        assert "needs no_such_package: pip install theirs" in " ".join(capsys.readouterr().out.split())


class TestInterpreters:
    """Targets in an interpreter of their own."""

    def test_only_our_packages_are_carried_there(self, tmp_path, capsys, monkeypatch):
        """A path of ours would shadow what is installed there."""
        (tmp_path / "only_here.py").write_text("from tests.miniatures import adam")
        monkeypatch.syspath_prepend(tmp_path)
        assert run(["check", "only_here:adam", *NEAR]) == 0
        assert run(["check", "only_here:adam", *NEAR, "--python", sys.executable]) == 3
        assert "No module named 'only_here'" in " ".join(capsys.readouterr().out.split())

    def test_the_line_to_copy_names_it(self, capsys):
        command = ["check", "torch.optim:SparseAdam", "--dialect", "adam", *NEAR, "--python", sys.executable]
        assert run(command) == 1
        assert f"--dialect adam --python {sys.executable}" in capsys.readouterr().out

    def test_it_is_not_this_process(self, capsys):
        assert run(["check", "--in-process", "--python", sys.executable]) == 2
        assert "--in-process leaves no choice" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["adam_ref.torch:Adam", "torch.optim:AdamW", "torch.optim:AdamW?fused=True"])
def test_what_can_be_imported_is_held_to_algorithm_1(address):
    """Taken for what it is listed as, the optimized update would conform though nobody declared epsilon-hat."""
    assert registered(address).dialect != ADAM
    assert declared(address) == ADAM


def test_a_name_that_only_the_list_knows_is_held_to_what_it_is_listed_as():
    assert declared("torch.optim:SparseAdam") == DIALECTS["epsilon-hat"]
