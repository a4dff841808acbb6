"""Rewrites kernel C in place into C that the grammar knows, byte for byte in length.

The text that comes in is masked and has no preprocessor lines. Nothing is inserted or
removed: words are blanked, shortened and padded, or joined (`struct s` as a macro
argument becomes `struct_s`), and newlines stay where they are. Shape decides wherever it
can; the words that need naming are in rules/syntax.toml. A rewrite that guesses wrong
costs a misread statement, so each asks for a shape that valid C does not have.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from analyzer.syntax.head import rewrite_head
from analyzer.syntax.items import FunctionText, Mark
from analyzer.syntax.outline import blank, group_end
from analyzer.syntax.vocabulary import Vocabulary, vocabulary

_BRACKET = re.compile(rb"[(){}\[\],;]")
_CALL = re.compile(rb"\b([A-Za-z_]\w*+)(\s*+)\(")
_ASSEMBLY = (
    rb"\b(?:__asm__|__asm|asm%s)\b(?:\s*+\b(?:volatile|__volatile__|__volatile|goto|inline|__inline__)\b)*+\s*+\("
)
_TYPEOF = re.compile(rb"\b(?:__typeof__|__typeof|typeof|__typeof_unqual__|typeof_unqual)\s*+\(")
_BESIDE_STRING = re.compile(rb"""(?<=["_\n])"((?:\s*+[A-Za-z_]\w*+(?:\s*+\([^()"{};]*+\))?)++)(?=\s*+[",);\]}])""")
_BEFORE_STRING = re.compile(
    rb"""([(,=]\s*+)([A-Za-z_]\w*+(?:\([^()"{};]*+\))?(?:\s++[A-Za-z_]\w*+(?:\([^()"{};]*+\))?)*+)(\s*+)(?=")"""
)
_TYPE_ARGUMENT = re.compile(
    rb"[(,]\s*+((?:const|volatile|struct|union|enum|unsigned|signed|long|short|int|char|void|float|double|_Bool)\b)"
)
_STAR_ARGUMENT = re.compile(rb"(?<=[\w*\s])\*[\s*]*+(?=[,)])")
_OPERATOR_ARGUMENT = re.compile(
    rb"(?<=[(,])(\s*+)(==|!=|<=|>=|<<|>>|&&|\|\||->|[-+*/%&|^=<>!]=?\s*+~?|~|!|\.)(?=\s*+[,)])"
)
_EMPTY_ARGUMENT = re.compile(rb"[(,](?=\s*+,)|,(?=\s*+\))")
_EMPTY_LABEL = re.compile(rb":(\s++)(?=\})")
_DECLARED_MACRO = re.compile(rb"\s*+=\s*+\{")
_AFTER_GROUP = re.compile(rb"\s*+")
_LINE_INDENT = re.compile(rb"[ \t]*+")
_COMPUTED_GOTO = re.compile(rb"\bgoto\s*+\*[^;]*+")
_CASE_RANGE = re.compile(rb"\bcase\b[^:;{}]*?\.\.\.")
_NOT_A_NUMBER = re.compile(rb"(?<![\w.])(?!0[xXbB])\d++(?![.]|[eE]\d|[uUlLiI]*+\b)\w++")
_STATIC_MACRO = re.compile(rb"(?<=[;{}\s])static\s++(?=[A-Z][A-Z0-9_]*+\s*+\()")
_OFFSETOF = re.compile(rb"\boffsetof(?=\s*+\([^,]*+,\s*+\w++\s*+[^\s)])")
_JUMP_ARGUMENT = re.compile(rb"[(,]\s*+(?:return\b|goto\b|break\b|continue\b)[^;,(){}]*+(?:\([^;(){}]*+\))?\s*+(?=\))")
_DESIGNATOR = re.compile(rb"[({,]\s*+(\.)[A-Za-z_][\w.\[\]]*+\s*+=")
_ADJACENT_WORDS = re.compile(rb"[(,]\s*+([A-Za-z_]\w*+(?:[ \t]++[A-Za-z_]\w*+)++)(?=\s*+[,)])")
_LOCAL_STRUCT = re.compile(rb"\b(?:struct|union)\b(?:\s++\w++)?\s*+\{")
_FIELD_MACRO = re.compile(rb"(?<=[;{])\s*+([A-Za-z_]\w*+\s*+)\(")
_STATEMENT_WORD = re.compile(rb"\b(?:if|for|while|do|switch|return|goto|break|continue)\b")
_ALIGNOF = re.compile(rb"\b(?:__alignof__|__alignof|_Alignof|alignof)(?=\s*+\(\s*+[*&(])")
_UNNAMED_FIELD = re.compile(rb"(?<=[;{])\s*+\b(?!default\b)\w++\s*+:\s*+\d++\s*+;")
_LONE_WORD = re.compile(rb"(?<=[;{}:])\s*+(__\w++|[A-Z][A-Z0-9_]++\w*+)([ \t]*+\n\s*+)(?=[A-Za-z_}*])")
_WORD = re.compile(rb"[A-Za-z_]\w*+")
_KEYWORDS = frozenset(
    b"if while for switch return sizeof case else do goto typeof __typeof__ alignof _Alignof __alignof__ __alignof "
    b"defined offsetof asm __asm__ __asm _Generic void int char long short unsigned signed const volatile struct".split()
)
_TYPE_OPERATORS = frozenset(
    b"sizeof typeof alignof _Alignof __alignof__ __alignof _Generic if while for switch return case else do "
    b"int char long short unsigned signed void const".split()
)
_TYPE_WORDS = frozenset(
    b"const volatile struct union enum unsigned signed long short int char void float double _Bool sizeof return".split()
)


@dataclass(frozen=True)
class Rewritten:
    """The text after rewriting, and what went away, keyed by offset in it."""

    text: bytes
    marks: Mapping[int, Mark]


def normalise_function(text: bytes, function: FunctionText) -> Rewritten:
    """Return the text of one function, masked and without directives, in plain C."""
    rewriter = _Rewriter(text.replace(b"\\\n", b" \n"), function.start)
    rewriter.head(function)
    rewriter.words()
    rewriter.brackets()
    rewriter.fields()
    rewriter.calls()
    rewriter.arguments()
    rewriter.lone_words()
    rewriter.labels()
    return Rewritten(bytes(rewriter.text), rewriter.marks)


def normalise_piece(text: bytes) -> bytes:
    """Return the text of a prototype or initialiser, masked, in plain C; all `#if` arms stay."""
    plain = _DIRECTIVE_LINE.sub(lambda match: blank(match[0]), text)
    rewriter = _Rewriter(plain.replace(b"\\\n", b" \n"), 0)
    equals = plain.find(b"=")
    if equals >= 0 and equals >= 5:
        rewriter.text[:equals] = b"int x" + blank(plain[5:equals])
    rewriter.words()
    rewriter.brackets()
    if equals >= 0:
        rewriter.arguments()
    return bytes(rewriter.text)


_DIRECTIVE_LINE = re.compile(rb"^[ \t]*+#(?:[^\n\\]|\\\r?\n|\\)*+", re.MULTILINE)


def as_function(data: bytes, macro: FunctionText) -> bytes:
    """Return a macro's definition as text of a function around its replacement text, which stays where it was."""
    head = data[macro.start : macro.body]
    name_end = macro.name_offset - macro.start + len(macro.name)
    parameters = head[name_end:].replace(b"\\", b" ").rstrip()
    parameters = parameters.replace(b"...", b"   " if re.search(rb"\w\s*\.\.\.", parameters) else b"...")
    front = b"void " + macro.name.encode("ascii", "replace") + parameters
    room = len(head) - len(front) - 1
    body = _PASTED.sub(_paste, data[macro.body : macro.end])
    if room < 0:
        front, room = b"void f()", len(head) - len(b"void f()") - 1
    newlines = head.count(b"\n")
    return front + b" " * (room - newlines) + b"\n" * newlines + b"{" + _STRINGISED.sub(rb"_\1", body) + b";}"


def _paste(match: re.Match[bytes]) -> bytes:
    """Return `a ## b` as one identifier, and `, ## args` as what it is without the operator."""
    return match[0].replace(b"##", b"  ") if match[1] else b"_" * len(match[0])


_PASTED = re.compile(rb"(,)?[ \t]*+##[ \t]*+")
_STRINGISED = re.compile(rb"#(?=\s*+(\w))")


@dataclass
class _Rewriter:
    """One text being rewritten; `text` always has the length that it came with."""

    source: bytes
    base: int
    text: bytearray = field(init=False)
    marks: dict[int, Mark] = field(default_factory=dict)
    partner: dict[int, int] = field(default_factory=dict)
    encloser: dict[int, int] = field(default_factory=dict)
    semicolons: dict[int, list[int]] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=vocabulary)
    body: int = 0

    def __post_init__(self) -> None:
        self.text = bytearray(self.source)

    def head(self, function: FunctionText) -> None:
        """Rewrite what stands before the body."""
        brace = function.body - self.base
        if function.is_macro:
            self.body = self.source.find(b"{")
            return
        if self.source[brace : brace + 1] != b"{":
            brace = self.source.find(b"{")
        if brace < 0:
            return
        self.body = brace
        head, attributes = rewrite_head(self.source[:brace], function.name_offset - self.base)
        self.text[:brace] = head
        for offset, attribute in attributes:
            self._mark("attribute", attribute, offset)

    def words(self) -> None:
        """Blank attributes, inline assembly, `typeof` operands, and macros beside string literals."""
        text = bytes(self.text)
        known = self.vocabulary
        patterns = _patterns()
        if b"asm" in text:
            for match in patterns.assembly.finditer(text):
                self._assembly(text, match.start(), match.end() - 1)
        if b"typeof" in text:
            for match in _TYPEOF.finditer(text):
                end = group_end(text, match.end() - 1)
                if text[end : end + 1] == b")" and text[end + 1 : end + 2] == b"(":
                    self._put(match.start(), end, b"void *")
                else:
                    self._blank(match.end() - 1, end)
        for match in patterns.attribute.finditer(text, self.body):
            word = match[0]
            if word in known.cleanups:
                self._cleanup(text, match)
            elif known.is_attribute(word):
                end = match.end()
                if text[match.start() - 1] in b".>":
                    continue
                follow = _AFTER_GROUP.match(text, end)
                assert follow is not None
                if text[follow.end() : follow.end() + 1] == b"(" and text[follow.end() + 1 : follow.end() + 2] != b"*":
                    if word not in known.attributes:
                        continue
                    end = group_end(text, follow.end())
                self._blank(match.start(), end)
        if b'"' in text:
            text = bytes(self.text)
            for match in _BESIDE_STRING.finditer(text):
                self._blank(match.start(1), match.end(1))
            for match in _BEFORE_STRING.finditer(bytes(self.text)):
                if match[2] not in _KEYWORDS:
                    self._blank(match.start(2), match.end(2))
        if b"..." in text:
            for match in _CASE_RANGE.finditer(text, self.body):
                self.text[match.end() - 3 : match.end()] = b"|_|"
        for match in _NOT_A_NUMBER.finditer(text, self.body):
            self.text[match.start()] = 0x5F
        if b"static" in text:
            for match in _STATIC_MACRO.finditer(text, self.body):
                self._blank(match.start(), match.end())
        if b"alignof" in text:
            for match in _ALIGNOF.finditer(text):
                self.text[match.start()] = 0x58
        for match in _UNNAMED_FIELD.finditer(text, self.body):
            self._blank(match.start(), match.end())
        if b"offsetof" in text:
            for match in _OFFSETOF.finditer(text):
                self.text[match.start()] = 0x4F
        if b"goto" in text:
            for match in _COMPUTED_GOTO.finditer(text):
                self._put(match.start(), match.end(), b"goto _")

    def brackets(self) -> None:
        """Pair brackets, and find for each comma and bracket the one around it."""
        stack: list[int] = []
        partner, encloser = self.partner, self.encloser
        for bracket in _BRACKET.finditer(self.text):
            at = bracket.start()
            character = bracket[0]
            if character == b",":
                encloser[at] = stack[-1] if stack else -1
            elif character == b";":
                if stack and self.text[stack[-1]] == 0x28:
                    self.semicolons.setdefault(stack[-1], []).append(at)
            elif character in b"([{":
                encloser[at] = stack[-1] if stack else -1
                stack.append(at)
            elif stack:
                opening = stack.pop()
                partner[opening] = at
                partner[at] = opening

    def calls(self) -> None:
        """Give macros that stand for statements, loops and declarations a shape of plain C."""
        text = bytes(self.text)
        for match in _CALL.finditer(text, self.body):
            word = match[1]
            if word in _KEYWORDS or text[match.start()] != self.text[match.start()]:
                continue
            closing = self.partner.get(match.end() - 1)
            if closing is None:
                continue
            follow = _AFTER_GROUP.match(text, closing + 1)
            assert follow is not None
            after = follow.end()
            next_byte = text[after : after + 1]
            if not next_byte:
                continue
            if next_byte in b";*+-" and self.vocabulary.iterator_pattern.fullmatch(word):
                if self._begins_statement(text, match.start()):
                    self._loop(match, closing)
                continue
            if next_byte == b"(" and word in self.vocabulary.guards:
                self._mark("guard", self._first_argument(match.end() - 1), match.start())
                continue
            if next_byte in b";,)].?:+-/*%^|&<>!(":
                continue
            if next_byte == b"=":
                self._declaring_macro(text, match.start(), closing, after)
            elif self._begins_statement(text, match.start()):
                if next_byte == b"{":
                    self._loop(match, closing)
                elif next_byte.isalpha() or next_byte == b"_":
                    self._before_statement(text, match, closing, after)
                elif next_byte == b"}":
                    self._end_statement(match, closing, after)

    def fields(self) -> None:
        """Make macros that declare a field of a local structure a field."""
        text = bytes(self.text)
        for struct in _LOCAL_STRUCT.finditer(text, self.body):
            end = self.partner.get(struct.end() - 1, struct.end())
            for match in _FIELD_MACRO.finditer(text, struct.end() - 1, end):
                closing = self.partner.get(match.end() - 1)
                if closing is not None and closing - match.start(1) > 5:
                    self._put(match.start(1), closing + 1, b"int _")

    def arguments(self) -> None:
        """Make types, operators, statements and nothing at all, as macro arguments, into what calls may hold."""
        text = bytes(self.text)
        for opening in self.semicolons:
            if self._is_call(text, opening) and opening in self.partner:
                self._statement_arguments(text, opening)
        for match in _JUMP_ARGUMENT.finditer(text, self.body):
            opening = self._opening_at(text, match.start())
            if self._is_call(text, opening) and opening not in self.semicolons:
                self._brace(text, match.start() + 1, match.end(), False)
        for match in _DESIGNATOR.finditer(text, self.body):
            self._designated_argument(text, match.start(1))
        for match in _TYPE_ARGUMENT.finditer(text, self.body):
            opening = match.start() if text[match.start()] == 0x28 else self.encloser.get(match.start(), -1)
            if self._is_call(text, opening):
                self._type_argument(text, opening, match.start(1))
        for match in _ADJACENT_WORDS.finditer(text, self.body):
            if match[1].split()[0] not in _TYPE_WORDS and self._is_call(text, self._opening_at(text, match.start())):
                self.text[match.start(1) : match.end(1)] = match[1].replace(b" ", b"_").replace(b"\t", b"_")
        if b"*" in text:
            text = bytes(self.text)
            for match in _STAR_ARGUMENT.finditer(text, self.body):
                opening = self._opening_at(text, match.end())
                if self._is_call(text, opening):
                    self._blank(match.start(), match.end())
        text = bytes(self.text)
        for match in _OPERATOR_ARGUMENT.finditer(text, self.body):
            if self._is_call(text, self._opening_at(text, match.start(1) - 1)):
                self._put(match.start(2), match.end(2), b"_")
        text = bytes(self.text)
        for match in _EMPTY_ARGUMENT.finditer(text, self.body):
            if self._is_call(text, self._opening_at(text, match.start())):
                self._empty_argument(text, match.start())

    def lone_words(self) -> None:
        """End a macro that stands on a line of its own, as a statement, with a semicolon."""
        start = self.body
        while match := _LONE_WORD.search(self.text, start):
            start = match.end(1)
            at = self._room(match.start(2), match.end(2))
            self.text[match.end(1) - 1 if at is None else at] = 0x3B

    def labels(self) -> None:
        """Give a label before a closing brace the statement that C demanded for long."""
        for match in _EMPTY_LABEL.finditer(bytes(self.text), self.body):
            at = self._room(match.start(1), match.end(1))
            if at is not None:
                self.text[at] = 0x3B

    def _opening_at(self, text: bytes, at: int) -> int:
        """Return the bracket around the comma or bracket at `at`; an opening parenthesis is its own."""
        character = text[at]
        if character == 0x28:
            return at
        return self.encloser.get(at, -1) if character == 0x2C else self.partner.get(at, -1)

    def _is_call(self, text: bytes, opening: int) -> bool:
        """Tell whether the bracket at `opening` holds the arguments of a call or macro."""
        if opening <= 0 or text[opening] != 0x28:
            return False
        word = _word_before(text, opening)
        return bool(word) and word not in _TYPE_OPERATORS

    def _type_argument(self, text: bytes, opening: int, start: int) -> None:
        end = start
        depth = 0
        while end < len(text):
            character = text[end]
            if character in b"([{":
                depth += 1
            elif character in b")]}":
                if not depth:
                    break
                depth -= 1
            elif character == 0x2C and not depth:
                break
            end += 1
        argument = text[start:end]
        words = re.match(rb"(?:\s*+[A-Za-z_]\w*+)++", argument)
        assert words is not None
        rest = argument[words.end() :]
        joined = _join(words[0])
        if not rest.strip(b" \t\n*") or b"(" in rest:
            rest = blank(rest)
        self.text[start:end] = joined + rest

    def _statement_arguments(self, text: bytes, opening: int) -> None:
        """Put braces around statements that are a macro's argument; expressions among them become one."""
        closing = self.partner[opening]
        commas = [at for at, around in self.encloser.items() if around == opening and text[at] == 0x2C]
        for start, end in zip([opening + 1, *(at + 1 for at in commas)], [*commas, closing], strict=True):
            inside = [at for at in self.semicolons[opening] if start <= at < end]
            if not inside:
                continue
            if _STATEMENT_WORD.search(text, start, end):
                self._brace(text, start, end, text[inside[-1] + 1 : end].strip() == b"")
                continue
            for at in inside:
                self.text[at] = 0x2C if text[at + 1 : end].strip(b" \t\n;") else 0x20

    def _brace(self, text: bytes, start: int, end: int, ended: bool) -> None:
        """Put braces around a range of statements; they move left by a byte or two where there is no room behind."""
        content = text[start:end].strip(b" \t\n")
        first = start + text[start:end].find(content)
        last = first + len(content)
        indent = first - start - len(text[start:first].rstrip(b" \t"))
        behind = len(text[last:end]) - len(text[last:end].lstrip(b" \t"))
        room = self._room(last, end)
        if ended and room is not None and indent:
            self.text[first - 1], self.text[room] = 0x7B, 0x7D
            return
        suffix = b"}" if ended else b";}"
        move = max(0, len(suffix) - behind)
        if indent > move:
            at = first - move - 1
            self.text[at : at + len(content) + 1 + len(suffix)] = b"{" + content + suffix

    def _designated_argument(self, text: bytes, dot: int) -> None:
        """Make `.field = value`, as a macro argument or in braces as one, an assignment."""
        before = dot - 1
        while before >= 0 and text[before] in b" \t\n":
            before -= 1
        opening = before if text[before] in b"({" else self.encloser.get(before, -1)
        if opening >= 0 and text[opening] == 0x7B and opening in self.partner:
            outer = self.encloser.get(opening, -1)
            if self._is_call(text, outer) and text[:opening].rstrip()[-1:] in (b",", b"("):
                self.text[dot] = self.text[opening] = self.text[self.partner[opening]] = 0x20
        elif self._is_call(text, opening):
            self.text[dot] = 0x20

    def _empty_argument(self, text: bytes, before: int) -> None:
        for at in range(before + 1, len(text)):
            character = text[at]
            if character in b" \t":
                self.text[at] = 0x5F
                return
            if character == 0x0A:
                continue
            if character == 0x2C:
                self.text[at] = 0x20
            else:
                self.text[before] = 0x20
            return

    def _begins_statement(self, text: bytes, at: int) -> bool:
        end = at
        while end and text[end - 1] in b" \t\n":
            end -= 1
        before = text[end - 1 : end]
        if before == b"{":
            return _last_byte(text, end - 1) not in b"=,(["
        if before and before in b";}:)":
            return True
        return _word_before(text, at) in (b"else", b"do", b"static", b"const")

    def _loop(self, match: re.Match[bytes], closing: int) -> None:
        """Make `macro(args)` before a body a loop, or a condition when it is a scoped guard."""
        word = match[1]
        start, opening = match.start(), match.end() - 1
        scoped = word in self.vocabulary.scoped_guards
        keyword = b"if" if scoped or opening - start < 5 else b"while"
        if opening - start < 2:
            return
        name = self._first_argument(opening) if scoped else word
        self._put(start, opening, keyword)
        self._mark("scoped_guard" if scoped else "iterator", name, start)
        if not self.text[opening + 1 : closing].strip():
            self._put(start, closing + 1, keyword + b"(1)")

    def _before_statement(self, text: bytes, match: re.Match[bytes], closing: int, after: int) -> None:
        """Decide what `macro(args) word` is: a loop over a statement, a declaration's type, or a whole statement."""
        if self.vocabulary.iterator_pattern.fullmatch(match[1]) or match[1] in self.vocabulary.scoped_guards:
            self._loop(match, closing)
            return
        if b"\n" not in text[closing:after]:
            word = _WORD.match(text, after)
            assert word is not None
            following = text[word.end() : word.end() + 16].lstrip()[:1]
            if following and following in b"=;[,":
                self._blank(match.end() - 1, closing + 1)
            else:
                self._loop(match, closing)
            return
        if _indent(text, after) > _indent(text, match.start()):
            self._loop(match, closing)
            return
        self._end_statement(match, closing, after)

    def _end_statement(self, match: re.Match[bytes], closing: int, after: int) -> None:
        """Put a semicolon behind `macro(args)`; where there is no room, the arguments lose a blank or a byte."""
        at = self._room(closing + 1, after)
        if at is not None:
            self.text[at] = 0x3B
            return
        spare = self._room(match.end(), closing)
        if spare is None and closing > match.end():
            spare = closing - 1
        if spare is not None:
            self.text[spare : closing + 1] = self.text[spare + 1 : closing + 1] + b";"

    def _declaring_macro(self, text: bytes, start: int, closing: int, equals: int) -> None:
        """Blank the initialiser of `DECLARE_X(name, n) = { ... };`."""
        value = _DECLARED_MACRO.match(text, closing + 1)
        if value is None or not self._begins_statement(text, start):
            return
        end = self.partner.get(value.end() - 1)
        if end is not None:
            self._blank(equals, end + 1)

    def _assembly(self, text: bytes, start: int, opening: int) -> None:
        end = group_end(text, opening)
        before = _word_before(text, start)
        if before and before not in _KEYWORDS:
            self._blank(start, end)
            return
        string = re.compile(rb'"[^"]*+"').search(text, opening, end)
        self._put(start, opening, b"asm")
        if string is not None:
            self._blank(opening + 1, string.start())
            self._blank(string.end(), end - 1)
        elif end - opening >= 4:
            self._put(opening + 1, end - 1, b'""')

    def _cleanup(self, text: bytes, match: re.Match[bytes]) -> None:
        opening = text.find(b"(", match.end())
        if opening < 0:
            return
        end = group_end(text, opening)
        variable = _WORD_BEFORE.search(text[max(0, match.start() - 128) : match.start()])
        if variable is not None:
            at = match.start() - (min(match.start(), 128) - variable.start(1))
            self.marks[at] = Mark(
                "cleanup", text[opening + 1 : end - 1].strip().decode("ascii", "replace"), self.base + match.start()
            )
        self._blank(match.start(), end)

    def _first_argument(self, opening: int) -> bytes:
        closing = self.partner.get(opening, opening + 1)
        return bytes(self.source[opening + 1 : closing]).split(b",")[0].strip()

    def _room(self, start: int, end: int) -> int | None:
        """Return the first blank in a range that is not a line end."""
        for at in range(start, end):
            if self.text[at] in b" \t":
                return at
        return None

    def _mark(self, kind: str, text: bytes, at: int) -> None:
        self.marks[at] = Mark(kind, text.decode("ascii", "replace"), self.base + at)

    def _blank(self, start: int, end: int) -> None:
        self.text[start:end] = blank(bytes(self.text[start:end]))

    def _put(self, start: int, end: int, word: bytes) -> None:
        """Put `word` at the start of a range, and blanks on the rest of it."""
        self._blank(start, end)
        if b"\n" not in self.text[start : start + len(word)] and start + len(word) <= end:
            self.text[start : start + len(word)] = word


_WORD_BEFORE = re.compile(rb"([A-Za-z_]\w*+)(?:\s*+\[[^\]]*+\])*+\s*+\Z")


def _join(words: bytes) -> bytes:
    """Return type words as one identifier of the same length; a single keyword gets a capital, so that it is none."""
    if b"\n" in words:
        last = re.search(rb"[A-Za-z_]\w*\Z", words)
        assert last is not None
        return blank(words[: last.start()]) + words[last.start() : last.start() + 1].upper() + words[last.start() + 1 :]
    tail = len(words) - len(words.rstrip())
    core = words[: len(words) - tail]
    joined = re.sub(rb"\s", b"_", core)
    return (joined if joined != core else core[:1].upper() + core[1:]) + words[len(words) - tail :]


def _word_before(text: bytes, at: int) -> bytes:
    """Return the identifier that ends right before `at`, blanks aside; empty when there is none."""
    end = at
    while end and text[end - 1] in b" \t\n":
        end -= 1
    start = end
    while start and (
        text[start - 1] == 0x5F or 0x30 <= text[start - 1] <= 0x39 or 0x41 <= (text[start - 1] & 0xDF) <= 0x5A
    ):
        start -= 1
    return text[start:end]


def _last_byte(text: bytes, at: int) -> bytes:
    while at and text[at - 1] in b" \t\n":
        at -= 1
    return text[at - 1 : at] or b"="


def _indent(text: bytes, at: int) -> int:
    start = text.rfind(b"\n", 0, at) + 1
    indent = _LINE_INDENT.match(text, start)
    assert indent is not None
    return len(indent[0].expandtabs(8))


@dataclass(frozen=True)
class _Patterns:
    assembly: re.Pattern[bytes]
    attribute: re.Pattern[bytes]


_compiled: list[_Patterns] = []


def _patterns() -> _Patterns:
    """Return the patterns that hold words of the vocabulary."""
    if not _compiled:
        known = vocabulary()
        plain = sorted(word for word in known.attributes | known.cleanups if not word.startswith(b"__"))
        assembly = b"".join(b"|" + word for word in sorted(known.assembly))
        _compiled.append(
            _Patterns(
                assembly=re.compile(_ASSEMBLY % assembly),
                attribute=re.compile(rb"\b(?:__\w++|(?:" + b"|".join(plain) + rb")\b)"),
            )
        )
    return _compiled[0]
