"""Where file text comes from; imports nothing else of this project."""

from analyzer.source.errors import (
    AnalyzerError,
    LimitExceeded,
    PatchError,
    RuleError,
    SourceError,
    SyntaxFailure,
    WorkersLost,
)
from analyzer.source.search import search_definitions, search_names, search_texts
from analyzer.source.text import SourceText
from analyzer.source.tree import EmptyTree, FolderTree, GitTree, OverlayTree, Tree, run_git

__all__ = [
    "AnalyzerError",
    "EmptyTree",
    "FolderTree",
    "GitTree",
    "LimitExceeded",
    "OverlayTree",
    "PatchError",
    "RuleError",
    "SourceError",
    "SourceText",
    "SyntaxFailure",
    "Tree",
    "WorkersLost",
    "run_git",
    "search_definitions",
    "search_names",
    "search_texts",
]
