"""Resolves preprocessor conditionals by blanking the arms not taken.

Each variant is one consistent choice: a symbol is defined, or not, in all conditions
of the text. The first takes every symbol for defined, the second none; further ones
are added, up to a bound, for arms that neither has seen. So every arm is seen at least
once for as long as the bound lasts, but not every combination: an under-approximation.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.source import SyntaxFailure
from analyzer.syntax.outline import blank

MAX_VARIANTS = 4

_DIRECTIVE = re.compile(rb"^[ \t]*+#[ \t]*+(\w*+)((?:[^\n\\]|\\\r?\n|\\)*+)", re.MULTILINE)
_ATOM = re.compile(
    rb"\s*+(?:(&&|\|\||[!()])|(?:defined|IS_ENABLED|IS_BUILTIN|IS_MODULE|IS_REACHABLE)\s*+\(?\s*+(\w+)\s*+\)?"
    rb"|((?:\w+\s*+\([^()]*+\)|[^\s&|!()]|!=|&(?!&)|\|(?!\|)|[ \t]+)+))"
)
_NUMBER = re.compile(rb"[0-9][0-9a-fA-FxX]*[uUlL]*\Z")
_MAX_TOKENS = 100
_MAX_NESTING = 100


@dataclass(frozen=True)
class Arm:
    """The text from `start` to `end` under a condition; `tokens` is None for `#else`."""

    tokens: tuple[bytes, ...] | None
    start: int
    end: int
    chains: tuple["Chain", ...]


@dataclass(frozen=True)
class Chain:
    """One `#if` ... `#endif` with its arms in order."""

    arms: tuple[Arm, ...]


@dataclass
class _Open:
    """A chain whose `#endif` has not been met."""

    start: int
    tokens: tuple[bytes, ...] | None
    arms: list[Arm] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)

    def close_arm(self, end: int) -> None:
        self.arms.append(Arm(self.tokens, self.start, end, tuple(self.chains)))
        self.chains = []


def resolve(text: bytes, where: str) -> list[tuple[bytes, str]]:
    """Return (text without directives, name) for each variant of `text`, whose comments must be blank already.

    An `#else` without its `#if` stands for a conditional that began before the text; an
    `#endif` without one is dropped. All other directives are blanked too.

    Raises SyntaxFailure, beginning with `where`, when conditionals are nested too deeply.
    """
    chains, spans = _read_chains(text, where)
    plain = bytearray(text)
    for start, end in spans:
        plain[start:end] = blank(text[start:end])
    if not chains:
        return [(bytes(plain), "")]
    variants: dict[bytes, str] = {}
    seen: set[int] = set()

    def add(default: bool, fixed: dict[bytes, bool]) -> None:
        taken = dict(fixed)
        chosen = bytearray(plain)
        _choose(chains, default, taken, chosen, seen)
        name = ", ".join(("" if value else "!") + symbol.decode("ascii", "replace") for symbol, value in taken.items())
        variants.setdefault(bytes(chosen), name or "constant")

    add(True, {})
    add(False, {})
    for fixed, arm in _arm_conditions(chains, {}):
        if len(variants) >= MAX_VARIANTS:
            break
        if arm.start not in seen:
            add(True, fixed)
    return list(variants.items())


def _read_chains(text: bytes, where: str) -> tuple[tuple[Chain, ...], list[tuple[int, int]]]:
    """Return the outermost chains of `text`, and the span of every directive."""
    spans = []
    bottom = _Open(0, None)
    stack = [bottom]
    for directive in _DIRECTIVE.finditer(text):
        spans.append(directive.span())
        word = directive[1]
        if word in (b"if", b"ifdef", b"ifndef"):
            stack.append(_Open(directive.end(), _tokens(word, directive[2])))
            if len(stack) > _MAX_NESTING:
                raise SyntaxFailure(f"{where}: conditionals are nested too deeply")
        elif word in (b"else", b"elif", b"elifdef", b"elifndef"):
            if len(stack) == 1:
                stack.append(_Open(0, (b"earlier-arm",), chains=bottom.chains))
                bottom.chains = []
            top = stack[-1]
            top.close_arm(directive.start())
            top.start, top.tokens = directive.end(), None if word == b"else" else _tokens(word[2:], directive[2])
        elif word == b"endif" and len(stack) > 1:
            _close(stack, directive.start())
    while len(stack) > 1:
        _close(stack, len(text))
    return tuple(bottom.chains), spans


def _close(stack: list[_Open], end: int) -> None:
    top = stack.pop()
    top.close_arm(end)
    stack[-1].chains.append(Chain(tuple(top.arms)))


def _tokens(word: bytes, condition: bytes) -> tuple[bytes, ...]:
    """Return a condition as symbols, numbers, `!`, `&&`, `||` and parentheses; what is unclear is one symbol."""
    condition = condition.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").strip()
    if word != b"if":
        symbol = condition.split()[0] if condition else b"?"
        return (symbol,) if word == b"ifdef" or word == b"def" else (b"!", symbol)
    tokens: list[bytes] = []
    at = 0
    while at < len(condition):
        atom = _ATOM.match(condition, at)
        if atom is None or len(tokens) > _MAX_TOKENS:
            return (condition,)
        tokens.append(atom[1] or atom[2] or b" ".join(atom[3].split()))
        at = atom.end()
    tokens = [token for token in tokens if token]
    return tuple(tokens) or (b"?",)


def _evaluate(tokens: tuple[bytes, ...], default: bool, taken: dict[bytes, bool]) -> bool:
    """Return the value of a condition, and enter the symbols it met into `taken`."""

    def atom(at: int) -> tuple[bool, int]:
        negate = False
        while at < len(tokens) and tokens[at] == b"!":
            negate, at = not negate, at + 1
        if at >= len(tokens):
            return negate, at
        if tokens[at] == b"(":
            value, at = disjunction(at + 1)
            return value != negate, at + 1
        if _NUMBER.match(tokens[at]):
            return (tokens[at].rstrip(b"uUlL").strip(b"0xX") != b"") != negate, at + 1
        return taken.setdefault(tokens[at], default) != negate, at + 1

    def conjunction(at: int) -> tuple[bool, int]:
        value, at = atom(at)
        while at < len(tokens) and tokens[at] == b"&&":
            right, at = atom(at + 1)
            value = value and right
        return value, at

    def disjunction(at: int) -> tuple[bool, int]:
        value, at = conjunction(at)
        while at < len(tokens) and tokens[at] == b"||":
            right, at = conjunction(at + 1)
            value = value or right
        return value, at

    return disjunction(0)[0]


def _choose(chains: Iterable[Chain], default: bool, taken: dict[bytes, bool], text: bytearray, seen: set[int]) -> None:
    """Blank in `text` all arms that are not taken, and enter the starts of the others into `seen`."""
    for chain in chains:
        found = False
        for arm in chain.arms:
            if not found and (arm.tokens is None or _evaluate(arm.tokens, default, taken)):
                found = True
                seen.add(arm.start)
                _choose(arm.chains, default, taken, text, seen)
            else:
                text[arm.start : arm.end] = blank(bytes(text[arm.start : arm.end]))


def _arm_conditions(chains: Iterable[Chain], outer: dict[bytes, bool]) -> Iterable[tuple[dict[bytes, bool], Arm]]:
    """Yield each arm with an assignment of symbols that should lead to it."""
    for chain in chains:
        fixed = dict(outer)
        for arm in chain.arms:
            here = dict(fixed)
            if arm.tokens is not None:
                _assume(arm.tokens, True, here)
                _assume(arm.tokens, False, fixed)
            yield here, arm
            yield from _arm_conditions(arm.chains, here)


def _assume(tokens: tuple[bytes, ...], value: bool, fixed: dict[bytes, bool]) -> None:
    """Set the symbols of a condition so that it most likely has `value`; symbols already set stay."""
    negated = False
    for token in tokens:
        if token == b"!":
            negated = not negated
        elif token not in (b"&&", b"||", b"(", b")"):
            if not _NUMBER.match(token):
                fixed.setdefault(token, value != negated)
            negated = False
