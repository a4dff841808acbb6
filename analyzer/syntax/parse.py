"""Turns one top-level item into a tree: mask, choose `#if` arms, rewrite, parse, collect errors."""

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_c

from analyzer.source import SourceText, SyntaxFailure
from analyzer.syntax.conditionals import resolve
from analyzer.syntax.items import FunctionText, InitialiserText, ParsedFunction, ParsedPiece, PrototypeText
from analyzer.syntax.masking import mask
from analyzer.syntax.normalise import as_function, normalise_function, normalise_initialiser, normalise_prototype

MAX_NESTING = 2000
"""Deepest nesting of brackets, of statements or of operators that is accepted, since trees are walked recursively."""

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))
_BRACKET = re.compile(rb"[(\[{]|[)\]}]")
_NESTING_WORD = re.compile(rb"\b(?:else|for|while|do|if|switch)\b")
_LONG_STATEMENT = 2 * MAX_NESTING
_DIRECTIVE_START = re.compile(rb"^[ \t]*+#", re.MULTILINE)


def parse_function(source: SourceText, function: FunctionText) -> tuple[ParsedFunction, ...]:
    """Return the trees of a function, one for each choice of `#if` arms, at least one and at most four.

    Raises SyntaxFailure when the function is nested too deeply, or when the grammar finds
    no function in it. Broken C does not raise: see `errors`.
    """
    where = f"{source.path}: {function.name}"
    masked = mask(source.data[function.start : function.end])
    if function.is_macro:
        variants = [(as_function(masked.text, function), "")]
    else:
        variants = resolve(masked.text, where) if _DIRECTIVE_START.search(masked.text) else [(masked.text, "")]
    parsed = []
    for text, variant in variants:
        _check_brackets(text, where)
        rewritten = normalise_function(text, function)
        final = masked.restore(rewritten.text)
        root = _PARSER.parse(final).root_node
        _check_depth(root, final, where)
        node = _find(root, "function_definition")
        if node is None:
            continue
        errors = tuple((start + function.start, end + function.start) for start, end in _errors(root))
        parsed.append(ParsedFunction(function, node, final, function.start, rewritten.marks, errors, variant))
    if not parsed:
        raise SyntaxFailure(f"{where}: no function can be made out in its text")
    return tuple(parsed)


def parse_initialiser(source: SourceText, initialiser: InitialiserText) -> ParsedPiece:
    """Return the `initializer_list` of an initialiser; all arms of conditionals are kept, so entries may repeat.

    Raises SyntaxFailure when it is nested too deeply or no list can be made out.
    """
    where = f"{source.path}: {initialiser.name}"
    masked = mask(source.data[initialiser.start : initialiser.end] + b";")
    return _parse_piece(
        masked.restore(normalise_initialiser(masked.text)), initialiser.start, "initializer_list", where
    )


def parse_prototype(source: SourceText, prototype: PrototypeText) -> ParsedPiece:
    """Return the `declaration` of a prototype.

    Raises SyntaxFailure when it is nested too deeply or no declaration can be made out.
    """
    where = f"{source.path}: {prototype.name}"
    masked = mask(source.data[prototype.start : prototype.end])
    text = masked.restore(normalise_prototype(masked.text, prototype.name))
    return _parse_piece(text, prototype.start, "declaration", where)


def _parse_piece(text: bytes, base: int, kind: str, where: str) -> ParsedPiece:
    _check_brackets(text, where)
    root = _PARSER.parse(text).root_node
    _check_depth(root, text, where)
    node = _find(root, kind)
    if node is None:
        raise SyntaxFailure(f"{where}: no {kind.replace('_', ' ')} can be made out in its text")
    return ParsedPiece(node, text, base, tuple((start + base, end + base) for start, end in _errors(root)))


def _check_brackets(text: bytes, where: str) -> None:
    if text.count(b"(") + text.count(b"{") + text.count(b"[") <= MAX_NESTING:
        return
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in b"([{" else -1
        if depth > MAX_NESTING:
            raise SyntaxFailure(f"{where}: nested too deeply")


def _check_depth(root: tree_sitter.Node, text: bytes, where: str) -> None:
    """Raise if the tree is too deep; the walk is saved where the text cannot make it so."""
    if (
        max(map(len, text.split(b";"))) <= _LONG_STATEMENT
        and sum(1 for _ in _NESTING_WORD.finditer(text)) <= MAX_NESTING // 4
    ):
        return
    cursor = root.walk()
    while True:
        if cursor.goto_first_child():
            if cursor.depth > 3 * MAX_NESTING:
                raise SyntaxFailure(f"{where}: nested too deeply")
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _find(root: tree_sitter.Node, kind: str) -> tree_sitter.Node | None:
    """Return the largest topmost node of `kind`."""
    found: tree_sitter.Node | None = None
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type == kind:
            if found is None or node.end_byte - node.start_byte > found.end_byte - found.start_byte:
                found = node
        elif node.type != "compound_statement":
            stack.extend(node.children)
    return found


def _errors(root: tree_sitter.Node) -> Iterator[tuple[int, int]]:
    """Yield the spans of the outermost ERROR nodes and of the MISSING ones, in order."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node.start_byte, node.end_byte
        elif node.has_error:
            stack.extend(reversed(node.children))
