"""Which parameters a function keeps, itself or in what it passes on."""

import pytest

from analyzer.cfg import build_cfg
from analyzer.dataflow import Escapes, escapes, make_knowledge
from analyzer.driver.fileanalysis import idioms_of
from analyzer.rulespec import load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function

MODEL = load_model().select(None)
KNOWLEDGE = make_knowledge(MODEL.project(MODEL.all_views()[0]))


def escapes_of(text: str, finished: frozenset[tuple[str, int]] = frozenset()) -> Escapes:
    source = SourceText("demo.c", text.encode())
    parsed = parse_function(source, outline(source).functions[0])
    return escapes(build_cfg(parsed[0], "demo.c", idioms_of(MODEL)), KNOWLEDGE, finished)


@pytest.mark.parametrize(
    ("body", "whole", "inside"),
    [
        ("demo->page = page;", True, False),
        ("struct demo local; local.page = page; demo_use(page->index);", False, False),
        ("struct demo *copy = demo; copy->page = page;", True, False),
    ],
)
def test_page_is_kept_where_it_is_stored_behind_a_pointer(body: str, whole: bool, inside: bool) -> None:
    found = escapes_of(f"void demo(struct page *page, struct demo *demo) {{ {body} }}")

    assert (found.keeps(0, inside=False), found.keeps(0, inside=True)) == (whole, inside)


def test_page_of_a_request_is_kept_inside_it() -> None:
    found = escapes_of("void demo(struct request *req, struct demo *demo) { demo->page = req->page; }")

    assert found.keeps(0, inside=True)
    assert found.keeps(0, inside=False)


def test_who_stores_a_struct_keeps_nothing_that_is_in_it() -> None:
    found = escapes_of("void demo(struct waiter *waiter, struct queue *queue) { queue->first = waiter; }")

    assert found.keeps(0, inside=False)
    assert not found.keeps(0, inside=True)


def test_of_a_struct_on_the_stack_only_what_is_in_it_is_asked() -> None:
    found = escapes_of("void demo(struct page *page) { struct waiter w; w.page = page; enqueue(&w, 1); }")

    assert list(found.asks(0, inside=False)) == [("enqueue", 0, True)]


def test_what_is_read_from_a_request_is_asked_for_itself() -> None:
    found = escapes_of("void demo(struct request *req) { submit(req->page); }")

    assert list(found.asks(0, inside=True)) == [("submit", 0, False)]


def test_what_the_model_speaks_of_is_not_asked() -> None:
    found = escapes_of("void demo(struct page *page) { put_page(page); demo_look(page); }")

    assert list(found.asks(0, inside=False)) == [("demo_look", 0, False)]


def test_operation_with_a_contract_keeps_nothing() -> None:
    text = "void demo(struct page *page, struct ops *ops) { ops->dirty(ops, page); }"

    assert escapes_of(text).keeps(0, inside=False)
    assert not escapes_of(text, frozenset({("dirty", 1)})).keeps(0, inside=False)
