r"""Writes proved theorems as pages: Markdown with LaTeX that GitHub renders, and pictures as SVG.

    proofs = [prove(name) for name in THEOREMS]
    write(proofs, Path("specs/derivations"))

The same proofs give the same pages to the byte: no dates, no timings, no versions. Pictures may differ between versions
of matplotlib; what they show is compared by its `fingerprint`.
"""

from adam_ref.theorems.pages.content import file_name
from adam_ref.theorems.pages.site import index, page, stale, write

__all__ = ["file_name", "index", "page", "stale", "write"]
