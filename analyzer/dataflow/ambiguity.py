"""Summaries that do not let a caller know: cases that it cannot tell apart but that leave a page differently.

Where two cases of one function can end with the same result under the same
arguments, and one unlocks a page and the other does not, then only memory that
the analysis does not follow could tell the caller which it was. Such a page is
unknown to the caller: the function itself may be at fault (that is judged when
its own returns are compared), its callers are not.
"""

import msgspec

from analyzer.dataflow.summary import Case, Change, Effect, Guard, Path
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO

_CLASSES = (ZERO, POSITIVE, NEGATIVE)


def blur_ambiguous(cases: list[Case]) -> list[Case]:
    """Return cases split by class of result, in which what a caller cannot know is given up (`to` None)."""
    split = list(
        dict.fromkeys(
            msgspec.structs.replace(case, mask=one) if case.mask & one else None for case in cases for one in _CLASSES
        )
    )
    single = [case for case in split if case is not None]
    blurred = []
    for case in single:
        others = [other for other in single if other is not case and not _distinct(case, other)]
        if not others:
            blurred.append(case)
            continue
        paths = sorted({_key(e) for one in (case, *others) for e in one.effects}, key=repr)
        effects = []
        for key in paths:
            mine = _effect(case, key)
            theirs = [_effect(other, key) for other in others]
            agreed = mine is not None and all(t is not None and _states(t) == _states(mine) for t in theirs)
            if agreed and mine is not None:
                effects.append(mine)
            else:
                effects.append(_give_up(key, [e for e in (mine, *theirs) if e is not None]))
        blurred.append(msgspec.structs.replace(case, effects=tuple(effects)))
    return blurred


def _key(effect: Effect) -> tuple[Path, bool]:
    return effect.path, effect.stored


def _effect(case: Case, key: tuple[Path, bool]) -> Effect | None:
    return next((e for e in case.effects if _key(e) == key), None)


def _states(effect: Effect) -> tuple[tuple[int, str | None, bool], ...]:
    return tuple((c.facet, c.to, c.acquired) for c in effect.changes)


def _give_up(key: tuple[Path, bool], effects: list[Effect]) -> Effect:
    """Return the effect that leaves every facet on which the cases disagree unknown."""
    facets = sorted({c.facet for e in effects for c in e.changes})
    path, stored = key
    return Effect(path, tuple(Change(f, "", "", None, False) for f in facets), stored, escaped=True)


def _distinct(left: Case, right: Case) -> bool:
    """Tell whether a caller can tell two cases apart, by result, by arguments, or by what was written."""
    if not left.mask & right.mask or not _compatible(left.guards, right.guards):
        return True
    if left.constant is not None and right.constant is not None and left.constant != right.constant:
        return True
    if left.constant in right.excluded or right.constant in left.excluded:
        return True
    bits = dict(right.bits)
    if any(bit in bits and bits[bit] != truth for bit, truth in left.bits):
        return True
    written = dict(right.writes)
    return any(
        number is not None and written.get(path) is not None and written[path] != number for path, number in left.writes
    )


def _compatible(left: tuple[Guard, ...], right: tuple[Guard, ...]) -> bool:
    masks = {(g.parameter, g.bit, g.equals): g.mask for g in left}
    if not all(masks.get((g.parameter, g.bit, g.equals), ANY) & g.mask for g in right):
        return False
    equal = {g.parameter: g.equals for g in left if g.equals is not None and g.mask == POSITIVE}
    return all(
        equal.get(g.parameter, g.equals) == g.equals for g in right if g.equals is not None and g.mask == POSITIVE
    )
