"""One run's analysis: the model, the rules, the workers and the cache, and trees brought up to date with them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from analyzer.driver.choosing import Choice
from analyzer.driver.executor import Workers, open_workers
from analyzer.driver.fixpoint import FunctionStore, Knobs, NoStore, update
from analyzer.driver.options import Options
from analyzer.driver.snapshot import Snapshot
from analyzer.findings import Note
from analyzer.rulespec import load_model, load_rules
from analyzer.source import Tree


@dataclass
class Analysis:
    """What the parts of one run share. `notes` collects remarks for --verbose."""

    options: Options
    knobs: Knobs
    choice: Choice
    workers: Workers
    notes: list[Note] = field(default_factory=list)
    store: FunctionStore = field(default_factory=NoStore)
    """What the cache knows of functions, for changes of a tree that are not kept."""

    def update(
        self,
        snapshot: Snapshot,
        tree: Tree,
        files: Iterable[str],
        changed: Iterable[str],
        shown: bool = True,
        store: FunctionStore | None = None,
    ) -> Snapshot:
        """Return the snapshot of `tree`, in which only `changed` differs from `snapshot`; `shown`: report progress."""
        self.workers.must_see(tree)
        progress = self.options.progress if shown else None
        known = store if store is not None else self.store
        return update(snapshot, tree, self.knobs, self.workers, files, changed, progress, known)


@contextmanager
def open_analysis(options: Options, with_tree: bool = True) -> Iterator[Analysis]:
    """Open the analysis of one run; raise AnalyzerError when a model, a rule or the cluster is not usable."""
    model = load_model(options.models)
    rules = load_rules(model, options.rules)
    choice = Choice(options, rules)
    with open_workers(options.jobs, options.scheduler) as workers:
        yield Analysis(options, Knobs(model, rules, with_tree), choice, workers)
