"""The README shows what really happens: its code is run, and what it prints is compared line by line."""

import importlib
import re
import textwrap
from pathlib import Path

import pytest

from conformance.cli import DEFECT, INTERRUPTED, TERMINATED, run
from conformance.cli.check import check
from conformance.targets import registry

README = Path(__file__).resolve().parent.parent / "README.md"
MYLIB = Path(__file__).resolve().parent / "miniatures" / "mylib.py"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The modules that the README shows, where `adam-conformance` is called."""
    adam, kernel, framework, *_ = blocks("python")
    (tmp_path / "my_adam.py").write_text(adam)
    (tmp_path / "my_kernel.py").write_text(kernel)
    (tmp_path / "my_framework.py").write_text(framework)
    (tmp_path / "mylib.py").write_text(MYLIB.read_text())
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("written")
def test_the_finding_is_what_comes_out(capsys):
    assert run(["check", "my_adam:step", "--only", "update.near-epsilon", "--dtype", "float32"]) == 1
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    (shown,) = blocks("text")
    assert [line for line in shown.splitlines() if line not in printed] == []


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("target", ["my_adam:step", "my_kernel:MyKernel", "my_framework:MyAdam"])
def test_in_its_own_dialect_it_conforms(target):
    assert run(["check", target, "--dialect", "epsilon-hat", "--dtype", "float32", "--profile", "quick"]) == 0


def test_a_framework_is_added_in_fewer_than_20_lines():
    """Blank ones are not counted; the project that it is listed with is."""
    _, _, framework, *_ = blocks("python")
    example = framework + project_of_the_docstring()
    assert len([line for line in example.splitlines() if line.strip()]) < 20


def project_of_the_docstring():
    (shown,) = re.findall(r"^    from conformance.*?^    PROJECT = .*?$", registry.__doc__, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(shown)


@pytest.mark.usefixtures("written")
def test_it_is_listed_as_the_docstring_shows(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    names = {"MyAdam": importlib.import_module("my_framework").MyAdam}
    exec(project_of_the_docstring(), names)
    (listed,) = names["PROJECT"].targets
    assert listed.make(eps=1e-4).capabilities.pinned == {"eps": 1e-4}


def test_every_file_that_is_named_is_there():
    named = re.findall(r"[(`]((?:adam_ref|conformance|specs|tests)/[\w./-]+)", README.read_text())
    assert len(named) > 10
    assert [name for name in named if not (README.parent / name).exists()] == []


def test_every_option_that_is_named_is_there(capsys):
    run(["check", "--help"])
    run(["prove", "--help"])
    run(["faults", "--help"])
    run(["matrix", "--help"])
    offered = capsys.readouterr().out
    lines = [line for line in README.read_text().splitlines() if "pip install" not in line and "pytest" not in line]
    assert [option for option in re.findall(r"--[a-z][a-z-]+", "\n".join(lines)) if option not in offered] == []


def test_every_exit_code_is_there():
    for code in (*re.findall(r"(\d) [a-z]", check.epilog), DEFECT, INTERRUPTED, TERMINATED):
        assert re.search(rf"^\| (?:[\d, ]*\b)?{code}\b", README.read_text(), re.MULTILINE), code
