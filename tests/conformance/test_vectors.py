"""Test vectors: what is committed is right, complete and what the plan gives, and the examples can use it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adam_ref import named_format
from adam_ref.formats import FORMATS
from conformance.cases.regimes import REGIMES
from conformance.cli import run
from conformance.specs import clauses
from conformance.vectors import lint, numerals, plan
from conformance.vectors.bounds import at_least
from conformance.vectors.certify import certify
from conformance.vectors.flags import FLAGS, TYPES
from conformance.vectors.library import SUMS_FILE, files, general, generated, verified, verify
from conformance.vectors.model import THETA, VectorError
from conformance.vectors.text import parsed, written, written_flags
from tests.conformance.edits import DIALECTS_IN_C, IN_C, IN_JAVASCRIPT, edited

VECTORS = Path(__file__).resolve().parents[2] / "specs" / "vectors"
PATHS = files(VECTORS)
SAMPLE = PATHS[::9]
"""One file in nine: every chapter, every format, most dialects."""

STALE = "the vectors are not what the plan and the enclosure give now: run adam-conformance vectors generate"

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not on this machine")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
needs_80_bits = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant != 63, reason="the vectors of float64 are made with 80-bit floats, which are not here"
)


@pytest.fixture(scope="module")
def all_files():
    return {path: parsed((VECTORS / path).read_text()) for path in PATHS}


class TestTheCommittedFiles:
    def test_there_is_one_for_each_chapter_dialect_and_format(self):
        assert [f"{chapter}/{dialect}-{fmt}.json" for chapter, dialect, fmt in plan.planned()] == PATHS

    def test_at_least_3000_vectors_in_at_most_10_megabytes(self, all_files):
        assert sum(len(file.vectors) for file in all_files.values()) >= 3000
        assert sum(path.stat().st_size for path in VECTORS.rglob("*") if path.is_file()) <= 10_000_000

    def test_every_regime_in_every_dialect_and_format(self, all_files):
        for path, file in all_files.items():
            if file.chapter == "update":
                assert {t.check for t in file.tensors} == {f"update.{name}" for name in REGIMES}, f"{path}: {STALE}"

    @pytest.mark.parametrize("fmt", FORMATS)
    def test_nearly_every_value_is_decided(self, fmt, all_files):
        """A file of nulls would be valid, and of no use."""
        counts = [file.counts for file in all_files.values() if file.format_name == fmt]
        values, undecided = (sum(column) for column in zip(*counts, strict=True))
        assert undecided <= 0.1 * values

    def test_every_flag_is_used(self, all_files):
        used = {name for file in all_files.values() for vector in file.vectors for name in vector.flags}
        assert used == set(FLAGS)

    def test_layout_and_numbering(self, all_files):
        for path, file in all_files.items():
            assert [vector.id for vector in file.vectors] == list(range(1, len(file.vectors) + 1))
            assert written(file) == (VECTORS / path).read_text(), f"{path}: {STALE}"

    def test_the_checksums_and_the_flags(self):
        assert general(VECTORS).problems == ()

    @pytest.mark.parametrize("path", SAMPLE)
    def test_it_is_well_formed(self, path):
        assert lint.problems((VECTORS / path).read_text(), path) == []

    @needs_80_bits
    @pytest.mark.parametrize("path", SAMPLE)
    def test_the_exact_reference_certifies_it(self, path):
        """Computed again from the inputs alone, to the byte."""
        outcome = verified((VECTORS / path).read_text(), path)
        assert outcome.problems == (), STALE
        assert outcome.values > 100

    @needs_80_bits
    @pytest.mark.parametrize("path", ["special/adam-float16.json", "special/optax-float64.json"])
    def test_generating_gives_the_same_bytes(self, path):
        chapter, _, rest = path.removesuffix(".json").partition("/")
        dialect, _, fmt = rest.rpartition("-")
        assert written(generated(chapter, dialect, fmt)) == (VECTORS / path).read_text(), STALE


class TestVerify:
    """Whatever is changed, it is not right any more."""

    SMALL = "special/adam-float16.json"

    @pytest.fixture
    def text(self):
        return (VECTORS / self.SMALL).read_text()

    def test_a_changed_digit_of_an_interval_is_found(self, text):
        rng = np.random.default_rng(0)
        ends = [
            m for m in re.finditer(r"0x1(?:\.[0-9a-f]+)?p", text) if '"theta": ' in text[: m.start()].split("\n")[-1]
        ]
        for match in rng.choice(np.array(ends, dtype=object), 8):
            changed = text[: match.start()] + "0x1.8p" + text[match.end() :]
            if changed != text:
                assert verified(changed, self.SMALL).problems != ()

    def test_a_changed_hyperparameter_is_found(self, text):
        assert verified(text.replace('"beta2": "0x1.ff', '"beta2": "0x1.fe'), self.SMALL).problems != ()

    def test_an_undecided_value_cannot_be_made_up_for(self, text):
        changed = text.replace("null", '["-inf","-inf","inf","inf"]', 1)
        assert verified(changed, self.SMALL).problems != ()
        assert parsed(changed).counts[0] == parsed(text).counts[0] + 1

    def test_undecided_values_are_not_counted(self, text):
        outcome = verified(text, self.SMALL)
        assert (outcome.values, outcome.undecided) == parsed(text).counts
        assert text.count("null") == outcome.undecided > 0

    def test_a_changed_input_that_shows_nowhere_is_found_by_its_checksum(self, tmp_path):
        path = tmp_path / "special" / "adam-float16.json"
        path.parent.mkdir()
        shutil.copy(VECTORS / self.SMALL, path)
        (tmp_path / "flags.json").write_text(written_flags())
        assert "there is no SHA256SUMS" in general(tmp_path).problems
        names = [
            line for line in (VECTORS / SUMS_FILE).read_text().splitlines() if "flags" in line or self.SMALL in line
        ]
        (tmp_path / SUMS_FILE).write_text("\n".join([*names, ""]))
        assert [outcome.problems for outcome in verify(tmp_path)] == [(), ()]
        path.write_text(path.read_text().replace('"optimizer": 1,', '"optimizer": 9,', 1))
        assert [bool(outcome.problems) for outcome in verify(tmp_path)] == [False, True]

    def test_the_exact_reference_is_no_formality(self, text):
        """Intervals beside the exact value are refused, though everything else about them is right."""
        file = parsed(text)
        tensor = next(t for t in file.tensors if t.check == "special.extreme-lr")
        vector = tensor.vectors[0]
        moved = tuple(row and tuple(2 * end for end in row) for row in vector.rows[THETA])
        wrong = replace(tensor, vectors=(replace(vector, rows={THETA: moved}),))
        with pytest.raises(VectorError, match=rf"vector {vector.id}, theta after step 1: the exact value is"):
            certify(file.with_tensors((wrong,)))


class TestLint:
    @pytest.fixture
    def text(self):
        return (VECTORS / "groups" / "adam-float32.json").read_text()

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("{", "[", "no JSON"),
            ('"format": "float32"', '"format": "float31"', "float31"),
            ('"dialect": "adam"', '"dialect": "adamm"', "no dialect is called 'adamm'"),
            ('"id": 2,', '"id": 3,', "vector 3 is number 2"),
            ('"flags": ["', '"flags": ["None","', "there is no flag 'None'"),
            ('"check": "groups.', '"check": "update.', "has no check"),
            ('"theta0": "0"', '"theta0": "0x0p+0"', "must be written '0'"),
            ('"theta0": "0"', '"theta0": "0x1.10p+0"', "does not match"),
            ('"theta0": "0"', '"theta0": "0x1.000000001p+0"', "is no number of float32"),
            ('"theta0": "0"', '"theta0": "0x1p+99999"', "no hexadecimal number"),
            ('"gradients": [', '"gradients": ["0",', "7 gradients for 6 steps"),
            ('"theta": [', '"theta": [null,', "7 rows of theta for 6 compared steps"),
            ('"compared": [1,2', '"compared": [2,1', "must rise"),
            ('"lr": [', '"lr": ["0",', "2 learning rates for 6 steps"),
            ('"values": ', '"values": 1', "must be"),
            (', "flags"', ',  "flags"', "lint --fix lays it out"),
        ],
    )
    def test_it_says_what_is_wrong(self, old, new, words, text):
        assert old in text
        found = lint.problems(text.replace(old, new, 1))
        assert len(found) >= 1
        assert words in " ".join(found)

    def test_a_file_in_the_wrong_place(self, text):
        assert lint.problems(text, "update/adam-float32.json") == [
            "it lies at update/adam-float32.json and must lie at groups/adam-float32.json"
        ]

    def test_fix_lays_it_out(self, text, tmp_path):
        path = tmp_path / "vectors.json"
        path.write_text(json.dumps(json.loads(text), indent=4))
        assert run(["vectors", "lint", str(path)]) == 1
        assert run(["vectors", "lint", "--fix", str(path)]) == 0
        assert path.read_text() == text


class TestCommand:
    def test_verify_and_lint_say_how_much_there_is(self, capsys):
        place = str(VECTORS / "special" / "adam-float16.json")
        for command in ("verify", "lint"):
            assert run(["vectors", command, place]) == 0
            assert re.search(
                r"1 files: \d+ vectors, \d+ values, \d+ undecided; 0 with problems", capsys.readouterr().out
            )

    def test_1_where_one_is_wrong(self, tmp_path, capsys):
        path = tmp_path / "wrong.json"
        path.write_text(
            (VECTORS / "special" / "adam-float16.json").read_text().replace('"maximize": false', '"maximize": true')
        )
        assert run(["vectors", "verify", str(path)]) == 1
        assert "1 with problems" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["verify", "lint"])
    def test_2_where_there_are_none(self, command, tmp_path, capsys):
        assert run(["vectors", command, str(tmp_path)]) == 2
        assert "holds no vectors" in capsys.readouterr().err


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (1.0, "0x1p+0"),
            (-0.1, "-0x1.999999999999ap-4"),
            (0.0, "0"),
            (-0.0, "0"),
            (5e-324, "0x0.0000000000001p-1022"),
            (float("-inf"), "-inf"),
        ],
    )
    def test_there_is_one_way_to_write_each(self, number, text):
        assert numerals.write(number) == text
        assert numerals.read(text) == number

    @pytest.mark.parametrize("text", ["0x1.0p+0", "1", "0x2p+0", "nan", "Infinity", "0X1P+0", "", "0x1p0"])
    def test_no_other_way_is_read(self, text):
        with pytest.raises(numerals.NumeralError):
            numerals.read(text)

    @pytest.mark.parametrize("name", FORMATS)
    def test_ends_move_inward_to_the_nearest_number(self, name):
        fmt = named_format(name)
        rng = np.random.default_rng(1)
        powers = rng.uniform(fmt.min_exponent - fmt.precision, fmt.max_exponent, 500)
        values = np.concatenate([[0.0, 1.0, -1.0, 5e-324], rng.choice([-1, 1], 500) * 2.0**powers])
        up = at_least(values, fmt)
        for value, end in zip(values, up, strict=True):
            assert fmt.holds(end)
            assert end >= value
            below = at_least(np.array([-value]), fmt)[0]
            assert (end == value) == fmt.holds(value) == (-below == value)
            if end != value:
                assert not any(fmt.holds(x) for x in np.linspace(value, end, 7)[1:-1])

    def test_beyond_the_largest_number_there_is_only_infinity(self):
        assert at_least(np.array([np.inf, -np.inf, 7e4, -7e4]), named_format("float16")).tolist() == [
            np.inf,
            -np.inf,
            np.inf,
            -65504.0,
        ]


def test_every_flag_says_why_it_is_there():
    for name, flag in FLAGS.items():
        assert flag.type in TYPES, name
        assert flag.description.endswith(".")
        assert flag.effect.endswith(".")
        assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/issues/\d+", link) for link in flag.links)
        assert flag.links or flag.type != "known-bug"


def test_the_schema_comes_with_the_clauses_that_vectors_name(all_files):
    named = set(re.findall(r"[A-Z]{3}-\d+", " ".join((VECTORS / path).read_text() for path in PATHS)))
    assert named <= set(clauses())
    assert lint.schema()["$id"] == "adam-conformance/vectors/1"


def forms_in_c(text, edits):
    """The example with its `adam` once for each edit; the environment says which one runs."""
    start, end = text.index("static void adam("), text.index("static char line")
    bodies = [text[start:end], *(edited(text[start:end], edit) for edit in edits)]
    functions = [body.replace("static void adam(", f"static void adam_{i}(", 1) for i, body in enumerate(bodies)]
    table = ", ".join(f"adam_{i}" for i in range(len(bodies)))
    chosen = (
        f"static void (*const forms[])(State *, REAL, const Hyper *) = {{{table}}};\n"
        '#define adam forms[atoi(getenv("FORM"))]\n'
    )
    return text[:start] + "".join(functions) + chosen + text[end:]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    def compile_it(text, real="float"):
        directory = tmp_path_factory.mktemp("c")
        (directory / "example.c").write_text(text)
        command = ["gcc", "-std=c11", "-O1", f"-DREAL={real}", "example.c", "-o", "example", "-lm"]
        subprocess.run(command, cwd=directory, check=True, timeout=60)
        return directory / "example"

    return compile_it


def judged(*command, form=0):
    return subprocess.run(
        [*map(str, command)], env={"FORM": str(form)}, capture_output=True, text=True, check=False, timeout=60
    )


def of_dialect(dialect, fmt):
    return sorted(VECTORS.glob(f"*/{dialect}-{fmt}.json"))


@needs_gcc
class TestTheExampleInC:
    TEXT = (VECTORS / "example.c").read_text()

    def test_it_has_at_most_60_lines(self):
        assert len(self.TEXT.splitlines()) <= 60

    @pytest.mark.parametrize(("real", "fmt"), [("double", "float64"), ("float", "float32")])
    def test_a_correct_adam_passes(self, real, fmt, compiled, all_files):
        done = judged(compiled(self.TEXT, real), *of_dialect("adam", fmt))
        promised = sum(f.counts[0] for f in all_files.values() if (f.dialect_name, f.format_name) == ("adam", fmt))
        assert (done.returncode, done.stdout) == (0, f"{promised} of {promised} values inside, 0 outside\n")

    def test_every_fault_fails(self, compiled):
        assert len(IN_C) >= 30
        program = compiled(forms_in_c(self.TEXT, IN_C.values()))
        assert judged(program, *of_dialect("adam", "float32"), form=0).returncode == 0
        passing = []
        for form, name in enumerate(IN_C, 1):
            done = judged(program, *of_dialect("adam", "float32"), form=form)
            assert done.returncode in (0, 1), f"{name}: {done}"
            if done.returncode == 0:
                passing.append(name)
        assert passing == []

    @pytest.mark.parametrize("dialect", DIALECTS_IN_C)
    def test_another_dialect_is_one_line_away(self, dialect, compiled):
        """And as it is, the example fails on its vectors."""
        named = edited(self.TEXT, ('"\\"adam\\"", 6', f'"\\"{dialect}\\"", {len(dialect) + 2}'))
        program = compiled(forms_in_c(named, [DIALECTS_IN_C[dialect]]))
        paths = of_dialect(dialect, "float32")
        assert [judged(program, *paths, form=form).returncode for form in (0, 1)] == [1, 0]

    def test_nothing_compared_is_no_pass(self, compiled):
        program = compiled(self.TEXT)
        assert judged(program).returncode == 1
        assert judged(program, *of_dialect("adamw", "float32")).returncode == 1
        assert judged(program, VECTORS / "none.json", *of_dialect("adam", "float32")).returncode == 2


@needs_node
class TestTheExampleInJavaScript:
    TEXT = (VECTORS / "example.mjs").read_text()

    def test_it_has_at_most_30_lines(self):
        assert len(self.TEXT.splitlines()) <= 30

    def test_a_correct_adam_passes(self):
        done = judged(shutil.which("node"), VECTORS / "example.mjs", *of_dialect("adam", "float*"))
        assert done.returncode == 0, done
        assert re.fullmatch(r"(\d+) of \1 values inside\n", done.stdout)

    def test_every_fault_fails(self, tmp_path):
        """All of them in one process, each as a module whose exit becomes a line, and its complaints none."""
        assert len(IN_JAVASCRIPT) >= 30
        for form, edit in enumerate([("s.t += 1;", "s.t += 1;"), *IN_JAVASCRIPT.values()]):
            text = edited(edited(self.TEXT, edit), ("process.exit(", 'console.log("exit", '))
            text = edited(text, ("console.log(path,", "String("))
            (tmp_path / f"{form}.mjs").write_text(text)
        imports = f"for (let form = 0; form <= {len(IN_JAVASCRIPT)}; form++) await import(`./${{form}}.mjs`);"
        (tmp_path / "all.mjs").write_text(imports)
        done = judged(shutil.which("node"), tmp_path / "all.mjs", VECTORS / "update" / "adam-float64.json")
        assert done.returncode == 0, done.stderr
        statuses = re.findall(r"^exit (\d)$", done.stdout, re.MULTILINE)
        assert statuses[0] == "0"
        assert [name for name, status in zip(IN_JAVASCRIPT, statuses[1:], strict=True) if status != "1"] == []

    def test_a_fault_ends_with_1(self, tmp_path):
        (tmp_path / "faulty.mjs").write_text(edited(self.TEXT, IN_JAVASCRIPT["epsilon is left out"]))
        done = judged(shutil.which("node"), tmp_path / "faulty.mjs", *of_dialect("adam", "float64"))
        assert done.returncode == 1
        assert "theta" in done.stdout
