"""Edits that change how a function reads and nothing that it does.

Five kinds: a comment, a blank line, a local under another name, two independent
statements swapped, a run of plain statements moved into a helper. Each is made
only where the text alone shows that it is harmless, so most functions give no
swap and no helper; that is under-approximation on purpose.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.bench.c_text import IDENTIFIER, CFunction, Variable
from tests.bench.mutators import VOCABULARY

_LINE = re.compile(r"^(?P<indent>\t+)(?P<text>[^\s#][^\n]*?)[ \t]*\n", re.MULTILINE)
_PLAIN_DECLARATION = re.compile(r"(?:struct \w+|unsigned (?:long|int)|int|long|bool|[a-z]\w*_t) \**\w+(?: = -?\w+)?;")
_PLAIN_ASSIGNMENT = re.compile(r"(?P<target>[A-Za-z_]\w*) = (?P<value>[\w\s<>.+|-]*\w);")
_FIELD_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*->\w+(?:(?:->|\.)\w+)* = [\w\s<>.+|-]*\w;")
_PLAIN_CALL = re.compile(r"(?P<callee>[a-z_]\w*)\((?P<arguments>[\w\s,<>.+|-]*)\);")
_NO_TAG = r"(?<!struct )(?<!union )(?<!enum )"
_CONTROL = frozenset({"if", "for", "while", "switch", "return", "sizeof", "asm", "typeof", "defined"})
_ASSIGNS_ITS_ARGUMENT = re.compile(r"swap|(?:unsafe_)?get_user|va_\w+|\w*_?irq_?save\w*")


@dataclass(frozen=True)
class Edit:
    """A neutral change: what kind, in which function, and the file's text after it."""

    kind: str
    function: CFunction
    text: str


Editor = Callable[[CFunction, str, random.Random], Edit | None]


def add_comment(function: CFunction, text: str, generator: random.Random) -> Edit | None:
    """Put a comment before some statement of the function."""
    places = list(_statement_lines(function))
    if not places:
        return None
    match = generator.choice(places)
    at = function.body + match.start()
    return Edit("comment", function, f"{text[:at]}{match['indent']}/* Nothing to see here. */\n{text[at:]}")


def add_blank_line(function: CFunction, text: str, generator: random.Random) -> Edit | None:
    """Put an empty line before some statement of the function."""
    places = list(_statement_lines(function))
    if not places:
        return None
    at = function.body + generator.choice(places).start()
    return Edit("blank-line", function, f"{text[:at]}\n{text[at:]}")


def rename_local(function: CFunction, text: str, generator: random.Random) -> Edit | None:
    """Give a local variable another name, most often one that holds a page.

    A name that is also a field, a label or the last argument of a macro such as
    list_for_each_entry() is left alone, as is a name declared twice.
    """
    names = [variable.name for variable in function.locals if _is_renameable(function, variable.name)]
    pages = [v.name for v in function.locals if v.name in names and v.type in ("struct page *", "struct folio *")]
    if not names:
        return None
    old = generator.choice(pages or names)
    new = f"{old}_renamed"
    parts, last = [], function.body
    for match in re.finditer(rf"{_NO_TAG}\b{old}\b", function.code):
        at = function.body + match.start()
        parts += [text[last:at], new]
        last = at + len(old)
    return Edit("rename", function, text[: function.body] + "".join(parts) + text[last:])


def swap_statements(function: CFunction, text: str, generator: random.Random) -> Edit | None:
    """Swap two adjacent declarations or assignments of locals that do not read each other."""
    lines = list(_statement_lines(function))
    pairs = [
        (one, two) for one, two in pairwise(lines) if one.end() == two.start() and _independent(function, one, two)
    ]
    if not pairs:
        return None
    one, two = generator.choice(pairs)
    start, middle, end = (function.body + at for at in (one.start(), two.start(), two.end()))
    return Edit("swap", function, text[:start] + text[middle:end] + text[start:middle] + text[end:])


def extract_helper(function: CFunction, text: str, generator: random.Random) -> Edit | None:
    """Move a run of plain calls and field assignments into a static helper in front.

    A run that handles the page lock is preferred, then the longest. Plain: no
    literal or comment, no address taken, no local assigned, no macro in
    capitals, and every variable that it reads has a type that the scan knows.
    """
    runs = [run for run in _plain_runs(function, text) if _passed(function, run) is not None]
    if not runs or not text[: function.start].endswith(("\n\n", "*/\n")):
        return None
    best = max(_merit(run) for run in runs)
    run = generator.choice([run for run in runs if _merit(run) == best])
    passed = _passed(function, run) or ()
    name = f"{function.name}_tail"
    if name in text:
        return None
    parameters = ", ".join(f"{v.type}{'' if v.type.endswith('*') else ' '}{v.name}" for v in passed) or "void"
    body = "".join(f"\t{line['text']}\n" for line in run)
    helper = f"static void {name}({parameters})\n{{\n{body}}}\n\n"
    call = f"{run[0]['indent']}{name}({', '.join(v.name for v in passed)});\n"
    start, end = function.body + run[0].start(), function.body + run[-1].end()
    front = _before_comment(text, function.start)
    changed = text[:front] + helper + text[front:start] + call + text[end:]
    return Edit("helper", function, changed)


EDITORS: tuple[Editor, ...] = (add_comment, add_blank_line, rename_local, swap_statements, extract_helper)


def _statement_lines(function: CFunction) -> Iterator[re.Match[str]]:
    """Yield the lines of the body that begin a statement: what is before them ended one."""
    for match in _LINE.finditer(function.code):
        if function.code[: match.start()].rstrip()[-1:] in (";", "{", "}") and not match["text"].startswith("else"):
            yield match


def _is_renameable(function: CFunction, name: str) -> bool:
    code = function.code
    as_field = re.search(rf"(?:\.|->)\s*{name}\b", code)
    as_label = re.search(rf"^\s*{name}\s*:|goto\s+{name}\b", code, re.MULTILINE)
    as_member = re.search(rf"(?:_entry\w*|_of)\s*\([^;]*,\s*{name}\s*\)", code)
    called = re.search(rf"\b{name}\s*\(", code)
    return [v.name for v in function.locals].count(name) == 1 and not any(
        (as_field, as_label, as_member, called, f"{name}_renamed" in code)
    )


def _independent(function: CFunction, one: re.Match[str], two: re.Match[str]) -> bool:
    first, second = one["text"], two["text"]
    if one["indent"] != two["indent"] or first == second:
        return False
    if _PLAIN_DECLARATION.fullmatch(first) and _PLAIN_DECLARATION.fullmatch(second):
        names = {text.partition("=")[0].rstrip(" ;").split()[-1].lstrip("*") for text in (first, second)}
        return not any(name in IDENTIFIER.findall(text.partition("=")[2]) for name in names for text in (first, second))
    left, right = _PLAIN_ASSIGNMENT.fullmatch(first), _PLAIN_ASSIGNMENT.fullmatch(second)
    if left is None or right is None or _shared_by_address(function, left["target"], right["target"]):
        return False
    return (
        left["target"] != right["target"]
        and left["target"] not in IDENTIFIER.findall(right["value"])
        and right["target"] not in IDENTIFIER.findall(left["value"])
    )


def _shared_by_address(function: CFunction, *names: str) -> bool:
    """Say whether one of the names is no local, or has its address taken."""
    known = {variable.name for variable in function.locals}
    return any(name not in known or re.search(rf"&\s*{name}\b", function.code) for name in names)


def _merit(run: Sequence[re.Match[str]]) -> tuple[bool, int]:
    return any(word in line["text"] for word in VOCABULARY for line in run), len(run)


def _plain_runs(function: CFunction, text: str) -> Iterator[list[re.Match[str]]]:
    run: list[re.Match[str]] = []
    for match in _statement_lines(function):
        if run and (match.start() != run[-1].end() or match["indent"] != run[-1]["indent"]):
            yield run
            run = []
        start = function.body + match.start()
        if _is_plain(match["text"]) and text.startswith(match[0], start):
            run.append(match)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _is_plain(statement: str) -> bool:
    call = _PLAIN_CALL.fullmatch(statement)
    if call is not None:
        known = call["callee"] in _CONTROL or _ASSIGNS_ITS_ARGUMENT.fullmatch(call["callee"])
        return not known and "--" not in statement and "++" not in statement
    return _FIELD_ASSIGNMENT.fullmatch(statement) is not None


def _passed(function: CFunction, run: Sequence[re.Match[str]]) -> tuple[Variable, ...] | None:
    """Return the variables that a helper for `run` needs, or None when the scan does not know them all."""
    known = {variable.name: variable for variable in (*function.parameters, *function.locals)}
    if len(known) != len(function.parameters) + len(function.locals):
        return None  # a name that is declared twice
    passed: dict[str, Variable] = {}
    for line in run:
        for match in re.finditer(r"(?<![\w.>])([A-Za-z_]\w*)(?!\s*\(|\w)", line["text"]):
            name = match[1]
            if name in known:
                passed[name] = known[name]
            elif not name.isupper():
                return None
    return tuple(passed.values())


def _before_comment(text: str, start: int) -> int:
    """Return where the comment that belongs to the function begins, or `start` when there is none."""
    if not text[:start].endswith("*/\n"):
        return start
    opening = text.rfind("/*", 0, start)
    return opening if opening == 0 or text[opening - 1] == "\n" else start
