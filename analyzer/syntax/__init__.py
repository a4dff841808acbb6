"""Makes kernel C parse: the only importer of tree-sitter, whose `Node` it hands on.

`outline` cuts a file into top-level items with a scanner that does not need the file to
be well formed; `parse_function`, `parse_initialiser` and `parse_prototype` give the tree
of one item. Before parsing, preprocessor conditionals are resolved by blanking the arms
not taken, and what plain C grammars do not know (attribute macros, iterator macros,
types as macro arguments) is rewritten in place, byte for byte, so that every offset in a
tree is an offset in the file minus `base`.

Bad C never raises: it gives `errors` spans. SyntaxFailure is for text whose tree would
be too deep to walk, or when the grammar sees no function in it at all.
"""

from tree_sitter import Node

from analyzer.syntax.items import (
    FunctionText,
    InitialiserText,
    Mark,
    Outline,
    ParsedFunction,
    ParsedPiece,
    PrototypeText,
    StructText,
)
from analyzer.syntax.outline import outline
from analyzer.syntax.parse import parse_function, parse_initialiser, parse_prototype

__all__ = [
    "FunctionText",
    "InitialiserText",
    "Mark",
    "Node",
    "Outline",
    "ParsedFunction",
    "ParsedPiece",
    "PrototypeText",
    "StructText",
    "outline",
    "parse_function",
    "parse_initialiser",
    "parse_prototype",
]
