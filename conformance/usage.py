"""What a user may ask for wrongly.  A module of its own, so that raising it costs no import."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """A request that makes no sense; the message says what was given and what is allowed."""


def near(name: str, allowed: Iterable[str], otherwise: str) -> str:
    """A hint for whoever wrote `name`: what begins so, or reads much like it, or else where to look."""
    spelt = {candidate.casefold(): candidate for candidate in allowed}
    begins = sorted((c for c in spelt if name and c.startswith(name.casefold())), key=len)
    alike = begins or difflib.get_close_matches(name.casefold(), spelt, 3)
    return f"did you mean {', '.join(spelt[candidate] for candidate in alike[:3])}?" if alike else f"see {otherwise}"
