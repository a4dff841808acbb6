"""Calls that met an obligation in one version of a function, and are gone in the next.

Where a page comes from a callee that nothing is known of, or out of an array,
no state says that it must be unlocked or put. The version before a change
does. A run of the new version is followed together with the runs of the old one
that pass the same lines and take the same branches: where these released the
page and the new one never does, the release is gone.

Over-approximates paths (conditions that exclude each other are not seen, but
tests for NULL and for error pointers), yet two choices count only when neither
arm releases: one that the new version alone has, and one that leads to a
release which follows in the old version too, where the page is released
already. Under-approximates changes: nothing is said when new code gets the
page, keeps it, or releases another one, nor when the change takes away what the
release belonged to, or a condition with the release, unless it asks the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.checks.versions import Point, Subject, Version
from analyzer.ir import Branch, Call, Instruction, Name, Return, Stop, Switch, successors

MAX_PLACES = 20_000


@dataclass(frozen=True)
class Dropped:
    """A release that is gone: of which facet and page, and the line in the new version that is reached without it."""

    facet: str
    subject: str
    line: int


@dataclass(frozen=True)
class _Place:
    """How far a run of the new version is, with the old runs beside it.

    here: what it does next; there: where the old runs were when they last did the same, just before they go on;
    agrees: whether they do now what it does; released: whether they have released the page.
    """

    here: Point
    there: Point
    agrees: bool
    released: bool


@dataclass(frozen=True)
class _Arrival:
    """Old runs that come to a point: did they release the page, pass changed lines only, decide by asking the page."""

    released: bool
    changed_only: bool
    asked: bool


@dataclass(frozen=True)
class _Future:
    """What the old version does from a point on, until the page is gone: the points that it comes to, and how it ends.

    ends: whether the page was released, for each way to end.
    """

    arrivals: Mapping[Point, frozenset[_Arrival]]
    ends: frozenset[bool]


@dataclass(frozen=True)
class _Step:
    """Where a run may go on from a place; `lost` and `met` are its end, without and with a release."""

    arms: tuple[_Place, ...] = ()
    all_arms: bool = False
    lost: bool = False
    met: bool = False


def dropped_releases(before: Version, after: Version, lines: Mapping[int, int]) -> Iterator[Dropped]:
    """Yield the releases that are gone in `after`, in order; `lines` maps the lines that the change leaves alone."""
    kept = frozenset(lines.values())
    released: dict[tuple[str, str], Subject] = {}
    for _, instruction in before.instructions:
        for facet, expression in before.released(instruction):
            subject = before.subject(expression)
            if subject is not None:
                released.setdefault((facet, subject.text), subject)
    for (facet, text), subject in released.items():
        twin = before.twin(subject, after)
        if twin is None or _excused(before, after, facet, (subject, twin), lines, kept):
            continue
        line = _Comparison(before, after, facet, subject, twin, lines).first_lost_line()
        if line:
            yield Dropped(facet, text, line)


@dataclass
class _Comparison:
    """The runs of two versions of a function, for one page and facet."""

    before: Version
    after: Version
    facet: str
    subject: Subject
    twin: Subject
    lines: Mapping[int, int]
    futures: dict[Point, _Future] = field(default_factory=dict)

    @cached_property
    def counterparts(self) -> Mapping[Point, Point]:
        """Return the points of the old version for those of the new one, on lines that the change leaves alone."""
        found: dict[Point, Point] = {}
        for line, old in self.before.points_by_line.items():
            new = self.after.points_by_line.get(self.lines.get(line, 0), ())
            if len(old) == len(new):
                found |= dict(zip(new, old, strict=True))
        return found

    @cached_property
    def kept(self) -> frozenset[Point]:
        """Return the points of the old version that the new one has too."""
        return frozenset(self.counterparts.values())

    def first_lost_line(self) -> int:
        """Return the first line of the new version that a run comes to without a release that is gone, or 0."""
        starts = list(self._starts())
        steps = self._steps(starts)
        if len(steps) > MAX_PLACES:
            return 0
        losing = _losing(steps)
        found: set[Point] = set()
        waiting, seen = [place for place in starts if place in losing], set()
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            if place.released or steps[place].lost:
                found.add(place.here)
            else:
                waiting += [arm for arm in steps[place].arms if arm in losing]
        return min((_line_from(self.after, point) for point in found), default=0)

    def _starts(self) -> Iterator[_Place]:
        """Yield the places where both versions get the page."""
        if all(v.is_parameter(s) or v.is_declared(s) for v, s in self._sides()):
            yield self._arrive((0, 0), (0, 0), released=False)
        for point, instruction in self.after.instructions:
            there = self.counterparts.get(point)
            if there is not None and self._gets(instruction):
                yield self._arrive(_next(point), _next(there), released=False)

    def _gets(self, instruction: Instruction) -> bool:
        """Tell whether an instruction of the new version names the page, or takes what it must release."""
        return self.after.defines(instruction, self.twin) or self.after.takes_again(instruction, self.facet, self.twin)

    def _sides(self) -> tuple[tuple[Version, Subject], tuple[Version, Subject]]:
        return (self.before, self.subject), (self.after, self.twin)

    def _steps(self, starts: list[_Place]) -> dict[_Place, _Step]:
        steps: dict[_Place, _Step] = {}
        waiting = list(starts)
        while waiting and len(steps) <= MAX_PLACES:
            place = waiting.pop()
            if place not in steps:
                steps[place] = self._step(place)
                waiting += steps[place].arms
        return steps

    def _arrive(self, here: Point, there: Point, released: bool) -> _Place:
        """Return the place of a run that comes to a point, after old runs have gone on to it if they can."""
        old = self.counterparts.get(here)
        if old is None:
            return _Place(here, there, False, released)
        if old == there:
            return _Place(here, there, True, released)
        arrivals = self._future(there).arrivals.get(old, frozenset())
        if not arrivals:
            return _Place(here, there, False, released)
        alike = [a for a in arrivals if a.changed_only]
        if alike:
            gone = any(a.released for a in alike) and all(a.released or a.asked for a in alike)
        else:
            gone = all(a.released for a in arrivals)
        return _Place(here, old, True, released or gone)

    def _step(self, place: _Place) -> _Step:
        version, twin, here = self.after, self.twin, place.here
        block = version.function.blocks[here[0]]
        if here[1] < len(block.instructions):
            instruction = block.instructions[here[1]]
            if version.releases(instruction, self.facet, twin) or version.gives_away(instruction, twin):
                return _Step(met=True)
            if not place.agrees and isinstance(instruction, Call) and _may_release(version, instruction, twin):
                return _Step(met=True)
            if self._gets(instruction):
                return self._end(place)
            there = _next(place.there) if place.agrees else place.there
            return _Step(arms=(self._arrive(_next(here), there, place.released),))
        end = block.terminator
        if isinstance(end, Return):
            returned = end.value is not None and bool(version.names_in(end.value) & twin.names)
            return _Step(met=True) if returned else self._end(place)
        if isinstance(end, Stop):
            return _Step()
        return self._branch(place)

    def _branch(self, place: _Place) -> _Step:
        """Return where a run goes on behind a jump or a choice; where both versions choose, both choose the same."""
        end = self.after.function.blocks[place.here[0]].terminator
        old = self.before.function.blocks[place.there[0]].terminator
        targets, there = successors(end), [place.there] * len(successors(end))
        together = place.agrees and type(old) is type(end) and len(successors(old)) == len(targets)
        if together:
            there = [(target, 0) for target in successors(old)]
        arms = tuple(
            self._arrive((target, 0), beside, place.released)
            for number, (target, beside) in enumerate(zip(targets, there, strict=True))
            if not (isinstance(end, Branch) and self.after.excludes(end, number == 0, self.twin))
        )
        return _Step(arms=arms, all_arms=isinstance(end, Branch | Switch) and not together)

    def _end(self, place: _Place) -> _Step:
        """Return how it ends for a run that leaves the page, or gets another one, without a release."""
        ends = self._future(place.there).ends
        lost = place.released or (not place.agrees and bool(ends) and all(ends))
        return _Step(lost=lost, met=not lost)

    def _future(self, start: Point) -> _Future:
        if start not in self.futures:
            self.futures[start] = self._look_ahead(start)
        return self.futures[start]

    def _look_ahead(self, start: Point) -> _Future:
        version, subject = self.before, self.subject
        arrivals: dict[Point, set[_Arrival]] = {}
        ends: set[bool] = set()
        waiting = [(start, _Arrival(released=False, changed_only=True, asked=False))]
        while waiting:
            point, run = waiting.pop()
            if run in arrivals.setdefault(point, set()):
                continue
            arrivals[point].add(run)
            run = _Arrival(run.released, run.changed_only and point not in self.kept, run.asked)
            block = version.function.blocks[point[0]]
            if point[1] < len(block.instructions):
                instruction = block.instructions[point[1]]
                leaves = version.defines(instruction, subject) or version.takes_again(instruction, self.facet, subject)
                if leaves or version.gives_away(instruction, subject):
                    ends.add(run.released)
                    continue
                if version.releases(instruction, self.facet, subject):
                    run = _Arrival(True, run.changed_only, run.asked)
                waiting.append((_next(point), run))
                continue
            end = block.terminator
            if isinstance(end, Return):
                ends.add(run.released)
            elif isinstance(end, Branch):
                asked = run.asked or version.is_asked(end, subject)
                run = _Arrival(run.released, run.changed_only, asked)
                arms = ((end.true, True), (end.false, False))
                waiting += [((target, 0), run) for target, truth in arms if not version.excludes(end, truth, subject)]
            elif not isinstance(end, Stop):
                waiting += [((target, 0), run) for target in successors(end)]
        return _Future({point: frozenset(found) for point, found in arrivals.items()}, frozenset(ends))


def _losing(steps: Mapping[_Place, _Step]) -> frozenset[_Place]:
    """Return the places from which a run never releases the page that it should release.

    A branch that only the new version has must lead there by both arms. Where the old runs had released the page, no
    way on may come to a release that they come to too: it is for runs of another kind.
    """
    sources: dict[_Place, list[_Place]] = {}
    for place, step in steps.items():
        for arm in step.arms:
            sources.setdefault(arm, []).append(place)
    met = _closure([p for p, s in steps.items() if p.released and s.met], sources)
    met_before = _closure([p for p, s in steps.items() if p.released and p.agrees and s.met], sources)
    ended = _closure([p for p, s in steps.items() if s.lost], sources)
    losing = {p for p, s in steps.items() if s.lost or (p.released and p in ended and p not in met)}
    waiting = list(losing)
    while waiting:
        for place in sources.get(waiting.pop(), ()):
            step = steps[place]
            if place in losing or (place.released and place in met_before):
                continue
            decide = all if step.all_arms else any
            if decide(arm in losing or (step.all_arms and _stops(steps[arm])) for arm in step.arms):
                losing.add(place)
                waiting.append(place)
    return frozenset(losing)


def _closure(places: list[_Place], sources: Mapping[_Place, list[_Place]]) -> set[_Place]:
    """Return the places from which one of some places is reached."""
    found: set[_Place] = set()
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += sources.get(place, ())
    return found


def _stops(step: _Step) -> bool:
    return not (step.arms or step.lost or step.met)


def _next(point: Point) -> Point:
    return point[0], point[1] + 1


def _excused(
    before: Version,
    after: Version,
    facet: str,
    subjects: tuple[Subject, Subject],
    lines: Mapping[int, int],
    kept: frozenset[int],
) -> bool:
    """Tell whether the change also does something that may be the answer."""
    subject, twin = subjects
    for point, instruction in before.instructions:
        if before.line(point) in lines:
            continue
        if before.defines(instruction, subject) or _takes(before, instruction, facet, subject):
            return True
    for point, instruction in after.instructions:
        if after.line(point) in kept:
            continue
        if after.gives_away(instruction, twin):
            return True
        if any(f == facet and not after.is_subject(a, twin) for f, a in after.released(instruction)):
            return True
        if isinstance(instruction, Call) and _may_release(after, instruction, twin):
            return True
    return any(
        isinstance(block.terminator, Return)
        and block.terminator.value is not None
        and after.line((number, len(block.instructions))) not in kept
        and bool(after.names_in(block.terminator.value) & twin.names)
        for number, block in enumerate(after.function.blocks)
    )


def _takes(version: Version, instruction: Instruction, facet: str, subject: Subject) -> bool:
    if not isinstance(instruction, Call) or not isinstance(instruction.callee, Name):
        return False
    taken = facet in version.obligations.takers.get(instruction.callee.name, ())
    return taken and any(version.names_in(a) & subject.names for a in instruction.arguments)


def _may_release(version: Version, call: Call, subject: Subject) -> bool:
    name = call.callee.name if isinstance(call.callee, Name) else ""
    obligations = version.obligations
    if name in obligations.known or name in obligations.same or name in obligations.errors:
        return False
    return any(version.names_in(a) & subject.names for a in call.arguments)


def _line_from(version: Version, point: Point) -> int:
    """Return the line of a point, or of the first one after it that has one."""
    waiting, seen = [point], set()
    while waiting:
        point = waiting.pop(0)
        line = version.line(point)
        if line:
            return line
        if point not in seen:
            seen.add(point)
            block = version.function.blocks[point[0]]
            waiting += [(target, 0) for target in successors(block.terminator)]
    return version.line_of(version.function.at)
