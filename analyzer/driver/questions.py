"""Answers whether functions elsewhere keep a page that they are given: what candidates depend on."""

from collections.abc import Callable, Iterable, Iterator

from analyzer.driver.fileanalysis import FileJob, FileResult
from analyzer.driver.searches import PUBLIC, Searches
from analyzer.driver.snapshot import Snapshot
from analyzer.source import NameSearch

MAX_ROUNDS = 5

Analyse = Callable[[list[FileJob]], Iterator[FileResult]]


class Questions:
    """Answers the questions of the candidates of a snapshot, in the snapshot."""

    def __init__(self, snapshot: Snapshot, searches: Searches, analyse: Analyse) -> None:
        """Take the snapshot of a tree whose files are all analysed."""
        self.snapshot = snapshot
        self.searches = searches
        self.analyse = analyse

    def answer(self, changed: Iterable[str]) -> None:
        """Find out for every receiver that a candidate depends on whether it keeps the page.

        What the `changed` files define of what was asked for is asked again. A receiver is looked for where code
        speaks of pages, in the kernel's headers and in its core.
        """
        kept, carriers = self.snapshot.kept, self.snapshot.carriers
        wanted = self._answer_again(frozenset(changed))
        wanted |= {name for result in self.snapshot.results.values() for c in result.candidates for name, _ in c.asks}
        files = sorted(self.snapshot.files)
        paths = [p for p in files if p in carriers or p.startswith(PUBLIC) or p.count("/") <= 1]
        for _ in range(MAX_ROUNDS):
            unknown = wanted - kept.keys()
            if not unknown:
                return
            wanted = self._measure(unknown, paths)
            for name in unknown:
                kept.setdefault(name, ())

    def _answer_again(self, changed: frozenset[str]) -> set[str]:
        """Measure anew what changed files define of what was asked for; return what that passes pages on to."""
        kept = self.snapshot.kept
        for name, answers in kept.items():
            if any(one.file in changed for one in answers):
                kept[name] = tuple(one for one in answers if one.file not in changed)
        return self._measure(kept.keys(), sorted(changed & self.snapshot.files))

    def _measure(self, names: Iterable[str], paths: list[str]) -> set[str]:
        """Measure what the definitions of some functions in some files keep; return the names of what they call."""
        kept, definitions = self.snapshot.kept, self.snapshot.definitions
        wanted = frozenset(names)
        if not wanted:
            return set()
        definitions |= dict(self.searches.definitions([path for path in paths if path not in definitions]))
        search = NameSearch(wanted)
        found = ((path, search.names_in(definitions.get(path, b""))) for path in paths)
        further: set[str] = set()
        for result in self.analyse([FileJob(path, frozenset(), {}, {}, {}, here) for path, here in found if here]):
            for one in result.kept:
                if one.name in wanted:
                    kept[one.name] = tuple(sorted({*kept.get(one.name, ()), one}, key=lambda k: k.file))
                    further |= {passed.callee for passed in one.escapes.passed}
        return further
