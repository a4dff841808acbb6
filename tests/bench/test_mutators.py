"""The mutators and the scanner under them, on small functions of our own."""

import pytest

from tests.bench.c_text import CFunction, Variable, blank_comments_and_literals, functions_of
from tests.bench.mutators import guess_cause, mutations_of

BALANCED = """
static int demo(struct folio *folio, int flags)
{
    int ret = min(flags, 0), *other;

    folio_lock(folio);
    if (flags) {
        ret = -EIO;
        goto out; /* folio_unlock(folio); */
    }
    list_for_each_entry(pos, head, lru)
        count++;
out:
    folio_unlock(folio);
    return ret;
}
"""

TRYLOCK = """
static void demo(void)
{
    struct folio *folio = next();

    if (!folio_trylock(folio))
        return;
    work(folio);
    folio_unlock(folio);
    if (folio_trylock(folio)) {
        work(folio);
        folio_unlock(folio);
    }
}
"""

BRANCHES = """
static void demo(struct page *page)
{
    lock_page(page);
    if (done)
        unlock_page(page);
    else
        unlock_page(page);
}
"""


def mutants(text: str) -> dict[str, list[str]]:
    """Return the changed texts by mutator, for the functions of a file; four blanks stand for a tab."""
    source = text.replace("    ", "\t")
    found: dict[str, list[str]] = {}
    for function in functions_of("mm/demo.c", source):
        for mutation in mutations_of(function):
            found.setdefault(mutation.mutator, []).append(mutation.apply(source))
    return found


def only_function(text: str) -> CFunction:
    """Return the one function of a file; four blanks stand for a tab."""
    (function,) = functions_of("mm/demo.c", text.replace("    ", "\t"))
    return function


def test_blanking_keeps_every_offset() -> None:
    text = 'a /* b\nc */ "d\\"e" \'f\' // g\nh'

    blanked = blank_comments_and_literals(text)

    assert len(blanked) == len(text)
    assert blanked.split() == ["a", "h"]
    assert blanked.count("\n") == text.count("\n")


def test_function_knows_its_variables() -> None:
    function = only_function(BALANCED)

    assert function.name == "demo"
    assert function.parameters == (Variable("folio", "struct folio *"), Variable("flags", "int"))
    assert function.locals == (Variable("ret", "int"), Variable("other", "int *"))
    assert function.blanked[function.start :].startswith("static int demo")


def test_attributes_after_the_parameters_do_not_hide_a_function() -> None:
    text = "#define X \\\n\ty\nint demo(void)\n\t__releases(&lock)\n{\n}\n"

    assert [function.name for function in functions_of("a.c", text)] == ["demo"]


def test_dropping_an_unlock_ignores_comments() -> None:
    (text,) = mutants(BALANCED)["drop-unlock"]

    assert "out:\n\t;\n\treturn ret;" in text
    assert "/* folio_unlock(folio); */" in text


def test_unlocking_and_locking_twice_repeat_the_line() -> None:
    found = mutants(BALANCED)

    assert [text.count("\tfolio_unlock(folio);\n") for text in found["double-unlock"]] == [2]
    assert [text.count("\tfolio_lock(folio);\n") for text in found["lock-twice"]] == [2]


def test_dropping_the_lock_keeps_the_unlock() -> None:
    (text,) = mutants(BALANCED)["drop-lock"]

    assert "folio_lock(" not in text
    assert "\tfolio_unlock(folio);\n" in text


def test_ignoring_a_trylock_keeps_the_call() -> None:
    first, second = mutants(TRYLOCK)["ignore-trylock"]

    assert "\tfolio_trylock(folio);\n\twork(folio);" in first
    assert "\tfolio_trylock(folio);\n\t{\n\t\twork(folio);" in second


def test_inverting_a_trylock_changes_the_test_alone() -> None:
    first, second = mutants(TRYLOCK)["invert-trylock"]

    assert "if (folio_trylock(folio))\n\t\treturn;" in first
    assert "if (!folio_trylock(folio)) {" in second


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("static void demo(struct page *page)\n{\n\tlock_page(page);\n}\n", id="returns-locked"),
        pytest.param("void unlock_page(struct page *page)\n{\n\tfolio_unlock(page);\n}\n", id="primitive"),
        pytest.param("void demo(struct page *p)\n{\n#if A\n\tlock_page(p);\n#endif\n\tunlock_page(p);\n}\n", id="cut"),
    ],
)
def test_unfit_functions_are_left_alone(text: str) -> None:
    assert mutants(text) == {}


def test_unlock_of_the_callers_lock_is_only_doubled() -> None:
    assert list(mutants("void demo(struct page *page)\n{\n\tunlock_page(page);\n}\n")) == ["double-unlock"]


def test_branch_without_braces_keeps_a_statement() -> None:
    found = mutants(BRANCHES)

    assert "\tif (done)\n\t\t;\n\telse\n\t\tunlock_page(page);\n" in found["drop-unlock"][0]
    assert "double-unlock" not in found


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("void demo(struct page *page)\n{\n\tlock_page(page);\n\tunlock_page(page);\n}\n", "param"),
        ("void demo(void)\n{\n\tpage = find_lock_page(m, i);\n\tunlock_page(page);\n}\n", "wrapper"),
        ("void demo(void)\n{\n\tlock_page(a->page);\n\tunlock_page(a->page);\n}\n", "field"),
        ("void demo(void)\n{\n\tlock_page(p);\n\tlist_add(&p->lru, h);\n\tunlock_page(p);\n}\n", "handed-over"),
        ("void demo(void)\n{\n\twhile (p) {\n\t\tlock_page(p);\n\t\tunlock_page(p);\n\t}\n}\n", "loop"),
        ("void demo(void)\n{\n\tlock_page(p);\n\tunlock_page(p);\n}\n", "other"),
    ],
)
def test_cause_of_a_miss_is_guessed_from_the_text(text: str, cause: str) -> None:
    (function,) = functions_of("a.c", text)

    assert {guess_cause(mutation) for mutation in mutations_of(function)} == {cause}


@pytest.mark.parametrize(
    ("page", "origin"), [("page", "contract"), ("vmf->page", "contract"), ("folio", "contract"), ("found", "own")]
)
def test_a_page_of_the_caller_that_is_no_longer_locked_breaks_a_contract(page: str, origin: str) -> None:
    function = only_function(
        "void demo(struct page *page, struct vm_fault *vmf)\n{\n"
        "    struct folio *folio = page_folio(vmf->page);\n    struct page *found = vmalloc_to_page(vmf->address);\n\n"
        f"    lock_page({page});\n    unlock_page({page});\n}}\n"
    )

    assert [m.origin for m in mutations_of(function) if m.mutator == "drop-lock"] == [origin]
