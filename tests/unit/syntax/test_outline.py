"""The outline finds the top-level items of files in and out of kernel style."""

import time

import pytest

from analyzer.source import SourceText
from analyzer.syntax import Outline, outline


def outlined(text: str) -> Outline:
    return outline(SourceText("a.c", text.encode()))


def names(text: str) -> list[str]:
    return [function.name for function in outlined(text).functions]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int f(void)\n{\n}\n", "f"),
        ("static int __init foo(void) {\n}\n", "foo"),
        ("struct page *get(int a) __acquires(x) __must_hold(y)\n{\n}\n", "get"),
        ("static __always_inline void\nlower(struct a *a,\n      int b)\n{\n\ta();\n}\n", "lower"),
        ("__printf(1, 2) int log_it(const char *f, ...)\n{\n}\n", "log_it"),
        ("__attribute__((noinline)) int __inner(int a)\n{\n}\n", "__inner"),
        ("void *__size(1) make(int n)\n{\n}\n", "make"),
        ("SYSCALL_DEFINE3(close, int, a, int, b)\n{\n}\n", "sys_close"),
        ("DEFINE_HANDLER(entry_point)\n{\n\tx();\n}\n", "entry_point"),
        ("static int NAME(walk)(struct w *w)\n{\n}\n", "walk"),
        ("EXPORT_SYMBOL(x)\nint after(void)\n{\n}\n", "after"),
        ('MODULE_LICENSE("GPL");\nint after(void)\n{\n}\n', "after"),
        ("static inline int one(void) { return 1; }\n", "one"),
        ("int (*pick(int a))(int)\n{\n}\n", "pick"),
    ],
)
def test_function_is_found_by_name(text: str, name: str) -> None:
    functions = outlined(text).functions

    assert [function.name for function in functions] == [name]
    function = functions[0]
    assert text[function.body] == "{"
    assert text[function.end - 1] == "}"
    assert text[function.name_offset :].startswith(name.removeprefix("sys_"))
    assert function.is_static == ("static" in text)


def test_one_line_functions_are_told_apart() -> None:
    assert names("static inline void a(void) { }\nstatic inline int b(void) { return c(); }\nint d(void)\n{\n}\n") == [
        "a",
        "b",
        "d",
    ]


def test_braces_in_strings_and_comments_do_not_count() -> None:
    assert names("int a(void)\n{\n\tp(\"{\", '{'); /* { */ // {\n}\nint b(void)\n{\n}\n") == ["a", "b"]


def test_conditional_arms_may_hold_half_a_block_each() -> None:
    text = "int a(void)\n{\n#ifdef X\n\tif (x) {\n#else\n\tif (y) {\n#endif\n\t}\n}\nint b(void)\n{\n}\n"

    assert names(text) == ["a", "b"]


def test_each_arm_may_end_the_function() -> None:
    text = "int a(void)\n{\n#ifdef X\n\treturn 1;\n}\n#else\n\treturn 0;\n}\n#endif\nint b(void)\n{\n}\n"
    functions = outlined(text).functions

    assert [function.name for function in functions] == ["a", "b"]
    assert text[: functions[0].end].endswith("return 0;\n}")


def test_two_heads_for_one_body() -> None:
    text = "#ifdef X\nint a(int x)\n#else\nint a(long x)\n#endif\n{\n}\nint b(void)\n{\n}\n"

    assert names(text) == ["a", "b"]


def test_half_written_function_ends_where_the_next_begins() -> None:
    text = "int a(void)\n{\n\tif (x) {\n\nint b(void)\n{\n\ty();\n}\nint c(void)\n{\n}\n"

    assert names(text) == ["a", "b", "c"]


def test_unclosed_parameter_list_loses_only_itself() -> None:
    assert "b" in names("int a(struct x *p,\n\nint b(void)\n{\n\ty();\n}\n")


def test_indented_closing_brace_of_a_structure_does_not_swallow_functions() -> None:
    text = "struct s {\n\tint a;\n\t};\n\nint f(void)\n{\n\tx();\n}\n"

    assert names(text) == ["f"]
    assert [struct.name for struct in outlined(text).structs] == ["s"]


def test_macros_have_parameters_and_replacement_text() -> None:
    text = "#define two(a, b) \\\n\tdo { a(b); } while (0)\n#define object 1\n# define empty()\n"
    macros = outlined(text).macros

    assert [(m.name, m.parameters) for m in macros] == [("two", ("a", "b")), ("empty", ())]
    assert text[macros[0].body : macros[0].end] == "do { a(b); } while (0)"
    assert all(macro.is_macro for macro in macros)


def test_initialisers_name_structure_and_variable() -> None:
    text = (
        "static const struct ops name_ops = {\n\t.a = b,\n};\n"
        "struct entry table[] __initdata = {\n\t{ 1 },\n};\n"
        "struct both { int a; } both_now = { 1 };\n"
        "static int plain[] = { 1, 2 };\n"
    )
    found = outlined(text)

    assert [(i.struct, i.name) for i in found.initialisers] == [
        ("ops", "name_ops"),
        ("entry", "table"),
        ("both", "both_now"),
    ]
    assert all(text[i.end - 1] == "}" for i in found.initialisers)
    assert [struct.name for struct in found.structs] == ["both"]


def test_prototypes_are_declarations_with_a_type() -> None:
    text = (
        "int a(void);\nextern struct page *b(int x) __attribute__((pure));\nEXPORT_SYMBOL(c);\n"
        "static DEFINE_MUTEX(d);\ntypedef int (*e)(int);\nint array[SIZE(3)];\nvoid f(int a,\n       int b);\n"
    )
    found = outlined(text)

    assert [prototype.name for prototype in found.prototypes] == ["a", "b", "f"]
    assert text[found.prototypes[2].start : found.prototypes[2].end] == "void f(int a,\n       int b);"


def test_designated_initialiser_of_a_macro_is_no_function() -> None:
    assert names("define_machine(x) {\n\t.name = 1,\n};\nint f(void)\n{\n}\n") == ["f"]


def test_linkage_block_is_transparent() -> None:
    assert names('extern "C" {\nint f(void)\n{\n}\n}\nint g(void)\n{\n}\n') == ["f", "g"]


@pytest.mark.parametrize(
    "text",
    [
        "int f(void)\n{\n" + "{" * 10_000 + "}" * 10_000 + "\n}\n",
        "int f(void)\n{\n" + "\tx = 1;\n" * 100_000 + "}\n",
        "int f(void)\n{{\n}\n" * 5_000,
        "int f(void) {\n" * 5_000,
        "int f(" * 20_000,
        "#define f(\n" * 20_000,
        "#if X\n" * 20_000,
        "/*" * 50_000,
    ],
    ids=["nesting", "long", "unbalanced", "unclosed", "parentheses", "macros", "conditionals", "comments"],
)
def test_time_stays_linear_on_hostile_text(text: str) -> None:
    start = time.process_time()
    outlined(text)

    assert time.process_time() - start < 2
