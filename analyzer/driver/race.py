"""`pagelint race`: the concurrent contexts of the isolation protocol, extracted from C, and what they break together.

For each driver (a filled operations table with an isolate callback) two
threads that isolate and migrate, and one that frees, are searched for an
interleaving that breaks an invariant. All names come from `rules/race.toml`.

The isolating thread is the smallest function of the core that reaches the
isolate, migrate and putback callbacks and finds its pages itself. One that
would be wrong all alone was not understood, and the next is tried.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from analyzer.driver.facts import TreeFacts, condition_names
from analyzer.driver.fileanalysis import idioms_of
from analyzer.findings import Finding, Note, Result, Skipped, Stats
from analyzer.interleave import (
    DEFAULT_MAX_STATES,
    Context,
    Flag,
    Invariant,
    Op,
    Page,
    SearchResult,
    Violation,
    finding_steps,
    only_while_owned,
    search,
    standard_invariants,
)
from analyzer.interleave.extract import OWNER_LIST, PAGE_LOCK, Extracted, Owner, extract
from analyzer.interleave.routines import Definition, Routines
from analyzer.interleave.vocabulary import Protocol, Vocabulary, load_protocol
from analyzer.program import read_operations
from analyzer.rulespec import Rule, load_model, load_rules
from analyzer.source import AnalyzerError, LimitExceeded, SourceError, Tree, search_names

RULE = "double-isolation"
ALONE = frozenset({"refcount-underflow", "flag-after-last-reference"})
"""What no thread does to a page when it is alone, however wrong its locking is."""
ISOLATORS = "A", "B"
FREEING_OWNER = "C"


@dataclass(frozen=True)
class RaceOptions:
    """Bounds of one run: states of one search, and isolating functions tried for one driver."""

    max_states: int = DEFAULT_MAX_STATES
    max_isolators: int = 6


@dataclass(frozen=True)
class _Driver:
    """A filled operations table, and the file it stands in."""

    file: str
    line: int
    table: str
    owner: Owner


class _Unextractable(AnalyzerError):
    """A context that cannot be had from this code."""


def check_races(tree: Tree, paths: tuple[str, ...] = (), options: RaceOptions = RaceOptions()) -> Result:
    """Return a finding for each invariant that some interleaving breaks, for the drivers in `paths` (none: all).

    `notes` say which functions went into which context and how many states
    were explored; a driver whose contexts could not be extracted, or whose
    search hit a bound, is in `skipped`. Raises SourceError for a path without
    C files, RuleError when race.toml does not make sense.
    """
    started = time.monotonic()
    protocol = load_protocol()
    model = load_model()
    rule = next(rule for rule in load_rules(model) if rule.id == RULE)
    asked = condition_names(condition for generation in protocol.generation for condition in generation.conditions)
    files = list(tree.files())
    for path in paths:
        if not any(_covers((path,), file) for file in files):
            raise SourceError(f"{path}: no C files of this name or in this folder of {tree.name}")
    mentions = search_names(tree, files, [*protocol.search.names, *asked])
    texts = {path: tree.read(path) for path, names in sorted(mentions.items()) if names & set(protocol.search.names)}
    files_by_name = {name: [path for path, names in sorted(mentions.items()) if name in names] for name in asked}
    vocabulary = protocol.vocabulary(TreeFacts(tree, files_by_name).holds)
    notes: list[Note] = []
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    routines = Routines(texts, replace(idioms_of(model), warning=frozenset()))
    drivers = [driver for driver in _drivers(protocol, routines) if _covers(paths, driver.file)]
    if vocabulary is None:
        notes.append(Note(message="this tree has no page isolation that is known here"))
    elif not drivers:
        notes.append(Note(message="no operations table with an isolate callback was found"))
    else:
        for driver in drivers:
            outcome = _DriverSearch(driver, routines, vocabulary, rule, options).run()
            findings += outcome.findings
            skipped += outcome.skipped
            notes += outcome.notes
    return Result(
        findings=tuple(sorted(findings, key=lambda f: f.sort_key)),
        skipped=tuple(sorted(skipped, key=lambda s: s.sort_key)),
        notes=tuple(notes),
        stats=Stats(
            files=len(texts),
            functions=sum(1 for _ in routines.definitions()),
            functions_skipped=len(skipped),
            seconds=round(time.monotonic() - started, 3),
        ),
    )


def _covers(paths: tuple[str, ...], file: str) -> bool:
    return not paths or any(not path or file == path or file.startswith(path.rstrip("/") + "/") for path in paths)


def _drivers(protocol: Protocol, routines: Routines) -> Iterator[_Driver]:
    """Yield the operations tables that fill the isolate callback, in file order."""
    indirect: dict[str, list[tuple[str, str]]] = {}
    tables: dict[tuple[str, str, str], dict[str, tuple[str, int]]] = {}
    for file, items in routines.outlines.items():
        for binding in read_operations(items).bindings:
            where = tables.setdefault((file, binding.struct, binding.table), {})
            where[binding.field] = (binding.function, binding.line)
            if not binding.struct:
                indirect.setdefault(binding.field, []).append((file, binding.function))
    others = {field: tuple(functions) for field, functions in indirect.items()}
    for (file, struct, table), fields in tables.items():
        for callbacks in protocol.callbacks:
            if callbacks.struct == struct and callbacks.isolate in fields:
                functions = {field: (file, fields[field][0]) for field in callbacks.fields if field in fields}
                yield _Driver(file, fields[callbacks.isolate][1], table, Owner(callbacks, functions, others))


class _DriverSearch:
    """One driver: its contexts, the search, and what is to be said of it."""

    def __init__(
        self, driver: _Driver, routines: Routines, vocabulary: Vocabulary, rule: Rule, options: RaceOptions
    ) -> None:
        self.driver = driver
        self.routines = routines
        self.vocabulary = vocabulary
        self.rule = rule
        self.options = options
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.notes: list[Note] = []

    def run(self) -> "_DriverSearch":
        """Search; whatever goes wrong with this driver's code is put in `skipped`."""
        try:
            self._search()
        except AnalyzerError as error:
            self._skip(str(error))
        return self

    def _skip(self, reason: str) -> None:
        words = f"{self.driver.table}: {reason}"
        self.skipped.append(Skipped(file=self.driver.file, function=None, line=self.driver.line, reason=words))

    def _note(self, message: str) -> None:
        self.notes.append(Note(message=f"{self.driver.table}: {message}", file=self.driver.file, line=self.driver.line))

    def _search(self) -> None:
        isolator, isolator_name = self._isolator()
        owners = list(self._owners(isolator))
        if not owners:
            raise _Unextractable("no function of the owner was found to release a page")
        self._describe("A, B", "isolator", isolator_name, isolator)
        violations: dict[str, Violation] = {}
        states = 0
        incomplete = ""
        for name, owner in owners:
            self._describe(FREEING_OWNER, "owner", name, owner)
            threads = [f"{letter} ({isolator_name.item.name})" for letter in ISOLATORS]
            result = self._race(isolator, owner, (*threads, f"{FREEING_OWNER} ({name.item.name})"))
            states += result.states
            incomplete = incomplete or result.incomplete_because
            for violation in result.violations:
                known = violations.get(violation.invariant.id)
                if known is None or len(violation.trace) < len(known.trace):
                    violations[violation.invariant.id] = violation
        bound = f"not all: {incomplete}" if incomplete else "all there are"
        self._note(f"{states} states explored ({bound}), {len(violations)} invariants broken")
        self.findings = [self._finding(violation) for violation in violations.values()]
        if incomplete:
            self._skip(f"the search hit its bound: {incomplete}")

    # -- contexts

    def _isolator(self) -> tuple[Extracted, Definition]:
        """Return the thread that isolates, migrates and puts back; raise AnalyzerError when none is understood."""
        wanted = {f"->{name}" for name in self.driver.owner.callbacks.fields}
        sources = self.vocabulary.pages.sources
        own = {name for _, name in self.driver.owner.functions.values()}
        candidates = []
        for definition in self.routines.definitions():
            if definition.item.name in own or definition.file == self.driver.file:
                continue
            names = self.routines.reached_names(definition)
            if wanted <= names and names & sources:
                candidates.append((self.routines.size(definition), definition.key, definition))
        reason = "no function isolates pages, migrates them and puts them back"
        for _, _, definition in sorted(candidates, key=lambda c: c[:2])[: self.options.max_isolators]:
            try:
                extracted = self._extract(ISOLATORS[0], "isolator", definition)
            except AnalyzerError as error:
                reason = str(error)
                continue
            callbacks = {a.name for e in extracted.context.edges for a in e.atoms if a.op is Op.CALLBACK}
            if "isolate" not in callbacks:
                reason = f"{definition.item.name}() does not come to the isolate callback"
                continue
            alone = self._alone(extracted)
            if alone:
                reason = f"{definition.item.name}() was not understood: alone it gives {alone}"
                continue
            return extracted, definition
        raise _Unextractable(reason)

    def _owners(self, isolator: Extracted) -> Iterator[tuple[Definition, Extracted]]:
        """Yield the outermost functions of the driver's file that release a page, once for each way to do it."""
        own = {name for _, name in self.driver.owner.functions.values()}
        here = [d for d in self.routines.definitions(self.driver.file) if d.item.name not in own]
        releasing = [d for d in here if self._may_release(self.routines.reached_names(d))]
        called = {name for d in here for name in d.callees - {d.item.name}}
        seen = set()
        for definition in releasing:
            if definition.item.name in called:
                continue
            try:
                extracted = self._extract(FREEING_OWNER, "owner", definition)
            except LimitExceeded as error:
                self._skip(str(error))
                continue
            if Op.DISOWN not in extracted.steps:
                continue
            if alone := self._alone(extracted, owner=True):
                self._note(f"{definition.item.name}() left out: alone it gives {alone}")
                continue
            if extracted.context.edges not in seen:
                seen.add(extracted.context.edges)
                yield definition, extracted

    def _may_release(self, names: frozenset[str]) -> bool:
        """Tell whether code that calls `names` can let a page go: as the generation has it, or one that it locked."""
        steps = self.vocabulary.steps
        return bool(names & self.vocabulary.generation.release or (names & steps.put and names & steps.unlock))

    def _extract(self, name: str, role: str, definition: Definition) -> Extracted:
        return extract(
            name, role, definition.file, definition.item.name, self.routines, self.vocabulary, self.driver.owner
        )

    def _alone(self, extracted: Extracted, owner: bool = False) -> str:
        """Return what the context breaks with nobody around, "" if nothing."""
        page, invariants = self._page((extracted,))
        context = self._tied(extracted, page) if owner else _without_locks(extracted.context, page)
        result = search(page, [context], invariants, self.options.max_states)
        return ", ".join(v.invariant.title for v in result.violations if v.invariant.id in ALONE)

    # -- the search

    def _page(self, extracted: Iterable[Extracted]) -> tuple[Page, tuple[Invariant, ...]]:
        generation = self.vocabulary.generation
        parts = tuple(extracted)
        listed = any(atom.name == OWNER_LIST for part in parts for edge in part.context.edges for atom in edge.atoms)
        page = Page(
            lock=PAGE_LOCK,
            flags=tuple(Flag(name, name in generation.initial) for name in generation.flags),
            other_locks=tuple(sorted(frozenset[str]().union(*(part.guarding for part in parts)))),
            lists=(OWNER_LIST,) if listed else (),
            on_lists=(OWNER_LIST,) if listed else (),
        )
        return page, standard_invariants(page)

    def _tied(self, owner: Extracted, page: Page) -> Context:
        return only_while_owned(_without_locks(owner.context, page), PAGE_LOCK)

    def _race(self, isolator: Extracted, owner: Extracted, names: tuple[str, ...]) -> SearchResult:
        page, invariants = self._page((isolator, owner))
        threads = [replace(_without_locks(isolator.context, page), name=name) for name in names[:-1]]
        freeing = replace(self._tied(owner, page), name=names[-1])
        return search(page, [*threads, freeing], invariants, self.options.max_states)

    # -- what is said

    def _describe(self, names: str, role: str, definition: Definition, extracted: Extracted) -> None:
        functions = ", ".join(f"{p.function} ({p.file}:{p.line})" for p in extracted.functions)
        steps = len(extracted.context.edges)
        self._note(f"{role} {names} is {definition.item.name}(), {steps} steps out of {functions}")

    def _finding(self, violation: Violation) -> Finding:
        steps = finding_steps(violation)
        at = steps[-1]
        owners = [
            step
            for step, traced in zip(steps, (t for t in violation.trace if t.text), strict=False)
            if traced.role == "owner" and any(a.op is Op.SET_FLAG and a.name == "isolated" for a in traced.atoms)
        ]
        if owners:
            at = owners[-1]
        text = self.routines.outlines[at.file].source.line(at.line)
        return Finding(
            rule=self.rule.id,
            severity=self.rule.severity,
            confidence=self.rule.confidence,
            file=at.file,
            line=at.line,
            column=len(text) - len(text.lstrip()) + 1,
            function=at.function,
            subject="page",
            message=f"{violation.invariant.title} ({violation.invariant.id}; pages of {self.driver.table})",
            trace=steps,
            line_text=text,
        )


def _without_locks(context: Context, page: Page) -> Context:
    """Return a context without the owner's locks under which nothing happens to the page."""
    kept = {page.lock, *page.other_locks}
    about = (Op.ACQUIRE, Op.RELEASE, Op.LOCK_HELD_IS)
    return replace(
        context,
        edges=tuple(
            replace(edge, atoms=tuple(a for a in edge.atoms if a.op not in about or a.name in kept))
            for edge in context.edges
        ),
    )
