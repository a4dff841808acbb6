"""Searches over the text of files."""

from analyzer.source import EmptyTree, NameSearch, OverlayTree, search_definitions
from analyzer.source.search import definition_words

TEXT = b"""static inline void first(struct page *page)
{
\tcalled(page);
}

struct page *second(void);
#define third(page) \\
\tcalled(page)
int
fourth(int flag)
{
\treturn flag;
}
"""


def test_definitions_stand_at_the_beginning_of_a_line() -> None:
    assert definition_words(TEXT) == b"first second third fourth"


def test_name_inside_of_a_longer_word_is_not_that_name() -> None:
    search = NameSearch(["page", "lock_page", "->page"])
    assert search.names_in(b"try_lock_page(pages);") == frozenset()
    assert search.names_in(b"lock_page(vmf->page);") == {"page", "lock_page", "->page"}


def test_call_is_no_definition() -> None:
    tree = OverlayTree(EmptyTree(), {"a.c": TEXT, "b.c": b"void other(void)\n{\n\tfirst(page);\n}\n"})
    found = search_definitions(tree, ["a.c", "b.c"], ["first", "called"])
    assert found == {"a.c": frozenset({"first"})}
