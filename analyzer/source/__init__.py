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
from analyzer.source.search import (
    BINARY,
    Look,
    NameSearch,
    is_binary,
    list_definitions,
    look_at_files,
    search_definitions,
    search_names,
)
from analyzer.source.text import SourceText
from analyzer.source.tree import EmptyTree, FolderTree, GitTree, OverlayTree, Tree, run_git

__all__ = [
    "BINARY",
    "AnalyzerError",
    "EmptyTree",
    "FolderTree",
    "GitTree",
    "LimitExceeded",
    "Look",
    "NameSearch",
    "OverlayTree",
    "PatchError",
    "RuleError",
    "SourceError",
    "SourceText",
    "SyntaxFailure",
    "Tree",
    "WorkersLost",
    "is_binary",
    "list_definitions",
    "look_at_files",
    "run_git",
    "search_definitions",
    "search_names",
]
