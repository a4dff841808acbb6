"""The lock contracts of callbacks: the document's tables, the model, and both merged."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.program.contracts import (
    Contract,
    Contracts,
    PagePosition,
    ResultCase,
    load_contract_model,
    merge_contracts,
    parse_contracts,
    read_contracts,
    read_promise,
    struct_operations,
)
from analyzer.source import EmptyTree, FolderTree, OverlayTree, RuleError, Tree

NEW = "Documentation/filesystems/locking.rst"
OLD = "Documentation/filesystems/Locking"
RULES = Path(__file__).parents[3] / "rules"

RST = """\
=======
Locking
=======

Words about nothing: they are no table.

page_box_operations
===================
prototypes::

\tint (*fill)(struct file *, struct folio *);
\tint (*open_box)(struct file *, struct box *,
\t\t\tunsigned len, struct folio **out,
\t\t\tint (*done)(struct folio *));
\tint (*no_semicolon)(struct box *b, long *span)
        bool (*spaces)(struct folio *);

locking rules:
\tAll may block

======================\t======================== =========\t===============
ops\t\t\tfolio locked\t\t i_rwsem\tinvalidate_lock
======================\t======================== =========\t===============
fill:\t\t\tyes, unlocks (see below)\t\t\tshared
open_box:\t\tlocks the folio\t\t exclusive
no_semicolon:
spaces:\t\t\tyes\t\t\t\t\texclusive
pair:\t\t\tyes (both)
strange:\t\ton Tuesdays
======================\t======================== =========\t===============

->fill() unlocks: sooner or later.

xbox_handler operations
=======================
prototypes::

\tint (*get)(struct box *);

locking rules:

=====\t\t==============
ops\t\ti_rwsem(inode)
=====\t\t==============
get:\t\tno
=====\t\t==============

file_box_operations
===================
prototypes::

\tint (*flush) (struct file *);

locking rules:
\tAll may block.

->flush() is a word: not a row.
"""

PLAIN = """\
------------------------- page_box_operations --------------------------
prototypes:
\tint (*fill)(struct file *, struct page *);
\tint (*mark_dirty)(struct page *);
\tint (*move)(struct box *, struct page *, struct page *);

locking rules:
\tAll except mark_dirty may block

\t\t\tPageLocked(page)\ti_mutex
fill:\t\t\tyes, unlocks (see below)
mark_dirty\t\tno
move:\t\t\tyes (both)
begin:\t\t\tlocks the page\t\tyes
fault:\t\t\tcan return with page locked
hold:\t\t\tmaybe[1]

\t->fill() unlocks the page:  at once or later.
hold: this is prose

----------------------- other_operations ------------------------------
prototypes:
\tint (*get)(struct box *);

locking rules:
\t\t\tBKL\tPageLocked(page)
get:\t\t\tno\tyes
put:\t\t\tyes
"""


def tree_of(files: dict[str, str]) -> Tree:
    return OverlayTree(EmptyTree(), {path: text.encode() for path, text in files.items()})


def promises(contracts: Contracts, struct: str) -> dict[str, tuple[str | None, str | None]]:
    return {name: (row.entry, row.exit) for name, row in contracts.structs[struct].rows.items()}


def test_rst_table_gives_rows_with_their_lines() -> None:
    contracts = read_contracts(tree_of({NEW: RST}))

    assert promises(contracts, "page_box_operations") == {
        "fill": ("locked", "unlocked"),
        "open_box": ("unlocked", "locked"),
        "no_semicolon": (None, None),
        "spaces": ("locked", "locked"),
        "pair": ("both", "locked"),
        "strange": (None, None),
    }
    row = contracts.find("page_box_operations", "fill")
    assert row == Contract("page_box_operations", "fill", "locked", "unlocked", (NEW, 24), "yes, unlocks (see below)")
    assert RST.splitlines()[23].startswith("fill:")


def test_words_that_are_not_understood_are_noted() -> None:
    contracts = parse_contracts(RST, NEW)

    assert contracts.notes == (((NEW, 29), "page_box_operations: strange: unknown words 'on Tuesdays'"),)


def test_plain_table_gives_rows_and_ends_before_the_prose() -> None:
    contracts = read_contracts(tree_of({OLD: PLAIN}))

    assert contracts.file == OLD
    assert promises(contracts, "page_box_operations") == {
        "fill": ("locked", "unlocked"),
        "mark_dirty": ("unlocked", "unlocked"),
        "move": ("both", "locked"),
        "begin": ("unlocked", "locked"),
        "fault": (None, "maybe"),
        "hold": ("maybe", "maybe"),
    }
    assert contracts.notes == ()


def test_page_column_is_found_behind_another_column() -> None:
    contracts = parse_contracts(PLAIN, OLD)

    assert promises(contracts, "other_operations") == {"get": ("locked", "locked"), "put": (None, None)}


def test_one_column_between_cells_is_a_gap_when_it_was_a_tab() -> None:
    text = (
        "--------------- box_operations ---------------\n"
        "prototypes:\n\tint (*fill)(void);\n\tint (*quoted)(void);\nlocking rules:\n"
        "\t\t\tPageLocked(page)\ti_mutex\n"
        "fill:\t\t\tyes, unlocks it\tyes\n"
        "a_name_of_23_characters:\tyes\n"
        "quoted: yes\n"
    )

    assert promises(parse_contracts(text), "box_operations") == {
        "fill": ("locked", "unlocked"),
        "a_name_of_23_characters": ("locked", "locked"),
        "quoted": ("locked", "locked"),
    }


def test_table_of_another_lock_promises_nothing_of_pages() -> None:
    contracts = parse_contracts(RST, NEW)

    assert promises(contracts, "xbox_handler") == {"get": (None, None)}


def test_documented_are_rows_and_prototyped_is_the_block() -> None:
    contracts = parse_contracts(RST, NEW)

    assert contracts.documents("page_box_operations")
    assert contracts.documented("page_box_operations") == {
        "fill", "open_box", "no_semicolon", "spaces", "pair", "strange",
    }  # fmt: skip
    prototypes = contracts.prototyped("page_box_operations")
    assert list(prototypes) == ["fill", "open_box", "no_semicolon", "spaces"]
    assert prototypes["open_box"].endswith("struct folio **out, int (*done)(struct folio *));")


def test_section_without_a_table_has_no_row_to_miss() -> None:
    contracts = parse_contracts(RST, NEW)

    assert not contracts.documents("file_box_operations")
    assert contracts.documented("file_box_operations") == frozenset()
    assert list(contracts.prototyped("file_box_operations")) == ["flush"]
    assert not contracts.documents("unheard_of")


def test_new_document_comes_before_the_old_one() -> None:
    assert read_contracts(tree_of({OLD: PLAIN, NEW: RST})).file == NEW


def test_tree_without_a_document_says_so() -> None:
    assert read_contracts(EmptyTree()) == Contracts(missing=True)


def test_patch_of_the_document_changes_the_contract() -> None:
    base = tree_of({NEW: RST})
    patched = OverlayTree(base, {NEW: RST.replace("spaces:\t\t\tyes", "spaces:\t\t\tyes, unlocks").encode()})

    row = read_contracts(patched).find("page_box_operations", "spaces")

    assert row is not None
    assert (row.entry, row.exit) == ("locked", "unlocked")


def test_table_without_a_bottom_border_is_still_read() -> None:
    damaged = "\n".join(line for at, line in enumerate(RST.splitlines(), 1) if at != 30)

    contracts = parse_contracts(damaged, NEW)

    assert promises(contracts, "page_box_operations")["fill"] == ("locked", "unlocked")


def test_table_without_a_top_border_is_still_read() -> None:
    damaged = "\n".join(line for at, line in enumerate(RST.splitlines(), 1) if at != 21)

    contracts = parse_contracts(damaged, NEW)

    assert promises(contracts, "page_box_operations")["fill"] == ("locked", "unlocked")


def test_line_between_borders_that_is_no_row_is_noted() -> None:
    contracts = parse_contracts(RST.replace("no_semicolon:", "?? what"), NEW)

    assert ((NEW, 26), "page_box_operations: not a row of the table: ?? what") in contracts.notes
    assert "no_semicolon" not in contracts.documented("page_box_operations")


def test_table_without_column_names_promises_nothing_and_is_noted() -> None:
    text = "box_operations\n==============\nlocking rules:\n\nfill:\t\tyes\n"

    contracts = parse_contracts(text, NEW)

    assert promises(contracts, "box_operations") == {"fill": (None, None)}
    assert contracts.notes == (((NEW, 5), "box_operations: table without a line of column names"),)


def test_second_row_of_one_name_is_noted_and_the_first_counts() -> None:
    contracts = parse_contracts(PLAIN.replace("begin:", "fill:"), OLD)

    assert promises(contracts, "page_box_operations")["fill"] == ("locked", "unlocked")
    assert contracts.notes == (((OLD, 14), "page_box_operations: second row for fill"),)


@pytest.mark.parametrize(
    ("words", "promise"),
    [
        ("", (None, None)),
        ("yes", ("locked", "locked")),
        ("Yes", ("locked", "locked")),
        ("yes[1]_", ("locked", "locked")),
        ("yes, unlocks", ("locked", "unlocked")),
        ("yes, unlocks (both)", ("both", "unlocked")),
        ("yes (both)", ("both", "locked")),
        ("no", ("unlocked", "unlocked")),
        ("maybe", ("maybe", "maybe")),
        ("locks the page", ("unlocked", "locked")),
        ("locks it", ("unlocked", "locked")),
        ("returns with the folio locked", ("unlocked", "locked")),
        ("can return with page locked", (None, "maybe")),
        ("(see below)", (None, None)),
        ("?", (None, None)),
    ],
)
def test_cell_words(words: str, promise: tuple[str | None, str | None]) -> None:
    assert read_promise(words) == promise


@given(st.text(alphabet=st.sampled_from("ab:=- \t\n()*;yesno,\\"), max_size=300))
def test_no_document_raises(text: str) -> None:
    parse_contracts(RST[:400] + text)
    parse_contracts(text)


HEADER = """\
struct other { int (*not_this)(void); };
/* struct box_operations { int (*in_a_comment)(void); }; */
struct box_operations {
\tint (*fill)(struct file *,
\t\t    int (*done)(void));
\t/* int (*gone)(void); */
#ifdef CONFIG_X
\tstruct page *(*find)(struct box *, int);
#endif
\tstruct { int (*inner)(void); } nested;
\tunsigned long flags;
} __randomize_layout;
int (*after)(void);
"""


def test_struct_operations_are_its_function_pointers_with_lines() -> None:
    tree = tree_of({"include/linux/box.h": HEADER, "include/linux/a.h": "struct box_operations;\n"})

    expected = {"fill": ("include/linux/box.h", 4), "find": ("include/linux/box.h", 8)}
    assert struct_operations(tree, "box_operations") == expected
    assert struct_operations(tree, "box_operations", ["include/linux/box.h"]) == expected
    assert struct_operations(tree, "unheard_of", ["include/linux/missing.h"]) == {}


MODEL = """\
[page]
types = ["struct page *", "struct folio *"]

[struct.page_box_operations]
header = "include/linux/box.h"
registrars = ["set_box"]

[[contract]]
struct = "page_box_operations"
operations = ["fill", "fill_old"]
pages = ["$1"]
entry = "unlocked"
exit = "locked"
asynchronous = true

[[contract.result]]
when = "result == TRY_AGAIN"
exit = "unlocked"

[[contract]]
struct = "page_box_operations"
operations = ["open_box"]
pages = { 3 = ["*$2"], 4 = ["*$3", "$0->page"] }

[[contract]]
struct = "page_box_operations"
operations = ["mark_dirty"]
pages = ["$0"]
entry = "maybe"
exit = "maybe"

[[contract]]
struct = "page_box_operations"
operations = ["fault"]
pages = ["$0->page"]
entry = "unlocked"
exit = "unlocked"
result = [{ when = "result & LOCKED", exit = "locked" }]
"""


def test_model_gives_positions_results_and_headers() -> None:
    model = load_contract_model(MODEL)

    fill = model.contracts["page_box_operations", "fill"]
    assert fill.pages_for(2) == fill.pages_for(9) == (PagePosition(1),)
    assert fill.results == (ResultCase("==", "TRY_AGAIN", "unlocked"),)
    assert fill.asynchronous
    box = model.contracts["page_box_operations", "open_box"]
    assert box.pages_for(3) == (PagePosition(2, dereference=True),)
    assert box.pages_for(4) == (PagePosition(3, dereference=True), PagePosition(0, field="page"))
    assert box.pages_for(5) == ()
    assert [str(page) for page in box.pages_for(4)] == ["*$3", "$0->page"]
    assert model.headers == {"page_box_operations": "include/linux/box.h"}
    assert model.registrars == {"set_box"}


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ('entry = "maybe"', 'entry = "perhaps"', "$.contract[2].entry"),
        ("asynchronous", "asynchronuos", "asynchronuos"),
        ('pages = ["$0"]', 'pages = ["page"]', "contract[2].pages: 'page' is not $N"),
        ('3 = ["*$2"]', 'three = ["*$2"]', "contract[1].pages.three: not a number of parameters"),
        ("result == TRY", "result is TRY", "contract[0].result[0].when: 'result is TRY_AGAIN'"),
        ('["mark_dirty"]', '["fill"]', "contract[2].operations: second contract for page_box_operations.fill"),
        ('["mark_dirty"]', "[]", "contract[2].operations: names no operation"),
        ("[page]", "[page", "box.toml"),
    ],
)
def test_model_error_names_file_and_key(good: str, bad: str, words: str) -> None:
    with pytest.raises(RuleError) as error:
        load_contract_model(MODEL.replace(good, bad, 1), "box.toml")

    assert str(error.value).startswith("box.toml: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_document_overrides_the_model_and_keeps_its_positions() -> None:
    merged = merge_contracts(parse_contracts(RST, NEW), load_contract_model(MODEL))

    fill = merged["page_box_operations", "fill"]
    assert (fill.entry, fill.exit, fill.source) == ("locked", "unlocked", (NEW, 24))
    assert fill.pages_for(2) == (PagePosition(1),)
    assert fill.results == (ResultCase("==", "TRY_AGAIN", "unlocked"),)
    old = merged["page_box_operations", "fill_old"]
    assert (old.entry, old.exit, old.source) == ("unlocked", "locked", None)


def test_bare_no_does_not_override_maybe_nor_a_maybe_the_results() -> None:
    merged = merge_contracts(parse_contracts(PLAIN, OLD), load_contract_model(MODEL))

    dirty = merged["page_box_operations", "mark_dirty"]
    assert (dirty.entry, dirty.exit) == ("maybe", "maybe")
    fault = merged["page_box_operations", "fault"]
    assert (fault.entry, fault.exit) == ("unlocked", "unlocked")


def test_operation_only_in_the_document_takes_positions_from_its_prototype() -> None:
    merged = merge_contracts(parse_contracts(RST, NEW), load_contract_model(MODEL))

    assert merged["page_box_operations", "spaces"].pages_for(1) == (PagePosition(0),)
    assert merged["page_box_operations", "pair"].pages_for(2) == ()
    assert ("page_box_operations", "no_semicolon") not in merged
    move = merge_contracts(parse_contracts(PLAIN, OLD), load_contract_model(MODEL))["page_box_operations", "move"]
    assert move.pages_for(3) == (PagePosition(1), PagePosition(2))


def test_shipped_model_loads_and_names_the_special_results() -> None:
    model = load_contract_model((RULES / "contracts.toml").read_text())

    read_folio = model.contracts["address_space_operations", "read_folio"]
    assert (read_folio.entry, read_folio.exit, read_folio.asynchronous) == ("locked", "unlocked", True)
    assert ResultCase("==", "AOP_TRUNCATED_PAGE", "unlocked") in read_folio.results
    writepage = model.contracts["address_space_operations", "writepage"]
    assert ResultCase("==", "AOP_WRITEPAGE_ACTIVATE", "locked") in writepage.results
    fault = model.contracts["vm_operations_struct", "fault"]
    assert fault.results[-1] == ResultCase("&", "VM_FAULT_LOCKED", "locked")
    assert fault.pages_for(2) == (PagePosition(1, field="page"),)
    write_begin = model.contracts["address_space_operations", "write_begin"]
    assert [write_begin.pages_for(count) for count in (6, 7)] == [
        (PagePosition(4, dereference=True),),
        (PagePosition(5, dereference=True),),
    ]


def kernel(version: str) -> FolderTree:
    """Return a real kernel tree, or skip."""
    variable = f"PAGELINT_KERNEL_{version.replace('.', '_')}"
    if not (folder := os.environ.get(variable)):
        pytest.skip(f"{variable} names no kernel tree")
    return FolderTree(Path(folder))


COMMON_ROWS = {
    "writepage": ("locked", "unlocked"),
    "read_folio": ("locked", "unlocked"),
    "writepages": (None, None),
    "dirty_folio": ("maybe", "maybe"),
    "readahead": ("locked", "unlocked"),
    "write_begin": ("unlocked", "locked"),
    "write_end": ("locked", "unlocked"),
    "bmap": (None, None),
    "invalidate_folio": ("locked", "locked"),
    "release_folio": ("locked", "locked"),
    "free_folio": ("locked", "locked"),
    "direct_IO": (None, None),
    "migrate_folio": ("both", "locked"),
    "launder_folio": ("locked", "locked"),
    "is_partially_uptodate": ("locked", "locked"),
    "swap_activate": ("unlocked", "unlocked"),
    "swap_deactivate": ("unlocked", "unlocked"),
    "swap_rw": ("locked", "unlocked"),
}
FAULT_ROWS = {
    name: (None, "maybe" if name in ("fault", "page_mkwrite") else None)
    for name in ("open", "close", "fault", "map_pages", "page_mkwrite", "pfn_mkwrite", "access")
}


@pytest.mark.parametrize(
    ("version", "error_remove", "more_fault_rows", "first_line"),
    [("6.12", "error_remove_folio", {"huge_fault": (None, None)}, 278), ("6.1", "error_remove_page", {}, 274)],
)
def test_real_document(
    version: str, error_remove: str, more_fault_rows: dict[str, tuple[None, None]], first_line: int
) -> None:
    tree = kernel(version)
    contracts = read_contracts(tree)

    assert not contracts.missing
    assert contracts.notes == ()
    assert promises(contracts, "address_space_operations") == COMMON_ROWS | {error_remove: ("locked", "locked")}
    assert promises(contracts, "vm_operations_struct") == FAULT_ROWS | more_fault_rows
    writepage = contracts.find("address_space_operations", "writepage")
    assert writepage is not None
    assert writepage.source == (NEW, first_line)
    assert set(contracts.prototyped("address_space_operations")) == contracts.documented("address_space_operations")


@pytest.mark.parametrize("version", ["6.12", "6.1"])
def test_real_headers_define_what_the_document_lists(version: str) -> None:
    tree = kernel(version)
    model = load_contract_model((RULES / "contracts.toml").read_text())
    documented = read_contracts(tree).documented("address_space_operations")

    fields = struct_operations(tree, "address_space_operations", model.headers.values())

    assert documented < set(fields)
    assert set(fields) - documented == {"is_dirty_writeback"}
    assert all(file == "include/linux/fs.h" for file, _ in fields.values())
    assert set(struct_operations(tree, "movable_operations")) == {"isolate_page", "migrate_page", "putback_page"}
