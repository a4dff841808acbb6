"""What the outline of a file and the parser of its pieces hand out.

All offsets called `start`, `body`, `end`, `offset` are byte offsets in the
file; an end is one past the last byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tree_sitter

from analyzer.source import SourceText


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A function definition, or a function-like macro (`is_macro`), found by the outline.

    `start` is where the declaration begins (its type or storage class; the `#` of a
    macro), `body` the `{` (for a macro: the first byte of the replacement text), `end`
    one past the `}` (for a macro: past the replacement text). A function made by a macro
    (`SYSCALL_DEFINE1(close, ...) {`) is called by the macro's first argument, with the
    prefix that rules/syntax.toml gives. `parameters` is filled for macros only.
    """

    name: str
    start: int
    body: int
    end: int
    name_offset: int
    is_static: bool
    is_macro: bool = False
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InitialiserText:
    """A top-level `struct TAG name = { ... }`, or an array of them; `end` is past the `}`."""

    struct: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PrototypeText:
    """A top-level declaration of a function; `end` is past the `;`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class StructText:
    """A top-level `struct TAG { ... }` or `union TAG { ... }`; `end` is past the `}`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Outline:
    """The top-level items of one file, each kind in file order."""

    source: SourceText
    functions: tuple[FunctionText, ...] = ()
    macros: tuple[FunctionText, ...] = ()
    initialisers: tuple[InitialiserText, ...] = ()
    prototypes: tuple[PrototypeText, ...] = ()
    structs: tuple[StructText, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """What a rewrite took away, for those who need the meaning.

    ============== ========================== ==========================================
    kind           text                       keyed at the slice offset of
    ============== ========================== ==========================================
    iterator       the macro's name           the `while` that replaced it
    guard          the guard's class          the word `guard`; `guard(x)(args)` is kept
    scoped_guard   the guard's class          the `if` that replaced it
    cleanup        the clean-up function      the declared variable's identifier
    attribute      the attribute and its args the attribute, of the function's header only
    ============== ========================== ==========================================

    `offset` is the file offset of the original text.
    """

    kind: str
    text: str
    offset: int


@dataclass(frozen=True)
class ParsedFunction:
    """One function as tree-sitter sees it after rewriting, in one choice of `#if` arms.

    `node` is the `function_definition` and keeps its tree alive. `text` has the bytes
    that were parsed: a node's text is `text[node.start_byte:node.end_byte]`, its place in
    the file `node.start_byte + base`. `text` is as long as the slice, with newlines at
    the same places; what was rewritten is in `marks`, keyed by offset in `text`.
    `errors` are the file offsets (start, end) of ERROR and MISSING nodes: the tree says
    nothing reliable there. `variant` is "" when there is no conditional, else it names
    the arms taken.

    A macro's text is `void name(params) { replacement; }` built around the replacement
    text, which keeps its offsets; the two bytes `;}` stand past the macro's end.
    """

    function: FunctionText
    node: tree_sitter.Node
    text: bytes = field(repr=False)
    base: int
    marks: Mapping[int, Mark]
    errors: tuple[tuple[int, int], ...] = ()
    variant: str = ""


@dataclass(frozen=True)
class ParsedPiece:
    """The tree of an initialiser (`initializer_list`) or prototype (`declaration`); fields as in ParsedFunction."""

    node: tree_sitter.Node
    text: bytes = field(repr=False)
    base: int
    errors: tuple[tuple[int, int], ...] = ()
