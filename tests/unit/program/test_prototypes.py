"""Prototypes read from declaration text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.program.prototypes import Prototype, prototype_of
from analyzer.source import SyntaxFailure


@pytest.mark.parametrize(
    ("text", "name", "return_type"),
    [
        ("static inline int f(void);", "f", "int"),
        ("bool f(struct page *p) __must_check;", "f", "bool"),
        ("struct page *f(int a)", "f", "struct page *"),
        ("struct page **f(int a)", "f", "struct page **"),
        ("const struct folio * const f(int a)", "f", "struct folio *"),
        ("vm_fault_t __weak f(struct vm_fault *vmf)\n{ return 0; }", "f", "vm_fault_t"),
        ("noinline vm_fault_t f(void)", "f", "vm_fault_t"),
        ("vm_fault_t noinline f(void)", "f", "vm_fault_t"),
        ("static __always_inline __printf(1, 2) unsigned long f(const char *x, ...)", "f", "unsigned long"),
        ("int __printf(2, 3) f(struct a *b, const char *x, ...)", "f", "int"),
        ("noinline __printf(1, 2) void f(const char *x, ...);", "f", "void"),
        ("bool __attribute__((weak, section(\"x\"))) f(int a)", "f", "bool"),
        ("void f(int a) __releases(lock) __acquires(other);", "f", "void"),
        ("void __f(int a) __releases(lock);", "__f", "void"),
        ("static void __sched notrace __f(bool preempt)", "__f", "void"),
        ("__le32 f(void)", "f", "__le32"),
        ("__poll_t f(void)", "f", "__poll_t"),
        ("asmlinkage long f(void)", "f", "long"),
        ("unsigned long long int f(void)", "f", "unsigned long long int"),
        ("enum kind f(void)", "f", "enum kind"),
        ("typeof(x) f(void)", "f", "typeof(x)"),
        ("extern int\nf(\n#ifdef CONFIG_A\n\tint a\n#endif\n)", "f", "int"),
        ("/* int g(void); */ int // int h(void)\nf(void)", "f", "int"),
        ("int (*f)(struct page *)", "f", "int"),
        ("struct box *(*f)(struct page *);", "f", "struct box *"),
        ("void (* const f)(void)", "f", "void"),
        ("vm_fault_t (*f[4])(void)", "f", "vm_fault_t"),
    ],
)  # fmt: skip
def test_name_and_return_type(text: str, name: str, return_type: str) -> None:
    prototype = prototype_of(text)

    assert (prototype.name, prototype.return_type) == (name, return_type)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", ()),
        ("void", ()),
        ("struct page *page", (("struct page *", "page"),)),
        ("struct page *", (("struct page *", ""),)),
        ("const struct folio *f, pgoff_t", (("struct folio *", "f"), ("pgoff_t", ""))),
        ("pgoff_t index, unsigned", (("pgoff_t", "index"), ("unsigned", ""))),
        ("unsigned len, unsigned long pos", (("unsigned", "len"), ("unsigned long", "pos"))),
        ("char __user *, char __user *buf", (("char *", ""), ("char *", "buf"))),
        ("struct page *page __maybe_unused", (("struct page *", "page"),)),
        ("gfp_t __gfp, struct page *__page", (("gfp_t", "__gfp"), ("struct page *", "__page"))),
        ("u8 key[16], struct page *pages[]", (("u8 *", "key"), ("struct page **", "pages"))),
        ("struct page **out, void *p", (("struct page **", "out"), ("void *", "p"))),
        ("enum migrate_mode mode, enum x", (("enum migrate_mode", "mode"), ("enum x", ""))),
        ("int (*cb)(struct page *p, void *), void *d", (("int (*)(struct page *, void *)", "cb"), ("void *", "d"))),
        ("void (*cb)(void)", (("void (*)(void)", "cb"),)),
        ("void (*)(int, ...)", (("void (*)(int, ...)", ""),)),
        ("struct a (*b)[3]", (("struct a (*)[3]", "b"),)),
        ("char *restrict p", (("char *", "p"),)),
        ("typeof(*p) y", (("typeof(*p)", "y"),)),
    ],
)
def test_parameters(text: str, parameters: tuple[tuple[str, str], ...]) -> None:
    assert prototype_of(f"int f({text});") == Prototype("f", "int", parameters)


def test_variadic_is_no_parameter() -> None:
    assert prototype_of("int f(const char *format, ...)") == Prototype("f", "int", (("char *", "format"),), True)


@pytest.mark.parametrize(
    "text",
    ["", ";", "(", "))", "int x;", "EXPORT_SYMBOL(f);", "DEFINE_BOX(name)", "int ret = f(1);", "f(1);"],
)
def test_text_without_a_prototype_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SyntaxFailure) as error:
        prototype_of(text)

    assert "\n" not in str(error.value)


@given(st.text(alphabet=st.sampled_from("ab *(),[]{};_#\n\"'\\/.="), max_size=120))
def test_no_text_raises_anything_but_syntax_failure(text: str) -> None:
    for candidate in (text, f"int f({text}", f"int (*{text})(int)"):
        try:
            prototype_of(candidate)
        except SyntaxFailure:
            continue
