"""The pages: what GitHub would not render, what a reader would stumble over, and whether those committed are stale."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sympy")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

import sympy as sp

from adam_ref.theorems import THEOREMS, prove
from adam_ref.theorems.model import Figure
from adam_ref.theorems.notation import beta1, beta2, c1, c2, eps, h, k, optimized, t, u, unoptimized, v
from adam_ref.theorems.pages import file_name, page, stale, write
from adam_ref.theorems.pages.content import _number
from adam_ref.theorems.pages.figures import fingerprint, fingerprint_in, svg
from adam_ref.theorems.pages.latex import conditions, display, latex
from adam_ref.theorems.pages.prose import markdown
from adam_ref.theorems.parallel import prove_all
from adam_ref.theorems.proof import Proof
from adam_ref.theorems.steps import at_least, at_most, both_or_neither, equals

COMMITTED = Path(__file__).parents[3] / "specs" / "derivations"


@pytest.fixture(scope="module")
def proof_of_t1():
    return prove("T1")


@pytest.mark.timeout(1200)  # it proves everything again: 45 s of one processor, minutes on a busy machine
def test_committed_pages_are_what_the_theorems_give_now():
    """A page that says what is no longer proved; `adam-conformance prove --render specs/derivations` mends it."""
    assert list(stale(list(prove_all(list(THEOREMS), jobs=1)), COMMITTED)) == []


@pytest.mark.parametrize(
    "text", [pytest.param(p.read_text("utf-8"), id=p.stem) for p in sorted(COMMITTED.glob("*.md"))]
)
class TestCommittedPages:
    def test_formulas_keep_clear_of_what_markdown_would_read(self, text):
        """A dollar or a backtick inside ends a formula, a bar splits a table, and a letter before one hides it."""
        for formula in re.findall(r"\$`(.*?)`\$", text):
            assert not re.search(r"[$`|\n]", formula), formula
            assert formula.count("{") == formula.count("}"), formula
        assert not re.search(r"[\w-]\$`", text), re.search(r".*[\w-]\$`.*", text)
        assert text.count("$`") == text.count("`$")

    def test_tables_are_as_wide_as_their_header(self, text):
        for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(widths) == 1, table

    def test_no_plain_mathematics_is_left_in_the_words(self, text):
        """`sqrt(`, `beta2` or a power outside a formula: words that `prose` could not read."""
        words = text.partition("## References")[0]
        left = re.sub(r"```.*?```|\$`.*?`\$|`[^`]*`|!\[.*?\]|\]\([^)]*\)", "", words, flags=re.DOTALL)
        assert not re.findall(r"sqrt\(|\^|(?<!\*\*)\bbeta[12]\b(?!\*\*)|\beps\b", left)

    def test_links_lead_somewhere(self, text):
        for target in re.findall(r"\]\(([^)#]*)[^)]*\)", text):
            assert (COMMITTED / target).is_file(), target


class TestOnePage:
    def test_says_everything_there_is(self, proof_of_t1):
        text, theorem = page(proof_of_t1), THEOREMS["T1"]
        assert text.count("**Step ") == len(proof_of_t1.steps)
        for hypothesis in theorem.hypotheses:
            assert f"- **{hypothesis.name}**" in text
        for variant in theorem.variants:
            assert markdown(variant.name) in text
        assert all(f"`{check}`" in text for check in theorem.checks)

    def test_is_the_same_every_time(self, proof_of_t1):
        assert page(proof_of_t1) == page(prove("T1"))

    def test_ends_with_one_end_of_line_and_leaves_one_line_empty(self, proof_of_t1):
        text = page(proof_of_t1)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\n\n\n" not in text

    def test_what_is_not_proved_is_not_written(self, proof_of_t1):
        failed = Proof(**{**vars(proof_of_t1), "problems": ("step 2 is wrong",)})
        with pytest.raises(ValueError, match="step 2 is wrong"):
            page(failed)

    def test_a_single_theorem_is_written_without_the_index(self, proof_of_t1, tmp_path):
        """An index written from one theorem would promise pages that are not there."""
        assert write([proof_of_t1], tmp_path / "new") == [tmp_path / "new" / file_name("T1")]

    def test_a_changed_page_and_a_leftover_are_stale(self, proof_of_t1, tmp_path):
        write([proof_of_t1], tmp_path)
        assert file_name("T1") not in set(stale([proof_of_t1], tmp_path))
        (tmp_path / file_name("T1")).write_text("something else")
        (tmp_path / "T99-gone.md").write_text("")
        assert {file_name("T1"), "T99-gone.md", "README.md"} <= set(stale([proof_of_t1], tmp_path))


class TestLatex:
    @pytest.mark.parametrize(
        ("expression", "written"),
        [
            (c1 * sp.sqrt(c2) * eps, r"c_1 \, \varepsilon \, \sqrt{c_2}"),
            (sp.sqrt(v) + eps, r"\sqrt{v} + \varepsilon"),
            (beta2**t * (1 - beta2) * t, r"\left(1 - \beta_2\right) \, \beta_2^{t} \, t"),
            (beta2 ** (k / 2), r"\beta_2^{k/2}"),
            (1 / sp.sqrt(v), r"\frac{1}{\sqrt{v}}"),
            (-v / 2, r"- \frac{v}{2}"),
            (sp.Rational(-1, 2) * v * t, r"- \frac{t \, v}{2}"),
            (sp.Sum(beta1**k * h[k], (k, 0, t - 1)) / 2, r"\frac{1}{2} \sum_{k=0}^{t - 1} \beta_1^{k} \, h_k"),
            (h[t - 1], "h_{t - 1}"),
            (sp.Abs(v) * t, r"t \, \left\lvert v \right\rvert"),
            (sp.Symbol("lambda", real=True), r"\lambda"),
            (v - t, "v - t"),
            (-v + t, "t - v"),
        ],
    )
    def test_is_written_as_in_the_paper(self, expression, written):
        assert latex(expression) == written

    @pytest.mark.parametrize(
        "expression",
        [
            unoptimized(eps),
            optimized(eps),
            sp.Sum(h[k], (k, 0, t)) * sp.Sum(h[k] ** 2, (k, 0, t)),
            (v + 1) ** 2 / (2 * t),
            -(beta1**t),
            sp.sqrt(v / c2),
            (beta1 / beta2) ** k,
        ],
    )
    def test_brackets_close(self, expression):
        written = latex(expression)
        assert written.count(r"\left") == written.count(r"\right")
        assert written.count("{") == written.count("}")

    def test_an_expression_that_is_not_evaluated_stays_so(self):
        written = latex(sp.Mul(sp.sqrt(c2), sp.Pow(sp.sqrt(c2), -1, evaluate=False), evaluate=False))
        assert written == r"\frac{\sqrt{c_2}}{\sqrt{c_2}}"

    def test_parts_go_by_their_names_with_either_sign(self):
        names = {unoptimized(eps): "U", optimized(eps): "O"}
        assert latex(optimized(eps) - unoptimized(eps), names) == "O - U"

    def test_a_range_is_one_chain(self):
        assert conditions((u > 0, u < 1, t >= 1)) == r"0 \lt u \lt 1,\; t \ge 1"

    def test_what_is_wide_is_broken_before_its_sign(self):
        wide = sp.Add(*sp.symbols("x1:30"))
        assert r"\\ & \qquad \le 0" in display(at_most(wide, 0))
        assert r"\\" not in display(at_least(v, 0))

    def test_what_bounds_from_both_sides_is_one(self):
        """A reader would have to find out that the second bound is the first with the other sign."""
        both = sp.And(at_most(v - u, t), at_most(u - v, t), evaluate=False)
        assert latex(both) in (r"\left\lvert u - v \right\rvert \le t", r"\left\lvert v - u \right\rvert \le t")

    def test_what_is_computed_as_it_stands_is_shown_once(self):
        """`x = x and ...` looks as if nothing were said."""
        rounded = sp.And(equals(v * t, v * t), at_most(u, t), evaluate=False)
        assert latex(rounded) == r"t \, v \text{ where } u \le t"
        wide = sp.Add(*sp.symbols("x1:30"))
        assert r"\\ & \qquad \text{ where }" in display(sp.And(equals(wide, wide), at_most(u, t), evaluate=False))

    @pytest.mark.parametrize(
        ("decimal", "written"),
        [("0.9999988", r"1 - 1.2 \cdot 10^{-6}"), ("1", "1"), ("0.999", "0.999"), ("2.5e-7", r"2.5 \cdot 10^{-7}")],
    )
    def test_a_number_below_1_does_not_become_1(self, decimal, written):
        """No beta may be 1, and a page that shows one would be taken for wrong."""
        assert _number(decimal) == written

    def test_equivalence_has_the_longer_side_first(self):
        assert latex(both_or_neither(equals(t, 1), equals(v * c1, eps))) == r"c_1 \, v = \varepsilon \iff t = 1"


class TestProse:
    @pytest.mark.parametrize(
        ("words", "written"),
        [
            ("eps*sqrt(c2) is it", r"$`\varepsilon \, \sqrt{c_2}`$ is it"),
            ("a share of 1", "a share of 1"),
            ("A at the start", "A at the start"),
            ("3 steps, 0.1 wide", "3 steps, 0.1 wide"),
            ("lies in [sqrt(c2), 1]", r"lies in $`[\sqrt{c_2}, 1]`$"),
            ("in (0, 1]", "in $`(0, 1]`$"),
            ("(t = 1, say)", r"($`t = 1`$, say)"),
            ("epsilon-hat is T4's", r"epsilon-hat is T4's"),
            ("see T4.", "see [T4]."),
            ("abs(m_hat)/sqrt(v_hat) <= q^(t-1)", r"$`\lvert \hat m \rvert/\sqrt{\hat v} \le q^{t - 1}`$"),
            ("1/beta1 * 2", r"$`1/\beta_1 \cdot 2`$"),
            ("b_k^2 = q^k", "$`b_k^{2} = q^{k}`$"),
            ("E[m_hat] = E[g]", r"$`\mathbb{E}[\hat m] = \mathbb{E}[g]`$"),
            ("param_groups of torch", "`param_groups` of torch"),
            ("one | two *three*", r"one \| two ·three·"),
            ("e.g. this", "e.g. this"),
            ("1e-3 of it is 2^(2t)", r"1e-3 of it is $`2^{2 t}`$"),
            ("1 + q + ... + q^t", r"$`1 + q + \dots + q^{t}`$"),
            ("eps -> 0 (", r"$`\varepsilon \to 0`$ ("),
            ("-v - ", r"$`-v`$ - "),
        ],
    )
    def test_mathematics_is_found_and_words_are_left_alone(self, words, written):
        assert markdown(words, {"T4"}, lambda name: f"[{name}]") == written

    @pytest.mark.parametrize(
        "words", ["", "(", "sqrt(", "sqrt(v", "[0, ", "v^", "v +", "*", "$v$", "E[", "((v)", "v/", "-"]
    )
    def test_what_is_cut_off_is_no_error(self, words):
        assert isinstance(markdown(words), str)


class TestFigures:
    @staticmethod
    def figure(height):
        return Figure("line", "A line", lambda axes: axes.plot([0, 1], [0, height], label="line"))

    def test_a_picture_is_the_same_every_time(self):
        assert svg(self.figure(1)) == svg(self.figure(1))

    def test_carries_no_date_and_no_version(self):
        import matplotlib as mpl

        written = svg(self.figure(1))
        assert "dc:date" not in written
        assert mpl.__version__ not in written

    def test_the_fingerprint_is_that_of_what_is_drawn(self):
        assert fingerprint_in(svg(self.figure(1))) == fingerprint(self.figure(1))
        assert fingerprint(self.figure(1)) != fingerprint(self.figure(1.01))

    def test_no_fingerprint_in_what_is_no_picture(self):
        assert fingerprint_in("") is None
