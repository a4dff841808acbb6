"""Calls through operations tables: the functions that may be meant, what they agree on, and what a change does."""

from collections.abc import Mapping

import msgspec
import pytest

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.driver.tables import stored_names, struct_of
from analyzer.ir import Deref, Field, Name
from analyzer.program import pointer_owners, struct_members
from analyzer.source import EmptyTree, OverlayTree
from tests.rules.annotated import built_in_model, built_in_rules

KNOBS = Knobs(built_in_model(), built_in_rules())

HEADER = """struct page;
void lock_page(struct page *page);
void unlock_page(struct page *page);
struct demo_io { struct page *page; };
struct demo_ops {
	void (*finish)(struct demo_io *io, struct page *page);
	int (*start)(struct page *page);
};
struct demo_dev { const struct demo_ops *ops; };
"""
UNLOCKING = """#include <linux/demo.h>
static void one_finish(struct demo_io *io, struct page *page)
{
	unlock_page(page);
}
static const struct demo_ops one_ops = { .finish = one_finish };
"""
TRIVIAL = """#include <linux/demo.h>
static void two_finish(struct demo_io *io, struct page *page)
{
	io->page = 0;
}
const struct demo_ops two_ops = { .finish = two_finish };
"""
TWICE = """#include <linux/demo.h>
void demo_twice(struct demo_dev *dev, struct demo_io *io, struct page *page)
{
	lock_page(page);
	dev->ops->finish(io, page);
	unlock_page(page);
}
"""
BALANCED = """#include <linux/demo.h>
int demo_balanced(struct demo_dev *dev, struct demo_io *io, struct page *page, int fail)
{
	lock_page(page);
	if (fail) {
		dev->ops->finish(io, page);
		return 1;
	}
	unlock_page(page);
	return 0;
}
"""
TYPED = """#include <linux/demo.h>
void demo_typed(const struct demo_ops *ops, struct demo_io *io, struct page *page)
{
	lock_page(page);
	ops->finish(io, page);
	unlock_page(page);
}
"""
OTHER = """#include <linux/demo.h>
struct other_ops { void (*finish)(struct demo_io *io, struct page *page); };
static void three_finish(struct demo_io *io, struct page *page)
{
	unlock_page(page);
	lock_page(page);
}
static const struct other_ops three_ops = { .finish = three_finish };
"""
ASSIGNED = """#include <linux/demo.h>
static void four_finish(struct demo_io *io, struct page *page)
{
	unlock_page(page);
}
void demo_set_up(struct demo_ops *ops)
{
	ops->finish = four_finish;
}
"""


def tree(texts: Mapping[str, str]) -> OverlayTree:
    return OverlayTree(
        EmptyTree(), {"include/linux/demo.h": HEADER.encode()} | {p: t.encode() for p, t in texts.items()}
    )


def make(texts: Mapping[str, str], before: Snapshot | None = None, changed: frozenset[str] = frozenset()) -> Snapshot:
    there = tree(texts)
    return update(before or Snapshot(), there, KNOBS, Workers([], 1), there.files(), changed)


def found(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(f.function, f.rule) for path in sorted(snapshot.results) for f in findings_of(snapshot, path)]


AT_FAULT = [("demo_twice", "page-unlock-not-held")]


@pytest.mark.parametrize("table", [UNLOCKING, ASSIGNED])
def test_function_of_the_only_table_is_what_a_call_reaches(table: str) -> None:
    assert found(make({"fs/one.c": table, "mm/user.c": TWICE})) == AT_FAULT
    assert found(make({"fs/one.c": table, "mm/user.c": BALANCED})) == []


def test_function_of_another_file_counts_in_the_table_of_this() -> None:
    function, _, table = UNLOCKING.replace("static void", "void").partition("static const")
    declaration = "#include <linux/demo.h>\nvoid one_finish(struct demo_io *io, struct page *page);\n"
    texts = {"fs/one.c": function, "fs/table.c": f"{declaration}static const{table}", "mm/user.c": TWICE}
    assert found(make(texts)) == AT_FAULT


LOCKING = TRIVIAL.replace("io->page = 0;", "unlock_page(page);\n\tlock_page(page);")


@pytest.mark.parametrize("other", [TRIVIAL, LOCKING])
@pytest.mark.parametrize("user", [TWICE, BALANCED])
def test_what_functions_disagree_on_is_unknown(other: str, user: str) -> None:
    assert found(make({"fs/one.c": UNLOCKING, "fs/two.c": other, "mm/user.c": user})) == []


def test_receiver_tells_which_struct_is_meant() -> None:
    texts = {"fs/one.c": UNLOCKING, "fs/three.c": OTHER, "mm/user.c": TYPED}
    assert found(make(texts)) == [("demo_typed", "page-unlock-not-held")]


@pytest.mark.parametrize("receiver", ["demo_ops_of(dev)->", "dev->other->", "io->dev->ops->", "ops->"])
def test_unknown_receiver_of_a_field_of_several_structs_tells_nothing(receiver: str) -> None:
    user = TWICE.replace("dev->ops->", receiver)
    texts = {"fs/one.c": UNLOCKING, "fs/three.c": OTHER, "mm/user.c": user}
    assert found(make(texts)) == []


def test_variable_that_is_assigned_to_tells_which_struct_is_meant() -> None:
    texts = {"fs/four.c": ASSIGNED, "fs/three.c": OTHER, "mm/user.c": TWICE}
    assert found(make(texts)) == AT_FAULT


def test_member_of_a_known_struct_tells_which_struct_is_meant() -> None:
    texts = {"fs/one.c": UNLOCKING, "fs/three.c": OTHER, "mm/user.c": TWICE}
    assert found(make(texts)) == AT_FAULT

    moved = HEADER.replace("const struct demo_ops *ops;", "const struct other_ops *ops;")
    after = make(texts | {"include/linux/demo.h": moved}, make(texts), frozenset({"include/linux/demo.h"}))
    assert found(after) == found(make(texts | {"include/linux/demo.h": moved})) == []


STEPS: list[tuple[str, Mapping[str, str]]] = [
    ("a second table", {"fs/one.c": UNLOCKING, "fs/two.c": TRIVIAL, "mm/user.c": TWICE}),
    ("the table bound to another function", {"fs/one.c": UNLOCKING.replace("= one_finish", "= 0"), "mm/user.c": TWICE}),
    ("the bound function changed", {"fs/one.c": UNLOCKING.replace("\tunlock_page", "\tget_page"), "mm/user.c": TWICE}),
    ("no table any more", {"mm/user.c": TWICE}),
    ("a second struct with the field", {"fs/one.c": UNLOCKING, "fs/three.c": OTHER, "mm/user.c": TWICE}),
    ("another caller", {"fs/one.c": UNLOCKING, "mm/user.c": BALANCED, "mm/typed.c": TYPED}),
]


@pytest.mark.parametrize("texts", [texts for _, texts in STEPS], ids=[name for name, _ in STEPS])
def test_change_is_followed_there_and_back(texts: Mapping[str, str]) -> None:
    first = {"fs/one.c": UNLOCKING, "mm/user.c": TWICE}
    changed = frozenset(p for p in {*first, *texts} if first.get(p) != texts.get(p))
    before, fresh = make(first), make(texts)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=Snapshot)
    moved = make(texts, stored, changed)

    assert found(before) == AT_FAULT
    assert found(moved) == found(fresh)
    assert found(make(first, moved, changed)) == found(before)


def test_owners_of_a_function_pointer() -> None:
    text = """
struct one { int (*read)(int (*write)(void)); struct { int (*write) (void); } ops; };
struct two {
	/* int (*read)(void); */
	int (*read)(void);
};
int run(int (*read)(void)) { int (*write)(void) = read; return write(); }
"""
    assert pointer_owners(text, {"read", "write"}) == {("read", "one"), ("write", ""), ("read", "two")}


def test_members_of_a_struct_type() -> None:
    text = """
struct one { const struct ops *ops; struct { struct ops inner; } nested; struct other *other; };
struct ops *declared;
int run(struct ops *ops) { struct ops *local; return 0; }
struct two { int (*read)(struct ops *ops); const struct ops *const table[4]; };
"""
    assert struct_members(text, {"ops"}) == {("ops", "one", "ops"), ("ops", "one", "inner"), ("ops", "two", "table")}


def test_struct_of_a_variable_is_the_declared_one() -> None:
    text = "int f(const struct one *a, struct two *b, int c)\n{\n\tstruct four *p, *q;\n\treturn 0;\n}\n"
    declared = {name: struct_of(Deref(Name(name)), text) for name in "abcpqx"}

    assert declared == {"a": "one", "b": "two", "c": "", "p": "four", "q": "four", "x": ""}
    assert struct_of(Deref(Field(Deref(Name("a")), "ops")), text) == ""


def test_names_that_stand_as_values() -> None:
    text = b"EXPORT_SYMBOL(one);\nint two(void)\n{\n\treturn three(four, five());\n}\nx = { .a = six,\n\tseven };\n"
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    assert list(stored_names(text, names)) == ["four", "six", "seven"]


TAKING = """#include <linux/demo.h>
int trylock_page(struct page *page);
static int one_start(struct page *page)
{
	return trylock_page(page);
}
static const struct demo_ops one_ops = { .start = one_start };
"""
REFUSING = """#include <linux/demo.h>
static int two_start(struct page *page)
{
	return 0;
}
static const struct demo_ops two_ops = { .start = two_start };
"""
RELEASING = """#include <linux/demo.h>
int demo_user(struct demo_dev *dev, struct demo_io *io)
{
	struct page *page = demo_alloc();

	if (!dev->ops->start(page))
		return 0;
	lock_page(page);
	unlock_page(page);
	return 1;
}
"""


def test_function_that_touches_nothing_tells_apart_by_its_result() -> None:
    texts = {"fs/one.c": TAKING, "fs/two.c": REFUSING, "mm/user.c": RELEASING}
    assert ("demo_user", "page-double-lock") in found(make(texts))

    unknown = REFUSING.replace("return 0", "return demo_any()")
    for other in ({"fs/two.c": unknown}, {"mm/user.c": RELEASING.replace("\tlock_page(page);\n", "")}):
        assert "demo_user" not in dict(found(make(texts | other)))
