"""Analyses one file: the unit of work that is handed to an executor.

A job holds everything that the file cannot say itself: the summaries of
functions of other files that it mentions, the operations that its functions
are bound to elsewhere. Given the same job and the same bytes, the result is
the same, in any process.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec

from analyzer.cfg import Idioms, build_cfg
from analyzer.checks import Candidate, Suspicion, ask_rules, ask_suspicions
from analyzer.checks.atomic import sleeping_functions
from analyzer.checks.structural import (
    concerns_whole_file,
    structural_callees,
    structural_findings,
    structural_words,
)
from analyzer.dataflow import (
    Anatomy,
    EntryState,
    Escapes,
    Knowledge,
    Summary,
    analyse,
    anatomy_of,
    escapes,
    join_summaries,
    make_knowledge,
)
from analyzer.driver.contracts import entry_states, operation_summary
from analyzer.driver.remembering import (
    MEMO_FILES,
    FileMemory,
    Known,
    Piece,
    cut_piece,
    digest,
    encode_known,
    file_memory,
    moved_finding,
    piece_key,
)
from analyzer.driver.tables import Operation, TableEntry, read_entries, stored_names, struct_of
from analyzer.driver.waves import Survey
from analyzer.findings import Finding, Skipped
from analyzer.ir import Field, Function, Name
from analyzer.program import CallbackContract, OperationBinding, call_names, call_order, read_operations
from analyzer.rulespec import Model, Rule
from analyzer.source import BINARY, AnalyzerError, SourceText, Tree, is_binary
from analyzer.syntax import FunctionText, Outline, outline, parse_function

IN_PART = "many paths: what follows from them was not all followed"
"""Why a function is named that was analysed, but not in every state that it can be in."""
_FIRST_ENUMERATOR = re.compile(rb"\benum\b[^;{}()]*\{(?:\s|/\*.*?\*/)*([A-Z]\w*)\s*(?:=\s*0\s*)?[,}/]", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z_]\w*")


@dataclass(frozen=True)
class ViewSetting:
    """One view of the model, the rules that ask of it, and the names whose mention matters to it."""

    name: str
    model: Model
    rules: tuple[Rule, ...]
    names: frozenset[str]
    beside: frozenset[str]
    own: frozenset[int] = frozenset()
    """Numbers of the view's own facets in `model.facets`."""

    @cached_property
    def knowledge(self) -> Knowledge:
        """Return the model, indexed, to which a file adds what it knows."""
        return make_knowledge(self.model)


def view_settings(model: Model, rules: tuple[Rule, ...]) -> tuple[ViewSetting, ...]:
    """Return the views of a model; a rule belongs to the first view that has all facets that it names."""
    facets = frozenset(f.name for f in model.facets)
    views = model.all_views()
    homes: dict[str, list[Rule]] = {view.name: [] for view in views}
    main = next((v for v in views if not v.beside), None)
    for rule in rules:
        named = rule.asks_of(facets)
        home = next((v for v in views if rule.facet in v.facets and named <= {*v.facets, *v.beside}), None)
        if home is None and not named:
            home = main
        if home is None:
            home = next((v for v in views if named <= {*v.facets, *v.beside}), views[0] if views else None)
        if home is not None:
            homes[home.name].append(rule)
    found = []
    for view in views:
        part = model.project(view)
        own = part.names_of(view.facets)
        mine = frozenset(i for i, f in enumerate(part.facets) if f.name in view.facets)
        found.append(ViewSetting(view.name, part, tuple(homes[view.name]), own, part.names() - own, mine))
    return tuple(found)


@dataclass(frozen=True)
class Setting:
    """What all jobs of one run share."""

    tree: Tree
    model: Model
    rules: tuple[Rule, ...]
    contracts: Mapping[tuple[str, str], CallbackContract]
    registrars: frozenset[str] = frozenset()
    views: tuple[ViewSetting, ...] = ()
    contract_facet: str = "lock"

    @cached_property
    def operations(self) -> frozenset[str]:
        """Return the operations that contracts speak of."""
        return frozenset(operation for _, operation in self.contracts)

    @cached_property
    def finished(self) -> frozenset[tuple[str, int]]:
        """Return the (operation, argument) of pages with which an operation is done when it returns, by contract."""
        return frozenset(
            (operation, page.parameter)
            for (_, operation), contract in self.contracts.items()
            for pages in contract.pages.values()
            for page in pages
            if not (contract.asynchronous or page.dereference or page.field)
        )

    @cached_property
    def digest(self) -> bytes:
        """Return what stands for all of this but the tree."""
        contracts = [
            (key, replace(contract, pages={}, source=None), sorted(contract.pages.items()))
            for key, contract in sorted(self.contracts.items())
        ]
        return digest((self.model, self.rules, contracts, self.contract_facet))


class FileJob(msgspec.Struct, frozen=True):
    """One file to analyse.

    hits: names that matter and that the file mentions; summaries: those of other files, by name;
    bindings: (struct, field) by function, from other files; operations: what tables make of calls, by field;
    measure: functions of this file whose kept parameters are wanted;
    only: the functions to analyse for what they give others, None for a whole analysis;
    known: what an earlier process kept of its functions; keep: whether that is wanted of this one.
    """

    path: str
    hits: frozenset[str]
    summaries: dict[str, tuple[Summary, ...]]
    bindings: dict[str, tuple[tuple[str, str], ...]]
    operations: dict[str, Operation]
    measure: frozenset[str] = frozenset()
    known: bytes = b""
    keep: bool = False
    only: frozenset[str] | None = None


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Which parameters one function of a file keeps, and to whom it passes which on."""

    name: str
    escapes: Escapes
    file: str


class FileResult(msgspec.Struct, frozen=True):
    """What one file gives: findings to be, summaries for other files, what could not be analysed."""

    path: str
    candidates: tuple[Candidate, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    summaries: tuple[Summary, ...] = ()
    bindings: tuple[tuple[str, str, str], ...] = ()
    """(function, struct, field) of every operations table in the file."""
    tables: tuple[TableEntry, ...] = ()
    """What the file's tables bind that matters to calls through their fields."""
    kept: tuple[Kept, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    functions: int = 0
    known: bytes = b""
    """What a later process may begin with; not part of the result."""


@dataclass
class _Lowered:
    """A file's outline and, as they are asked for, its functions in IR."""

    source: SourceText
    outline: Outline
    callees: dict[str, frozenset[str]]
    definitions: dict[str, list[FunctionText]]
    zeros: Mapping[str, int]
    order: list[list[str]]
    """Functions that call each other around, callees first."""
    functions: dict[int, tuple[Function, ...]] = field(default_factory=dict)
    pieces: dict[int, Piece] = field(default_factory=dict)
    anatomies: dict[int, tuple[Anatomy, ...]] = field(default_factory=dict)
    bindings: dict[tuple[frozenset[str], ...], tuple[OperationBinding, ...]] = field(default_factory=dict)

    def is_shared(self, name: str) -> bool:
        """Tell whether other files can call a function of this one."""
        return self.source.path.endswith(".h") or not all(d.is_static or d.is_macro for d in self.definitions[name])


_MEMO: OrderedDict[tuple[str, bytes], _Lowered] = OrderedDict()


def idioms_of(model: Model) -> Idioms:
    """Return the part of the model that the lowering needs."""
    return Idioms(
        model.transparent,
        model.noreturn,
        model.assertion,
        model.negated_assertion,
        model.warning,
        model.ignored,
        model.iterator_targets,
    )


def zero_enumerators(data: bytes) -> dict[str, int]:
    """Return the enumerators of a file's own enums that are 0: the first of each, unless it is given another value."""
    return {match[1].decode("ascii"): 0 for match in _FIRST_ENUMERATOR.finditer(data)}


def lower_file(path: str, data: bytes) -> _Lowered:
    """Return the outline of a file, from the memo when these bytes were seen before."""
    key = (path, hashlib.blake2b(data, digest_size=16).digest())
    known = _MEMO.get(key)
    if known is not None:
        _MEMO.move_to_end(key)
        return known
    source = SourceText(path, data)
    items = outline(source)
    definitions: dict[str, list[FunctionText]] = {}
    callees: dict[str, frozenset[str]] = {}
    for item in (*items.functions, *items.macros):
        definitions.setdefault(item.name, []).append(item)
        callees[item.name] = callees.get(item.name, frozenset()) | call_names(data[item.body : item.end])
    order = call_order(sorted(definitions), callees)
    lowered = _Lowered(source, items, callees, definitions, zero_enumerators(data), order)
    _MEMO[key] = lowered
    if len(_MEMO) > MEMO_FILES:
        _MEMO.popitem(last=False)
    return lowered


def functions_of(lowered: _Lowered, item: FunctionText, idioms: Idioms) -> tuple[Function, ...]:
    """Return a function's variants in IR; raise SyntaxFailure when it cannot be parsed at all."""
    known = lowered.functions.get(item.start)
    if known is None:
        parsed = parse_function(lowered.source, item)
        known = tuple(build_cfg(p, lowered.source.path, idioms) for p in parsed)
        lowered.functions[item.start] = known
    return known


def _piece_of(lowered: _Lowered, item: FunctionText) -> Piece:
    known = lowered.pieces.get(item.start)
    if known is None:
        known = lowered.pieces[item.start] = cut_piece(lowered.source, item)
    return known


def _anatomies(lowered: _Lowered, item: FunctionText, idioms: Idioms) -> tuple[Anatomy, ...]:
    """Return a function's variants with offsets in its piece; raise SyntaxFailure when it cannot be parsed at all."""
    known = lowered.anatomies.get(item.start)
    if known is None:
        piece = _piece_of(lowered, item)
        parsed = parse_function(piece.source, piece.item)
        known = tuple(anatomy_of(build_cfg(p, piece.source.path, idioms)) for p in parsed)
        lowered.anatomies[item.start] = known
    return known


def bindings_of(
    lowered: _Lowered, registrars: frozenset[str], fields: frozenset[str], functions: frozenset[str] = frozenset()
) -> tuple[OperationBinding, ...]:
    """Return what a file stores in operations tables; for `fields` and `functions` see `read_operations`."""
    unknown = frozenset(functions - lowered.definitions.keys())
    key = (registrars, fields, unknown)
    known = lowered.bindings.get(key)
    if known is None:
        known = lowered.bindings[key] = read_operations(lowered.outline, registrars, fields, unknown).bindings
    return known


def analyse_file(setting: Setting, job: FileJob) -> FileResult:
    """Return the result of one job; what cannot be read or parsed is listed in `skipped`, nothing is raised."""
    try:
        data = setting.tree.read(job.path)
    except AnalyzerError as error:
        return FileResult(job.path, skipped=(_skip(job.path, None, None, str(error).removeprefix(f"{job.path}: ")),))
    if is_binary(data):
        return FileResult(job.path, skipped=(_skip(job.path, None, None, BINARY),))
    lowered = lower_file(job.path, data)
    memory = file_memory(job.path)
    memory.begin(job.known)
    bindings = _bindings_of(setting, lowered)
    whole = _FileAnalysis(setting, setting.views[0], job, lowered, memory, bindings).run(first=True)
    for view in setting.views[1:]:
        if _concerns(view, job):
            whole = _merge(whole, _FileAnalysis(setting, view, job, lowered, memory, bindings).run(first=False))
    if job.measure or job.only is not None:
        return whole
    memory.end()
    return msgspec.structs.replace(whole, known=encode_known(memory.used)) if job.keep and memory.used else whole


def _bindings_of(setting: Setting, lowered: _Lowered) -> tuple[OperationBinding, ...]:
    """Return what a file stores in operations tables, when it mentions one that a contract speaks of."""
    data = lowered.source.data
    structs = {struct for struct, _ in setting.contracts}
    if not any(word.encode() in data for word in structs | structural_words()):
        return ()
    return bindings_of(lowered, setting.registrars, setting.operations)


def survey_file(setting: Setting, path: str) -> Survey:
    """Return what a file defines and calls; nothing for one that cannot be read."""
    try:
        data = setting.tree.read(path)
    except AnalyzerError:
        return Survey(path, {}, frozenset())
    if is_binary(data):
        return Survey(path, {}, frozenset())
    lowered = lower_file(path, data)
    return Survey(path, lowered.callees, frozenset(n for n in lowered.definitions if lowered.is_shared(n)))


def _concerns(view: ViewSetting, job: FileJob) -> bool:
    """Tell whether a file mentions something that only this view looks at."""
    return (
        bool(job.hits & view.names)
        or any(s.view == view.name for found in job.summaries.values() for s in found)
        or any(view.name in operation.views for operation in job.operations.values())
    )


def _merge(left: FileResult, right: FileResult) -> FileResult:
    return msgspec.structs.replace(
        left,
        candidates=tuple(sorted({*left.candidates, *right.candidates}, key=lambda c: (c.finding.sort_key, c.asks))),
        suspicions=(*left.suspicions, *right.suspicions),
        summaries=(*left.summaries, *right.summaries),
        tables=(*left.tables, *right.tables),
        skipped=tuple(sorted({*left.skipped, *right.skipped}, key=lambda s: s.sort_key)),
        functions=max(left.functions, right.functions),
    )


def _skip(path: str, function: str | None, line: int | None, reason: str) -> Skipped:
    return Skipped(file=path, function=function, line=line, reason=reason)


class _FileAnalysis:
    def __init__(
        self,
        setting: Setting,
        view: ViewSetting,
        job: FileJob,
        lowered: _Lowered,
        memory: FileMemory,
        bindings: tuple[OperationBinding, ...],
    ) -> None:
        self.memory = memory
        self.context = digest((setting.digest, job.path, sorted(lowered.zeros.items())))
        self.setting = setting
        self.view = view
        self.job = job
        self.lowered = lowered
        self.idioms = idioms_of(setting.model)
        self.local: dict[str, Summary] = {}
        self.joined: dict[str, Summary | None] = {}
        self.kept: dict[str, Kept] = {}
        self.bindings = bindings
        model = msgspec.structs.replace(view.model, constants={**lowered.zeros, **view.model.constants})
        self.knowledge: Knowledge = replace(
            view.knowledge,
            model=model,
            summary_of=self._summary_of,
            operation_of=self._operation_of,
            keeps=self._keeps,
        )
        self.skipped: list[Skipped] = []
        self.text = ""
        """The text of the function that is being analysed."""
        self.asked: set[str] = set()
        self.asked_keeps: dict[tuple[str, int], bool | None] = {}
        self.digests: dict[str, bytes] = {}
        self.analysed: dict[str, list[tuple[FunctionText, Known]]] = {}

    def run(self, first: bool) -> FileResult:
        """Analyse the file in this view; the `first` view also answers what is not a matter of facets."""
        lowered = self.lowered
        interesting = self._interesting()
        for component in lowered.order:
            wanted = [n for n in component if self._wanted(n) and self._matters(n, interesting)]
            if wanted:
                self._analyse_component(wanted)
        candidates: list[Candidate] = []
        suspicions: list[Suspicion] = []
        for name in sorted(self.analysed):
            for item, known in self.analysed[name]:
                above = _piece_of(lowered, item).first - 1
                candidates += [Candidate(moved_finding(c.finding, above), c.asks) for c in known.candidates]
                suspicions += [Suspicion(moved_finding(s.finding, above), s.results) for s in known.suspicions]
        if first and self.job.only is None:
            candidates += map(Candidate, self._structural_findings())
            for name in sorted(self.job.measure):
                self._measure(name)
        summaries = tuple(
            msgspec.structs.replace(summary, view=self.view.name)
            for name, summary in sorted(self.local.items())
            if self._touches(summary) and lowered.is_shared(name)
        )
        return FileResult(
            self.job.path,
            candidates=tuple(sorted(candidates, key=lambda c: (c.finding.sort_key, c.asks))),
            suspicions=tuple(suspicions),
            summaries=summaries,
            bindings=tuple(sorted({(b.function, b.struct, b.field) for b in self.bindings if b.function})),
            tables=self._tables(first) if self.job.only is None else (),
            kept=tuple(self.kept[name] for name in sorted(self.job.measure & self.kept.keys())),
            skipped=tuple(sorted(self.skipped, key=lambda s: s.sort_key)),
            functions=sum(len(v) for v in self.analysed.values()),
        )

    def _wanted(self, name: str) -> bool:
        return self.job.only is None or name in self.job.only

    def _structural_findings(self) -> tuple[Finding, ...]:
        """Ask about the shape of what was analysed, and of what the model or the questions name."""
        lowered, words = self.lowered, structural_callees()
        functions: dict[str, tuple[Function, ...]] = {}
        words |= self.job.hits
        asked = {binding.function for binding in self.bindings} | sleeping_functions(lowered.callees)
        whole = concerns_whole_file(self.bindings)
        for name, items in lowered.definitions.items():
            if not (whole or name in words or name in asked or lowered.callees[name] & words):
                continue
            for item in items:
                try:
                    functions[name] = functions.get(name, ()) + functions_of(lowered, item, self.idioms)
                except (AnalyzerError, RecursionError):
                    self._skip_function(item, "could not be parsed")
        return structural_findings(
            lowered.source, functions, lowered.callees, self.bindings, self.setting.model, self.setting.rules
        )

    def _tables(self, first: bool) -> tuple[TableEntry, ...]:
        """Return what this view knows of the functions in tables here; the `first` view also names the others."""
        mentioned = {n for n, s in self.local.items() if not s.trivial} | self.job.summaries.keys()
        known = {n: s for n in mentioned if (s := self._answer(n)) is not None and self._touches(s)}
        data = self.lowered.source.data
        stored = frozenset(stored_names(data, sorted(known)))
        if not stored and not self._asked_fields:
            return ()
        known |= {n: self.local[n] for n in self._table_functions & self.local.keys()}
        places = {n: msgspec.structs.replace(s, view=self.view.name) for n, s in known.items()}
        return read_entries(self._read_tables(stored), places, self._asked_fields, plain=first)

    def _read_tables(self, functions: frozenset[str]) -> tuple[OperationBinding, ...]:
        setting, lowered = self.setting, self.lowered
        bindings = bindings_of(lowered, setting.registrars, setting.operations | self._asked_fields, functions)
        return tuple(map(self._with_struct, bindings))

    def _with_struct(self, binding: OperationBinding) -> OperationBinding:
        """Return a binding by assignment with the struct that the assigned variable is declared with."""
        if binding.struct or not binding.table.isidentifier():
            return binding
        lowered = self.lowered
        offset = lowered.source.line_starts[binding.line - 1]
        item = next((f for f in lowered.outline.functions if f.start <= offset < f.end), None)
        text = lowered.source.data[item.start : item.end].decode("latin-1") if item is not None else ""
        return replace(binding, struct=struct_of(Name(binding.table), text))

    @cached_property
    def _asked_fields(self) -> frozenset[str]:
        """Return the fields of tables that the file mentions and of which everything is wanted."""
        return (
            frozenset(n.lstrip("->.") for n in self.job.hits if n.startswith((".", "->"))) & self.job.operations.keys()
        )

    @cached_property
    def _table_functions(self) -> frozenset[str]:
        """Return the functions that tables of this file bind to the fields asked for."""
        bindings = self._read_tables(frozenset()) if self._asked_fields else ()
        return frozenset(b.function for b in bindings if b.field in self._asked_fields)

    def _bound(self, name: str) -> set[tuple[str, str]]:
        here = {(b.struct, b.field) for b in self.bindings if b.function == name}
        return here | set(self.job.bindings.get(name, ()))

    def _interesting(self) -> frozenset[str]:
        summarised = {n for n, found in self.job.summaries.items() if any(s.view == self.view.name for s in found)}
        tables = self.job.operations
        operations = {f"->{field}" for field, operation in tables.items() if self.view.name in operation.views}
        if self._has_contract_facet:
            operations |= {n for n in self.job.hits if n.startswith("->") and n[2:] not in tables}
        return (self.job.hits & (self.view.names | self.view.beside | summarised)) | operations

    @property
    def _has_contract_facet(self) -> bool:
        return any(f.name == self.setting.contract_facet for f in self.view.model.facets)

    def _matters(self, name: str, interesting: frozenset[str]) -> bool:
        callees = self.lowered.callees[name]
        if name in self._table_functions:
            return True
        if callees & interesting and (name in self.below or not self.view.beside):
            return True
        if any(callee in self.local and self._touches(self.local[callee]) for callee in callees):
            return True
        if not self._has_contract_facet or self.view.beside:
            return False
        if any(self._calls_parameter(item, callees) for item in self.lowered.definitions[name]):
            return True
        return any(key in self.setting.contracts for key in self._bound(name))

    def _touches(self, summary: Summary) -> bool:
        """Tell whether a call of the function does something to a facet of this view's own."""
        if summary.trivial or not self.view.beside:
            return not summary.trivial
        own = self.view.own
        return summary.opaque or any(c.facet in own for case in summary.cases for e in case.effects for c in e.changes)

    @cached_property
    def below(self) -> frozenset[str]:
        """Return the functions that mention this view's own names, and all of this file that they call."""
        definitions, callees = self.lowered.definitions, self.lowered.callees
        summarised = {n for n, found in self.job.summaries.items() if any(s.view == self.view.name for s in found)}
        waiting = [n for n in definitions if callees[n] & (self.view.names | summarised)]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [callee for callee in callees[name] if callee in definitions]
        return frozenset(found)

    def _calls_parameter(self, item: FunctionText, callees: frozenset[str]) -> bool:
        """Tell whether a function with a page parameter calls a function that its caller passed in."""
        header = self.lowered.source.data[item.start : item.body]
        if item.is_macro or not any(kind.split()[-2].encode() in header for kind in self.setting.model.types):
            return False
        words = set(_WORD.findall(header)) - {item.name.encode()}
        return any(callee.encode() in words for callee in callees)

    def _analyse_component(self, names: list[str]) -> None:
        recursive = len(names) > 1 or names[0] in self.lowered.callees[names[0]]
        for _ in range(4 if recursive else 1):
            before = [self.local.get(name) for name in names]
            for name in names:
                self._analyse_name(name)
            if before == [self.local.get(name) for name in names]:
                break

    def _analyse_name(self, name: str) -> None:
        analysed: list[tuple[FunctionText, Known]] = []
        summaries: list[Summary] = []
        for item in self.lowered.definitions[name]:
            known = self._known(item)
            for reason in known.skipped:
                self._skip_function(item, reason)
            summaries.append(known.summary)
            if known.analysed:
                analysed.append((item, known))
        self.analysed[name] = analysed
        self.local[name] = self._promised(name) or join_summaries(name, summaries)
        self.joined.pop(name, None)
        self.digests.pop(name, None)

    def _known(self, item: FunctionText) -> Known:
        """Return what is remembered of a function, analysed anew when it or an answer to it is not what it was."""
        piece = _piece_of(self.lowered, item)
        callees = self.lowered.callees[item.name]
        answers = [(name, told) for name in sorted(callees) if (told := self._answer_digest(name))]
        key = piece_key(self.context, self.view.name, piece, answers, self._states_bound(item.name))
        known = self.memory.recall(key)
        if known is None or not self._still_answered(known):
            known = self._analyse_item(item, callees)
        self.memory.remember(key, known)
        return known

    def _still_answered(self, known: Known) -> bool:
        return all(self._answer_digest(name) == told for name, told in known.others) and all(
            self._keeps(name, self.job.path, position) == answer for name, position, answer in known.keeps
        )

    def _analyse_item(self, item: FunctionText, callees: frozenset[str]) -> Known:
        opaque = Summary(item.name, self.job.path, opaque=True)
        try:
            variants = _anatomies(self.lowered, item, self.idioms)
        except AnalyzerError as error:
            return Known(opaque, skipped=(str(error),), analysed=False)
        except RecursionError:
            return Known(opaque, skipped=("nested too deeply",), analysed=False)
        self.asked, self.asked_keeps = set(), {}
        self.text = _piece_of(self.lowered, item).source.data.decode("latin-1")
        analyses = [analyse(one, self.knowledge, self._entries(one.function)) for one in variants]
        source, text = _piece_of(self.lowered, item).source, self.lowered.source.data[item.body : item.end]
        skipped = []
        if any(analysis.bounded for analysis in analyses):
            skipped.append("too many paths: the bound on steps was hit")
        elif any(analysis.lumped for analysis in analyses):
            skipped.append(IN_PART)
        if unparsed := max((one.function.unparsed for one in variants), default=0):
            skipped.append(f"{unparsed} statement(s) could not be parsed")
        if not item.is_macro and not text.rstrip().endswith(b"}"):
            skipped.append("the file ends within it")
        sights = [sight for analysis in analyses for sight in analysis.sights]
        return Known(
            join_summaries(item.name, [a.summary for a in analyses]),
            ask_rules(sights, self.view.rules, source, item.name),
            ask_suspicions(sights, self.view.rules, source, item.name),
            tuple(skipped),
            others=tuple((name, self._answer_digest(name)) for name in sorted(self.asked - callees)),
            keeps=tuple((*asked, answer) for asked, answer in sorted(self.asked_keeps.items())),
        )

    def _answer_digest(self, name: str) -> bytes:
        """Return what stands for the answer about a function, b"" for none."""
        known = self.digests.get(name)
        if known is None:
            answer = self.job.operations.get(name[2:]) if name.startswith("->") else self._answer(name)
            known = self.digests[name] = digest(answer) if answer is not None else b""
        return known

    def _promised(self, name: str) -> Summary | None:
        """Return what a callback's contract says of it when it may unlock on completion, which no code here shows."""
        for key in sorted(self._bound(name)) if self._has_contract_facet else ():
            contract = self.setting.contracts.get(key)
            if contract is not None and contract.asynchronous:
                promise = operation_summary(
                    key[1], self.setting.contracts, self.view.model, self.setting.contract_facet
                )
                return msgspec.structs.replace(promise, name=name, file=self.job.path) if promise is not None else None
        return None

    def _skip_function(self, item: FunctionText, reason: str) -> None:
        line = self.lowered.source.position(item.name_offset)[0]
        entry = _skip(self.job.path, item.name, line, reason)
        if entry not in self.skipped:
            self.skipped.append(entry)

    def _states_bound(self, name: str) -> list[tuple[str, str]]:
        """Return the operations whose contracts say what a function of this file starts with."""
        return [] if not self._has_contract_facet or self.job.path.endswith(".h") else sorted(self._bound(name))

    def _entries(self, function: Function) -> tuple[EntryState, ...]:
        bound = self._states_bound(function.name)
        if not bound:
            return ()
        return entry_states(function, bound, self.setting.contracts, self.view.model, self.setting.contract_facet)

    # -- what the solver asks

    def _summary_of(self, name: str, file: str) -> Summary | None:
        self.asked.add(name)
        return self._answer(name)

    def _answer(self, name: str) -> Summary | None:
        local = self.local.get(name)
        if local is not None:
            return None if local.trivial else local
        if name in self.joined:
            return self.joined[name]
        others = [s for s in self.job.summaries.get(name, ()) if s.view == self.view.name]
        found = join_summaries(name, others) if others else None
        if found is not None and found.trivial:
            found = None
        self.joined[name] = found
        return found

    def _operation_of(self, callee: Field) -> Summary | None:
        operation = self.job.operations.get(callee.name)
        if operation is not None:
            self.asked.add(f"->{callee.name}")
            bound = operation.effect(struct_of(callee.base, self.text, operation.members), self.view.name)
            if bound is not None:
                return bound
        return operation_summary(callee.name, self.setting.contracts, self.view.model, self.setting.contract_facet)

    def _keeps(self, name: str, file: str, position: int) -> bool | None:
        if name not in self.lowered.definitions:
            return None
        answer = self.asked_keeps[name, position] = self._kept_here(name, position)
        return answer

    def _kept_here(
        self, name: str, position: int, inside: bool = False, seen: frozenset[tuple[str, int, bool]] = frozenset()
    ) -> bool | None:
        """Tell what this file alone can: kept, not kept, or None when another file must be asked."""
        if (name, position, inside) in seen:
            return False
        seen |= {(name, position, inside)}
        measured = self._measure(name)
        if measured is None or measured.escapes.keeps(position, inside):
            return True
        answer: bool | None = False
        for callee, argument, deeper in measured.escapes.asks(position, inside):
            if callee not in self.lowered.definitions:
                answer = None
                continue
            inner = self._kept_here(callee, argument, deeper, seen)
            if inner:
                return True
            answer = None if inner is None else answer
        return answer

    def _measure(self, name: str) -> Kept | None:
        known = self.kept.get(name)
        if known is not None or name not in self.lowered.definitions:
            return known
        found = Escapes()
        for item in self.lowered.definitions.get(name, ()):
            try:
                for one in _anatomies(self.lowered, item, self.idioms):
                    found = found.join(escapes(one.function, self.knowledge, self.setting.finished))
            except (AnalyzerError, RecursionError):
                return None
        self.kept[name] = Kept(name, found, self.job.path)
        return self.kept[name]
