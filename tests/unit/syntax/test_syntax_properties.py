"""What holds for all text: lengths and lines stay, and nothing but AnalyzerError is raised."""

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.source import AnalyzerError, SourceText
from analyzer.syntax import outline, parse_function, parse_initialiser, parse_prototype

PIECES = st.sampled_from(
    [
        "{", "}", "(", ")", "[", "]", ";", ",", ":", "\n", "\n\t", " ", "*", "=", ".", "'", '"', "\\", "\\\n",
        "#", "/*", "*/", "//", "\0", "\xff", "if (x)", "else", "do", "while", "for (;;)", "case 1 ... 2:",
        "return", "goto *p", "struct s", "unsigned long", "typeof(x)", "asm(", "offsetof(struct a, b.c)",
        "__free(f)", "guard(m)(x)", "scoped_guard(m, x)", "list_for_each(a, b)", "MACRO(x)", "MACRO", "__init",
        "__releases(x)", "static", "x", "lock_page(p)", '"s"', "'c'", "\n#if A\n", "\n#elif B\n", "\n#else\n",
        "\n#endif\n", "\n#define f(a) a\n", "\nint f(int a)\n{\n", "\n}\n", "220A", "struct t v = {",
        "int g(void);", "SYSCALL_DEFINE1(n, int, a)", "container_of(p, struct s, m)", ".a = 1", "return x",
    ]
)  # fmt: skip


def check(data: bytes) -> None:
    source = SourceText("a.c", data)
    found = outline(source)
    for function in found.functions + found.macros:
        assert 0 <= function.start <= function.name_offset < function.end <= len(data)
        assert function.start <= function.body <= function.end
        try:
            variants = parse_function(source, function)
        except AnalyzerError:
            continue
        assert 1 <= len(variants) <= 4
        for variant in variants:
            assert all(function.start <= start <= end for start, end in variant.errors)
            if not function.is_macro:
                original = data[function.start : function.end]
                assert len(variant.text) == len(original)
                assert variant.text.count(b"\n") == original.count(b"\n")
                assert all(variant.text[i : i + 1] == b"\n" for i, c in enumerate(original) if c == 10)
    for initialiser in found.initialisers:
        try:
            parse_initialiser(source, initialiser)
        except AnalyzerError:
            continue
    for prototype in found.prototypes:
        try:
            parse_prototype(source, prototype)
        except AnalyzerError:
            continue


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    check(data)
    check(b"int f(void)\n{\n" + data + b"\n}\n")


@given(st.lists(PIECES, max_size=40))
@settings(max_examples=400, deadline=None)
def test_broken_c_raises_nothing_else_and_keeps_lines(pieces: list[str]) -> None:
    text = "".join(pieces).encode("latin-1")
    check(text)
    check(b"static int f(struct page *page)\n{\n" + text + b"\n}\n")
    check(b"#define m(a, b) " + text)
