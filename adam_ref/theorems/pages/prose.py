"""Plain words with plain mathematics in them, such as `eps*sqrt(c2)`, as Markdown that GitHub renders.

What reads as mathematics becomes LaTeX between dollar and backtick, where Markdown leaves it alone; the rest is
escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

from adam_ref.theorems.pages.latex import GREEK, letters

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<latex>\$[^$]+\$|`[^`]+`)
    |(?P<abbreviation>\b(?:e\.g\.|i\.e\.))
    |(?P<dots>\.\.\.)
    |(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,})+(?![\w(])|\w+(?:['’]\w+)+)
    |(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w))
    |(?P<name>[A-Za-z]+\d*(?:_\w+)*(?!\w))
    |(?P<run>\w+)
    |(?P<sign><=>|<=|>=|!=|->|[-+*/^=<>()\[\],])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)

_FUNCTIONS = {"sqrt", "abs", "log", "exp", "max", "min", "sign"}
_ARTICLES = {"a", "A", "I"}
_RELATIONS = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne", "<": r"\lt", ">": r"\gt", "=": "=", "->": r"\to"}
_ESCAPED = re.compile(r"([\\`*_{}\[\]<>|#~$])")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def markdown(words: str, linked: Container[str] = (), link: Callable[[str], str] = str) -> str:
    """`words` for a page: mathematics as LaTeX, `T4` as `link` has it where it is among `linked`, the rest escaped."""
    tokens = [_Token(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(words)]
    out, n = [], 0
    while n < len(tokens):
        found = _Reader(tokens, n).longest()
        if found is not None:
            written, n = found
            out.append(inline(written))
            continue
        out.append(_plain(tokens[n], linked, link))
        n += 1
    return "".join(out)


def escaped(words: str) -> str:
    """`words` with nothing in them read as mathematics or as Markdown."""
    return _ESCAPED.sub(r"\\\1", words)


def inline(latex: str) -> str:
    """LaTeX in a line of text."""
    return f"$`{latex}`$"


def _plain(token: _Token, linked: Container[str], link: Callable[[str], str]) -> str:
    if token.kind == "latex":
        return inline(token.text.strip("$")) if token.text.startswith("$") else token.text
    if token.text == "*":
        return "·"
    if token.text in linked:
        return link(token.text)
    if token.kind == "name" and "_" in token.text:
        return f"`{token.text}`"
    return escaped(token.text)


def _is_mathematical(name: str) -> bool:
    base = re.sub(r"\d*(_.*)?$", "", name)
    index = name.partition("_")[2]
    if len(index) > 4 or re.fullmatch(r"T\d+", name):
        return False
    return base in GREEK or name in ("lr", "oo", "inf") or len(base) == 1


class _UnreadableError(Exception):
    """What follows is not the mathematics that was looked for."""


class _Reader:
    """Reads mathematics from a token on, by descent: relations, sums, products, powers."""

    def __init__(self, tokens: list[_Token], start: int) -> None:
        self._tokens, self._start, self._at = tokens, start, start
        self._mathematical = False

    def longest(self) -> tuple[str, int] | None:
        """LaTeX and the place behind it, or None where there is no mathematics."""
        if self._tokens[self._start].kind not in ("number", "run", "name", "sign", "dots"):
            return None
        if self._start and self._text() == "-" and self._tokens[self._start - 1].kind not in ("space", "sign"):
            return None
        try:
            written = self._interval() if self._text() == "[" else self._relation()
        except _UnreadableError:
            return None
        return (written, self._at) if self._mathematical else None

    def _text(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _try(self, read: Callable[[], str]) -> str:
        """What `read` reads, or nothing, and then as if it had not tried."""
        at, mathematical = self._at, self._mathematical
        try:
            return read()
        except _UnreadableError:
            self._at, self._mathematical = at, mathematical
            return ""

    def _sign(self, *signs: str) -> str:
        while self._at < len(self._tokens) and self._tokens[self._at].kind == "space":
            self._at += 1
        if self._text() not in signs or self._at >= len(self._tokens):
            raise _UnreadableError
        self._at += 1
        return self._tokens[self._at - 1].text

    def _repeated(self, first: str, signs: tuple[str, ...], read: Callable[[], str], write: Callable[..., str]) -> str:
        def another() -> str:
            sign = self._sign(*signs)
            right = read()
            self._mathematical = True
            return write(first, sign, right)

        while longer := self._try(another):
            first = longer
        return first

    def _relation(self) -> str:
        return self._repeated(
            self._sum(), tuple(_RELATIONS), self._sum, lambda left, sign, right: f"{left} {_RELATIONS[sign]} {right}"
        )

    def _sum(self) -> str:
        minus = self._try(lambda: self._sign("-", "+"))
        return minus + self._repeated(
            self._product(), ("+", "-"), self._product, lambda left, sign, right: f"{left} {sign} {right}"
        )

    def _product(self) -> str:
        def write(left: str, sign: str, right: str) -> str:
            if sign == "/":
                return f"{left}/{right}"
            ambiguous = right[0].isdigit() or left[-1].isdigit() or "/" in left
            return rf"{left} \cdot {right}" if ambiguous else rf"{left} \, {right}"

        return self._repeated(self._power(), ("*", "/"), self._power, write)

    def _power(self) -> str:
        base = self._atom()

        def exponent() -> str:
            self._sign("^")
            minus = self._try(lambda: self._sign("-"))
            return minus + self._atom(brackets=False)

        power = self._try(exponent)
        self._mathematical = self._mathematical or bool(power)
        return f"{base}^{{{power}}}" if power else base

    def _atom(self, *, brackets: bool = True) -> str:
        while self._at < len(self._tokens) and self._tokens[self._at].kind == "space":
            self._at += 1
        if self._at >= len(self._tokens):
            raise _UnreadableError
        token = self._tokens[self._at]
        if token.text == "(":
            return self._bracketed(brackets)
        self._at += 1
        if token.kind == "dots":
            return r"\dots"
        if token.kind == "number":
            return _scientific(token.text)
        if multiple := re.fullmatch(r"(\d+)([a-z])", token.text):
            self._mathematical = True
            return f"{multiple[1]} {multiple[2]}"
        if token.kind != "name":
            raise _UnreadableError
        return self._named(token.text)

    def _named(self, name: str) -> str:
        called = self._text() == "("
        if name in _FUNCTIONS and called:
            self._mathematical = True
            inside = self._bracketed(name not in ("sqrt", "abs"))
            return {
                "sqrt": rf"\sqrt{{{inside}}}",
                "abs": rf"\lvert {inside} \rvert",
                "sign": rf"\mathrm{{sign}}{inside}",
            }.get(name, rf"\{name}{inside}")
        if name == "E" and self._text() == "[":
            self._mathematical = True
            self._at += 1
            inside = self._relation()
            self._sign("]")
            return rf"\mathbb{{E}}[{inside}]"
        if not _is_mathematical(name) or (name in _ARTICLES and not self._beside_a_sign()):
            raise _UnreadableError
        self._mathematical = True
        written = r"\infty" if name in ("oo", "inf") else letters(name)
        return written + self._bracketed(brackets=True) if called and len(name) == 1 and name.isupper() else written

    def _beside_a_sign(self) -> bool:
        """The name just read stands before or behind a sign of arithmetic."""
        solid = [n for n, token in enumerate(self._tokens) if token.kind != "space"]
        place = solid.index(self._at - 1)
        around = [self._tokens[n].text for n in (*solid[max(place - 1, 0) : place], *solid[place + 1 : place + 2])]
        return any(text in ("+", "-", "*", "/", "^", "=") for text in around)

    def _bracketed(self, brackets: bool) -> str:
        """In round brackets: one thing, or several with commas between them."""
        self._sign("(")
        inside = [self._relation()]
        while more := self._try(self._following):
            inside.append(more)
        self._mathematical = self._mathematical or len(inside) > 1
        closing = self._sign(")", "]") if len(inside) == 2 else self._sign(")")
        return f"({', '.join(inside)}{closing}" if brackets or len(inside) > 1 else inside[0]

    def _following(self) -> str:
        self._sign(",")
        return self._relation()

    def _interval(self) -> str:
        self._sign("[")
        low, high = self._relation(), self._following()
        self._mathematical = True
        return f"[{low}, {high}{self._sign(')', ']')}"


def _scientific(number: str) -> str:
    mantissa, _, exponent = number.partition("e")
    if not exponent:
        return number
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
