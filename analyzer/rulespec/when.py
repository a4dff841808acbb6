"""The small boolean language of `when` in rule files.

    lock == locked and acquired-here and not reachable-by-caller
    event in (lock, trylock) or lock != unlocked

A name is a flag (true or false) when it stands alone, and a word when it
stands beside `==`, `!=` or `in`. The left side of a comparison is looked up,
the right side is a literal word. A facet whose state is not known for sure
compares unequal to everything, with `==` and with `!=`, so that no rule can
fire on what is only possible.
"""

import ast
import re
from collections.abc import Mapping

from analyzer.source import RuleError

Facts = Mapping[str, str | bool | None]
Condition = tuple[object, ...]
"""A parsed condition as nested tuples.

("and" | "or", parts...), ("not", part), ("flag", name), ("in" | "!=", name, words).
"""

_WORD = re.compile(r"[A-Za-z_][\w-]*")
_KEYWORDS = frozenset({"and", "or", "not", "in"})


def parse_when(text: str, names: frozenset[str], where: str) -> Condition:
    """Return the parsed condition; raise RuleError for bad grammar or a name not in `names`."""
    spelled: dict[str, str] = {}

    def encode(match: re.Match[str]) -> str:
        word = match[0]
        if word in _KEYWORDS:
            return word
        safe = "w_" + word.replace("-", "_")
        spelled[safe] = word
        return safe

    try:
        tree = ast.parse(_WORD.sub(encode, text.strip()), mode="eval")
    except SyntaxError as error:
        raise RuleError(f"{where}: {text!r} is not a condition ({error.msg})") from error

    def word_of(node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise RuleError(f"{where}: {text!r}: a word was expected")
        return spelled[node.id]

    def name_of(node: ast.expr) -> str:
        name = word_of(node)
        if name not in names:
            raise RuleError(f"{where}: {text!r}: unknown name {name!r} (known: {', '.join(sorted(names))})")
        return name

    def build(node: ast.expr) -> Condition:
        if isinstance(node, ast.BoolOp):
            return ("and" if isinstance(node.op, ast.And) else "or", *map(build, node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ("not", build(node.operand))
        if isinstance(node, ast.Name):
            return ("flag", name_of(node))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, operator, right = name_of(node.left), node.ops[0], node.comparators[0]
            if isinstance(operator, ast.In) and isinstance(right, ast.Tuple):
                return ("in", left, frozenset(map(word_of, right.elts)))
            if isinstance(operator, ast.Eq):
                return ("in", left, frozenset({word_of(right)}))
            if isinstance(operator, ast.NotEq):
                return ("!=", left, word_of(right))
        raise RuleError(f"{where}: {text!r}: only and, or, not, ==, != and in are known")

    return build(tree.body)


def holds(condition: Condition, facts: Facts) -> bool:
    """Tell whether a condition is true of the facts; an empty one always is."""
    if not condition:
        return True
    kind, *rest = condition
    if kind == "and":
        return all(holds(part, facts) for part in rest)  # type: ignore[arg-type]
    if kind == "or":
        return any(holds(part, facts) for part in rest)  # type: ignore[arg-type]
    if kind == "not":
        return not holds(rest[0], facts)  # type: ignore[arg-type]
    value = facts.get(rest[0])  # type: ignore[call-overload]
    if kind == "flag":
        return bool(value)
    return value in rest[1] if kind == "in" else value not in (None, rest[1])  # type: ignore[operator]
