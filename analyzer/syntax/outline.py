"""Cuts a file into top-level items without parsing it.

One regular expression steps over comments, strings and uninteresting text. Inside a
body the scanner jumps: kernel style puts the closing brace of a function in column 0,
and when the braces up to there balance, that is its end. Where they do not (braces in
strings, `#if` arms with half a block each, broken text), braces are counted, each arm
of a conditional from the same depth, and a `}` in column 0 resynchronises.

Over-approximates what a function is: any text with a parenthesised group before a `{`
at top level. Functions inside macro bodies are not seen. Time and memory are linear in
the size of the file, nothing recurses.
"""

import re
from dataclasses import dataclass, field

from analyzer.source import SourceText
from analyzer.syntax.items import FunctionText, InitialiserText, Outline, PrototypeText, StructText
from analyzer.syntax.vocabulary import KEYWORD_TYPES, STORAGE, vocabulary

_SKIPPED = rb"""(/\*.*?(?:\*/|\Z)|//[^\n]*+)|("(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?)|(.)|\Z"""
_TOP = re.compile(rb"""[^/"'#;{}()=]*+(?:""" + _SKIPPED + rb")", re.DOTALL)
_BODY = re.compile(rb"""[^/"'#{}]*+(?:""" + _SKIPPED + rb")", re.DOTALL)
DIRECTIVE = re.compile(
    rb"""\#[ \t]*+(\w*+)(?:[^\n\\/"]++|\\\r?\n|\\.|/\*.*?(?:\*/|\Z)"""
    rb"""|//(?:[^\n\\]++|\\\r?\n|\\)*+|/|"(?:[^"\\\n]|\\.)*+"?|\\\Z)*+""",
    re.DOTALL,
)
_MACRO = re.compile(rb"#[ \t]*+define(?:[ \t]|\\\r?\n)++(\w++)\(((?:[^()\n]|\\\r?\n)*+)\)(?:[ \t]|\\\r?\n)*+")
_OPENS_LINE = re.compile(rb"\{[ \t]*+(?:/\*[^\n]*?\*/[ \t]*+|//[^\n]*+)?\\?\r?\n")
_COLUMN_ZERO_ITEM = re.compile(rb"\n(?:\{|[A-Za-z_]\w*+[^:\w])")
_OLD_STYLE = re.compile(
    rb"\s*+(?:[A-Za-z_]\w*+[\s*]++)+?[A-Za-z_]\w*+\s*+\(\s*+\w++(?:\s*+,\s*+\w++)*+\s*+\)[ \t]*+\n"
    rb"\s*+(?:[\w*\[\],]++\s*+){2,16}"
    rb"(?:;\s*+(?:[\w*\[\],]++\s*+){2,16}){0,16};"
)
"""A function head of K&R's time: parameter names in parentheses, their declarations behind."""
_DESIGNATOR = re.compile(rb"\{(?:\s++|/\*.*?\*/)*+\.\w", re.DOTALL)
_CONDITIONAL = re.compile(rb"^[ \t]*+#[ \t]*+(?:(if)|(endif))", re.MULTILINE)
_NOISE = re.compile(
    rb"""/\*.*?(?:\*/|\Z)|//[^\n]*+|"(?:[^"\\\n]|\\.)*+"?|^[ \t]*+#(?:[^\n\\]|\\\r?\n|\\.)*+""",
    re.DOTALL | re.MULTILINE,
)
_CALL = re.compile(rb"([A-Za-z_]\w*+)\s*+\(")
_GROUP = re.compile(rb"\w++\s*+\([^()]*+\)")
_PAREN = re.compile(rb"[()]")
_WORD = re.compile(rb"[A-Za-z_]\w*+")
_STRUCT = re.compile(rb"(?:[A-Za-z_]\w*+\s++)*?(struct|union|enum|class)\b\s*+")
_INITIALISED = re.compile(rb"(?:[A-Za-z_]\w*+\s++)*?struct\s++([A-Za-z_]\w*+)")
_CONTROL = frozenset(b"if for while switch else do return case default goto".split())
_LOOKAHEAD = 1 << 20
"""Bytes per file that may be read beyond a column-0 brace in the hope that it was not the function's end."""


def outline(source: SourceText) -> Outline:
    """Return the top-level items of `source`; never raises for bad C, and drops what it cannot classify."""
    return _Scanner(source).scan()


@dataclass
class _Item:
    """A declaration whose end has not been met yet."""

    start: int
    depth: int = 0
    initialised: int = -1
    after_block: bool = False
    arms: list[int] = field(default_factory=list)


class _Scanner:
    """One pass over one file."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.data = source.data
        self.words = vocabulary()
        self.functions: list[FunctionText] = []
        self.macros: list[FunctionText] = []
        self.initialisers: list[InitialiserText] = []
        self.prototypes: list[PrototypeText] = []
        self.structs: list[StructText] = []
        self.next_close = -1
        self.failed_close = -1
        self.lookahead = _LOOKAHEAD

    def scan(self) -> Outline:
        """Walk over the file and collect."""
        data, match = self.data, _TOP.match
        item = _Item(0)
        at = 0
        while token := match(data, at):
            at = token.end()
            group = token.lastindex
            if group is None:
                break
            start = token.start(group)
            if group == 1:
                if data[item.start : start].isspace() or item.start == start:
                    item.start = at
                continue
            if group == 2:
                continue
            character = data[start]
            if character == 0x23:
                if at_line_start(data, start):
                    at = self._directive(item, start)
            elif character == 0x28:
                item.depth += 1
            elif character == 0x29:
                item.depth = max(0, item.depth - 1)
            elif character == 0x3D:
                if not item.depth and item.initialised < 0:
                    item.initialised = start
            elif character == 0x3B:
                if item.depth:
                    if data[at : at + 1] == b"\n" and _starts_item(data, at + 1):
                        item = _Item(at)
                elif not _OLD_STYLE.match(data, item.start, at):
                    self._declaration(item, at)
                    item = _Item(at)
            elif character == 0x7D:
                if not item.depth or at_column_zero(data, start):
                    item = _Item(at)
            elif character == 0x7B:
                item, at = self._block(item, start)
        return Outline(
            self.source,
            tuple(self.functions),
            tuple(self.macros),
            tuple(self.initialisers),
            tuple(self.prototypes),
            tuple(self.structs),
        )

    def _directive(self, item: _Item, start: int) -> int:
        directive = DIRECTIVE.match(self.data, start)
        assert directive is not None
        end, word = directive.end(), directive[1]
        if word == b"define":
            self._macro(start, end)
        if not self.data[item.start : start].strip():
            item.start = end
            return end
        if word.startswith(b"if"):
            item.arms.append(item.depth)
        elif word.startswith(b"el"):
            if item.arms:
                item.depth = item.arms[-1]
            elif not item.after_block:
                item.start, item.depth, item.initialised = end, 0, -1
        elif word == b"endif" and item.arms:
            item.arms.pop()
        return end

    def _macro(self, start: int, end: int) -> None:
        macro = _MACRO.match(self.data, start, end)
        if macro is None:
            return
        parameters = tuple(
            word.decode("ascii", "replace")
            for word in (part.strip(b" \t\r\n\\") for part in macro[2].split(b","))
            if word
        )
        name = macro[1].decode("ascii", "replace")
        self.macros.append(FunctionText(name, start, macro.end(), end, macro.start(1), False, True, parameters))

    def _block(self, item: _Item, brace: int) -> tuple[_Item, int]:
        """Take the braces at `brace` into `item`; return the item that goes on behind them, and where."""
        data = self.data
        if item.depth:
            if not at_column_zero(data, brace):
                return item, self._block_end(brace)
            start = _head_before(data, brace, item.start)
            item = _Item(item.start if start is None else start)
        head = self._head(item.start, brace)
        groups = self._groups(head)
        leading = self._leading(head, groups)
        if leading:
            item.start += leading
            head = head[leading:]
            groups = [
                (name, at - leading, first - leading, last - leading)
                for name, at, first, last in groups
                if at >= leading
            ]
        if item.initialised >= 0:
            end = self._block_end(brace)
            if not item.after_block or data[item.initialised : brace].strip(b"= \t\n\r") == b"":
                self._initialiser(item, head[: item.initialised - item.start], end)
            item.after_block = True
            return item, end
        if head.lstrip().startswith(b"extern") and b"(" not in head and len(head.split()) == 2:
            return _Item(brace + 1), brace + 1
        end = self._block_end(brace)
        struct = _STRUCT.match(head.lstrip())
        if struct is not None and not any(not self.words.is_attribute(group[0]) for group in groups):
            self._struct(item, head, end)
            item.after_block = True
            return item, end
        if groups and not _DESIGNATOR.match(data, brace):
            self._function(item, head, groups, brace, end)
        return _Item(end), end

    def _head(self, start: int, end: int) -> bytes:
        """Return the text before a block, its comments, strings and directives blanked."""
        head = self.data[start:end]
        if b"/" in head or b"#" in head or b'"' in head:
            head = _NOISE.sub(lambda match: blank(match[0]), head)
        return head

    def _groups(self, head: bytes) -> list[tuple[bytes, int, int, int]]:
        """Return (name, its offset, offset of the parenthesis, end) of each `name(...)` at depth 0 of `head`."""
        groups = []
        at = 0
        while call := _CALL.search(head, at):
            at = call.end()
            if call[1] in KEYWORD_TYPES or call[1] in STORAGE:
                continue
            at = group_end(head, at - 1)
            groups.append((call[1], call.start(), call.end() - 1, at))
        return groups

    def _function(
        self, item: _Item, head: bytes, groups: list[tuple[bytes, int, int, int]], brace: int, end: int
    ) -> None:
        named = [group for group in groups if not self.words.is_attribute(group[0])] or groups[:1]
        typed = self._first_typed(head, groups)
        if typed is not None:
            named = [typed]
        word, offset, opening, closing = named[0]
        name, prefix = word, ""
        made = not self._has_type(head[:offset])
        if made or head[closing:].lstrip().startswith(b"("):
            argument = _WORD.match(head, opening + 1 + len(head[opening + 1 :]) - len(head[opening + 1 :].lstrip()))
            if argument is not None and (not made or not head[offset:opening].islower()):
                name, offset = argument[0], argument.start()
                prefix = self.words.definition_prefixes.get(word.decode("ascii", "replace").rstrip("0123456789"), "")
        start = item.start + len(head) - len(head.lstrip())
        self.functions.append(
            FunctionText(
                name=prefix + name.decode("ascii", "replace"),
                start=start,
                body=brace,
                end=end,
                name_offset=item.start + offset,
                is_static=b"static" in _WORD.findall(head[:offset]),
            )
        )

    def _leading(self, head: bytes, groups: list[tuple[bytes, int, int, int]]) -> int:
        """Return how much of `head` is macros without a semicolon (`EXPORT_SYMBOL(x)`) before the declaration."""
        at = 0
        for name, start, _opening, end in groups:
            if head[at:start].strip() or name.startswith(b"__") or self.words.is_attribute(name):
                break
            if not _WORD.match(head[end:].lstrip()) or b"\n" not in head[end : len(head) - len(head[end:].lstrip())]:
                break
            if self._has_type(_GROUP.sub(b"", head[end:])):
                at = end
        return at

    def _first_typed(
        self, head: bytes, groups: list[tuple[bytes, int, int, int]]
    ) -> tuple[bytes, int, int, int] | None:
        """Return the first group that a type stands before: the function, not the macros around it."""
        at = 0
        for group in groups:
            if self.words.is_attribute(group[0]):
                at = group[3]
                continue
            for word in _WORD.findall(head[at : group[1]]):
                if word in STORAGE or self.words.is_attribute(word):
                    continue
                if not word.startswith(b"__") or self.words.is_type(word):
                    return self._past_unknown_attributes(group, groups)
            at = group[3]
        return None

    def _past_unknown_attributes(
        self, group: tuple[bytes, int, int, int], groups: list[tuple[bytes, int, int, int]]
    ) -> tuple[bytes, int, int, int]:
        """Return `group`, or if it looks like an attribute (`__size(1)`) a later one that does not."""
        if not group[0].startswith(b"__"):
            return group
        later = [
            g for g in groups if g[1] > group[1] and not g[0].startswith(b"__") and not self.words.is_attribute(g[0])
        ]
        return later[0] if later else group

    def _has_type(self, before: bytes) -> bool:
        return any(word not in STORAGE and not self.words.is_attribute(word) for word in _WORD.findall(before))

    def _struct(self, item: _Item, head: bytes, end: int) -> None:
        words = _WORD.findall(head)
        for kind in (b"struct", b"union"):
            if kind in words:
                names = [word for word in words[words.index(kind) + 1 :] if not self.words.is_attribute(word)]
                if names:
                    start = item.start + len(head) - len(head.lstrip())
                    self.structs.append(StructText(names[0].decode("ascii", "replace"), start, end))
                return

    def _initialiser(self, item: _Item, head: bytes, end: int) -> None:
        declared = _INITIALISED.match(head.lstrip())
        if declared is None or head.lstrip().startswith(b"typedef"):
            return
        lead = len(head) - len(head.lstrip())
        rest = head[lead + declared.end() :].split(b"[")[0]
        words = _WORD.findall(rest[rest.rfind(b"}") + 1 :])
        names = [word for word in words if word not in STORAGE and not self.words.is_attribute(word)] or words
        if names:
            self.initialisers.append(
                InitialiserText(
                    declared[1].decode("ascii", "replace"), names[0].decode("ascii", "replace"), item.start + lead, end
                )
            )

    def _declaration(self, item: _Item, end: int) -> None:
        if item.initialised >= 0 or item.after_block or self.data.find(b"(", item.start, end) < 0:
            return
        head = self._head(item.start, end - 1)
        lead = len(head) - len(head.lstrip())
        if head.startswith(b"typedef", lead):
            return
        found = self._first_typed(head, self._groups(head))
        if found is not None and b"[" not in head[: found[1]]:
            self.prototypes.append(PrototypeText(found[0].decode("ascii", "replace"), item.start + lead, end))

    def _block_end(self, brace: int) -> int:
        """Return the offset past the `}` that closes the block at `brace`; the end of the file if none does."""
        data = self.data
        if _OPENS_LINE.match(data, brace):
            if self.next_close <= brace:
                found = data.find(b"\n}", brace)
                self.next_close = found if found >= 0 else len(data)
            close = self.next_close
            if close != self.failed_close and close < len(data):
                body = data[brace : close + 2]
                if (
                    body.count(b"{") == body.count(b"}")
                    and not _COLUMN_ZERO_ITEM.search(body)
                    and (b"#" not in body or _conditionals_balance(body))
                ):
                    return close + 2
                self.failed_close = close
        return self._count_braces(brace)

    def _count_braces(self, brace: int) -> int:
        """Find the end of a block by counting; each `#if` arm starts from the depth before the `#if`."""
        data, match = self.data, _BODY.match
        depth = 1
        arms: list[int] = []
        resync = -1
        limit = len(data)
        at = brace + 1
        while (token := match(data, at)) and token.lastindex is not None:
            start, at = token.start(token.lastindex), token.end()
            if start >= limit:
                break
            if token.lastindex != 3:
                continue
            character = data[start]
            if character == 0x23:
                if at_line_start(data, start):
                    directive = DIRECTIVE.match(data, start)
                    assert directive is not None
                    at = directive.end()
                    word = directive[1]
                    if word.startswith(b"if"):
                        arms.append(depth)
                    elif word.startswith(b"el"):
                        depth = arms[-1] if arms else 0
                    elif word == b"endif" and arms:
                        arms.pop()
            elif character == 0x7B:
                if depth and at_column_zero(data, start) and (head := _head_before(data, start, brace)) is not None:
                    self.lookahead -= max(0, start - resync) if resync >= 0 else 0
                    return resync if resync >= 0 else head
                depth += 1
            elif character == 0x7D:
                depth -= 1
                if depth <= 0 and not (arms and _next_arm(data, at)):
                    return at
                depth = max(depth, 0)
                if resync < 0 and at_column_zero(data, start):
                    resync = at
                    limit = min(limit, at + min(self.lookahead, 1 << 16))
        if resync >= 0:
            self.lookahead = max(0, self.lookahead - (at - resync))
            return resync
        return len(data)


def blank(text: bytes) -> bytes:
    """Return `text` with everything but line ends made a blank."""
    return _NOT_NEWLINE.sub(b" ", text)


_NOT_NEWLINE = re.compile(rb"[^\n]")


def group_end(text: bytes, opening: int) -> int:
    """Return the offset past the `)` that closes the `(` at `opening`; the end of `text` if none does."""
    depth = 0
    for paren in _PAREN.finditer(text, opening):
        depth += 1 if paren[0] == b"(" else -1
        if not depth:
            return paren.end()
    return len(text)


def at_line_start(data: bytes, offset: int) -> bool:
    """Tell whether only blanks stand before `offset` on its line."""
    offset -= 1
    while offset >= 0 and data[offset] in b" \t":
        offset -= 1
    return offset < 0 or data[offset] == 0x0A


def at_column_zero(data: bytes, offset: int) -> bool:
    """Tell whether `offset` begins a line."""
    return not offset or data[offset - 1] == 0x0A


def _starts_item(data: bytes, offset: int) -> bool:
    word = _WORD.match(data, offset)
    return word is not None and word[0] not in _CONTROL


def _conditionals_balance(body: bytes) -> bool:
    depth = 0
    for conditional in _CONDITIONAL.finditer(body):
        depth += 1 if conditional[1] else -1
        if depth < 0:
            return False
    return not depth


def _next_arm(data: bytes, offset: int) -> bool:
    """Tell whether the conditional around `offset` has a further arm."""
    depth = 0
    while found := _LINE_DIRECTIVE.search(data, offset):
        word, offset = found[1], found.end()
        if word.startswith(b"if"):
            depth += 1
        elif word == b"endif":
            if not depth:
                return False
            depth -= 1
        elif not depth:
            return True
    return False


_LINE_DIRECTIVE = re.compile(rb"^[ \t]*+#[ \t]*+(if\w*+|el\w++|endif)", re.MULTILINE)
_HEAD_LINES = 16


def _head_before(data: bytes, brace: int, limit: int) -> int | None:
    """Return where a function's head begins that ends at the column-0 `brace`; None if there is none after `limit`."""
    end = brace
    for _ in range(_HEAD_LINES):
        start = data.rfind(b"\n", limit, end - 1) + 1
        if start <= limit:
            return None
        line = data[start:end]
        if b";" in line or b"}" in line or b"{" in line or line.startswith(b"#"):
            return None
        if (word := _WORD.match(line)) and b"(" in data[start:brace]:
            return None if word[0] in _CONTROL else start
        end = start
    return None
