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
            agreed = _agree(key, [_effect(one, key) for one in (case, *others)])
            if agreed is not None:
                effects.append(agreed)
        blurred.append(msgspec.structs.replace(case, effects=tuple(effects)))
    return blurred


def _key(effect: Effect) -> tuple[Path, bool]:
    return effect.path, effect.stored


def _effect(case: Case, key: tuple[Path, bool]) -> Effect | None:
    return next((e for e in case.effects if _key(e) == key), None)


def _agree(key: tuple[Path, bool], versions: list[Effect | None]) -> Effect | None:
    """Return the first version, or what all leave of it: a facet on which they disagree is given up."""
    first = versions[0]
    tables = [_left(version) for version in versions]
    facets = {change.facet for version in versions if version is not None for change in version.changes}
    given_up = sorted(f for f in facets if any(table.get(f) != tables[0].get(f) for table in tables))
    if not given_up:
        return first
    kept = [c for c in first.changes if c.facet not in given_up] if first is not None else []
    changes = sorted([*kept, *(Change(f, "", "", None, False) for f in given_up)], key=lambda c: c.facet)
    path, stored = key
    text, place = (first.text, first.place) if first is not None else ("", None)
    return Effect(path, tuple(changes), stored, escaped=True, text=text, place=place)


def _left(effect: Effect | None) -> dict[int, tuple[str | None, bool]]:
    """Return what is left of each facet that a call changes.

    One that it leaves as it needs it does not change, even where it was dropped and taken again in between.
    """
    changes = effect.changes if effect is not None else ()
    return {c.facet: (c.to, c.acquired) for c in changes if not (c.requires and c.requires == c.to)}


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
