"""Operations tables: what stands in which field."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.program.operations import FileOperations, read_operations
from analyzer.source import LimitExceeded, SourceText
from analyzer.syntax import outline


def read(text: str, **options: frozenset[str]) -> FileOperations:
    return read_operations(outline(SourceText("fs/demo.c", text.encode())), **options)


def bound(text: str, **options: frozenset[str]) -> list[tuple[str, str, str, str]]:
    """Return (struct, table, field, function) of each binding."""
    return [(b.struct, b.table, b.field, b.function) for b in read(text, **options).bindings]


def test_designated_names_are_bound_with_their_lines() -> None:
    operations = read(
        "static const struct box_ops demo_ops = {\n\t.fill\t= demo_fill,\n\n\t.drain = demo_drain, /* .x = y */\n};\n"
    )

    assert [(b.field, b.function, b.file, b.line) for b in operations.bindings] == [
        ("fill", "demo_fill", "fs/demo.c", 2),
        ("drain", "demo_drain", "fs/demo.c", 4),
    ]
    assert {(b.struct, b.table) for b in operations.bindings} == {("box_ops", "demo_ops")}


@pytest.mark.parametrize(
    ("value", "function"),
    [
        ("g", "g"),
        ("&g", "g"),
        ("(g)", "g"),
        ("(void *)g", "g"),
        ("(int (*)(struct box *, int))g", "g"),
        ("PTR_IF(IS_ENABLED(CONFIG_X), g)", "g"),
        ("pm_ptr(pm_sleep_ptr(&g))", "g"),
        ("Fill2", "Fill2"),
    ],
)
def test_value_comes_down_to_one_name(value: str, function: str) -> None:
    assert bound(f"struct box_ops t = {{ .f = {value} }};") == [("box_ops", "t", "f", function)]


@pytest.mark.parametrize(
    "value",
    [
        "NULL",
        "0",
        "THIS_MODULE",
        "sizeof(g)",
        "a ? b : c",
        "a | b",
        '"a, .f = g"',
        "'x'",
        "x.y",
        "m()",
        "f(a) + g(b)",
        "",
    ],
)
def test_value_that_is_no_single_name_is_left_out(value: str) -> None:
    assert bound(f"struct box_ops t = {{ .f = {value} }};") == []


def test_both_arms_of_a_conditional_count() -> None:
    text = "struct box_ops t = {\n#ifdef CONFIG_X\n\t.f = one,\n#else\n\t.f = two,\n#endif\n};\n"

    assert bound(text) == [("box_ops", "t", "f", "one"), ("box_ops", "t", "f", "two")]


def test_array_elements_have_the_struct_of_the_array() -> None:
    text = "static struct box_ops t[] = { [0] = { .f = a }, [NR + 1] = { .f = b }, { .f = c } };"

    assert bound(text) == [("box_ops", "t", "f", name) for name in "abc"]


def test_member_of_unknown_struct_keeps_its_path() -> None:
    text = "struct box b = { .ops = { .f = one }, .sub.f = two, .list[3].f = three };"

    assert sorted(bound(text)) == [("", "b.list", "f", "three"), ("", "b.ops", "f", "one"), ("", "b.sub", "f", "two")]


def test_compound_literal_names_its_struct() -> None:
    text = "struct box b = { .ops = &(const struct box_ops){ .f = one }, .g = two };"

    assert sorted(bound(text)) == [("box", "b", "g", "two"), ("box_ops", "b.ops", "f", "one")]


def test_positional_values_are_ignored() -> None:
    assert bound("struct box_ops t = { first, .f = second, third };") == [("box_ops", "t", "f", "second")]


MACROS = """\
#define DEFINE_BOX(name) \\
static const struct box_ops name##_ops = { \\
	.fill = name##_fill, /* the rest is common */ \\
	COMMON(name), \\
}
#define COMMON(name) .drain = name ## _drain
#define PLAIN_ENTRIES .seek = plain_seek, \\
	.close = plain_close

DEFINE_BOX(red);
DEFINE_BOX(blue);
static const struct box_ops green = {
	.fill = green_fill,
	COMMON(green),
	PLAIN_ENTRIES,
	UNKNOWN(green),
};
"""


def test_macros_of_the_same_file_are_expanded() -> None:
    operations = read(MACROS)

    assert [(b.line, b.table, b.field, b.function) for b in operations.bindings] == [
        (10, "red_ops", "drain", "red_drain"),
        (10, "red_ops", "fill", "red_fill"),
        (11, "blue_ops", "drain", "blue_drain"),
        (11, "blue_ops", "fill", "blue_fill"),
        (13, "green", "fill", "green_fill"),
        (14, "green", "drain", "green_drain"),
        (15, "green", "close", "plain_close"),
        (15, "green", "seek", "plain_seek"),
    ]


def test_macro_that_names_itself_ends() -> None:
    assert bound("#define LOOP .f = a, LOOP\nstruct box_ops t = { LOOP };\n") == [("box_ops", "t", "f", "a")]


def test_macros_that_expand_without_end_hit_a_limit() -> None:
    text = "#define MANY .f = a, MANY, MANY, MANY, MANY, MANY, MANY\nstruct box_ops t = { MANY };\n"

    with pytest.raises(LimitExceeded, match=r"^fs/demo\.c: its macros expand"):
        read(text)


BODY = """\
static int demo_fill(struct box *box);
static const struct box_ops demo_ops = { .fill = demo_fill };

static int demo_init(struct box *box, int len)
{
	static const struct box_ops local = { .fill = local_fill };

	box->len = len;
	box->inner->ops.fill = demo_fill;
	box[0].drain = other_drain;
	box->thread = start_thread(box, demo_fill);
	box->b_ops = &demo_ops;
	box->mapping->a_ops = len ? &one_aops : &two_aops;
	box->next = &box->other;
	box->ops = &(struct box_ops){ .fill = literal_fill };
	/* box->b_ops = &old_ops; */
	if (box->fill == demo_fill)
		return 0;
	return set_box_ops(&mover, TYPE_BOX);
}
"""


def test_assignments_in_bodies_bind_functions_of_the_file() -> None:
    assert bound(BODY) == [
        ("box_ops", "demo_ops", "fill", "demo_fill"),
        ("box_ops", "local", "fill", "local_fill"),
        ("", "box->inner->ops", "fill", "demo_fill"),
        ("box_ops", "", "fill", "literal_fill"),
    ]


def test_assignment_to_a_named_field_binds_any_name() -> None:
    assert ("", "box[0]", "drain", "other_drain") in bound(BODY, fields=frozenset({"drain"}))


def test_tables_put_to_use() -> None:
    uses = read(BODY, registrars=frozenset({"set_box_ops"})).uses

    assert [(u.line, u.table, u.target, u.arguments, u.function) for u in uses] == [
        (12, "demo_ops", "b_ops", (), "demo_init"),
        (13, "one_aops", "a_ops", (), "demo_init"),
        (13, "two_aops", "a_ops", (), "demo_init"),
        (19, "mover", "set_box_ops", ("TYPE_BOX",), "demo_init"),
    ]
    assert "mover" not in {u.table for u in read(BODY).uses}


@pytest.mark.parametrize(
    "text",
    [
        "struct a b " + "_" * 5000,
        "struct a " + " " * 5000,
        "struct a b = {",
        "struct a b = { .f = (g }",
        "struct a b = { .f = g } }",
        "struct a b = {{{{ .f",
        "#define X(\n",
    ],
)
def test_broken_text_raises_nothing(text: str) -> None:
    read(text)


@given(st.text(alphabet=st.sampled_from("ab .,=&(){}[]#\n\"'/*;-> struct"), max_size=200))
def test_no_text_raises(text: str) -> None:
    read(text)
    read(f"#define A(x) {text}\nstruct a b = {{ {text} }};\nint f(void)\n{{\n{text}\n}}\nA({text})\n")


def test_real_tables() -> None:
    if not (folder := os.environ.get("PAGELINT_KERNEL_6_12")):
        pytest.skip("PAGELINT_KERNEL_6_12 names no kernel tree")
    data = (Path(folder) / "mm" / "zsmalloc.c").read_bytes()

    operations = read_operations(outline(SourceText("mm/zsmalloc.c", data)))

    assert {(b.field, b.function) for b in operations.bindings if b.struct == "movable_operations"} == {
        ("isolate_page", "zs_page_isolate"),
        ("migrate_page", "zs_page_migrate"),
        ("putback_page", "zs_page_putback"),
    }
