"""Lowers one parsed function to basic blocks.

Statements are visited once, in source order, by a recursive walk; `goto`
edges are patched at the end, when every label's scope is known, so that
leaving a scope by any way runs its `__free` and `guard` clean-ups. Expressions
nested deeper than `MAX_DEPTH` become opaque values.

Over-approximation: an iterator macro runs any number of rounds; `asm goto`
and computed `goto` end in a stop block and an Unknown.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from analyzer.cfg.idioms import Idioms
from analyzer.ir import (
    Addr,
    Assign,
    Binary,
    Block,
    BlockId,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Function,
    Havoc,
    Index,
    Instruction,
    Jump,
    Name,
    Num,
    Opaque,
    Parameter,
    Return,
    Stop,
    Switch,
    Terminator,
    Unary,
    Unknown,
    successors,
)
from analyzer.syntax import Node, ParsedFunction

MAX_DEPTH = 150
MAX_INSTRUCTIONS = 200
"""A longer block is cut in two, so that what is dead can be forgotten in between."""
RECURSION = 60_000

_STOPPED: Terminator = Stop(-1)


@dataclass
class _Draft:
    """A block under construction; `terminator` is None until it is closed."""

    instructions: list[Instruction] = field(default_factory=list)
    terminator: Terminator | None = None


@dataclass(frozen=True)
class _CleanupCall:
    callee: str
    arguments: tuple[Expr, ...]


def build_cfg(parsed: ParsedFunction, path: str, idioms: Idioms) -> Function:
    """Return the control-flow graph of one function of the file `path`.

    Odd C never raises: its text becomes Unknown.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION))
    try:
        return _Builder(parsed, path, idioms).build()
    finally:
        sys.setrecursionlimit(limit)


class _Builder:
    """The walk over one function's syntax tree; `self.block` is where instructions go."""

    def __init__(self, parsed: ParsedFunction, path: str, idioms: Idioms) -> None:
        self.parsed = parsed
        self.path = path
        self.idioms = idioms
        self.text = parsed.text
        self.base = parsed.base
        self.drafts: list[_Draft] = []
        self.block = self.new_block()
        self.temporaries = 0
        self.depth = 0
        self.unparsed = 0
        self.locals: dict[str, bool] = {}  # name -> is it an array
        self.parameters: tuple[Parameter, ...] = ()
        self.cleanups: list[_CleanupCall] = []
        self.labels: dict[str, tuple[int, tuple[_CleanupCall, ...]]] = {}
        self.gotos: list[tuple[int, str, tuple[_CleanupCall, ...], int]] = []
        self.breaks: list[tuple[int, int]] = []  # (block, how many clean-ups stay)
        self.continues: list[tuple[int, int]] = []
        self.switches: list[list[tuple[Expr | None, Expr | None, int]]] = []

    # -- the whole function

    def build(self) -> Function:
        node = self.parsed.node
        declarator = self._function_declarator(node)
        if declarator is not None:
            self.parameters = self._parameters(declarator)
        body = node.child_by_field_name("body")
        if body is not None:
            self.statement(body)
        end = self.parsed.function.end - 1
        if not self.closed:
            self.close(Return(None, end, implicit=True))
        self._patch_gotos()
        blocks, heads = self._ordered()
        function = self.parsed.function
        return Function(
            name=function.name,
            file=self.path,
            at=function.name_offset,
            end=function.end,
            return_type=self._return_type(node),
            is_static=function.is_static,
            is_macro=function.is_macro,
            parameters=self.parameters,
            locals=tuple(self.locals),
            blocks=blocks,
            loop_heads=heads,
            variant=self.parsed.variant,
            unparsed=self.unparsed,
        )

    def _function_declarator(self, node: Node) -> Node | None:
        found = node.child_by_field_name("declarator")
        while found is not None and found.type != "function_declarator":
            found = found.child_by_field_name("declarator") or next(
                (c for c in found.named_children if c.type.endswith("declarator")), None
            )
        inner = found.child_by_field_name("declarator") if found is not None else None
        while inner is not None and inner.type in ("parenthesized_declarator", "pointer_declarator"):
            inner = inner.child_by_field_name("declarator") or next(iter(inner.named_children), None)
        if inner is not None and inner.type == "function_declarator":
            return inner
        return found

    def _return_type(self, node: Node) -> str:
        kind = node.child_by_field_name("type")
        declarator = node.child_by_field_name("declarator")
        stars = 0
        while declarator is not None and declarator.type == "pointer_declarator":
            stars += 1
            declarator = declarator.child_by_field_name("declarator")
        words = " ".join(self.text_of(kind).split()) if kind is not None else ""
        return words + " " + "*" * stars if stars else words

    def _parameters(self, declarator: Node) -> tuple[Parameter, ...]:
        listing = declarator.child_by_field_name("parameters")
        found = []
        for child in listing.named_children if listing is not None else ():
            if child.type == "identifier":
                found.append(Parameter(self.text_of(child), ""))
            if child.type != "parameter_declaration":
                continue
            name = self._declared_name(child.child_by_field_name("declarator"))
            kind = " ".join(self.text[child.start_byte : child.end_byte].decode("utf-8", "replace").split())
            if name is not None or kind != "void":
                text = self.text_of(name) if name is not None else f"%arg{len(found)}"
                found.append(Parameter(text, kind.removesuffix(text).strip() if name is not None else kind))
        return tuple(found)

    def _declared_name(self, declarator: Node | None) -> Node | None:
        while declarator is not None and declarator.type != "identifier":
            inner = declarator.child_by_field_name("declarator")
            if inner is None:
                inner = next(
                    (c for c in declarator.named_children if c.type == "identifier" or c.type.endswith("declarator")),
                    None,
                )
            declarator = inner
        return declarator

    def _patch_gotos(self) -> None:
        for source, label, pending, at in self.gotos:
            self.block = source
            target = self.labels.get(label)
            if target is None:
                self.emit(Unknown(at, f"goto {label}"))
                self.close(Stop(at))
                continue
            common = 0
            for mine, theirs in zip(pending, target[1], strict=False):
                if mine is not theirs:
                    break
                common += 1
            for cleanup in reversed(pending[common:]):
                self._cleanup(cleanup, at)
            self.close(Jump(BlockId(target[0])))

    def _ordered(self) -> tuple[tuple[Block, ...], tuple[BlockId, ...]]:
        """Return the reachable blocks in reverse postorder, renumbered, and the targets of back edges."""
        for draft in self.drafts:
            if draft.terminator is None:
                draft.terminator = _STOPPED
        order: list[int] = []
        state: dict[int, int] = {0: 1}
        back: set[int] = set()
        stack = [(0, iter(self._next(0)))]
        while stack:
            number, rest = stack[-1]
            for target in rest:
                seen = state.get(target, 0)
                if seen == 1:
                    back.add(target)
                elif seen == 0:
                    state[target] = 1
                    stack.append((target, iter(self._next(target))))
                    break
            else:
                state[number] = 2
                order.append(number)
                stack.pop()
        order.reverse()
        new = {old: BlockId(index) for index, old in enumerate(order)}
        blocks = tuple(
            Block(tuple(self.drafts[old].instructions), _renumber(self.drafts[old].terminator or _STOPPED, new))
            for old in order
        )
        return blocks, tuple(sorted(new[b] for b in back))

    def _next(self, number: int) -> tuple[BlockId, ...]:
        # The last successor first, so that reverse postorder follows the source.
        terminator = self.drafts[number].terminator
        return tuple(reversed(successors(terminator))) if terminator is not None else ()

    # -- blocks

    def new_block(self) -> int:
        self.drafts.append(_Draft())
        return len(self.drafts) - 1

    @property
    def closed(self) -> bool:
        return self.drafts[self.block].terminator is not None

    def emit(self, instruction: Instruction) -> None:
        draft = self.drafts[self.block]
        if draft.terminator is not None:
            return
        draft.instructions.append(instruction)
        if len(draft.instructions) >= MAX_INSTRUCTIONS:
            after = self.new_block()
            self.jump(after)
            self.block = after

    def close(self, terminator: Terminator) -> None:
        draft = self.drafts[self.block]
        if draft.terminator is None:
            draft.terminator = terminator

    def jump(self, target: int) -> None:
        self.close(Jump(BlockId(target)))

    def _offset(self, byte: int) -> int:
        return self.base + byte

    def temporary(self) -> str:
        self.temporaries += 1
        return f"%{self.temporaries}"

    def at(self, node: Node) -> int:
        return self._offset(node.start_byte)

    def text_of(self, node: Node) -> str:
        return self.text[node.start_byte : node.end_byte].decode("utf-8", "replace")

    # -- statements

    def statement(self, node: Node) -> None:
        handler = _STATEMENTS.get(node.type)
        if handler is not None:
            handler(self, node)
        elif node.type == "comment" or node.type.startswith("preproc_"):
            pass
        elif node.type in _EXPRESSIONS:
            self.value(node, used=False)
        elif node.is_named:
            self.unknown(node)

    def unknown(self, node: Node) -> None:
        self.unparsed += 1
        self.emit(Unknown(self.at(node), self.text_of(node)[:60]))

    def nothing(self, node: Node) -> None:
        """Pass over a declaration that runs no code."""

    def children(self, node: Node) -> None:
        for child in node.named_children:
            self.statement(child)

    def compound(self, node: Node) -> None:
        kept = len(self.cleanups)
        self.children(node)
        self._leave(kept, self._offset(max(node.start_byte, node.end_byte - 1)))
        del self.cleanups[kept:]

    def _leave(self, kept: int, at: int) -> None:
        if not self.closed:
            for cleanup in reversed(self.cleanups[kept:]):
                self._cleanup(cleanup, at)

    def _cleanup(self, cleanup: _CleanupCall, at: int) -> None:
        """Emit a clean-up; a `__free` function is not called for a null pointer, so it is behind a test."""
        self.emit(Call(self.temporary(), Name(cleanup.callee), cleanup.arguments, at, used=False, implicit=True))

    def expression_statement(self, node: Node) -> None:
        for child in node.named_children:
            mark = self.parsed.marks.get(child.start_byte)
            if mark is not None and mark.kind == "guard":
                self._guard(child, mark.text)
            else:
                self.value(child, used=False)

    def _guard(self, node: Node, kind: str) -> None:
        """Lower `guard(kind)(args);`: the constructor here, the destructor at the end of the scope."""
        listing = node.child_by_field_name("arguments")
        values = tuple(self.value(a) for a in listing.named_children) if listing is not None else ()
        self.emit(Call(self.temporary(), Name(f"class_{kind}_constructor"), values, self.at(node), used=False))
        self.cleanups.append(_CleanupCall(f"class_{kind}_destructor", values))

    def declaration(self, node: Node) -> None:
        storage = {self.text_of(c) for c in node.children if c.type == "storage_class_specifier"}
        for child in node.children_by_field_name("declarator"):
            self._declare(child, static=bool(storage & {"static", "extern"}))

    def _declare(self, node: Node, static: bool) -> None:
        value = node.child_by_field_name("value") if node.type == "init_declarator" else None
        declarator = node.child_by_field_name("declarator") if node.type == "init_declarator" else node
        identifier = self._declared_name(declarator)
        if declarator is None or identifier is None or declarator.type == "function_declarator":
            return
        name = self.text_of(identifier)
        if static:
            return
        self.locals[name] = declarator.type == "array_declarator"
        target = Name(name)
        if value is None:
            self.emit(Havoc(target, self.at(identifier)))
        elif value.type == "initializer_list":
            self._initialise(target, value)
        else:
            self.emit(Assign(target, self.value(value), self.at(identifier)))
        mark = self.parsed.marks.get(identifier.start_byte)
        if mark is not None and mark.kind == "cleanup":
            by_address = mark.text.startswith("&")
            argument: Expr = Addr(target) if by_address else target
            self.cleanups.append(_CleanupCall(mark.text.lstrip("&"), (argument,)))

    def _initialise(self, target: Expr, listing: Node) -> None:
        """Lower `{ .a = x, [1] = y, z }` to assignments to fields and elements."""
        position = 0
        for child in listing.named_children:
            place: Expr = Index(target, Num(position))
            value: Node | None = child
            if child.type == "comment":
                continue
            if child.type == "initializer_pair":
                value = child.child_by_field_name("value")
                place = target
                for designator in child.children_by_field_name("designator"):
                    inner = next(iter(designator.named_children), None)
                    if designator.type == "field_designator" and inner is not None:
                        place = Field(place, self.text_of(inner))
                    elif inner is not None:
                        place = Index(place, self.value(inner))
            position += 1
            if value is None:
                continue
            if value.type == "initializer_list":
                self._initialise(place, value)
            else:
                self.emit(Assign(place, self.value(value), self.at(value)))

    def if_statement(self, node: Node) -> None:
        mark = self.parsed.marks.get(node.start_byte)
        condition = node.child_by_field_name("condition")
        consequence = node.child_by_field_name("consequence")
        if mark is not None and mark.kind == "scoped_guard":
            self._scoped_guard(node, mark.text, condition, consequence)
            return
        alternative = node.child_by_field_name("alternative")
        then, after = self.new_block(), self.new_block()
        otherwise = self.new_block() if alternative is not None else after
        self.condition(condition, then, otherwise)
        self.block = then
        if consequence is not None:
            self.statement(consequence)
        self.jump(after)
        if alternative is not None:
            self.block = otherwise
            for child in alternative.named_children if alternative.type == "else_clause" else (alternative,):
                self.statement(child)
            self.jump(after)
        self.block = after

    def _scoped_guard(self, node: Node, kind: str, condition: Node | None, body: Node | None) -> None:
        values = self._loose_values(condition)
        arguments = values[1:] if values and values[0] == Name(kind) else values
        kept = len(self.cleanups)
        self.emit(Call(self.temporary(), Name(f"class_{kind}_constructor"), arguments, self.at(node), used=False))
        self.cleanups.append(_CleanupCall(f"class_{kind}_destructor", arguments))
        if body is not None:
            self.statement(body)
        self._leave(kept, self._offset(max(node.start_byte, node.end_byte - 1)))
        del self.cleanups[kept:]

    def _loose_values(self, node: Node | None) -> tuple[Expr, ...]:
        """Return the values of what stands between a macro's parentheses, parsed as a comma expression."""
        if node is None:
            return ()
        if node.type in ("parenthesized_expression", "comma_expression"):
            return tuple(v for c in node.named_children for v in self._loose_values(c))
        return () if node.type in ("comment", "ERROR") else (self.value(node),)

    def while_statement(self, node: Node) -> None:
        head, body, after = self.new_block(), self.new_block(), self.new_block()
        condition = node.child_by_field_name("condition")
        mark = self.parsed.marks.get(node.start_byte)
        self.jump(head)
        self.block = head
        if mark is not None and mark.kind == "iterator":
            self._iterate(mark.text, condition, node)
            unseen = self.temporary()
            self.emit(Havoc(Name(unseen), self.at(node)))
            self.close(Branch(Name(unseen), BlockId(body), BlockId(after), self.at(node)))
        else:
            self.condition(condition, body, after)
        self._loop_body(node.child_by_field_name("body"), body, after, head)
        self.block = after

    def _iterate(self, macro: str, condition: Node | None, node: Node) -> None:
        values = self._loose_values(condition)
        wanted = self.idioms.iterator_targets.get(macro)
        if wanted is None:
            plain = [i for i, v in enumerate(values) if isinstance(v, Name) and v.name in self.locals]
            wanted = tuple(plain[:2])
        for position in wanted:
            if position < len(values):
                target = values[position]
                self.emit(Havoc(target.base if isinstance(target, Addr) else target, self.at(node)))

    def _loop_body(self, body: Node | None, start: int, after: int, again: int) -> None:
        self.breaks.append((after, len(self.cleanups)))
        self.continues.append((again, len(self.cleanups)))
        self.block = start
        if body is not None:
            self.statement(body)
        self.jump(again)
        self.breaks.pop()
        self.continues.pop()

    def do_statement(self, node: Node) -> None:
        start, test, after = self.new_block(), self.new_block(), self.new_block()
        self.jump(start)
        self._loop_body(node.child_by_field_name("body"), start, after, test)
        self.block = test
        self.condition(node.child_by_field_name("condition"), start, after)
        self.block = after

    def for_statement(self, node: Node) -> None:
        kept = len(self.cleanups)
        initialiser = node.child_by_field_name("initializer")
        if initialiser is not None:
            if initialiser.type == "declaration":
                self.declaration(initialiser)
            else:
                self.value(initialiser, used=False)
        head, body, step, after = (self.new_block() for _ in range(4))
        self.jump(head)
        self.block = head
        condition = node.child_by_field_name("condition")
        if condition is not None:
            self.condition(condition, body, after)
        else:
            self.jump(body)
        self._loop_body(node.child_by_field_name("body"), body, after, step)
        self.block = step
        update = node.child_by_field_name("update")
        if update is not None:
            self.value(update, used=False)
        self.jump(head)
        self.block = after
        self._leave(kept, self._offset(max(node.start_byte, node.end_byte - 1)))
        del self.cleanups[kept:]

    def switch_statement(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        value = self.value(condition) if condition is not None else Opaque(self.at(node))
        origin, after = self.block, self.new_block()
        cases: list[tuple[Expr | None, Expr | None, int]] = []
        self.switches.append(cases)
        self.breaks.append((after, len(self.cleanups)))
        self.block = self.new_block()  # text before the first case is never reached
        self.close(Stop(self.at(node)))
        body = node.child_by_field_name("body")
        if body is not None:
            self.statement(body)
        self.jump(after)
        self.breaks.pop()
        self.switches.pop()
        default = next((to for low, _, to in cases if low is None), after)
        arms = tuple((low, high, BlockId(to)) for low, high, to in cases if low is not None)
        self.block = origin
        self.close(Switch(value, arms, BlockId(default), self.at(node)))
        self.block = after

    def case_statement(self, node: Node) -> None:
        target = self.new_block()
        self.jump(target)  # fall-through from the case above
        self.block = target
        value = node.child_by_field_name("value")
        statements = [c for c in node.named_children if value is None or c.id != value.id]
        low: Expr | None = None
        high: Expr | None = None
        if value is not None:
            if value.type == "range_expression" and len(value.named_children) == 2:
                low, high = (self.value(c) for c in value.named_children)
            else:
                low = self.value(value)
        if self.switches:
            self.switches[-1].append((low, high, target))
        for child in statements:
            self.statement(child)

    def labeled_statement(self, node: Node) -> None:
        label = node.child_by_field_name("label")
        target = self.new_block()
        self.jump(target)
        self.block = target
        if label is not None:
            self.labels[self.text_of(label)] = (target, tuple(self.cleanups))
        for child in node.named_children:
            if label is None or child.id != label.id:
                self.statement(child)

    def goto_statement(self, node: Node) -> None:
        label = node.child_by_field_name("label")
        if self.closed:
            return
        if label is None:
            self.unknown(node)
            self.close(Stop(self.at(node)))
        else:
            self.gotos.append((self.block, self.text_of(label), tuple(self.cleanups), self.at(node)))
        self.block = self.new_block()
        # The block that jumps is closed when its label is known; what follows is reached only by a label.

    def break_statement(self, node: Node) -> None:
        self._jump_out(self.breaks, node)

    def continue_statement(self, node: Node) -> None:
        self._jump_out(self.continues, node)

    def _jump_out(self, targets: list[tuple[int, int]], node: Node) -> None:
        if targets:
            self._leave(targets[-1][1], self.at(node))
            self.jump(targets[-1][0])
        else:
            self.unknown(node)
            self.close(Stop(self.at(node)))
        self.block = self.new_block()

    def return_statement(self, node: Node) -> None:
        value = next((c for c in node.named_children if c.type != "comment"), None)
        result = self.value(value) if value is not None else None
        if self.cleanups and result is not None and not isinstance(result, Num):
            saved = Name(self.temporary())
            self.emit(Assign(saved, result, self.at(node)))
            result = saved
        self._leave(0, self.at(node))
        self.close(Return(result, self.at(node)))
        self.block = self.new_block()

    # -- conditions

    def condition(self, node: Node | None, true: int, false: int) -> None:
        """Branch on a C condition: `&&`, `||`, `!` and transparent macros become edges."""
        if node is None:
            self.close(Branch(Opaque(-1), BlockId(true), BlockId(false), -1))
            return
        kind = node.type
        if kind == "parenthesized_expression":
            inner = [c for c in node.named_children if c.type != "comment"]
            if len(inner) == 1 and inner[0].type != "compound_statement":
                self.condition(inner[0], true, false)
                return
        if kind == "unary_expression" and self._operator(node) == "!":
            self.condition(node.child_by_field_name("argument"), false, true)
            return
        if kind == "binary_expression":
            operator = self._operator(node)
            if operator in ("&&", "||"):
                middle = self.new_block()
                left = node.child_by_field_name("left")
                self.condition(left, *((middle, false) if operator == "&&" else (true, middle)))
                self.block = middle
                self.condition(node.child_by_field_name("right"), true, false)
                return
        if kind == "comma_expression":
            self.value(node.child_by_field_name("left"), used=False)
            self.condition(node.child_by_field_name("right"), true, false)
            return
        if kind == "call_expression":
            arguments = self._transparent_argument(node)
            if arguments is not None:
                self.condition(arguments, true, false)
                return
        value = self.value(node)
        if isinstance(value, Num):
            self.jump(true if value.value else false)
        else:
            self.close(Branch(value, BlockId(true), BlockId(false), self.at(node)))

    def _transparent_argument(self, node: Node) -> Node | None:
        function = node.child_by_field_name("function")
        if function is None or self.text_of(function) not in self.idioms.transparent:
            return None
        listing = node.child_by_field_name("arguments")
        return next((c for c in listing.named_children if c.type != "comment"), None) if listing is not None else None

    def _operator(self, node: Node) -> str:
        operator = node.child_by_field_name("operator")
        return self.text_of(operator) if operator is not None else "?"

    # -- expressions

    def value(self, node: Node | None, used: bool = True) -> Expr:
        """Lower an expression and return its value; emits calls and assignments on the way."""
        if node is None:
            return Opaque(-1)
        handler = _EXPRESSIONS.get(node.type)
        if handler is None:
            if node.type == "ERROR" or node.is_missing:
                self.unknown(node)
            return Opaque(self.at(node))
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                self.unknown(node)
                return Opaque(self.at(node))
            return handler(self, node, used)
        finally:
            self.depth -= 1

    def identifier(self, node: Node, used: bool) -> Expr:
        name = self.text_of(node)
        if self.locals.get(name):
            return Addr(Name(name))
        return Name(name)

    def number(self, node: Node, used: bool) -> Expr:
        text = self.text_of(node).rstrip("uUlL").replace("'", "")
        try:
            return Num(int(text, 8) if text.startswith("0") and text[1:].isdigit() else int(text, 0))
        except ValueError:
            return Opaque(self.at(node))

    def character(self, node: Node, used: bool) -> Expr:
        text = self.text_of(node)
        return Num(ord(text[1])) if len(text) == 3 else Opaque(self.at(node))

    def constant_word(self, node: Node, used: bool) -> Expr:
        return Num(1 if node.type == "true" else 0)

    def opaque(self, node: Node, used: bool) -> Expr:
        return Opaque(self.at(node))

    def parenthesized(self, node: Node, used: bool) -> Expr:
        result: Expr = Opaque(self.at(node))
        for child in node.named_children:
            if child.type == "compound_statement":
                result = self._statement_expression(child, used)
            elif child.type != "comment":
                result = self.value(child, used)
        return result

    def _statement_expression(self, node: Node, used: bool) -> Expr:
        kept = len(self.cleanups)
        children = [c for c in node.named_children if c.type != "comment"]
        result: Expr = Opaque(self.at(node))
        for child in children:
            if child.id == children[-1].id and child.type == "expression_statement":
                inner = next((c for c in child.named_children if c.type != "comment"), None)
                result = self.value(inner, used) if inner is not None else result
            else:
                self.statement(child)
        self._leave(kept, self.at(node))
        del self.cleanups[kept:]
        return result

    def cast(self, node: Node, used: bool) -> Expr:
        return self.value(node.child_by_field_name("value"), used)

    def field(self, node: Node, used: bool) -> Expr:
        base = self.value(node.child_by_field_name("argument"))
        member = node.child_by_field_name("field")
        name = self.text_of(member) if member is not None else "?"
        if self._operator(node) == "->":
            base = base.base if isinstance(base, Addr) else Deref(base)
        return Field(base, name)

    def subscript(self, node: Node, used: bool) -> Expr:
        base = self.value(node.child_by_field_name("argument"))
        index = self.value(node.child_by_field_name("index"))
        return Index(base, index)

    def pointer(self, node: Node, used: bool) -> Expr:
        operand = self.value(node.child_by_field_name("argument"))
        if self._operator(node) == "&":
            if isinstance(operand, Deref):
                return operand.base
            return operand if isinstance(operand, Addr) else Addr(operand)
        return operand.base if isinstance(operand, Addr) else Deref(operand)

    def unary(self, node: Node, used: bool) -> Expr:
        operator = self._operator(node)
        operand = self.value(node.child_by_field_name("argument"))
        if operator == "+":
            return operand
        if operator == "-" and isinstance(operand, Num):
            return Num(-operand.value)
        return Unary(operator, operand)

    def update(self, node: Node, used: bool) -> Expr:
        target = self.value(node.child_by_field_name("argument"))
        at = self.at(node)
        changed = Binary(self._operator(node)[0], target, Num(1))
        argument = node.child_by_field_name("argument")
        postfix = argument is not None and argument.start_byte == node.start_byte
        if used and postfix:
            saved = Name(self.temporary())
            self.emit(Assign(saved, target, at))
            self.emit(Assign(target, changed, at))
            return saved
        self.emit(Assign(target, changed, at))
        return target

    def binary(self, node: Node, used: bool) -> Expr:
        operator = self._operator(node)
        if operator in ("&&", "||"):
            return self._truth(node)
        left = self.value(node.child_by_field_name("left"))
        right = self.value(node.child_by_field_name("right"))
        return Binary(operator, left, right)

    def _truth(self, node: Node) -> Expr:
        """Lower `a && b` used as a value: 1 and 0 assigned on the two edges."""
        result = Name(self.temporary())
        true, false, after = self.new_block(), self.new_block(), self.new_block()
        self.condition(node, true, false)
        for block, number in ((true, 1), (false, 0)):
            self.block = block
            self.emit(Assign(result, Num(number), self.at(node)))
            self.jump(after)
        self.block = after
        return result

    def assignment(self, node: Node, used: bool) -> Expr:
        operator = self._operator(node)
        right = self.value(node.child_by_field_name("right"))
        target = self.value(node.child_by_field_name("left"))
        if operator != "=":
            right = Binary(operator[:-1], target, right)
        self.emit(Assign(target, right, self.at(node)))
        return target

    def conditional(self, node: Node, used: bool) -> Expr:
        condition = node.child_by_field_name("condition")
        consequence = node.child_by_field_name("consequence")
        result = Name(self.temporary())
        true, false, after = self.new_block(), self.new_block(), self.new_block()
        if consequence is None:  # a ?: b
            first = self.value(condition)
            self.emit(Assign(result, first, self.at(node)))
            self.close(Branch(result, BlockId(after), BlockId(false), self.at(node)))
            self.drafts[true].terminator = Jump(BlockId(after))
        else:
            self.condition(condition, true, false)
            self.block = true
            self.emit(Assign(result, self.value(consequence, used), self.at(node)))
            self.jump(after)
        self.block = false
        self.emit(Assign(result, self.value(node.child_by_field_name("alternative"), used), self.at(node)))
        self.jump(after)
        self.block = after
        return result

    def comma(self, node: Node, used: bool) -> Expr:
        self.value(node.child_by_field_name("left"), used=False)
        return self.value(node.child_by_field_name("right"), used)

    def compound_literal(self, node: Node, used: bool) -> Expr:
        place = self.temporary()
        self.locals[place] = False
        listing = node.child_by_field_name("value")
        if listing is not None and listing.type == "initializer_list":
            self._initialise(Name(place), listing)
        return Name(place)

    def extension(self, node: Node, used: bool) -> Expr:
        return self.value(next(iter(node.named_children), None), used)

    def assembly(self, node: Node, used: bool) -> Expr:
        return Opaque(self.at(node))

    def call(self, node: Node, used: bool) -> Expr:
        function = node.child_by_field_name("function")
        listing = node.child_by_field_name("arguments")
        arguments = [c for c in listing.named_children if c.type != "comment"] if listing is not None else []
        name = self.text_of(function) if function is not None and function.type == "identifier" else ""
        if name in self.idioms.ignored:
            return Opaque(self.at(node))
        if name in self.idioms.assertion or name in self.idioms.negated_assertion:
            return self._assertion(node, arguments, name in self.idioms.assertion)
        if name in self.idioms.warning and not used and arguments:
            return self._assertion(node, arguments, fails_when=True)
        if name in self.idioms.transparent and arguments:
            if arguments[0].type in ("binary_expression", "unary_expression"):
                return self._truth_of(arguments[0])
            return self.value(arguments[0], used)
        callee = Name(name) if name else self.value(function)
        values = tuple(self.value(a) for a in arguments)
        result = self.temporary()
        self.emit(Call(result, callee, values, self.at(node), used=used))
        if name in self.idioms.noreturn:
            self.close(Stop(self.at(node)))
            self.block = self.new_block()
            self.close(Stop(self.at(node)))
        return Name(result)

    def _truth_of(self, node: Node) -> Expr:
        """Return the value of a condition under a transparent macro, kept as an expression when it is one."""
        if node.type == "unary_expression" and self._operator(node) == "!":
            return Unary("!", self.value(node.child_by_field_name("argument")))
        return self.value(node)

    def _assertion(self, node: Node, arguments: list[Node], fails_when: bool) -> Expr:
        """Lower `BUG_ON(condition, ...)`: control goes on only when it does not fail."""
        if not arguments:
            return Opaque(self.at(node))
        failed, after = self.new_block(), self.new_block()
        self.condition(arguments[0], *((failed, after) if fails_when else (after, failed)))
        self.drafts[failed].terminator = Stop(self.at(node))
        self.block = after
        return Num(0)


def _renumber(terminator: Terminator, new: Mapping[int, BlockId]) -> Terminator:
    match terminator:
        case Jump(to):
            return Jump(new[to])
        case Branch(condition, true, false, at):
            return Branch(condition, new[true], new[false], at)
        case Switch(value, cases, default, at):
            return Switch(value, tuple((low, high, new[to]) for low, high, to in cases), new[default], at)
        case _:
            return terminator


_STATEMENTS: dict[str, Callable[[_Builder, Node], None]] = {
    "compound_statement": _Builder.compound,
    "expression_statement": _Builder.expression_statement,
    "declaration": _Builder.declaration,
    "if_statement": _Builder.if_statement,
    "while_statement": _Builder.while_statement,
    "do_statement": _Builder.do_statement,
    "for_statement": _Builder.for_statement,
    "switch_statement": _Builder.switch_statement,
    "case_statement": _Builder.case_statement,
    "labeled_statement": _Builder.labeled_statement,
    "goto_statement": _Builder.goto_statement,
    "break_statement": _Builder.break_statement,
    "continue_statement": _Builder.continue_statement,
    "return_statement": _Builder.return_statement,
    "attributed_statement": _Builder.children,
    "else_clause": _Builder.children,
    "type_definition": _Builder.nothing,
    "struct_specifier": _Builder.nothing,
    "enum_specifier": _Builder.nothing,
    "union_specifier": _Builder.nothing,
    "attribute_declaration": _Builder.nothing,
    "attribute_specifier": _Builder.nothing,
    "function_definition": _Builder.nothing,
}

_EXPRESSIONS = {
    "identifier": _Builder.identifier,
    "number_literal": _Builder.number,
    "char_literal": _Builder.character,
    "string_literal": _Builder.opaque,
    "concatenated_string": _Builder.opaque,
    "null": _Builder.constant_word,
    "true": _Builder.constant_word,
    "false": _Builder.constant_word,
    "parenthesized_expression": _Builder.parenthesized,
    "cast_expression": _Builder.cast,
    "field_expression": _Builder.field,
    "subscript_expression": _Builder.subscript,
    "pointer_expression": _Builder.pointer,
    "unary_expression": _Builder.unary,
    "update_expression": _Builder.update,
    "binary_expression": _Builder.binary,
    "assignment_expression": _Builder.assignment,
    "conditional_expression": _Builder.conditional,
    "comma_expression": _Builder.comma,
    "compound_literal_expression": _Builder.compound_literal,
    "extension_expression": _Builder.extension,
    "gnu_asm_expression": _Builder.assembly,
    "sizeof_expression": _Builder.opaque,
    "alignof_expression": _Builder.opaque,
    "offsetof_expression": _Builder.opaque,
    "generic_expression": _Builder.opaque,
    "call_expression": _Builder.call,
}
