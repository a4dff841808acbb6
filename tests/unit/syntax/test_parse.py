"""Kernel C parses without errors, and what was rewritten away is in the marks."""

import contextlib
import time

import pytest
import tree_sitter

from analyzer.source import SourceText, SyntaxFailure
from analyzer.syntax import (
    ParsedFunction,
    outline,
    parse_function,
    parse_initialiser,
    parse_prototype,
)


def parsed(text: str) -> list[ParsedFunction]:
    source = SourceText("a.c", text.encode("latin-1"))
    found = outline(source)
    function = (found.functions + found.macros)[0]
    variants = parse_function(source, function)
    for variant in variants:
        if not function.is_macro:
            original = source.data[function.start : function.end]
            assert len(variant.text) == len(original)
            assert [i for i, c in enumerate(variant.text) if c == 10] == [i for i, c in enumerate(original) if c == 10]
    return list(variants)


def body(statements: str) -> ParsedFunction:
    (only,) = parsed(f"int first;\nvoid f(struct page *page)\n{{\n{statements}\n}}\n")
    return only


def nodes(root: tree_sitter.Node, kind: str) -> list[tree_sitter.Node]:
    found = [root] if root.type == kind else []
    for child in root.children:
        found += nodes(child, kind)
    return found


def texts(function: ParsedFunction, kind: str) -> list[str]:
    return [function.text[n.start_byte : n.end_byte].decode("latin-1") for n in nodes(function.node, kind)]


@pytest.mark.parametrize(
    "head",
    [
        "static int __init f(void)",
        "static noinline_for_stack struct page *f(struct a __user *p, int __user *q)",
        "asmlinkage __visible void f(u32 x __maybe_unused, const char __user *const __user *v)",
        "int f(struct a *p) __releases(p->lock) __must_hold(&x)",
        "static u8 UNKNOWN_MACRO f(UNKNOWN struct a *p)",
        "__printf(1, 2) int f(const char *fmt, ...)",
        "void * __must_check f(int a, int (*cb)(struct page *, void __user *))",
        "int f(a, b)\n\tint a;\n\tchar *b;\n",
        "static __always_inline unsigned long long f(void)",
        "SYSCALL_DEFINE2(f, unsigned long, start, const char __user *, name)",
        "SYSCALL_DEFINE0(f)",
        "static int NAME(f)(struct page *p)",
        "DEFINE_ENTRY(f)",
        'TEST_CASE(f, "some text", 3)',
        "static f(void)",
        "__attribute__((cold)) static bool f(typeof(x) y)",
    ],
)
def test_head_parses(head: str) -> None:
    (function,) = parsed(f"{head}\n{{\n\treturn 0;\n}}\n")

    assert function.errors == ()
    assert function.node.type == "function_definition"
    assert texts(function, "return_statement") == ["return 0;"]


def test_system_call_keeps_its_parameters() -> None:
    (function,) = parsed("SYSCALL_DEFINE2(mlock, unsigned long, start, size_t, len)\n{\n}\n")

    assert [" ".join(text.split()) for text in texts(function, "parameter_declaration")] == [
        "unsigned long start",
        "size_t len",
    ]


def test_attributes_of_the_head_are_marked() -> None:
    (function,) = parsed("int f(int a) __releases(lock)\n{\n}\n")

    assert [(m.kind, m.text, m.offset) for m in function.marks.values()] == [("attribute", "__releases(lock)", 13)]


@pytest.mark.parametrize(
    "statements",
    [
        "struct a __user *p = (struct a __force __user *)q;",
        "x = container_of(p, struct s, member.list);",
        "x = min_t(long long, a, b) + va_arg(ap, int) + list_entry(p, const struct s *, m);",
        "x = f(u8 *, a) + g(a, void (*)(int));",
        "n = offsetof(struct a, b.c[3]) + offsetof(struct a, b);",
        "DECLARE_BITMAP(m, 4) = { 0 };",
        "static DEFINE_MUTEX(x);",
        "DEFINE_WAIT(w);",
        "switch (x) { case 1 ... 2: y(); break; case 'a' ... 'z': default: }",
        "typeof(*x) y = *x; z = (typeof(y))(w);",
        'asm volatile(ALTERNATIVE("a" BIT(1), "b") : "=r" (x) : "r" (y) : "memory");',
        '__asm__ __volatile__("nop");',
        'register void *r asm("r1") = x;',
        'printk(KERN_ERR PFX "a" FOO "b%" PRIx64 "c", x);',
        "printk(KERN_ERR MESSAGE, x);",
        "MACRO_STATEMENT\n\tx = 1;",
        "\tMACRO_CALL(a, b)\n\tx = 1;",
        "\tx = 1;\n\tMACRO_CALL(a)",
        "\tgoto out;\nout:\n\t",
        "wait_event_cmd(a, b, spin_unlock(x); y(), spin_lock(x));",
        "poll(dev, if (a)\n\tbreak;\n\t);",
        "LOOP(\n\tnew.count++;\n,\n\t\treturn;\n);",
        'CHECK(a,\n\t\t"s",\n\t\t\treturn x);',
        "OPTS(o, .a = 1, .b.c = &d,);",
        "TEST(, add, +=, , ==);",
        "x = NAME(10baseT_Full) + V(220A) + 0x1f + 10UL + 1e5;",
        "struct { DECLARE_FLEX(int, a); u32 : 4; int b; } s;",
        "x = (struct a){ .b = 1 }; y = ({ int q = 1; q; });",
        "if (likely(x)) y(); else if (z) { } else w();",
        "do { x(); } while (0);",
        "int inner(int a) { return a; }",
        "x = \"a \\\nb\"; y = '\\''; z = '\"';",
        "switch (x) { case 1: fallthrough; case 2: [[fallthrough]]; default: break; }",
        "x = a ?: b; p = &&label; label: y();",
        "void __noreturn (*fn)(int, void *);",
        "x = __alignof__(*p) - 1;",
        "const struct ops o = { MACRO_ENTRY(1)\n};",
        "struct ops p = {\n\t.b = (void *)make(1)\n};",
        "s->__unused = 1; s.__maybe_unused = 2;",
        "if (x) \\\n\ty();",
    ],
)
def test_statement_parses(statements: str) -> None:
    assert body(statements).errors == ()


@pytest.mark.parametrize(
    ("statements", "macro"),
    [
        ("\tlist_for_each_entry(p, &head, list) {\n\t\tx(p);\n\t}", "list_for_each_entry"),
        ("\txas_for_each(&xas, p, max)\n\t\tx(p);", "xas_for_each"),
        ("\tfor_each_node(nid) x(nid);", "for_each_node"),
        ("\tskb_walk(a, b)\n\t\tif (a)\n\t\t\tx();", "skb_walk"),
        ("\tfor_each_thing(a)\n\t\t++b;", "for_each_thing"),
        ("\tdo {\n\t\tx();\n\t} for_each_vma(vmi, vma);", "for_each_vma"),
        ("\twith_power()\n\t{\n\t\tx();\n\t}", "with_power"),
    ],
)
def test_iterator_becomes_a_marked_loop(statements: str, macro: str) -> None:
    function = body(statements)

    assert function.errors == ()
    ((offset, mark),) = function.marks.items()
    assert (mark.kind, mark.text) == ("iterator", macro)
    assert function.text[offset : offset + 5] == b"while"
    assert mark.offset == offset + function.base


def test_guards_are_marked() -> None:
    function = body("\tguard(mutex)(&x->lock);\n\tscoped_guard(spinlock, &y) {\n\t\tz();\n\t}")

    assert function.errors == ()
    assert [(m.kind, m.text) for m in function.marks.values()] == [("guard", "mutex"), ("scoped_guard", "spinlock")]
    assert all(function.text[o : o + 5] == b"guard" or function.text[o : o + 3] == b"if " for o in function.marks)


@pytest.mark.parametrize(
    ("declaration", "variable"),
    [
        ("struct a *p __free(kfree) = make();", "p"),
        ("struct a *pp __cleanup(kfree);", "pp"),
        ("char name[4] __free(kfree) = { 0 };", "name"),
    ],
)
def test_cleanup_is_marked_at_the_variable(declaration: str, variable: str) -> None:
    function = body(declaration)

    assert function.errors == ()
    ((offset, mark),) = function.marks.items()
    assert (mark.kind, mark.text) == ("cleanup", "kfree")
    assert function.text[offset : offset + len(variable)].decode() == variable


def test_type_argument_becomes_one_identifier() -> None:
    function = body("x = container_of(p, struct s, m);")

    assert texts(function, "argument_list") == ["(p, struct_s, m)"]


def test_calls_keep_their_names_and_places() -> None:
    text = 'void f(void)\n{\n\tprintk(KERN_INFO "%d" X, lock_page(p)); /* a */\n}\n'
    (function,) = parsed(text)
    (call,) = [n for n in nodes(function.node, "call_expression") if b"printk" not in (n.text or b"")]

    assert text[call.start_byte + function.base : call.end_byte + function.base] == "lock_page(p)"


def test_statement_cut_by_a_conditional_parses_in_each_arm() -> None:
    both = parsed("int f(void)\n{\n#ifdef X\n\tif (a()) {\n#else\n\tif (b()) {\n#endif\n\t\tc();\n\t}\n}\n")

    assert [variant.variant for variant in both] == ["X", "!X"]
    assert all(variant.errors == () for variant in both)
    assert ["a()" in texts(v, "call_expression") for v in both] == [True, False]


def test_macro_body_is_parsed_where_it_stands() -> None:
    text = "int x;\n#define lock_it(p, args...) \\\n\tdo { lock_page(p); a ## b(#p); } while (0)\n"
    (function,) = parsed(text)
    calls = [
        n for n in nodes(function.node, "call_expression") if function.text[n.start_byte :].startswith(b"lock_page")
    ]

    assert function.errors == ()
    assert text[calls[0].start_byte + function.base :].startswith("lock_page(p)")
    assert parsed("#define value(p)({ p; })\n")[0].errors == ()
    assert parsed("#define nothing(p)\n")[0].errors == ()
    assert parsed('#define noted(p) f(p, "#p") // a remark\n')[0].errors == ()


def test_broken_statement_is_an_error_span() -> None:
    function = body("\tx = = 1;\n\tlock_page(p);")

    assert function.errors
    start, end = function.errors[0]
    assert 0 <= start <= end
    assert "lock_page(p)" in texts(function, "call_expression")


def test_initialiser_gives_the_list_with_all_arms() -> None:
    text = "static const struct ops o __initconst = {\n\t.a = b,\n#ifdef X\n\t.c = d,\n#else\n\t.c = e,\n#endif\n};\n"
    source = SourceText("a.c", text.encode())
    piece = parse_initialiser(source, outline(source).initialisers[0])

    assert piece.node.type == "initializer_list" and piece.errors == ()
    assert [text[n.start_byte + piece.base : n.end_byte + piece.base] for n in piece.node.named_children] == [
        ".a = b",
        ".c = d",
        ".c = e",
    ]


def test_prototype_gives_the_declaration() -> None:
    text = "int a;\nextern bool __must_check trylock(struct page __user *p) __attribute__((pure));\n"
    source = SourceText("a.c", text.encode())
    piece = parse_prototype(source, outline(source).prototypes[0])

    assert piece.node.type == "declaration" and piece.errors == ()
    assert text[piece.node.start_byte + piece.base :].startswith("extern bool")


@pytest.mark.parametrize(
    "statement",
    [
        "{" * 3_000 + "}" * 3_000,
        "x = " + "(" * 3_000 + "1" + ")" * 3_000 + ";",
        "if (a) ; " + "else if (b) ; " * 10_000,
        "x = " + "!" * 20_000 + "y;",
        "x = " + "y + " * 20_000 + "y;",
        "for (;;) " * 8_000 + ";",
    ],
    ids=["blocks", "parentheses", "else-if", "not", "sum", "for"],
)
def test_deep_nesting_is_refused(statement: str) -> None:
    with pytest.raises(SyntaxFailure, match="nested too deeply"):
        body(statement)


def test_text_without_a_function_is_refused() -> None:
    source = SourceText("a.c", b"int f(void)\n{\n}\n")
    function = outline(source).functions[0]

    with pytest.raises(SyntaxFailure, match=r"a\.c: f: no function"):
        parse_function(SourceText("a.c", b" " * len(source.data)), function)


def test_long_function_parses() -> None:
    function = body("\tlock_page(p);\n" * 20_000)

    assert function.errors == ()


@pytest.mark.parametrize(
    "statements",
    [
        "F(a; b; c, d);\n" * 3_000,
        "F(" + "a; b, " * 10_000 + "c);",
        "typeof(\n" * 1_900 + "x;\n" * 5_000,
        "a b " * 20_000,
    ],
    ids=["statement arguments", "one call", "unclosed", "words"],
)
def test_hostile_body_takes_no_more_than_linear_time(statements: str) -> None:
    source = SourceText("a.c", f"int f(void)\n{{\n{statements}\n}}\n".encode())
    start = time.process_time()
    with contextlib.suppress(SyntaxFailure):
        parse_function(source, outline(source).functions[0])

    assert time.process_time() - start < 3
