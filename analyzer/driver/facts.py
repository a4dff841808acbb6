"""Facts that the tree itself states: which identifiers it defines, what its prototypes say.

They choose the generation of the model. A condition is one line of a model file:

    defines NAME           the tree defines a function, macro, struct or enumerator of that name
    lacks NAME             it does not
    returns NAME TYPE      a prototype or definition of NAME returns TYPE
    parameters NAME N      it takes N parameters
    mentions NAME WORD     the body of function NAME mentions WORD
    silent NAME WORD       function NAME is defined, and its body does not mention WORD
"""

import re
from collections.abc import Iterable, Mapping

from analyzer.program import Prototype, prototype_of
from analyzer.source import AnalyzerError, SourceText, Tree
from analyzer.syntax import outline


def condition_names(conditions: Iterable[str]) -> frozenset[str]:
    """Return the identifiers that conditions ask about."""
    return frozenset(condition.split()[1] for condition in conditions)


class TreeFacts:
    """Answers conditions from the files that mention the names they ask about."""

    def __init__(self, tree: Tree, files_by_name: Mapping[str, Iterable[str]]) -> None:
        """Read the definitions of the asked names; files that cannot be read are passed over."""
        self.defined: set[str] = set()
        self.bodies: dict[str, list[bytes]] = {}
        self.prototypes: dict[str, list[Prototype]] = {}
        for name in sorted(files_by_name):
            for path in files_by_name[name]:
                self._read(tree, path, name)

    def _read(self, tree: Tree, path: str, name: str) -> None:
        try:
            source = SourceText(path, tree.read(path))
        except AnalyzerError:
            return
        items = outline(source)
        word = re.compile(
            rb"^\s*(?:#\s*define\s+|PG_|.*\benum\b.*)?" + re.escape(name.encode()) + rb"\b\s*[,=({\s]", re.MULTILINE
        )
        for item in (*items.functions, *items.macros):
            if item.name == name:
                self.defined.add(name)
                self.bodies.setdefault(name, []).append(source.data[item.body : item.end])
                if not item.is_macro:
                    self._prototype(name, source.data[item.start : item.body])
        for declared in items.prototypes:
            if declared.name == name:
                self._prototype(name, source.data[declared.start : declared.end])
        if any(s.name == name for s in items.structs):
            self.defined.add(name)
        if path.endswith(".h") and word.search(source.data):
            self.defined.add(name)

    def _prototype(self, name: str, text: bytes) -> None:
        self.defined.add(name)
        try:
            self.prototypes.setdefault(name, []).append(prototype_of(text.decode("utf-8", "replace")))
        except AnalyzerError:
            return

    def holds(self, condition: str) -> bool:
        """Tell whether a condition holds in this tree."""
        kind, name, *rest = condition.split(maxsplit=2)
        words = rest[0] if rest else ""
        if kind == "defines":
            return name in self.defined
        if kind == "lacks":
            return name not in self.defined
        if kind == "returns":
            return any(p.return_type == words for p in self.prototypes.get(name, ()))
        if kind == "parameters":
            return any(str(len(p.parameters)) == words for p in self.prototypes.get(name, ()))
        bodies = self.bodies.get(name, [])
        mentioned = any(words.encode() in body for body in bodies)
        return mentioned if kind == "mentions" else bool(bodies) and not mentioned
