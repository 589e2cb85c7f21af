"""The pages of specs/results: a table of the verdicts, the reasoning target by target, and the findings written up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from conformance.commands import to_check
from conformance.field.reasons import Defect, Reason, ReasonError, disagreements, read_reasons
from conformance.field.record import Record, read_all
from conformance.report import CONFORMS, COULD_NOT_RUN, DOES_NOT_CONFORM
from conformance.specs import SHOULD, level_of
from conformance.targets.registry import project_of

DTYPES = ("float64", "float32", "bfloat16", "float16")

_WORDS = {CONFORMS: "conforms", DOES_NOT_CONFORM: "**does not conform**", COULD_NOT_RUN: "could not run"}
_FARED = {CONFORMS: "conform", DOES_NOT_CONFORM: "do not", COULD_NOT_RUN: "could not be run"}

HEAD = """# What is in use, judged

{count}.

Every target ran in a worker with the versions that its row names, and was held to the dialect that `adam-conformance
list targets` gives. Written by

    adam-conformance matrix --profile {profile} --python PYTHON ...

with an interpreter for each environment; `adam-conformance matrix --render` makes the pages anew from the records, one
JSON file a target beside this page. In the table A and B are accuracy classes (hyperparameter scalars as in double, as
in single precision), and the share is the worst deviation that a search found: how far from the middle of its enclosure
towards its edge (100 %) a parameter came, and how many units in the last place that is. The search takes random
histories of three steps and climbs from the worst of them; in 16-bit formats it also takes the first step on every
finite gradient. The record has the input that attains it, and the closest call of the checks with its input. Where a
target does not conform the number of checks that failed stands in parentheses; where it is warned of a clause that says
SHOULD, which changes no verdict, the cell says so. Pairs in empty cells were not tried.
"""


def write_pages(folder: Path, readme: Path | None = None) -> list[Path]:
    """Write README.md and findings.md into the folder of the records, and the summary into `readme`.

    Raises:
        ReasonError: the records disagree with the reasons, or `readme` has no place for the summary.

    """
    records, reasons = read_all(folder), read_reasons(folder)
    wrong = list(disagreements(records, reasons))
    if wrong:
        raise ReasonError("\n".join(wrong))
    pages = {"README.md": results_page(records, reasons), "findings.md": findings_page(records, reasons)}
    texts = {folder / name: text for name, text in pages.items()}
    if readme is not None:
        texts[readme] = with_summary(readme.read_text(encoding="utf-8"), records)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def results_page(records: Sequence[Record], reasons: dict[str, Reason]) -> str:
    """The table, and why each verdict is what it is."""
    profiles = ", ".join(sorted({found.profile for found in records}))
    parts = [HEAD.format(count=count(records), profile=profiles), table(records), "## Why\n"]
    for project, members in groupby(records, lambda found: project_of(found.target)):
        parts.append(f"### {project}\n\n" + "\n".join(_why(found, reasons[found.target]) for found in members) + "\n")
    return "\n".join(parts)


def count(records: Sequence[Record]) -> str:
    """How many targets of how many projects, and how they fared, in a sentence without its full stop."""
    projects = {project_of(found.target) for found in records}
    verdicts = [outcome["verdict"] for found in records for outcome in found.dtypes.values()]
    fared = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in _FARED.items())
    return f"{len(records)} targets of {len(projects)} projects; of {len(verdicts)} pairs of target and dtype {fared}"


def table(records: Sequence[Record]) -> str:
    """One row a target, one column a dtype."""
    rows = [["target", "version", "dialect", *DTYPES]]
    rows += [
        [f"`{r.target}`", _versions(r), r.dialect, *(_cell(r.dtypes.get(dtype)) for dtype in DTYPES)] for r in records
    ]
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


BEGIN, END = "<!-- results -->", "<!-- end of results -->"
"""Between these the README shows the summary."""


def with_summary(text: str, records: Sequence[Record]) -> str:
    """The README with the summary of the records between its markers; raises `ReasonError` where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ReasonError(f"there is no {BEGIN} and {END} to write the summary between")
    return f"{before}{BEGIN}\n{summary(records)}{END}{after}"


def summary(records: Sequence[Record]) -> str:
    """One row a project: what its targets come to in each dtype."""
    rows = [["project", "targets", *DTYPES]]
    for project, members in groupby(records, lambda found: project_of(found.target)):
        theirs = list(members)
        rows.append([project, str(len(theirs)), *(_together(theirs, dtype) for dtype in DTYPES)])
    return f"{count(records)}.\n\n{_markdown(rows)}"


def _together(records: Sequence[Record], dtype: str) -> str:
    """The classes of those that conform, and how many do not or cannot be run."""
    outcomes = [found.dtypes[dtype] for found in records if dtype in found.dtypes]
    words = sorted({outcome["accuracy_class"] for outcome in outcomes if outcome["verdict"] == CONFORMS})
    for verdict, word in ((DOES_NOT_CONFORM, "**no**"), (COULD_NOT_RUN, "does not run")):
        number = sum(outcome["verdict"] == verdict for outcome in outcomes)
        words += [f"{word} ({number} of {len(outcomes)})" if number < len(outcomes) else word] if number else []
    return ", ".join(words)


def _versions(found: Record) -> str:
    ran_on = [(name, v) for name, v in found.versions.items() if name not in ("python", "ml_dtypes", "numpy")]
    return ", ".join(v if name == project_of(found.target) else f"{name} {v}" for name, v in ran_on)


def _cell(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return ""
    warned = ", warned" if outcome["counts"]["warn"] else ""
    if outcome["verdict"] != CONFORMS:
        failed = outcome["counts"]["fail"]
        return _WORDS[outcome["verdict"]] + (f" ({failed})" if failed else "") + warned
    worst = max(filter(None, outcome["worst"].values()), key=lambda found: found["ratio"], default=None)
    share = "" if worst is None else f" {worst['ratio']:.0%} ({worst['ulp']:.3g} ulp)"
    return f"{outcome['accuracy_class']}{share}{warned}"


def _why(found: Record, reason: Reason) -> str:
    verdicts = ", ".join(f"{dtype} {_WORDS[verdict]}" for dtype, verdict in reason.verdicts.items())
    return f"* `{found.target}`: {found.what}. {reason.reason} Source: {reason.source}. Therefore {verdicts}."


FINDINGS_HEAD = """# Findings

Where an implementation in use does not conform, cannot be run where it should, or is warned of a clause that says
SHOULD: what, the smallest case, what is expected, what came out, and the cause in its source. Written for whoever
maintains it; every number is from the record beside this page, and the line under each case shows it again. What
torch.compile makes of a step is on [a page of its own](compiled.md).
"""


def findings_page(records: Sequence[Record], reasons: dict[str, Reason]) -> str:
    """Every defect of every target."""
    defects = [(found, defect) for found in records for defect in reasons[found.target].defects]
    return "\n".join([FINDINGS_HEAD, *("\n".join(_defect(*each)) + "\n" for each in defects)])


def _defect(found: Record, defect: Defect) -> Iterator[str]:
    yield f"## {found.target}: {defect.title}\n"
    yield f"Version {_versions(found)}, dialect {found.dialect}, in {', '.join(defect.dtypes)}.\n"
    for dtype in defect.dtypes:
        outcome = found.dtypes[dtype]
        shown = [f for f in outcome["findings"] if f["check"] in defect.checks]
        if shown:
            smallest = min(shown, key=_size)
            if level_of(smallest["clauses"]) == SHOULD:
                yield "A warning, which changes no verdict.\n"
            yield from _finding(smallest, dtype)
        else:
            yield from _error(found, defect, dtype)
    yield f"**Cause.** {defect.cause}"


def _size(finding: dict[str, Any]) -> tuple[int, int]:
    case = finding["case"]
    return (1 << 30, 0) if case is None else (len(case["gradients"]), sum(len(p["hex"]) for p in case["parameters"]))


def _finding(finding: dict[str, Any], dtype: str) -> Iterator[str]:
    case, (lo, hi) = finding["case"], (finding["expected"][end]["decimal"] for end in ("lo", "hi"))
    yield f"* {dtype}, `{finding['check']}` ({', '.join(finding['clauses'])}): {finding['message']}"
    if finding["quantity"] in ("parameter", "m", "v", "v_max"):
        off = "" if finding["ulp"] is None else f", off by {finding['ulp']:.3g} ulp"
        yield f"    * expected [{lo}, {hi}], got {finding['got']['decimal']}{off}"
    if case is not None:
        yield f"    * at step {finding['step']}; gradients {_history(case, finding['parameter'])}; {_with(case)}"
    yield f"    * `{finding['reproduce']}`\n"


def _history(case: dict[str, Any], parameter: int, most: int = 4) -> str:
    steps = [step[parameter] for step in case["gradients"]]
    shown = [("none" if g is None else ", ".join(f"{float.fromhex(x):.9g}" for x in g["hex"][:most])) for g in steps]
    return "; ".join(shown[:most]) + (f"; ... ({len(steps)} steps)" if len(steps) > most else "")


def _with(case: dict[str, Any]) -> str:
    hyper = {k: v if isinstance(v, bool) else float.fromhex(v) for k, v in case["hyperparameters"][0].items()}
    return ", ".join(f"{k} = {v:g}" if not isinstance(v, bool) else k for k, v in hyper.items() if v)


def _error(found: Record, defect: Defect, dtype: str) -> Iterator[str]:
    errors = found.dtypes[dtype]["errors"]
    check = next(check for check in defect.checks if check in errors)
    only = (check,) if check else ()
    said = " ".join(errors[check].split())
    yield f"* {dtype}, {f'`{check}`' if check else 'in every check'}: {said}"
    yield f"    * `{to_check(found.target, only=only, dtypes=(dtype,), profile=found.profile)}`\n"
