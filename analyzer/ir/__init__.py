"""The intermediate representation: a function as a few instruction kinds over access paths.

Expressions have no side effect: every call, assignment, `?:`, `&&` and `||`
inside a C expression has been lowered into instructions and branches, its
value named by a temporary (`Name("%3")`). Casts are dropped, `a->f` is
`Field(Deref(a), "f")`, `a[i]` is `Index(a, i)`.

`at` is a byte offset in the analysed file; for code that came out of a
function-like macro it is the offset of the macro. An `Unknown` instruction
stands for text that could not be parsed: after it nothing is known, and no
finding may rest on it.
"""

from typing import NewType

import msgspec

BlockId = NewType("BlockId", int)


class Name(msgspec.Struct, frozen=True, tag="n", array_like=True, gc=False):
    """A variable, parameter, temporary (`%n`), enumerator or macro constant."""

    name: str


class Num(msgspec.Struct, frozen=True, tag="i", array_like=True, gc=False):
    """An integer or character constant."""

    value: int


class Opaque(msgspec.Struct, frozen=True, tag="o", array_like=True, gc=False):
    """A value that is not modelled (string, compound literal, address of a label)."""

    at: int


class Field(msgspec.Struct, frozen=True, tag="f", array_like=True):
    """Member `name` of the object that `base` denotes."""

    base: "Expr"
    name: str


class Deref(msgspec.Struct, frozen=True, tag="d", array_like=True):
    """The object that the pointer `base` points to."""

    base: "Expr"


class Addr(msgspec.Struct, frozen=True, tag="a", array_like=True):
    """The address of the object that `base` denotes."""

    base: "Expr"


class Index(msgspec.Struct, frozen=True, tag="x", array_like=True):
    """Element `index` of the array or pointer `base`."""

    base: "Expr"
    index: "Expr"


class Unary(msgspec.Struct, frozen=True, tag="u", array_like=True):
    """`!x`, `-x` or `~x`."""

    op: str
    operand: "Expr"


class Binary(msgspec.Struct, frozen=True, tag="b", array_like=True):
    """An arithmetic, bitwise or comparison operator; never `&&` or `||`."""

    op: str
    left: "Expr"
    right: "Expr"


Expr = Name | Num | Opaque | Field | Deref | Addr | Index | Unary | Binary


class Assign(msgspec.Struct, frozen=True, tag="assign", array_like=True):
    """`target = value`."""

    target: Expr
    value: Expr
    at: int


class Call(msgspec.Struct, frozen=True, tag="call", array_like=True):
    """`result = callee(arguments)`; `result` is a temporary, `used` tells whether C looks at it.

    `implicit` marks a call that the compiler makes at the end of a scope (`__free`, `guard`).
    """

    result: str
    callee: Expr
    arguments: tuple[Expr, ...]
    at: int
    used: bool = True
    implicit: bool = False


class Havoc(msgspec.Struct, frozen=True, tag="havoc", array_like=True):
    """Something unseen (an iterator macro, inline assembly) assigned `target` a fresh value."""

    target: Expr
    at: int


class Unknown(msgspec.Struct, frozen=True, tag="unknown", array_like=True):
    """Text that could not be parsed, or a construct that is not modelled."""

    at: int
    text: str


Instruction = Assign | Call | Havoc | Unknown


class Jump(msgspec.Struct, frozen=True, tag="jump", array_like=True):
    """Go on at `to`."""

    to: BlockId


class Branch(msgspec.Struct, frozen=True, tag="branch", array_like=True):
    """Go to `true` when `condition` is non-zero, else to `false`."""

    condition: Expr
    true: BlockId
    false: BlockId
    at: int


class Switch(msgspec.Struct, frozen=True, tag="switch", array_like=True):
    """Go to the block of the case that equals `value`, else to `default`.

    A case is (low, high, block); `high` is None unless it is a GNU range.
    """

    value: Expr
    cases: tuple[tuple[Expr, Expr | None, BlockId], ...]
    default: BlockId
    at: int


class Return(msgspec.Struct, frozen=True, tag="return", array_like=True):
    """Leave the function; `implicit` when control fell off its end."""

    value: Expr | None
    at: int
    implicit: bool = False


class Stop(msgspec.Struct, frozen=True, tag="stop", array_like=True):
    """Control does not come here (after a call that does not return)."""

    at: int


Terminator = Jump | Branch | Switch | Return | Stop


class Block(msgspec.Struct, frozen=True, array_like=True):
    """A basic block: entered at its first instruction, left by its terminator only."""

    instructions: tuple[Instruction, ...]
    terminator: Terminator


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """A formal parameter; `type` is its normalised C type, "" in a macro."""

    name: str
    type: str


class Function(msgspec.Struct, frozen=True, array_like=True):
    """A function in its control-flow graph; block 0 is the entry, blocks are in reverse postorder.

    `locals` are the names declared inside, parameters not included.
    `loop_heads` are the targets of back edges.
    """

    name: str
    file: str
    at: int
    end: int
    return_type: str
    is_static: bool
    is_macro: bool
    parameters: tuple[Parameter, ...]
    locals: tuple[str, ...]
    blocks: tuple[Block, ...]
    loop_heads: tuple[BlockId, ...]
    variant: str = ""
    unparsed: int = 0
    """How many spans of the text came out as Unknown."""


def operands(expression: Expr) -> tuple[Expr, ...]:
    """Return what an expression is made of, one level down; () for a name, a number and what is unknown."""
    if isinstance(expression, Field | Deref | Addr):
        return (expression.base,)
    if isinstance(expression, Index):
        return (expression.base, expression.index)
    if isinstance(expression, Unary):
        return (expression.operand,)
    if isinstance(expression, Binary):
        return (expression.left, expression.right)
    return ()


def successors(terminator: Terminator) -> tuple[BlockId, ...]:
    """Return the blocks that a terminator may go to, in source order."""
    if isinstance(terminator, Jump):
        return (terminator.to,)
    if isinstance(terminator, Branch):
        return (terminator.true, terminator.false)
    if isinstance(terminator, Switch):
        return (*(case[2] for case in terminator.cases), terminator.default)
    return ()


def show(expression: Expr) -> str:
    """Return the expression in C's words; temporaries keep their `%n`."""
    match expression:
        case Name(name):
            return name
        case Num(value):
            return str(value)
        case Opaque():
            return "…"
        case Field(Deref(base), name):
            return f"{_tight(base)}->{name}"
        case Field(base, name):
            return f"{_tight(base)}.{name}"
        case Deref(base):
            return f"*{_tight(base)}"
        case Addr(base):
            return f"&{_tight(base)}"
        case Index(Addr(Name(array)), index):
            return f"{array}[{show(index)}]"
        case Index(base, index):
            return f"{_tight(base)}[{show(index)}]"
        case Unary(op, operand):
            return f"{op}{_tight(operand)}"
        case Binary(op, left, right):
            return f"{_tight(left)} {op} {_tight(right)}"


def _tight(expression: Expr) -> str:
    text = show(expression)
    loose = isinstance(expression, Binary | Addr | Unary | Deref)
    return f"({text})" if loose else text


__all__ = [
    "Addr",
    "Assign",
    "Binary",
    "Block",
    "BlockId",
    "Branch",
    "Call",
    "Deref",
    "Expr",
    "Field",
    "Function",
    "Havoc",
    "Index",
    "Instruction",
    "Jump",
    "Name",
    "Num",
    "Opaque",
    "Parameter",
    "Return",
    "Stop",
    "Switch",
    "Terminator",
    "Unary",
    "Unknown",
    "operands",
    "show",
    "successors",
]
