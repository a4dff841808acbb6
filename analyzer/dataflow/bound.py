"""The effect of a call that may reach any of the functions that operations tables bind to a field.

What the functions agree on is the effect of the call. Where they do not agree,
the caller cannot tell which of them ran, and what became of the page is unknown
to it; what only some of them require is required by nobody. So a call through a
table gives a finding only where each function that it may reach would.
"""

from collections.abc import Sequence, Set

import msgspec

from analyzer.dataflow.ambiguity import blur_ambiguous
from analyzer.dataflow.summary import MAX_CASES, Case, Change, Effect, Path, Summary, merge_cases
from analyzer.rulespec import ANY

_NOTHING = Case((), ANY, ())


def join_bound(field: str, summaries: Sequence[Summary]) -> Summary | None:
    """Return the summary of a call through `field`; None when nothing, or too much, is known of it.

    A summary that is trivial stands for a function that touches no page, but may keep one that it is given; when it
    has no cases its results are not known. All are of one view.
    """
    if all(s.trivial for s in summaries) or any(s.opaque for s in summaries):
        return None
    given = sorted({e.path for s in summaries for c in s.cases for e in c.effects if _is_argument(e)})
    kept = tuple(Effect(path, (), escaped=True) for path in given)
    groups = [_untouched(s, kept) if s.trivial else list(s.cases) for s in summaries]
    needs = [{key for case in group for key in _needs(case)} for group in groups]
    shared = set.intersection(*needs)
    cases = list(dict.fromkeys(_with_shared(case, shared) for group in groups for case in group))
    merged = merge_cases(blur_ambiguous(cases))
    told = {e.path for s in summaries for c in s.cases for e in c.effects if _is_definite(e)}
    if len(merged) > MAX_CASES or not any(_tells(e, told) for case in merged for e in case.effects):
        return None
    first = next(s for s in summaries if not s.trivial)
    return Summary(f"->{field}", first.file, merged, view=first.view)


def _tells(effect: Effect, told: Set[Path]) -> bool:
    """Tell whether an effect says more than what holds of any unknown call: arguments and results are unknown.

    A page that is reached through a field is unknown after the call when some function does something definite to
    it (`told`), not when all that is known of each function is that it passes something on.
    """
    if _is_definite(effect):
        return True
    return effect.path in told and not (_is_argument(effect) or effect.path[0] == "ret")


def _is_definite(effect: Effect) -> bool:
    return any(c.requires or c.to for c in effect.changes)


def _is_argument(effect: Effect) -> bool:
    return len(effect.path) == 1 and effect.path[0] != "ret"


def _untouched(summary: Summary, effects: tuple[Effect, ...]) -> list[Case]:
    return [msgspec.structs.replace(case, effects=effects) for case in summary.cases or (_NOTHING,)]


def _needs(case: Case) -> list[tuple[Path, int, str]]:
    return [(e.path, c.facet, c.requires) for e in case.effects for c in e.changes if c.requires]


def _with_shared(case: Case, shared: set[tuple[Path, int, str]]) -> Case:
    """Return the case without the demands that are not shared by all functions, and without their events.

    What leaves a facet as it was demanded to be then does nothing to it.
    """
    found = []
    for effect in case.effects:
        changes = tuple(c for change in effect.changes for c in _changes(effect, change, shared))
        if changes or not effect.changes or effect.escaped or effect.receivers:
            found.append(msgspec.structs.replace(effect, changes=changes))
    return msgspec.structs.replace(case, effects=tuple(found))


def _changes(effect: Effect, change: Change, shared: set[tuple[Path, int, str]]) -> tuple[Change, ...]:
    if not change.requires or (effect.path, change.facet, change.requires) in shared:
        return (change,)
    same = change.to == change.requires and not change.acquired
    return () if same else (msgspec.structs.replace(change, requires="", event=""),)
