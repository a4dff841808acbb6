"""What is remembered of functions changes no result: after any edit it is that of an analysis from nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.remembering import file_memory, forget_files
from analyzer.driver.snapshot import Snapshot
from analyzer.rulespec import load_model, load_rules
from analyzer.source import EmptyTree, OverlayTree, SourceText
from analyzer.syntax import FunctionText, outline

FIXTURES = Path(__file__).parents[2] / "fixtures"
FILES = sorted(path for path in FIXTURES.glob("*/*.c") if b"\0" not in path.read_bytes())
OTHER = "other.c"
CALLER = b"""
static int keep_on(struct folio *folio)
{
	folio_wait_writeback(folio);
	return folio_test_dirty(folio);
}

void settle(struct folio *folio)
{
	if (keep_on(folio))
		folio_lock(folio);
	folio_unlock(folio);
}
"""

Edit = Callable[[bytes, list[FunctionText], int], bytes]


def add_line_above(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    at = functions[number % len(functions)].start
    return data[:at] + b"/* one more line */\n" + data[at:]


def add_enumerator(data: bytes, _: list[FunctionText], number: int) -> bytes:
    words: list[bytes] = sorted(set(re.findall(rb"\b[A-Z][A-Z_]{3,}\b", data))) or [b"NOTHING"]
    return b"enum first { " + words[number % len(words)] + b" };\n" + data


def add_blank_line_within(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.body] + b"{\n" + data[item.body + 1 :]


def drop_statement(data: bytes, _: list[FunctionText], number: int) -> bytes:
    found = list(re.finditer(rb"^\t+\w+\(.*\);\n", data, re.MULTILINE))
    if not found:
        return data
    match = found[number % len(found)]
    return data[: match.start()] + data[match.end() :]


def repeat_statement(data: bytes, _: list[FunctionText], number: int) -> bytes:
    found = list(re.finditer(rb"^\t+\w+\(.*\);\n", data, re.MULTILINE))
    if not found:
        return data
    match = found[number % len(found)]
    return data[: match.end()] + match[0] + data[match.end() :]


def keep_a_page(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    takers = [f for f in functions if b"struct folio *folio" in data[f.start : f.body]]
    if not takers:
        return data
    item = takers[number % len(takers)]
    return data[: item.body + 1] + b"\n\tholder->kept = folio;" + data[item.body + 1 :]


def rename(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    name = functions[number % len(functions)].name.encode()
    return re.sub(rb"\b%s\b" % name, name + b"_renamed", data)


def rename_definition(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.name_offset] + b"other_" + data[item.name_offset :]


def remove(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.start] + data[item.end :]


def move_to_the_end(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.start] + data[item.end :] + b"\n" + data[item.start : item.end] + b"\n"


def double(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data + b"\n" + data[item.start : item.end] + b"\n"


def join_with_line_above(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.start].rstrip(b"\n") + b" " + data[item.start :].lstrip(b"\n")


def cut_off(data: bytes, functions: list[FunctionText], number: int) -> bytes:
    item = functions[number % len(functions)]
    return data[: item.end - 1].rstrip()


EDITS: list[Edit] = [
    add_line_above,
    add_enumerator,
    add_blank_line_within,
    drop_statement,
    repeat_statement,
    rename,
    keep_a_page,
    rename_definition,
    remove,
    move_to_the_end,
    double,
    join_with_line_above,
    cut_off,
]


@dataclass
class Store:
    """Keeps what a run learns for a later process."""

    kept: dict[str, bytes] = field(default_factory=dict)
    lasting: bool = True

    def recall(self, path: str) -> bytes:
        return self.kept.get(path, b"")

    def keep(self, path: str, known: bytes) -> None:
        self.kept[path] = known


@cache
def knobs() -> Knobs:
    model = load_model()
    return Knobs(model, load_rules(model), with_tree=False)


def analyse(base: Snapshot, files: dict[str, bytes], changed: list[str], store: Store | None = None) -> Snapshot:
    tree = OverlayTree(EmptyTree(), files)
    return update(base, tree, knobs(), Workers([], 1), files, changed, store=store)


@cache
def first_run(path: Path) -> tuple[Snapshot, dict[str, bytes]]:
    forget_files()
    store = Store()
    return analyse(Snapshot(), files_of(path, path.read_bytes()), [], store), store.kept


def files_of(path: Path, data: bytes) -> dict[str, bytes]:
    return {path.name: data, OTHER: CALLER}


def edited(data: bytes, edits: list[tuple[Edit, int]]) -> bytes:
    for edit, number in edits:
        functions = [f for f in outline(SourceText("edited.c", data)).functions if not f.is_macro]
        if functions:
            data = edit(data, functions, number)
    return data


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 40)), min_size=1, max_size=3),
)
@settings(max_examples=60)
def test_after_an_edit_nothing_but_time_tells_what_was_remembered(path: Path, edits: list[tuple[Edit, int]]) -> None:
    base, kept = first_run(path)
    files = files_of(path, edited(path.read_bytes(), edits))

    forget_files()
    incremental = analyse(base, files, [path.name], Store(dict(kept)))
    in_process = analyse(analyse(base, files_of(path, path.read_bytes()), [path.name]), files, [path.name])
    forget_files()
    fresh = analyse(base, files, [path.name])
    forget_files()
    from_nothing = analyse(Snapshot(), files, [])

    assert encode(incremental) == encode(fresh)
    assert encode(in_process) == encode(fresh)
    for name, result in from_nothing.results.items():
        assert fresh.results[name] == result


KEEPER = b"""
static void put_aside(struct holder *holder, struct folio *folio)
{
	holder->count = 1;
}

int take(struct holder *holder, struct folio *folio, int often)
{
	folio_lock(folio);
	put_aside(holder, folio);
	if (often)
		return 0;
	folio_unlock(folio);
	return 1;
}
"""
BOUND = b"""
static int demo_fill(struct file *file, struct folio *folio)
{
	int err = demo_start(file);

	if (err)
		return err;
	folio_end_read(folio, true);
	return 0;
}

static const struct address_space_operations demo_aops = {
	.read_folio = demo_fill,
};
"""


@pytest.mark.parametrize(
    ("before", "old", "new"),
    [
        (KEEPER, b"holder->count = 1", b"holder->kept = folio"),
        (BOUND, b".read_folio", b".other"),
        (CALLER, b"return folio_test_dirty(folio)", b"folio_lock(folio);\n\treturn 1"),
    ],
    ids=["a callee keeps the page", "no contract binds it", "a callee locks"],
)
def test_a_function_is_analysed_again_when_only_what_surrounds_it_differs(
    before: bytes, old: bytes, new: bytes
) -> None:
    forget_files()
    store = Store()
    base = analyse(Snapshot(), {"demo.c": before}, [], store)
    after = {"demo.c": before.replace(old, new)}

    incremental = analyse(base, after, ["demo.c"], store)
    forget_files()
    fresh = analyse(base, after, ["demo.c"])

    assert encode(incremental) == encode(fresh)
    assert rules_of(fresh) != rules_of(base)


def test_only_the_function_that_changed_is_analysed_again() -> None:
    path = FIXTURES / "page-unlock-not-held" / "unlock.c"
    forget_files()
    base = analyse(Snapshot(), {path.name: path.read_bytes()}, [])
    before = set(file_memory(path.name).known)
    data = add_blank_line_within(
        path.read_bytes(), list(outline(SourceText(path.name, path.read_bytes())).functions), 0
    )

    after = analyse(base, {path.name: data}, [path.name])

    assert len(before) > 10
    known = file_memory(path.name).known
    assert len({known[key].summary.name for key in known.keys() - before}) == 1
    lines = [c.finding.line for c in base.results[path.name].candidates]
    moved = [c.finding.line for c in after.results[path.name].candidates]
    assert moved[1:] == [line + 1 for line in lines[1:]]


def rules_of(snapshot: Snapshot) -> list[str]:
    return [c.finding.rule for c in snapshot.results["demo.c"].candidates]


def encode(snapshot: Snapshot) -> bytes:
    return msgspec.msgpack.encode(snapshot, order="deterministic")
