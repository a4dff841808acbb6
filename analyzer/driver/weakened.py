"""Looks and locks that a change takes away, as findings: what `checks.weakened` finds in two versions of a file."""

from collections.abc import Iterable

from analyzer.cfg import build_cfg
from analyzer.checks.versions import Version, obligations_of
from analyzer.checks.weakened import Guards, Weakened, guards_of, weakened_guards
from analyzer.driver.comparing import FileChange, FileImage
from analyzer.driver.fileanalysis import idioms_of
from analyzer.driver.fixpoint import Snapshot
from analyzer.driver.suspicions import agreed_anew
from analyzer.findings import Confidence, Finding, Status
from analyzer.ir import Function
from analyzer.rulespec import Model, Rule
from analyzer.source import AnalyzerError
from analyzer.syntax import parse_function


def weakened_findings(
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    model: Model,
    rules: Iterable[Rule],
    after: Snapshot,
) -> list[Finding]:
    """Return the looks and locks that one file's change takes away, as new findings, the first of each function.

    touched, known: as for `driver.dropped.dropped_findings`; after: what functions of the new version require.
    """
    asked = {"unchecked": [r for r in rules if r.unchecked_message]}
    asked["unguarded"] = [r for r in rules if r.unguarded_message]
    if not asked["unchecked"] and not asked["unguarded"]:
        return []
    guards = guards_of(
        model,
        {e for r in asked["unchecked"] for e in r.unchecked_events},
        {e for r in asked["unguarded"] for e in r.unguarded_events},
        {e for r in asked["unguarded"] for e in r.self_guarded_events},
    )
    told = {
        f.function
        for f in known
        if f.status is Status.FIXED or (f.status is Status.NEW and f.confidence is not Confidence.LOW)
    }
    requirements = _Requirements(model, after, change.after.path)
    found = []
    for name in sorted(change.touched - told):
        texts = change.before.functions.get(name, []), change.after.functions.get(name, [])
        if len(texts[0]) != len(texts[1]) or not any(_mentions(text, guards) for text in texts[0]):
            continue
        if agreed_anew(change, name, touched - {name}):
            continue
        weakened = _weakened_in(change, name, model, guards, requirements)
        if weakened is not None:
            found.append(_finding(asked[weakened.kind][0], weakened, name, change.after))
    return found


class _Requirements:
    """What functions of a tree want of the lock of their arguments, by their summaries."""

    def __init__(self, model: Model, snapshot: Snapshot, path: str) -> None:
        self.path = path
        self.snapshot = snapshot
        self.held = {f.name: f.held for f in model.facets if f.exclusive and f.held}
        self.indices: dict[str, dict[int, str]] = {}
        for view in model.all_views():
            facets = model.project(view).facets
            self.indices[view.name] = {i: self.held[f.name] for i, f in enumerate(facets) if f.name in self.held}
        self.asked: dict[tuple[str, int], bool] = {}

    def needs_lock(self, name: str, position: int) -> bool:
        """Tell whether some definition of a function requires an argument to be locked, whatever the others are."""
        key = (name, position)
        if key not in self.asked:
            self.asked[key] = any(self._requires(path, name, position) for path in self.snapshot.results)
        return self.asked[key]

    def _requires(self, path: str, name: str, position: int) -> bool:
        for summary in self.snapshot.results[path].summaries:
            if summary.name != name:
                continue
            indices = self.indices.get(summary.view, {})
            for case in summary.cases:
                if any(guard.equals is not None for guard in case.guards):
                    continue
                for effect in case.effects:
                    if effect.path == (position,) and any(
                        c.facet in indices and c.requires == indices[c.facet] for c in effect.changes
                    ):
                        return True
        return False


def _mentions(text: bytes, guards: Guards) -> bool:
    calls = {*guards.locks, *(call for names in guards.wrappers.values() for call in names.calls)}
    return any(name.encode() in text for name, _ in calls)


def _weakened_in(
    change: FileChange, name: str, model: Model, guards: Guards, requirements: _Requirements
) -> Weakened | None:
    """Return the first look or lock that is gone from one function."""
    try:
        before, after = (_lower(image, name, model) for image in (change.before, change.after))
    except (AnalyzerError, RecursionError):
        return None
    if len(before) != len(after) or any(f.unparsed for f in (*before, *after)):
        return None
    obligations = obligations_of(model, dict.fromkeys(requirements.held, ()))
    for old, new in zip(before, after, strict=True):
        sides = (
            Version(old, lambda at: change.before.source.position(max(at, 0))[0], obligations),
            Version(new, lambda at: change.after.source.position(max(at, 0))[0], obligations),
        )
        found = weakened_guards(*sides, guards, change.line_after, requirements.needs_lock)
        first = min(found, key=lambda w: (w.line, w.kind, w.subject), default=None)
        if first is not None:
            return first
    return None


def _lower(image: FileImage, name: str, model: Model) -> tuple[Function, ...]:
    idioms = idioms_of(model)
    return tuple(
        build_cfg(parsed, image.path, idioms)
        for item in image.outline.functions
        if item.name == name
        for parsed in parse_function(image.source, item)
    )


def _finding(rule: Rule, weakened: Weakened, function: str, image: FileImage) -> Finding:
    message = rule.unchecked_message if weakened.kind == "unchecked" else rule.unguarded_message
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=Confidence.MEDIUM,
        file=image.path,
        line=weakened.line,
        column=1,
        function=function,
        subject=weakened.subject,
        message=message.replace("{page}", weakened.subject),
        status=Status.NEW,
        line_text=image.source.line(weakened.line),
    )
