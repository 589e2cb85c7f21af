"""Pictures as SVG, drawn alike, and a fingerprint of what they show."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

from adam_ref.theorems.model import Figure

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "adam",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_DIGITS = 5


def svg(figure: Figure) -> str:
    """The picture, on white so that it can be read on a dark page too; its fingerprint is in the metadata."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        drawn = _drawn(figure)
        out = io.StringIO()
        about = {"Date": None, "Creator": None, "Title": figure.caption, "Description": _digest(drawn.axes)}
        drawn.savefig(out, format="svg", metadata=about)
    return re.sub(r"[ \t]+$", "", out.getvalue(), flags=re.MULTILINE)


def fingerprint(figure: Figure) -> str:
    """A digest of the data, labels and scales drawn: what should be the same under every version of matplotlib."""
    return _digest(_drawn(figure).axes)


def fingerprint_in(written: str) -> str | None:
    """The fingerprint that `svg` put into a picture."""
    found = re.search(r"<dc:description>(\w+)</dc:description>", written)
    return found[1] if found else None


def _drawn(figure: Figure) -> Any:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
    figure.draw(canvas.subplots())
    return canvas


def _digest(all_axes: list[Any]) -> str:
    parts: list[str] = []
    for axes in all_axes:
        parts += [axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale(), axes.get_yscale()]
        for line in axes.lines:
            parts += [str(line.get_label()), *(_rounded(x) for x in line.get_xydata().ravel())]
        for collection in axes.collections:
            vertices = (x for path in collection.get_paths() for x in path.vertices.ravel())
            parts += [type(collection).__name__, *(_rounded(x) for x in vertices)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _rounded(x: float) -> str:
    return f"{float(x):.{_DIGITS - 1}e}"
