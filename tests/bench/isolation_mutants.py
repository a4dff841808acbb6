"""Breaks the isolation protocol of a real kernel tree in many small ways, and says which are seen.

    python -m tests.bench.isolation_mutants --tree LINUX [--race] [--only WORD] [--verbose]

A mutant is one edit of one function, told by the names that it is about. What
a tree does not have is passed over and said so; a mutant counts as caught when
one of the rules that it names is reported anew in the edited file (or where it
says), and with `--race`, when the race search finds an invariant broken that
holds without the edit. What else comes up new is printed, to be judged by hand.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.race import check_races
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.findings import Confidence, Finding
from analyzer.rulespec import load_model, load_rules
from analyzer.source import FolderTree, OverlayTree, Tree
from tests.bench.c_text import functions_of

Z3FOLD, ZSMALLOC, MIGRATE, COMPACTION = "mm/z3fold.c", "mm/zsmalloc.c", "mm/migrate.c", "mm/compaction.c"
BALLOON, BALLOON_HEADER = "mm/balloon_compaction.c", "include/linux/balloon_compaction.h"


@dataclass(frozen=True)
class Mutant:
    """One edit: in `function` of `file`, `pattern` becomes `replacement`, the `nth` time it occurs (-1: each time).

    rules: those of which one must be reported; race: whether the race search must find a broken invariant.
    """

    name: str
    file: str
    function: str
    pattern: str
    replacement: str
    rules: tuple[str, ...] = ()
    race: bool = False
    nth: int = 0

    def apply(self, text: str) -> str | None:
        """Return the text with the edit made, None when there is no such function or nothing to edit in it."""
        for function in functions_of(self.file, text):
            if function.name != self.function:
                continue
            body = text[function.body : function.end]
            found = list(re.finditer(self.pattern, body, re.MULTILINE))
            wanted = found if self.nth < 0 else found[self.nth : self.nth + 1]
            for match in reversed(wanted):
                body = body[: match.start()] + match.expand(self.replacement) + body[match.end() :]
            if wanted:
                return text[: function.body] + body + text[function.end :]
        return None


def _statement(call: str) -> str:
    return rf"^[ \t]+{call};[ \t]*\n"


def _dropped(
    file: str, function: str, call: str, *rules: str, race: bool = False, nth: int = 0, name: str = ""
) -> Mutant:
    """Return the mutant that leaves out a statement."""
    word = re.sub(r"\W+", "-", call).strip("-")
    label = name or f"{function}-without-{word}" + (f"-{nth}" if nth else "")
    return Mutant(label, file, function, _statement(call), "", rules, race, nth)


MUTANTS = (
    # mm/z3fold.c
    Mutant(
        "z3fold-2019",
        Z3FOLD,
        "z3fold_alloc",
        r"^\t\tlock_page\(page\);\n(\t\t__SetPageMovable.*\n)\t\tunlock_page\(page\);\n",
        r"\1",
        ("set-movable-unlocked",),
    ),
    Mutant(
        "z3fold-2019-trylock-arm",
        Z3FOLD,
        "z3fold_alloc",
        r"^\t\tWARN_ON\(!trylock_page\(page\)\);\n(\t\t__SetPageMovable.*\n)\t\tunlock_page\(page\);\n",
        r"\1",
        ("set-movable-unlocked",),
    ),
    Mutant(
        "z3fold-polarity",
        Z3FOLD,
        "z3fold_alloc",
        r"^\t\tWARN_ON\(!trylock_page\(page\)\);\n(\t\t__SetPageMovable.*\n)(\t\tunlock_page\(page\);\n)",
        "\t\tif (!trylock_page(page)) {\n\\1\\2\t\t}\n",
        ("set-movable-unlocked", "trylock-inverted", "page-unlock-not-held"),
    ),
    _dropped(
        Z3FOLD, "free_z3fold_page", r"lock_page\(page\)", "movable-access-unlocked", "page-unlock-not-held", race=True
    ),
    _dropped(Z3FOLD, "free_z3fold_page", r"unlock_page\(page\)", "page-lock-leak", "page-freed-locked"),
    _dropped(Z3FOLD, "free_z3fold_page", r"__ClearPageMovable\(page\)", "movable-kept-on-free"),
    _dropped(Z3FOLD, "z3fold_page_migrate", r"__ClearPageMovable\(page\)", "migrate-success-incomplete"),
    _dropped(Z3FOLD, "z3fold_page_migrate", r"put_page\(page\)", "migrate-success-incomplete"),
    _dropped(Z3FOLD, "z3fold_page_migrate", r"get_page\(newpage\)", "migrate-success-incomplete"),
    _dropped(Z3FOLD, "z3fold_page_migrate", r"__SetPageMovable\(newpage, &z3fold_mops\)", "migrate-success-incomplete"),
    Mutant(
        "z3fold-migrate-busy",
        Z3FOLD,
        "z3fold_page_migrate",
        r"(trylock\(zhdr\)\)\n\t\treturn )-EAGAIN",
        r"\1-EBUSY",
        ("migrate-error-final",),
    ),
    Mutant(
        "z3fold-migrate-unlocks",
        Z3FOLD,
        "z3fold_page_migrate",
        r"^\tput_page\(page\);\n",
        "\tunlock_page(page);\n\tput_page(page);\n",
        ("callback-drops-lock",),
    ),
    Mutant(
        "z3fold-isolate-unlocks",
        Z3FOLD,
        "z3fold_page_isolate",
        r"^\treturn true;\n",
        "\tunlock_page(page);\n\treturn true;\n",
        ("callback-drops-lock",),
    ),
    Mutant(
        "z3fold-isolate-writes",
        Z3FOLD,
        "z3fold_page_isolate",
        r"^\treturn true;\n",
        "\tSetPageIsolated(page);\n\treturn true;\n",
        ("driver-writes-isolated",),
    ),
    Mutant(
        "z3fold-migrate-list",
        Z3FOLD,
        "z3fold_page_migrate",
        r"^\tget_page\(newpage\);\n",
        "\tlist_del_init(&page->lru);\n\tget_page(newpage);\n",
        ("lru-touched-while-isolated",),
    ),
    Mutant(
        "z3fold-putback-clears-isolated",
        Z3FOLD,
        "z3fold_page_putback",
        r"^\tpool = zhdr_to_pool\(zhdr\);\n",
        "\tClearPageIsolated(page);\n\tpool = zhdr_to_pool(zhdr);\n",
        ("driver-writes-isolated",),
    ),
    Mutant(
        "z3fold-init-late",
        Z3FOLD,
        "z3fold_alloc",
        r"^\tz3fold_page_lock\(zhdr\);\n",
        "\tset_page_private(page, 0);\n\tz3fold_page_lock(zhdr);\n",
        ("movable-before-init",),
    ),
    # mm/zsmalloc.c
    _dropped(
        ZSMALLOC,
        "reset_page",
        r"__ClearPageMovable\(page\)",
        "movable-kept-on-free",
        "migrate-success-incomplete",
        race=True,
    ),
    Mutant(
        "zsmalloc-duty-5",
        ZSMALLOC,
        "reset_page",
        r"^\t__ClearPageMovable\(page\);\n",
        "\tif (!PageIsolated(page))\n\t\t__ClearPageMovable(page);\n\tClearPageIsolated(page);\n",
        ("isolated-cleared-movable-kept",),
        True,
    ),
    Mutant(
        "zsmalloc-duty-5-nested",
        ZSMALLOC,
        "reset_page",
        r"^\t__ClearPageMovable\(page\);\n",
        "\tif (PageIsolated(page))\n\t\tClearPageIsolated(page);\n\telse\n\t\t__ClearPageMovable(page);\n",
        ("isolated-cleared-movable-kept",),
        True,
    ),
    Mutant(
        "zsmalloc-clears-both",
        ZSMALLOC,
        "reset_page",
        r"^\t__ClearPageMovable\(page\);\n",
        "\t__ClearPageMovable(page);\n\tClearPageIsolated(page);\n",
        ("driver-writes-isolated",),
    ),
    Mutant(
        "zsmalloc-set-unlocked",
        ZSMALLOC,
        "SetZsPageMovable",
        r"^\t\tWARN_ON\(!trylock_page\(page\)\);\n(\t\t__SetPageMovable.*\n)\t\tunlock_page\(page\);\n",
        r"\1",
        ("set-movable-unlocked",),
    ),
    _dropped(ZSMALLOC, "SetZsPageMovable", r"unlock_page\(page\)", "page-lock-leak", "page-lock-lost"),
    _dropped(
        ZSMALLOC, "__free_zspage", r"unlock_page\(page\)", "page-lock-leak", "page-freed-locked", "page-lock-lost"
    ),
    _dropped(ZSMALLOC, "zs_page_migrate", r"put_page\(page\)", "migrate-success-incomplete"),
    _dropped(ZSMALLOC, "zs_page_migrate", r"get_page\(newpage\)", "migrate-success-incomplete"),
    _dropped(ZSMALLOC, "zs_page_migrate", r"reset_page\(page\)", "migrate-success-incomplete"),
    _dropped(
        ZSMALLOC, "replace_sub_page", r"__SetPageMovable\(newpage, &zsmalloc_mops\)", "migrate-success-incomplete"
    ),
    Mutant(
        "zsmalloc-lock-chain",
        ZSMALLOC,
        "lock_zspage",
        r"(?s)\{.*\}",
        "{\n\tstruct page *page = get_first_page(zspage);\n\n\tdo {\n\t\tlock_page(page);\n"
        "\t} while ((page = get_next_page(page)) != NULL);\n}",
        ("page-chain-lock-race",),
    ),
    Mutant(
        "zsmalloc-free-unlocked",
        ZSMALLOC,
        "free_zspage",
        r"(?s)^\tif \(!trylock_zspage\(zspage\)\) \{.*?^\t\}\n",
        "",
        ("movable-access-unlocked", "page-unlock-not-held"),
        True,
    ),
    Mutant(
        "zsmalloc-isolate-unlocks",
        ZSMALLOC,
        "zs_page_isolate",
        r"^\treturn true;\n",
        "\tunlock_page(page);\n\treturn true;\n",
        ("callback-drops-lock",),
    ),
    Mutant(
        "zsmalloc-migrate-unlocks",
        ZSMALLOC,
        "zs_page_migrate",
        r"^\tput_page\(page\);\n",
        "\tunlock_page(page);\n\tput_page(page);\n",
        ("callback-drops-lock",),
    ),
    Mutant(
        "zsmalloc-putback-unlocks",
        ZSMALLOC,
        "zs_page_putback",
        r"\}\Z",
        "\n\tunlock_page(page);\n}",
        ("callback-drops-lock",),
    ),
    # balloons
    _dropped(BALLOON_HEADER, "balloon_page_finalize", r"__ClearPageMovable\(page\)", "movable-kept-on-free", race=True),
    Mutant(
        "balloon-enqueue-unlocked",
        BALLOON,
        "balloon_page_enqueue_one",
        r"(?s)^\tBUG_ON\(!trylock_page\(page\)\);\n(.*?)\tunlock_page\(page\);\n",
        r"\1",
        ("set-movable-unlocked",),
    ),
    Mutant(
        "balloon-dequeue-unlocked",
        BALLOON,
        "balloon_page_list_dequeue",
        r"(?s)^\t\tif \(!trylock_page\(page\)\)\n\t\t\tcontinue;\n(.*?)\t\tunlock_page\(page\);\n",
        r"\1",
        ("movable-access-unlocked",),
        True,
    ),
    Mutant(
        "balloon-dequeue-polarity",
        BALLOON,
        "balloon_page_list_dequeue",
        r"if \(!trylock_page",
        "if (trylock_page",
        ("trylock-inverted", "page-unlock-not-held", "movable-access-unlocked"),
        True,
    ),
    _dropped(BALLOON, "balloon_page_list_dequeue", r"unlock_page\(page\)", "page-lock-leak", "page-lock-lost"),
    Mutant(
        "balloon-isolate-drops",
        BALLOON,
        "balloon_page_isolate",
        r"^\treturn true;\n",
        "\tunlock_page(page);\n\treturn true;\n",
        ("callback-drops-lock",),
    ),
    _dropped(
        "drivers/virtio/virtio_balloon.c", "virtballoon_migratepage", r"put_page\(page\)", "migrate-success-incomplete"
    ),
    _dropped(
        "drivers/virtio/virtio_balloon.c",
        "virtballoon_migratepage",
        r"balloon_page_finalize\(page\)",
        "migrate-success-incomplete",
    ),
    # mm/migrate.c: isolation
    Mutant(
        "isolate-skips-trylock",
        MIGRATE,
        "isolate_movable_page",
        r"^\tif \(unlikely\(!(?:folio_trylock|trylock_page)\(\w+\)\)\)\n\t\tgoto \w+;\n",
        "",
        ("isolate-without-trylock", "page-unlock-not-held", "movable-access-unlocked"),
        True,
    ),
    Mutant(
        "isolate-trylock-polarity",
        MIGRATE,
        "isolate_movable_page",
        r"if \(unlikely\(!(folio_trylock|trylock_page)\(",
        r"if (unlikely(\1(",
        ("isolate-without-trylock", "trylock-inverted", "page-unlock-not-held"),
        True,
    ),
    Mutant(
        "isolate-lock-not-try",
        MIGRATE,
        "isolate_movable_page",
        r"^\tif \(unlikely\(!(?:folio_trylock|trylock_page)\((\w+)\)\)\)\n\t\tgoto \w+;\n",
        "\tlock_page(\\1);\n",
    ),
    Mutant(
        "isolate-skips-recheck",
        MIGRATE,
        "isolate_movable_page",
        r"^\tif \(!\w+\(\w+\) \|\| \w+\(\w+\)\)\n\t\tgoto \w+;\n",
        "",
        ("isolate-without-recheck",),
        True,
    ),
    Mutant(
        "isolate-recheck-half-isolated",
        MIGRATE,
        "isolate_movable_page",
        r"if \(!(\w+\(\w+\)) \|\| \w+\(\w+\)\)",
        r"if (!\1)",
        ("isolate-without-recheck",),
        True,
    ),
    Mutant(
        "isolate-recheck-half-movable",
        MIGRATE,
        "isolate_movable_page",
        r"if \(!\w+\(\w+\) \|\| (\w+\(\w+\))\)",
        r"if (\1)",
        ("isolate-without-recheck",),
        True,
    ),
    Mutant(
        "isolate-recheck-and",
        MIGRATE,
        "isolate_movable_page",
        r"(if \(!\w+\(\w+\)) \|\| (\w+\(\w+\)\))",
        r"\1 && \2",
        ("isolate-without-recheck",),
        True,
    ),
    Mutant(
        "isolate-recheck-lockless",
        MIGRATE,
        "isolate_movable_page",
        r"if \(!(?:folio_test_movable|PageMovable)\(((?:folio|page))\) \|\|",
        r"if (!__PageMovable(\1) ||",
        ("isolate-without-recheck",),
        True,
    ),
    Mutant(
        "isolate-without-peek",
        MIGRATE,
        "isolate_movable_page",
        r"^\tif \(unlikely\(!__\w+\(\w+\)\)\)\n\t\tgoto \w+;\n",
        "",
        (),
    ),
    _dropped(MIGRATE, "isolate_movable_page", r"(?:folio_set_isolated|SetPageIsolated)\(\w+\)", race=True),
    _dropped(MIGRATE, "isolate_movable_page", r"(?:folio_put|put_page)\(\w+\)", "isolation-ref-leak"),
    _dropped(MIGRATE, "isolate_movable_page", r"(?:folio_unlock|unlock_page)\(\w+\)", "page-lock-leak"),
    _dropped(MIGRATE, "isolate_movable_page", r"(?:folio_unlock|unlock_page)\(\w+\)", "page-lock-leak", nth=1),
    Mutant(
        "isolate-wrong-label",
        MIGRATE,
        "isolate_movable_page",
        r"(isolate_page\(.*\)\)\n\t\tgoto )out_no_isolated",
        r"\1out",
        ("isolation-ref-leak", "page-lock-leak"),
    ),
    Mutant(
        "isolate-trylock-wrong-label",
        MIGRATE,
        "isolate_movable_page",
        r"(trylock\w*\(\w+\)\)\)\n\t\tgoto )\w+",
        r"\1out",
        ("isolation-ref-leak",),
    ),
    Mutant(
        "isolate-nonatomic",
        MIGRATE,
        "isolate_movable_page",
        r"(?:folio_set_isolated|SetPageIsolated)\((\w+)\)",
        r"__SetPageIsolated(\1)",
        ("nonatomic-flag-on-shared-page",),
    ),
    Mutant(
        "isolate-set-after-unlock",
        MIGRATE,
        "isolate_movable_page",
        r"^(\t(?:folio_set_isolated|SetPageIsolated)\(\w+\);\n)(\t(?:folio_unlock|unlock_page)\(\w+\);\n)",
        r"\2\1",
        (),
        True,
    ),
    # mm/migrate.c: putback and migration
    Mutant(
        "putback-unlocked",
        MIGRATE,
        "putback_movable_pages",
        r"(?s)^\t\t\t(?:folio_lock|lock_page)\(\w+\);\n(.*?)\t\t\t(?:folio_unlock|unlock_page)\(\w+\);\n",
        r"\1",
        ("movable-access-unlocked",),
        True,
    ),
    Mutant(
        "putback-unchecked",
        MIGRATE,
        "putback_movable_pages",
        r"(?s)^\t\t\tif \((?:folio_test_m|PageM)ovable\(\w+\)\)\n\t(\t\t\tputback_\w+\(\w+\);\n)\t\t\telse\n.*?;\n",
        r"\1",
        (),
        True,
    ),
    Mutant(
        "putback-polarity",
        MIGRATE,
        "putback_movable_pages",
        r"if \((folio_test_movable|PageMovable)\(",
        r"if (!\1(",
        (),
        True,
    ),
    _dropped(MIGRATE, "putback_movable_pages", r"(?:folio_put|put_page)\(\w+\)"),
    _dropped(MIGRATE, "putback_movable_pages", r"list_del\(&\w+->lru\)", race=True),
    _dropped(MIGRATE, "putback_movable_folio", r"folio_clear_isolated\(folio\)"),
    _dropped(
        MIGRATE, "putback_movable_pages", r"(?:folio_unlock|unlock_page)\(\w+\)", "page-lock-leak", "page-lock-lost"
    ),
    Mutant(
        "putback-twice",
        MIGRATE,
        "putback_movable_pages",
        r"^\t\t\t(?:folio_put|put_page)\((\w+)\);\n",
        "\\g<0>\\g<0>",
        ("page-ref-underflow",),
        True,
    ),
    Mutant(
        "putback-clears-movable",
        MIGRATE,
        "putback_movable_pages",
        r"^\t\t\t(?:folio_unlock|unlock_page)\((\w+)\);\n",
        "\\g<0>\t\t\t__ClearPageMovable(&\\1->page);\n",
        ("movable-access-unlocked",),
        False,
    ),
    Mutant(
        "migrate-unchecked-6.12",
        MIGRATE,
        "migrate_movable_ops_page",
        r"\tif \(PageMovable\(src\)\)\n\t(\t\t*rc)",
        r"\1",
        (),
        True,
    ),
    Mutant(
        "migrate-unchecked-6.1",
        MIGRATE,
        "move_to_new_folio",
        r"(?s)\t\tif \(!folio_test_movable\(src\)\) \{.*?\t\t\}\n",
        "",
        (),
        True,
    ),
    Mutant(
        "migrate-clears-always",
        MIGRATE,
        "migrate_movable_ops_page",
        r"if \(rc == MIGRATEPAGE_SUCCESS\)\n\t",
        "",
        (),
        True,
    ),
    _dropped(MIGRATE, "migrate_movable_ops_page", r"ClearPageIsolated\(src\)"),
    # LRU isolation
    Mutant(
        "isolate-to-list-misread",
        MIGRATE,
        "isolate_folio_to_list",
        r"if \(!isolated\)",
        "if (isolated)",
        ("isolate-result-misread",),
    ),
    Mutant(
        "isolate-to-list-lost",
        MIGRATE,
        "isolate_folio_to_list",
        r"^\tlist_add\(&folio->lru, list\);\n",
        "",
        ("isolated-page-lost",),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What one mutant gives: None where it does not apply; findings of default and of low confidence, races broken."""

    mutant: Mutant
    applies: bool
    new: tuple[Finding, ...] = ()
    broken: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def caught(self) -> bool:
        """Tell whether one of the rules that the mutant names was reported."""
        return any(f.rule in self.mutant.rules for f in self.new)


class Bench:
    """A tree that was analysed once, and is again for each mutant at the cost of what the edit changes."""

    def __init__(self, folder: Path, raced: bool) -> None:
        """Analyse the whole tree; raise SourceError when it is none."""
        self.tree = FolderTree(folder)
        model = load_model()
        self.knobs = Knobs(model, load_rules(model))
        self.workers = Workers([], 1)
        self.files = list(self.tree.files())
        empty = Snapshot(files=frozenset(self.files))
        self.base = empty if raced else update(Snapshot(), self.tree, self.knobs, self.workers, self.files, [])
        self.raced = raced
        self.sound = self._races(self.tree) if raced else ()

    def run(self, mutant: Mutant) -> Outcome:
        """Return what changes in a mutant's own files."""
        if mutant.file not in self.base.files:
            return Outcome(mutant, applies=False)
        text = mutant.apply(self.tree.read(mutant.file).decode("utf-8", "surrogateescape"))
        if text is None:
            return Outcome(mutant, applies=False)
        tree = OverlayTree(self.tree, {mutant.file: text.encode("utf-8", "surrogateescape")})
        if self.raced:
            return Outcome(mutant, True, (), tuple(b for b in self._races(tree) if b not in self.sound))
        after = update(self.base, tree, self.knobs, self.workers, self.files, [mutant.file])
        known = {_key(f) for path in self.base.results for f in findings_of(self.base, path)}
        found = [f for path in sorted(after.results) for f in findings_of(after, path) if _key(f) not in known]
        return Outcome(mutant, True, tuple(found))

    def _races(self, tree: Tree) -> tuple[str, ...]:
        result = check_races(tree)
        found = [f"{f.file}:{f.line} {f.message}" for f in result.findings]
        return (*found, *(f"skipped {s.file}: {s.reason}" for s in result.skipped))


def _key(finding: Finding) -> tuple[str, str, str, str]:
    return finding.rule, finding.file, finding.function, finding.subject


def _describe(outcome: Outcome, raced: bool) -> Iterator[str]:
    mutant = outcome.mutant
    if not outcome.applies:
        yield f"absent  {mutant.name}"
        return
    if raced:
        yield f"{'broken ' if outcome.broken else 'MISSED ' if mutant.race else 'whole  '} {mutant.name}"
        yield from (f"          {words}" for words in outcome.broken)
        return
    word = "caught " if outcome.caught else "missed " if mutant.rules else "silent " if not outcome.new else "other  "
    yield f"{word} {mutant.name}"
    for finding in outcome.new:
        low = " (low)" if finding.confidence is Confidence.LOW else ""
        mark = "" if finding.rule in mutant.rules else "  <- not asked for"
        yield f"          {finding.file}:{finding.line} {finding.function} {finding.rule}{low}{mark}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants on one tree and print what became of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--race", action="store_true", help="run the race search instead of the rules")
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose name has this word")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    bench = Bench(options.tree, options.race)
    print(f"analysed in {time.monotonic() - started:.0f} s", file=sys.stderr)
    outcomes = []
    for mutant in MUTANTS:
        if options.only in mutant.name:
            outcomes.append(bench.run(mutant))
            print("\n".join(_describe(outcomes[-1], options.race)), flush=True)
    _total(outcomes)
    return 0


def _total(outcomes: Iterable[Outcome]) -> None:
    asked = [o for o in outcomes if o.applies and o.mutant.rules]
    print(f"{sum(o.caught for o in asked)} of {len(asked)} caught")


if __name__ == "__main__":
    raise SystemExit(main())
