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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Protocol, cast

import msgspec

from analyzer.checks import Candidate, Suspicion
from analyzer.dataflow import Summary
from analyzer.driver.contracts import operation_summary
from analyzer.driver.executor import Workers
from analyzer.driver.facts import TreeFacts, condition_names
from analyzer.driver.fileanalysis import FileJob, FileResult, Kept, Setting, analyse_file, survey_file, view_settings
from analyzer.driver.tables import Operation, TableEntry, find_members, find_owners, make_operation
from analyzer.driver.waves import Survey, Visits, plan_visits
from analyzer.findings import Finding, Skipped
from analyzer.program import ContractModel, load_contract_model, merge_contracts, read_contracts
from analyzer.rulespec import Model, Rule
from analyzer.source import Look, Tree, look_at_files, search_definitions, search_names

MAX_ROUNDS = 24
MAX_QUESTION_ROUNDS = 5
MAX_TURNS = 8
"""How often what calls through one field do may change in a run before nothing is known of them."""
SEARCH_BATCH = 400
PUBLIC = "include/"
"""The folder of the headers that a whole kernel shares."""
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


@dataclass
class Snapshot:
    """What is known of a tree: file by file, enough to go on from there.

    carriers: files that speak of pages at all, the only ones in which wrappers and their callers are looked for;
    hits: names that matter, by file; searched: name -> folder prefix it was looked for in ("" = everywhere);
    contracts: what was known of each callback, in words, by "struct.operation"; unread: why files were not searched;
    owners: for fields of tables that matter, the structs that declare such a function pointer, by file;
    members: for structs with such a field, what is of that type: (type, struct, member), by file;
    followed: for which structs users of such a field were looked for ("": in all files); operations: what calls do.
    """

    files: frozenset[str] = frozenset()
    carriers: frozenset[str] = frozenset()
    hits: dict[str, frozenset[str]] = field(default_factory=dict)
    searched: dict[str, str] = field(default_factory=dict)
    results: dict[str, FileResult] = field(default_factory=dict)
    kept: dict[str, tuple[Kept, ...]] = field(default_factory=dict)
    conditions: dict[str, bool] = field(default_factory=dict)
    contracts: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    owners: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    members: dict[str, dict[str, tuple[tuple[str, str, str], ...]]] = field(default_factory=dict)
    followed: dict[str, frozenset[str]] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)

    def copy(self) -> Snapshot:
        """Return a copy that can be updated without changing this one."""
        return Snapshot(
            self.files,
            self.carriers,
            dict(self.hits),
            dict(self.searched),
            dict(self.results),
            dict(self.kept),
            dict(self.conditions),
            dict(self.contracts),
            dict(self.unread),
            {name: dict(by_file) for name, by_file in self.owners.items()},
            {name: dict(by_file) for name, by_file in self.members.items()},
            dict(self.followed),
            dict(self.operations),
        )


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


def _search(setting: object, paths: list[str]) -> list[tuple[str, frozenset[str]]]:
    tree, names = cast(tuple[Tree, Iterable[str]], setting)
    return sorted(search_names(tree, paths, names).items())


def _look(setting: object, paths: list[str]) -> list[Look]:
    tree, texts, names = cast(tuple[Tree, Iterable[str], Iterable[str]], setting)
    return list(look_at_files(tree, paths, texts, names))


def _members(setting: object, paths: list[str]) -> list[tuple[str, frozenset[tuple[str, str, str]]]]:
    tree, types = cast(tuple[Tree, frozenset[str]], setting)
    return sorted(find_members(tree, paths, types).items())


def _owners(setting: object, paths: list[str]) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    tree, fields = cast(tuple[Tree, frozenset[str]], setting)
    return sorted(find_owners(tree, paths, fields).items())


def _search_definitions(setting: object, paths: list[str]) -> list[tuple[str, frozenset[str]]]:
    tree, names = cast(tuple[Tree, Iterable[str]], setting)
    return sorted(search_definitions(tree, paths, names).items())


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
        self.promised = {name for _, name in self.contracts}
        self.by_name: dict[str, set[str]] = {}
        self.summaries: dict[str, dict[str, tuple[Summary, ...]]] = {}
        self.bindings: dict[str, dict[str, set[tuple[str, str]]]] = {}
        self.tables: dict[str, dict[str, tuple[TableEntry, ...]]] = {}
        self.rebound: set[str] = set()
        """Fields of tables of which not all is as it was."""
        self.turns: dict[str, int] = {}
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
        self._forget_declarations(changed | (known_files - self.files))
        self._find_owners(snapshot.owners.keys(), sorted(present))
        self._find_members(snapshot.members.keys(), sorted(present))
        self._follow_tables()
        self._iterate()
        self._answer_questions(self._answer_again(changed))
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
        setting = (self.tree, texts, frozenset(self.snapshot.searched))
        looks = list(self.workers.map_batches(_look, setting, sorted(fresh), SEARCH_BATCH))
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
                for path, here in self.workers.map_batches(_search, (self.tree, names), paths, SEARCH_BATCH):
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
        self._register_tables(path, old.tables if old is not None else (), result.tables)
        surprising = {name for name, found in ahead.items() if found != after.get(name, ())}
        return surprising | {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}

    def _register_tables(self, path: str, old: tuple[TableEntry, ...], new: tuple[TableEntry, ...]) -> None:
        fields = {entry.field for entry in (*old, *new)}
        for name in fields:
            entries = tuple(entry for entry in new if entry.field == name)
            known = self.tables.setdefault(name, {})
            if known.get(path, ()) != entries:
                self.rebound.add(name)
                known[path] = entries

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
            for name in changed:
                self.pending |= self.by_name.get(name, set())
            self._follow_tables()
            self._pend_newly_bound(bound_before)

    def _follow_tables(self) -> None:
        """Bring up to date what calls through fields do; analyse again the callers and, of new fields, the tables."""
        snapshot = self.snapshot
        fields = sorted(snapshot.owners.keys() | (self.rebound & self._bound_fields()))
        self.rebound = set()
        fresh = frozenset(name for name in fields if name not in snapshot.owners)
        for name in fresh:
            snapshot.owners[name] = {}
        self._find_owners(fresh, self.sorted_files)
        made = {name: self._operation(name) for name in fields}
        unclear = {struct for operation in made.values() if not operation.sole for struct in operation.effects}
        fresh_types = unclear - snapshot.members.keys()
        for struct in fresh_types:
            snapshot.members[struct] = {}
        self._find_members(fresh_types, self.sorted_files)
        operations = {name: self._with_members(operation) for name, operation in made.items()}
        changed = {name: now for name, now in operations.items() if now != snapshot.operations.get(name)}
        snapshot.operations |= changed
        self._find_users({name: now for name, now in changed.items() if now.effects})
        for name in changed:
            self.turns[name] = self.turns.get(name, 0) + 1
            self.pending |= self.by_name.get(f"->{name}", set()) | self.by_name.get(f".{name}", set())

    def _bound_fields(self) -> set[str]:
        """Return the fields that hold a function which does something to a page, and no contract speaks of."""
        return {
            name
            for name, by_file in self.tables.items()
            if name not in self.promised and any(e.matters for found in by_file.values() for e in found)
        }

    def _operation(self, name: str) -> Operation:
        known = self.tables.get(name, {})
        entries = [entry for path in sorted(known) if path in self.snapshot.carriers for entry in known[path]]
        if name in self.promised or self.turns.get(name, 0) >= MAX_TURNS:
            entries = []
        owners = self.snapshot.owners[name].values()
        return make_operation(name, entries, frozenset(struct for found in owners for struct in found))

    def _with_members(self, operation: Operation) -> Operation:
        if operation.sole:
            return operation
        known = [found for struct in operation.effects for found in self.snapshot.members[struct].values()]
        return msgspec.structs.replace(operation, members=tuple(sorted({one for found in known for one in found})))

    def _forget_declarations(self, paths: frozenset[str]) -> None:
        for owners in self.snapshot.owners.values():
            for path in owners.keys() & paths:
                del owners[path]
        for members in self.snapshot.members.values():
            for path in members.keys() & paths:
                del members[path]

    def _find_members(self, types: Iterable[str], files: Sequence[str]) -> None:
        """Learn which structs have members of some struct types, in files that speak of pages or are shared."""
        wanted = frozenset(types)
        paths = self._declaring(files)
        members = self.snapshot.members
        for path, found in self.workers.map_batches(
            _members, (self.tree, wanted), paths if wanted else [], SEARCH_BATCH
        ):
            for name in {kind for kind, _, _ in found}:
                members[name][path] = tuple(sorted(one for one in found if one[0] == name))

    def _declaring(self, files: Sequence[str]) -> list[str]:
        return [p for p in files if p in self.snapshot.carriers or PUBLIC in p]

    def _find_owners(self, fields: Iterable[str], files: Sequence[str]) -> None:
        """Learn which structs declare function pointers of some names, in files that speak of pages or are shared."""
        wanted = frozenset(fields)
        paths = self._declaring(files)
        owners = self.snapshot.owners
        for path, found in self.workers.map_batches(
            _owners, (self.tree, wanted), paths if wanted else [], SEARCH_BATCH
        ):
            for name in {pointer for pointer, _ in found}:
                owners[name][path] = tuple(sorted(struct for pointer, struct in found if pointer == name))

    def _find_users(self, operations: Mapping[str, Operation]) -> None:
        """Look for tables and callers of fields: everywhere when one struct has it, else where the struct is named."""
        carriers = [p for p in self.sorted_files if p in self.snapshot.carriers]
        everywhere: set[str] = set()
        near: dict[str, frozenset[str]] = {}
        for name, operation in operations.items():
            ways = {f"{member}{sign}{name}" for _, _, member in operation.members for sign in ("->", ".")}
            structs = frozenset([""]) if operation.sole else frozenset(operation.effects) | ways
            known = self.snapshot.followed.get(name, frozenset())
            if not structs - known or "" in known:
                continue
            self.snapshot.followed[name] = known | structs
            if operation.sole:
                everywhere.add(name)
            else:
                near[name] = structs - known
        self._search_in(carriers, _as_fields(everywhere))
        if near:
            mentioned = frozenset().union(*near.values())
            found = list(self.workers.map_batches(_search, (self.tree, mentioned), carriers, SEARCH_BATCH))
            for name, wanted in near.items():
                self._search_in(sorted(path for path, here in found if here & wanted), _as_fields([name]))

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
        for result in self.workers.map_batches(_analyse, self.setting, jobs, ANALYSIS_BATCH, _place):
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
        results = self.workers.map_batches(_analyse, self.setting, jobs, ANALYSIS_BATCH, _place)
        for count, result in enumerate(results, start=1):
            if result.known:
                self.store.keep(result.path, result.known)
                result = msgspec.structs.replace(result, known=b"")
            changed |= self._register(result)
            if self.progress is not None:
                self.progress(title, count, len(jobs))
        return changed

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
            batches = self.workers.map_batches(_search, (self.tree, frozenset(names)), paths, SEARCH_BATCH)
            self.pending |= {path for path, _ in batches}
        bound = {f: {key for keys in tables.values() for key in keys} for f, tables in self.bindings.items()}
        self._pend_bound(function for function, keys in bound.items() if keys & changed)

    def _find_public(self, names: Iterable[str]) -> None:
        """Learn which names a public header declares."""
        wanted = frozenset(names) - self.asked_public
        if not wanted:
            return
        self.asked_public |= wanted
        headers = [p for p in sorted(self.snapshot.carriers) if p.endswith(".h") and PUBLIC in p]
        for _, here in self.workers.map_batches(_search, (self.tree, wanted), headers, SEARCH_BATCH):
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

    # -- questions that candidates ask of functions elsewhere

    def _answer_questions(self, wanted: set[str]) -> None:
        """Find out for every receiver that a candidate depends on whether it keeps the page, and for `wanted`.

        A receiver is looked for where code speaks of pages, in the kernel's headers and in its core.
        """
        kept = self.snapshot.kept
        carriers = self.snapshot.carriers
        paths = [p for p in self.sorted_files if p in carriers or p.startswith(PUBLIC) or p.count("/") <= 1]
        results = self.snapshot.results.values()
        wanted = wanted | {name for result in results for c in result.candidates for name, _ in c.asks}
        for _ in range(MAX_QUESTION_ROUNDS):
            unknown = wanted - kept.keys()
            if not unknown:
                return
            wanted = self._measure(unknown, paths)
            for name in unknown:
                kept.setdefault(name, ())

    def _answer_again(self, changed: Iterable[str]) -> set[str]:
        """Measure anew what changed files define of what was asked for; return what that passes pages on to."""
        kept = self.snapshot.kept
        gone = frozenset(changed)
        for name, answers in kept.items():
            if any(one.file in gone for one in answers):
                kept[name] = tuple(one for one in answers if one.file not in gone)
        present = sorted(gone & self.files)
        return self._measure(kept.keys(), present) if present and kept else set()

    def _measure(self, names: Iterable[str], paths: list[str]) -> set[str]:
        """Measure what the definitions of some functions in some files keep; return the names of what they call."""
        kept = self.snapshot.kept
        wanted = frozenset(names)
        mentions = self.workers.map_batches(_search_definitions, (self.tree, wanted), paths, SEARCH_BATCH)
        jobs = [FileJob(path, frozenset(), {}, {}, {}, here) for path, here in sorted(mentions)]
        further: set[str] = set()
        for result in self.workers.map_batches(_analyse, self.setting, jobs, ANALYSIS_BATCH, _place):
            for one in result.kept:
                if one.name in wanted:
                    kept[one.name] = tuple(sorted({*kept.get(one.name, ()), one}, key=lambda k: k.file))
                    further |= {callee for callee, _, _ in one.passed}
        return further


def _as_fields(names: Iterable[str]) -> dict[str, str]:
    """Return the ways to write the fields of some names, each to be looked for everywhere."""
    return {f"{access}{name}": "" for name in names for access in ("->", ".")}


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


def keeps(kept: Mapping[str, tuple[Kept, ...]], name: str, position: int, seen: frozenset[tuple[str, int]]) -> bool:
    """Tell whether some definition of a function may keep an argument, itself or through what it calls.

    A function that was not found (generated by a macro, assembler) is taken not to.
    """
    if (name, position) in seen:
        return False
    seen |= {(name, position)}
    return any(
        position in one.kept
        or any(p == position and keeps(kept, callee, argument, seen) for callee, argument, p in one.passed)
        for one in kept.get(name, ())
    )


def findings_of(snapshot: Snapshot, path: str) -> tuple[Finding, ...]:
    """Return the findings of one file whose questions are answered in their favour."""
    result = snapshot.results.get(path)
    if result is None:
        return ()
    return tuple(c.finding for c in result.candidates if _stands(snapshot, c))


def suspicions_of(snapshot: Snapshot, path: str) -> tuple[Suspicion, ...]:
    """Return what one file is suspected of: findings only where a change brought them."""
    result = snapshot.results.get(path)
    return result.suspicions if result is not None else ()


def _stands(snapshot: Snapshot, candidate: Candidate) -> bool:
    return not any(keeps(snapshot.kept, name, position, frozenset()) for name, position in candidate.asks)


def skipped_of(snapshot: Snapshot, path: str) -> tuple[Skipped, ...]:
    """Return what could not be analysed in one file; one that could not even be searched is named once."""
    result = snapshot.results.get(path)
    entries = result.skipped if result is not None else ()
    unread = snapshot.unread.get(path)
    if unread is None or any(entry.function is None for entry in entries):
        return entries
    return (Skipped(file=path, function=None, line=None, reason=unread), *entries)
