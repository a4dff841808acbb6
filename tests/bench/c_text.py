"""Kernel C as text: just enough structure to change a function on purpose.

The benchmarks must not trust the parser that they measure, so this scanner
knows three things only: comments and literals can be blanked, a function body
opens and closes with a brace in column 0, and a simple statement fills one
line. What does not look like that is left out (under-approximation): a
benchmark needs certain cases, not all of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")

_NOT_CODE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.DOTALL)
_BODY = re.compile(r"^\{.*?^\}", re.DOTALL | re.MULTILINE)
_DIRECTIVE = re.compile(r"^#(?:[^\\\n]|\\\n|\\.)*\n", re.MULTILINE)
_HEADER = re.compile(
    r"(?P<result>[\w\s*]*?[\s*])(?P<name>[a-z_]\w*)\s*\((?P<parameters>[^{};]*)\)"
    r"\s*(?:__\w+(?:\s*\([^()]*\))?\s*)*$"
)
_DECLARATION = re.compile(
    r"^\t(?P<type>(?:const )?(?:struct \w+|unsigned (?:long|int|char|short)|[a-z]\w*)) "
    r"(?P<declarators>[^{};]+);[ \t]*$",
    re.MULTILINE,
)
_NOT_A_TYPE = frozenset({"return", "goto", "case", "else", "static", "do"})


@dataclass(frozen=True)
class Variable:
    """A parameter or local of a function. `type` keeps its stars (`struct page *`)."""

    name: str
    type: str


@dataclass(frozen=True)
class CFunction:
    """One function of a file: offsets are into the text of the whole file.

    `start` is where the header begins, `body` the opening brace, `end` one past
    the closing brace. `blanked` is the whole file with comments and literals as
    spaces, of the same length as the file.
    """

    path: str
    name: str
    start: int
    body: int
    end: int
    header_parameters: str
    blanked: str

    @cached_property
    def code(self) -> str:
        """Return the body, braces included, without comments and literals."""
        return self.blanked[self.body : self.end]

    @property
    def has_directives(self) -> bool:
        """Say whether the preprocessor cuts the body; such a function is best left alone."""
        return "\n#" in self.code

    @cached_property
    def parameters(self) -> tuple[Variable, ...]:
        """Return the named parameters; those of function or array type are left out."""
        found = (_variable(text) for text in _split_top_level(self.header_parameters))
        return tuple(variable for variable in found if variable is not None)

    @cached_property
    def locals(self) -> tuple[Variable, ...]:
        """Return the variables declared at the top of the body in the plain form `type *a, b = c;`.

        Arrays, function pointers and declarations in inner blocks are left out.
        """
        variables = []
        for match in _DECLARATION.finditer(self.code):
            if match["type"].split()[0] in _NOT_A_TYPE:
                continue
            for declarator in _split_top_level(match["declarators"]):
                name = declarator.partition("=")[0].strip()
                plain = re.fullmatch(r"(\**)([A-Za-z_]\w*)", name)
                if plain:
                    variables.append(Variable(plain[2], f"{match['type']} {plain[1]}".strip()))
        return tuple(variables)

    def line_of(self, offset: int) -> int:
        """Return the line number (from 1) of an offset of the file."""
        return self.blanked.count("\n", 0, offset) + 1


def blank_comments_and_literals(text: str) -> str:
    """Return the text with comments, strings and character constants as spaces, newlines kept."""
    return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def functions_of(path: str, text: str) -> Iterator[CFunction]:
    """Yield the functions of a file that are written in kernel style, in order."""
    blanked = blank_comments_and_literals(text)
    for match in _BODY.finditer(blanked):
        start = _header_start(blanked, match.start())
        header = _HEADER.fullmatch(blanked[start : match.start()])
        if header is None:
            continue
        parameters = " ".join(header["parameters"].split())
        yield CFunction(path, header["name"], start, match.start(), match.end(), parameters, blanked)


def _header_start(blanked: str, body: int) -> int:
    """Return where the text before a body brace begins: after the last declaration or directive."""
    start = max(blanked.rfind(mark, 0, body) for mark in (";", "}")) + 1
    for directive in _DIRECTIVE.finditer(blanked, start, body):
        start = directive.end()
    while start < body and blanked[start].isspace():
        start += 1
    return start


def _split_top_level(text: str) -> Iterator[str]:
    """Yield the parts of a list of parameters or declarators between commas that are in no parentheses."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _variable(parameter: str) -> Variable | None:
    match = re.fullmatch(r"\s*(?P<type>[\w\s]+?[\s*]+)(?P<name>[A-Za-z_]\w*)\s*", parameter)
    return Variable(match["name"], " ".join(match["type"].split())) if match else None
