"""Looks and locks that a change takes away, as findings: what `checks.weakened` finds in two versions of a file."""

from collections.abc import Iterable

from analyzer.checks.held import Guards, guards_of, required_of
from analyzer.checks.versions import Version, obligations_of
from analyzer.checks.weakened import Wanted, Weakened, weakened_guards
from analyzer.driver.comparing import FileChange, FileImage
from analyzer.driver.fileanalysis import idioms_of
from analyzer.driver.versions import asked_functions, lines_of, lower_functions, new_finding
from analyzer.findings import Confidence, Finding
from analyzer.rulespec import Model, Rule
from analyzer.source import AnalyzerError, Tree, search_definitions

DEPTH = 3
"""How many calls deep the need of a lock is looked for."""


def weakened_findings(
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    model: Model,
    rules: Iterable[Rule],
    tree: Tree,
    carriers: frozenset[str],
) -> list[Finding]:
    """Return the looks and locks that one file's change takes away, as new findings, the first of each function.

    touched, known: as for `asked_functions`; tree: the new version; carriers: its files where functions
    that take pages may be defined.
    """
    looks = {event: rule for rule in rules if rule.unchecked_message for event in rule.unchecked_events}
    locks = next((rule for rule in rules if rule.unguarded_message), None)
    if not looks and locks is None:
        return []
    guards = guards_of(
        model,
        sorted(looks),
        locks.unguarded_events if locks is not None else (),
        locks.self_guarded_events if locks is not None else (),
        locks.test_events if locks is not None else (),
    )
    lowering = _Lowering(model)
    needs = _Requirements(change.after, tree, carriers, guards, lowering)
    found = []
    for name in asked_functions(change, touched, known, lambda text: _mentions(text, guards)):
        weakened = _weakened_in(change, name, lowering, needs)
        if weakened is not None:
            rule = looks.get(weakened.event, locks)
            if rule is not None:
                message = rule.unchecked_message if weakened.event else rule.unguarded_message
                confidence = Confidence.MEDIUM if weakened.certain else Confidence.LOW
                line, subject = weakened.line, weakened.subject
                found.append(new_finding(rule, message, change.after, name, line, subject, confidence))
    return found


class _Lowering:
    """Turns functions of files into what `checks` walks."""

    def __init__(self, model: Model) -> None:
        self.idioms = idioms_of(model)
        self.obligations = obligations_of(model, {f.name: () for f in model.facets if f.exclusive})

    def versions(self, image: FileImage, name: str) -> list[Version]:
        """Return the functions of a name; raise AnalyzerError where one cannot be read."""
        line_of = lines_of(image)
        functions = lower_functions(image, name, self.idioms)
        return [Version(function, line_of, self.obligations) for function in functions]


class _Requirements:
    """What functions of a tree want of the lock of their arguments, read from their definitions."""

    def __init__(
        self, image: FileImage, tree: Tree, carriers: frozenset[str], guards: Guards, lowering: _Lowering
    ) -> None:
        self.image = image
        self.tree = tree
        self.carriers = sorted(carriers - {image.path})
        self.guards = guards
        self.lowering = lowering

    def needing(self, calls: Wanted) -> Wanted:
        """Return which of some (callee, argument position) want the argument locked, as far as `DEPTH` shows."""
        found: set[tuple[str, int]] = set()
        asked = {call: frozenset({call}) for call in calls}
        seen: set[tuple[str, int]] = set()
        for _ in range(DEPTH):
            seen |= asked.keys()
            deeper: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
            definitions = self._definitions(frozenset(name for name, _ in asked))
            for (name, position), origins in asked.items():
                for version in definitions.get(name, ()):
                    required, passed = required_of(version, position, self.guards)
                    if required:
                        found |= origins
                    for call in passed - seen:
                        deeper[call] = deeper.get(call, frozenset()) | origins
            asked = {call: origins - found for call, origins in deeper.items() if origins - found}
        return frozenset(found)

    def _definitions(self, names: frozenset[str]) -> dict[str, list[Version]]:
        """Return the functions of these names: those of the changed file, else those of the carriers."""
        found = {name: self._versions(self.image, name) for name in names if name in self.image.functions}
        for path, here in search_definitions(self.tree, self.carriers, names - found.keys()).items():
            image = FileImage(path, self.tree.read(path))
            for name in here & image.functions.keys():
                found.setdefault(name, []).extend(self._versions(image, name))
        return found

    def _versions(self, image: FileImage, name: str) -> list[Version]:
        try:
            return self.lowering.versions(image, name)
        except (AnalyzerError, RecursionError):
            return []


def _mentions(text: bytes, guards: Guards) -> bool:
    return any(name.encode() in text for name, _ in guards.locking)


def _weakened_in(change: FileChange, name: str, lowering: _Lowering, needs: _Requirements) -> Weakened | None:
    """Return the first look or lock that is gone from one function."""
    try:
        before, after = (lowering.versions(image, name) for image in (change.before, change.after))
    except (AnalyzerError, RecursionError):
        return None
    if len(before) != len(after) or any(v.function.unparsed for v in (*before, *after)):
        return None
    for old, new in zip(before, after, strict=True):
        found = weakened_guards(old, new, needs.guards, change.line_after, needs.needing)
        first = min(found, key=lambda w: (not w.certain, w.line, w.event, w.subject), default=None)
        if first is not None:
            return first
    return None
