"""Neutral edits, on small functions of our own."""

import random

import pytest

from tests.bench.c_text import functions_of
from tests.bench.neutral_edits import (
    Editor,
    add_blank_line,
    add_comment,
    extract_helper,
    rename_local,
    swap_statements,
)

DEMO = """
/* About demo. */
static int demo(struct inode *inode, struct page *page)
{
    struct folio *folio = page_folio(page);
    int first = 0;
    int second = 1;

    folio_lock(folio);
    if (inode->first)
        goto out;
    inode->size = second;
    folio_mark_dirty(folio);
    first = second;
out:
    folio_unlock(folio);
    pr_info("folio %p", folio);
    return first;
}
"""


def edited(editor: Editor, text: str = DEMO) -> str | None:
    """Return the text after an edit of its one function; four blanks stand for a tab."""
    source = text.replace("    ", "\t")
    (function,) = functions_of("mm/demo.c", source)
    edit = editor(function, source, random.Random(1))
    return edit.text.replace("\t", "    ") if edit else None


def test_comment_and_blank_line_add_one_line() -> None:
    for editor in (add_comment, add_blank_line):
        text = edited(editor) or ""

        added = [line for line in text.splitlines() if line.strip() in ("", "/* Nothing to see here. */")]
        kept = [line for line in DEMO.splitlines() if not line.strip()]
        assert len(added) == len(kept) + 1
        assert len(text.splitlines()) == len(DEMO.splitlines()) + 1


def test_rename_changes_every_use_and_nothing_else() -> None:
    text = edited(rename_local) or ""

    assert "struct folio *folio_renamed = page_folio(page);" in text
    assert "folio_unlock(folio_renamed);" in text
    assert '"folio %p", folio_renamed' in text
    assert text.replace("folio_renamed", "folio") == DEMO


def test_rename_leaves_names_of_fields_alone() -> None:
    text = "\nvoid demo(void)\n{\n    int size;\n\n    size = inode->size;\n}\n"

    assert edited(rename_local, text) is None


def test_swap_takes_the_two_independent_declarations() -> None:
    text = edited(swap_statements) or ""

    assert "    int second = 1;\n    int first = 0;\n" in text
    assert sorted(text) == sorted(DEMO)


def test_swap_refuses_assignments_that_read_each_other() -> None:
    text = "\nvoid demo(int x)\n{\n    int a, b;\n\n    a = x;\n    b = a;\n}\n"

    assert edited(swap_statements, text) is None


def test_swap_refuses_locals_whose_address_is_taken() -> None:
    text = "\nvoid demo(int x)\n{\n    int a, *b;\n\n    a = x;\n    b = x;\n    use(&a);\n}\n"

    assert edited(swap_statements, text) is None


def test_helper_gets_what_it_reads_and_stands_before_the_comment() -> None:
    text = edited(extract_helper) or ""

    assert text.startswith("\nstatic void demo_tail(struct folio *folio)\n{\n    folio_")
    assert "}\n\n/* About demo. */\nstatic int demo(" in text
    assert "demo_tail(folio);\n" in text


def test_helper_refuses_strings_control_flow_and_assigned_locals() -> None:
    text = '\n\nvoid demo(int x)\n{\n    int a;\n\n    a = f(x);\n    g("x");\n    return;\n    h(&a);\n}\n'

    assert edited(extract_helper, text) is None


@pytest.mark.parametrize("statement", ["y.a = flags;", "spin_lock_irqsave(lock, flags);", "f(flags++);"])
def test_helper_refuses_statements_that_change_what_it_gets_a_copy_of(statement: str) -> None:
    text = f"\n\nvoid demo(struct x y, spinlock_t *lock)\n{{\n    long flags;\n\n    {statement}\n}}\n"

    assert edited(extract_helper, text) is None
    assert edited(extract_helper, text.replace(statement, "spin_lock(lock);")) is not None
