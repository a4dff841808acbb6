"""The whole-program analysis of a tree, demand-driven, to a fixpoint.

A file enters because it mentions a name that matters: first the model's, then
the names of functions whose summaries turn out not to be trivial. A file is
analysed again when the summary of a name that it mentions changes. The state
between runs is a `Snapshot`; given the files that changed since, `update`
brings it up to date at the cost of what they touch. The same machinery serves
a scan, a patch (an overlay changes files) and a commit.

A function without a declaration in a public header is looked for below its own
two top folders only (linkage by folder: over-approximate within, and a call
from elsewhere through a private header is missed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Protocol

import msgspec

from analyzer.dataflow import Summary
from analyzer.driver.contracts import operation_summary
from analyzer.driver.executor import Workers
from analyzer.driver.facts import TreeFacts, condition_names
from analyzer.driver.fieldcalls import FieldCalls
from analyzer.driver.fileanalysis import FileJob, FileResult, Setting, analyse_file, survey_file, view_settings
from analyzer.driver.questions import Questions
from analyzer.driver.searches import PUBLIC, Searches
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.waves import Survey, Visits, plan_visits
from analyzer.program import ContractModel, load_contract_model, merge_contracts, read_contracts
from analyzer.rulespec import Model, Rule
from analyzer.source import Tree

MAX_ROUNDS = 24
ANALYSIS_BATCH = 12
PLANNED = 32
"""How many files are analysed in a planned order."""

Progress = Callable[[str, int, int], None]


class FunctionStore(Protocol):
    """What earlier runs know of the functions of each file: what `FileResult.known` gives and `FileJob.known` takes.

    Results do not depend on it.
    """

    lasting: bool
    """Whether what this run learns is wanted."""

    def recall(self, path: str) -> bytes:
        """Return what is kept of one file, b"" for nothing."""

    def keep(self, path: str, known: bytes) -> None:
        """Keep what is known of one file in place of what was."""


class NoStore:
    """Knows nothing and keeps nothing."""

    lasting = False

    def recall(self, path: str) -> bytes:
        """Return nothing."""
        return b""

    def keep(self, path: str, known: bytes) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Knobs:
    """The rules, the model before it is fitted to a tree, and whether a tree is there at all."""

    model: Model
    rules: tuple[Rule, ...]
    with_tree: bool = True


@cache
def contract_model() -> ContractModel:
    """Return the callback contracts that ship with pagelint."""
    return load_contract_model((files("analyzer.rules") / "contracts.toml").read_text("utf-8"), "rules/contracts.toml")


def update(
    snapshot: Snapshot,
    tree: Tree,
    knobs: Knobs,
    workers: Workers,
    all_files: Iterable[str],
    changed: Iterable[str],
    progress: Progress | None = None,
    store: FunctionStore | None = None,
) -> Snapshot:
    """Return the snapshot of `tree`, from one in which only the `changed` files may be out of date."""
    known = store if store is not None else NoStore()
    return _Update(snapshot.copy(), tree, knobs, workers, frozenset(all_files), progress, known).run(frozenset(changed))


def _survey(setting: object, paths: list[str]) -> list[Survey]:
    assert isinstance(setting, Setting)
    return [survey_file(setting, path) for path in paths]


def _analyse(setting: object, jobs: list[FileJob]) -> list[FileResult]:
    assert isinstance(setting, Setting)
    return [analyse_file(setting, job) for job in jobs]


class _Update:
    def __init__(
        self,
        snapshot: Snapshot,
        tree: Tree,
        knobs: Knobs,
        workers: Workers,
        all_files: frozenset[str],
        progress: Progress | None,
        store: FunctionStore,
    ) -> None:
        self.snapshot = snapshot
        self.tree = tree
        self.knobs = knobs
        self.workers = workers
        self.files = all_files
        self.sorted_files = sorted(all_files)
        self.progress = progress
        self.store = store
        self.recalled: set[str] = set()
        self.contract_model = contract_model()
        self.contracts = merge_contracts(read_contracts(tree), self.contract_model)
        self.by_name: dict[str, set[str]] = {}
        self.summaries: dict[str, dict[str, tuple[Summary, ...]]] = {}
        self.bindings: dict[str, dict[str, set[tuple[str, str]]]] = {}
        promised = {name for _, name in self.contracts}
        self.searches = Searches(workers, tree)
        self.calls = FieldCalls(snapshot, self.searches, self.sorted_files, promised, self._search_in)
        self.pending: set[str] = set()
        self.done: dict[str, FileJob] = {}
        """The last whole job of each file in this run."""
        self.public: set[str] = set()
        self.asked_public: set[str] = set()
        """Names of which it is known whether a public header declares them; `public` are those of which one does."""
        self.previewed: dict[str, dict[str, tuple[Summary, ...]]] = {}
        """What functions gave that were analysed ahead of their file, by file and name."""
        self.ahead: dict[str, frozenset[str]] = {}
        """Names that files mention and that came to matter in this run, by file."""
        self.doubtful: set[str] = set()
        """Names that conditions ask about, and that stand in files which may define them and are not what they were."""

    def run(self, changed: frozenset[str]) -> Snapshot:
        snapshot, known_files = self.snapshot, self.snapshot.files
        present = changed & self.files
        for path in changed | (snapshot.files - self.files):
            self._doubt(path)
            snapshot.hits.pop(path, None)
            snapshot.unread.pop(path, None)
            snapshot.definitions.pop(path, None)
            if path not in present:
                self._forget(path)
        for path, names in snapshot.hits.items():
            for name in names:
                self.by_name.setdefault(name, set()).add(path)
        first = self.knobs.model.names() | self._condition_names() | self._contract_names()
        fresh = present | (self.files - snapshot.files)
        self._search_in(
            [p for p in self.sorted_files if p not in fresh], dict.fromkeys(first - snapshot.searched.keys(), "")
        )
        snapshot.searched |= dict.fromkeys(first, "")
        self._look_at(fresh)
        snapshot.files = self.files
        for path in present:
            self._doubt(path)
        for path in present - snapshot.hits.keys():
            self._forget(path)
        model = self._fit_model()
        self.setting = Setting(
            self.tree,
            model,
            self.knobs.rules,
            self.contracts,
            self.contract_model.registrars,
            view_settings(model, self.knobs.rules),
        )
        for result in snapshot.results.values():
            self._register(result)
        self.pending |= {path for path in snapshot.hits if path in present or path not in snapshot.results}
        self._pend_newly_promised()
        self.calls.read_again(changed | (known_files - self.files), sorted(present))
        self._pend_callers(self.calls.follow())
        self._iterate()
        Questions(snapshot, self.searches, self._analyse).answer(changed)
        return snapshot

    def _forget(self, path: str) -> None:
        """Drop the result of a file that is gone or has nothing to say any more; its callers are analysed again.

        A file that only changed keeps its result until there is a new one to compare it with.
        """
        gone = self.snapshot.results.pop(path, None)
        if gone is not None:
            lost = {summary.name for summary in gone.summaries}
            self.pending |= {p for p, names in self.snapshot.hits.items() if lost & names}

    # -- names and where they stand

    def _condition_names(self) -> frozenset[str]:
        return condition_names(self.knobs.model.conditions)

    def _contract_names(self) -> frozenset[str]:
        structs = {struct for struct, _ in self.contracts}
        operations = {
            f"->{name}"
            for _, name in self.contracts
            if operation_summary(name, self.contracts, self.knobs.model, "lock") is not None
        }
        return frozenset(structs | operations)

    def _look_at(self, fresh: Iterable[str]) -> None:
        """Learn which files speak of pages, by the words of the types that pages have; and which cannot be read.

        And which of the names that were looked for so far they mention.
        """
        texts = frozenset(kind.split()[-2] for kind in self.knobs.model.types)
        looks = list(self.searches.look(sorted(fresh), texts, frozenset(self.snapshot.searched)))
        self.snapshot.unread |= {look.path: look.unread for look in looks if look.unread}
        for look in looks:
            self._mention(look.path, (n for n in look.names if look.path.startswith(self.snapshot.searched[n])))
        if self.knobs.model.untyped:
            self.snapshot.carriers = self.files
            return
        kept = (self.snapshot.carriers & self.files) - frozenset(fresh)
        self.snapshot.carriers = kept.union(look.path for look in looks if look.holds)

    def _mention(self, path: str, names: Iterable[str]) -> None:
        """Note that a file mentions names that matter."""
        found = frozenset(names)
        if found:
            self.snapshot.hits[path] = self.snapshot.hits.get(path, frozenset()) | found
            for name in found:
                self.by_name.setdefault(name, set()).add(path)

    def _search_new(self, scopes: Mapping[str, str]) -> None:
        """Look for wrappers and their callers."""
        self._search_in([p for p in self.sorted_files if p in self.snapshot.carriers], scopes)

    def _search_in(self, files: Sequence[str], scopes: Mapping[str, str]) -> None:
        """Look for names in some files, each below its folder prefix, and remember the files that mention them."""
        by_scope: dict[str, set[str]] = {}
        for name, scope in scopes.items():
            by_scope.setdefault(scope, set()).add(name)
        for scope in sorted(by_scope):
            names = by_scope[scope]
            paths = [p for p in files if p.startswith(scope)]
            if paths:
                for path, here in self.searches.mentions(names, paths):
                    self._mention(path, here)
            for name in names:
                self.snapshot.searched[name] = scope

    def _scope(self, name: str, definers: Iterable[str]) -> str:
        """Return below which folder a function can be called: "" for one that a public header declares."""
        if name in self.public:
            return ""
        prefixes = {_folder(path) for path in definers}
        prefix = next(iter(prefixes)) if len(prefixes) == 1 else ""
        return "" if prefix == "/" or prefix.startswith(PUBLIC) else prefix

    def _doubt(self, path: str) -> None:
        if _may_define(path):
            self.doubtful |= self.snapshot.hits.get(path, frozenset()) & self._condition_names()

    def _fit_model(self) -> Model:
        """Return the model of this tree's generation.

        What a change may have made another answer is asked again; when it has, nothing that was found holds any more.
        """
        conditions = self.knobs.model.conditions
        if not self.knobs.with_tree:
            return self.knobs.model.select(None)
        known = self.snapshot.conditions
        before = dict(known)
        missing = sorted(c for c in conditions if c not in known or condition_names([c]) & self.doubtful)
        if missing:
            names = condition_names(missing)
            files_by_name = {n: sorted(p for p in self.by_name.get(n, ()) if _may_define(p)) for n in names}
            facts = TreeFacts(self.tree, files_by_name)
            for condition in missing:
                known[condition] = facts.holds(condition)
        if any(known[condition] != answer for condition, answer in before.items() if condition in conditions):
            self.snapshot.results.clear()
            self.snapshot.kept.clear()
        return self.knobs.model.select(known.__getitem__)

    # -- the fixpoint

    def _register(self, result: FileResult) -> set[str]:
        """Store a result; return the names whose summary is not what it was."""
        path = result.path
        old = self.snapshot.results.get(path)
        before = _by_name(old.summaries) if old is not None else {}
        after = _by_name(result.summaries)
        ahead = self.previewed.pop(path, {})
        self.snapshot.results[path] = result
        for name in (before.keys() | ahead.keys()) - after.keys():
            self.summaries.get(name, {}).pop(path, None)
        for name, found in after.items():
            self.summaries.setdefault(name, {})[path] = found
        for function, _, _ in old.bindings if old is not None else ():
            self.bindings.get(function, {}).pop(path, None)
        for function, struct, operation in result.bindings:
            self.bindings.setdefault(function, {}).setdefault(path, set()).add((struct, operation))
        self.calls.register(path, old.tables if old is not None else (), result.tables)
        surprising = {name for name, found in ahead.items() if found != after.get(name, ())}
        return surprising | {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}

    def _iterate(self) -> None:
        for number in range(MAX_ROUNDS):
            if not self.pending:
                return
            paths = sorted(self.pending)
            self.pending = set()
            bound_before = {f: {k for v in t.values() for k in v} for f, t in self.bindings.items()}
            surveys = self._survey(paths)
            calls = {survey.path: frozenset().union(*survey.callees.values()) for survey in surveys}
            plan = plan_visits(surveys, self.snapshot.hits)
            self._find_public(name for visits in plan for names in visits.values() for name in names)
            for visits in plan:
                self._connect(self._preview(visits), calls)
            changed = self._finish(paths, f"round {number + 1}")
            self._search_changed(changed)
            self._pend_callers(changed)
            self._pend_callers(self.calls.follow())
            self._pend_newly_bound(bound_before)

    def _survey(self, paths: list[str]) -> list[Survey]:
        """Return what many files define and call; nothing for a few: a plan would cost more than it saves."""
        if len(paths) < PLANNED:
            return []
        return sorted(self.workers.map_batches(_survey, self.setting, paths, ANALYSIS_BATCH), key=lambda s: s.path)

    def _connect(self, given: set[str], calls: Mapping[str, frozenset[str]]) -> None:
        """Let the files of a plan know what functions give that they call and that nobody has looked for yet."""
        fresh = given - self.snapshot.searched.keys()
        scopes = {name: self._scope(name, self.summaries[name]) for name in fresh}
        for path, names in calls.items():
            here = {name for name in fresh & names if path.startswith(scopes[name])}
            if here:
                self.ahead[path] = self.ahead.get(path, frozenset()) | here

    def _preview(self, visits: Visits) -> set[str]:
        """Analyse some functions ahead of their files; return the names of those that do something to a page."""
        jobs = [
            msgspec.structs.replace(self._job(path, only), known=self._recall(path)) for path, only in visits.items()
        ]
        given: set[str] = set()
        for result in self._analyse(jobs):
            path, found = result.path, _by_name(result.summaries)
            given |= found.keys()
            for name in visits[path]:
                if name in found:
                    self.summaries.setdefault(name, {})[path] = found[name]
                elif name in self.summaries:
                    self.summaries[name].pop(path, None)
            self.previewed.setdefault(path, {}).update((name, found.get(name, ())) for name in visits[path])
        return given

    def _finish(self, paths: list[str], title: str) -> set[str]:
        """Analyse whole files; return the names whose summary is not what was known of it."""
        jobs = []
        for path in paths:
            job = self._job(path)
            if self.done.get(path) != job:
                self.done[path] = job
                jobs.append(msgspec.structs.replace(job, known=self._recall(path)))
        changed: set[str] = set()
        results = self._analyse(jobs)
        for count, result in enumerate(results, start=1):
            if result.known:
                self.store.keep(result.path, result.known)
                result = msgspec.structs.replace(result, known=b"")
            changed |= self._register(result)
            if self.progress is not None:
                self.progress(title, count, len(jobs))
        return changed

    def _analyse(self, jobs: list[FileJob]) -> Iterator[FileResult]:
        return self.workers.map_batches(_analyse, self.setting, jobs, ANALYSIS_BATCH, _place)

    def _pend_callers(self, names: Iterable[str]) -> None:
        for name in names:
            self.pending |= self.by_name.get(name, set())

    def _pend_newly_bound(self, before: Mapping[str, set[tuple[str, str]]]) -> None:
        """Analyse again the functions that a table of another file turned out to bind."""
        fresh = {
            function: {k for v in tables.values() for k in v} - before.get(function, set())
            for function, tables in self.bindings.items()
        }
        wanted = {
            function
            for function, keys in fresh.items()
            if any((struct, operation) in self.contracts for struct, operation in keys)
        }
        self._pend_bound(wanted)

    def _pend_bound(self, functions: Iterable[str]) -> None:
        """Analyse again the files that may define functions which tables of other files bind."""
        wanted = frozenset(functions)
        elsewhere = {
            function: self._scope(function, self.bindings[function])
            for function in wanted
            if function not in self.snapshot.searched
        }
        self._find_public(elsewhere)
        self._search_new({f: "" if f in self.public else s for f, s in elsewhere.items()})
        for function in wanted:
            self.pending |= self.by_name.get(function, set()) - self.bindings[function].keys()

    def _pend_newly_promised(self) -> None:
        """Analyse again what depends on contracts that are not what they were: tables, bound functions, callers."""
        known = self.snapshot.contracts
        now = {f"{struct}.{name}": repr(replace(c, source=None)) for (struct, name), c in self.contracts.items()}
        self.snapshot.contracts = now
        changed = {tuple(key.split(".")) for key in known.keys() | now.keys() if known.get(key) != now.get(key)}
        if not known or not changed:
            return
        operations: dict[str, set[str]] = {}
        for struct, operation in changed:
            operations.setdefault(struct, set()).add(operation)
            self.pending |= self.by_name.get(f"->{operation}", set())
        for struct, names in operations.items():
            paths = sorted(self.by_name.get(struct, ()))
            self.pending |= {path for path, _ in self.searches.mentions(names, paths)}
        bound = {f: {key for keys in tables.values() for key in keys} for f, tables in self.bindings.items()}
        self._pend_bound(function for function, keys in bound.items() if keys & changed)

    def _find_public(self, names: Iterable[str]) -> None:
        """Learn which names a public header declares."""
        wanted = frozenset(names) - self.asked_public
        if not wanted:
            return
        self.asked_public |= wanted
        headers = [p for p in sorted(self.snapshot.carriers) if p.endswith(".h") and PUBLIC in p]
        for _, here in self.searches.mentions(wanted, headers):
            self.public |= here

    def _search_changed(self, changed: set[str]) -> None:
        fresh = {name for name in changed if self.summaries.get(name)}
        unknown = {name for name in fresh if name not in self.snapshot.searched}
        self._find_public(unknown)
        self._search_new({name: self._scope(name, self.summaries[name]) for name in sorted(unknown)})

    def _job(self, path: str, only: frozenset[str] | None = None) -> FileJob:
        hits = self.snapshot.hits.get(path, frozenset()) | self.ahead.get(path, frozenset())
        summaries = {}
        bindings = {}
        for name in sorted(hits):
            defined = {p: s for p, s in self.summaries.get(name, {}).items() if p != path}
            if defined:
                summaries[name] = tuple(s for p in _nearest(path, defined) for s in defined[p])
            if name in self.bindings:
                elsewhere = {k for p, keys in self.bindings[name].items() if p != path for k in keys}
                if elsewhere:
                    bindings[name] = tuple(sorted(elsewhere))
        fields = {name.lstrip("->.") for name in hits if name.startswith((".", "->"))}
        operations = {f: self.snapshot.operations[f] for f in sorted(fields & self.snapshot.operations.keys())}
        return FileJob(path, hits, summaries, bindings, operations, keep=self.store.lasting, only=only)

    def _recall(self, path: str) -> bytes:
        """Return what an earlier process kept of a file, the first time that this is asked."""
        known = self.store.recall(path) if path not in self.recalled else b""
        self.recalled.add(path)
        return known


def _folder(path: str) -> str:
    """Return a file's two top folders."""
    return "/".join(path.split("/")[:-1][:2]) + "/"


def _place(job: FileJob) -> str:
    return job.path


def _may_define(path: str) -> bool:
    """Tell whether a file can define what a whole kernel uses: any header, or a file outside the leaf folders."""
    return path.endswith(".h") or path.count("/") <= 1


def _by_name(summaries: Iterable[Summary]) -> dict[str, tuple[Summary, ...]]:
    """Return the summaries of one file by function; one for each view."""
    found: dict[str, tuple[Summary, ...]] = {}
    for summary in summaries:
        found[summary.name] = (*found.get(summary.name, ()), summary)
    return found


def _nearest(path: str, defined: Mapping[str, object]) -> list[str]:
    """Return the definitions that code in `path` means: those of its own folders when there are any."""
    if len(defined) == 1:
        return list(defined)
    for length in (2, 1):
        prefix = "/".join(path.split("/")[:-1][:length]) + "/"
        near = sorted(p for p in defined if p.startswith(prefix))
        if near and prefix != "/":
            return near
    public = sorted(p for p in defined if p.startswith(PUBLIC))
    return public or sorted(defined)
