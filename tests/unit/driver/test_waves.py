"""The order in which the functions of many files are analysed."""

from pathlib import Path

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import MAX_ROUNDS, PLANNED, Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.driver.waves import Survey, plan_visits
from analyzer.source import FolderTree
from tests.rules.annotated import built_in_model, built_in_rules

KNOBS = Knobs(built_in_model(), built_in_rules())
FEW = PLANNED // 2
LONG_CHAIN = max(MAX_ROUNDS, PLANNED) + 8


def survey(path: str, static: str = "", **callees: str) -> Survey:
    by_name = {name: frozenset(text.split()) for name, text in callees.items()}
    return Survey(path, by_name, frozenset(by_name) - frozenset(static.split()))


def test_callee_of_another_file_goes_first() -> None:
    plan = plan_visits([survey("a.c", top="low"), survey("b.c", low="folio_lock")], {"b.c": frozenset({"folio_lock"})})
    assert plan == [{"b.c": frozenset({"low"})}]


def test_file_is_visited_in_each_wave_that_others_wait_for() -> None:
    surveys = [survey("a.c", first="folio_lock", third="second"), survey("b.c", second="first", fourth="third")]
    plan = plan_visits(surveys, {"a.c": frozenset({"folio_lock"})})
    assert plan == [
        {"a.c": frozenset({"first"})},
        {"b.c": frozenset({"second"})},
        {"a.c": frozenset({"first", "third"})},
    ]


def test_function_that_reaches_nothing_that_matters_is_not_visited() -> None:
    surveys = [survey("a.c", top="low", other="idle"), survey("b.c", low="folio_lock", idle="printk")]
    assert plan_visits(surveys, {"b.c": frozenset({"folio_lock"})}) == [{"b.c": frozenset({"low"})}]


def test_functions_that_call_each_other_around_wait_for_nobody() -> None:
    surveys = [survey("a.c", one="two folio_lock"), survey("b.c", two="one")]
    assert plan_visits(surveys, {"a.c": frozenset({"folio_lock"})}) == []


def test_static_function_is_not_what_another_file_calls() -> None:
    surveys = [survey("a.c", top="low folio_lock"), survey("b.c", static="low", low="folio_lock")]
    hits = {path: frozenset({"folio_lock"}) for path in ("a.c", "b.c")}
    assert plan_visits(surveys, hits) == []


def test_chain_through_more_files_than_there_are_rounds_is_followed(tmp_path: Path) -> None:
    """Each file's wrapper calls the one of the next; only the last locks, and only the first loses the lock."""
    for number in range(LONG_CHAIN):
        callee = f"lock_{number + 1}(folio)" if number + 1 < LONG_CHAIN else "folio_lock(folio)"
        text = f"void lock_{number}(struct folio *folio)\n{{\n\t{callee};\n}}\n"
        text += f"void drop_{number}(struct folio *folio)\n{{\n\tfolio_unlock(folio);\n}}\n"
        (tmp_path / f"file_{number}.c").write_text(text, "utf-8")
    text = (
        "int use(struct folio *folio, int broken)\n{\n\tlock_0(folio);\n\tif (broken)\n\t\treturn -EIO;\n"
        "\tfolio_unlock(folio);\n\treturn 0;\n}\n"
    )
    (tmp_path / "use.c").write_text(text, "utf-8")
    tree = FolderTree(tmp_path)
    snapshot = update(Snapshot(), tree, KNOBS, Workers([], 1), tree.files(), [])
    assert [f.rule for f in findings_of(snapshot, "use.c")] == ["page-lock-leak"]


def test_plan_does_not_change_what_is_found(tmp_path: Path) -> None:
    """A few files after the other, without a plan, end where the whole tree at once does."""
    for number in range(PLANNED + 4):
        callee = f"take_{number * 7 % PLANNED}"
        text = (
            f"int take_{number}(struct folio *folio)\n{{\n\tif (!folio_trylock(folio))\n\t\treturn -EAGAIN;\n"
            f"\treturn {f'take_{number - 1}(folio)' if number == 1 else '0'};\n}}\n"
            f"int use_{number}(struct folio *folio, int broken)\n{{\n\tint err = {callee}(folio);\n"
            "\tif (err || broken)\n\t\treturn err;\n\tfolio_unlock(folio);\n\treturn 0;\n}\n"
        )
        (tmp_path / f"file_{number}.c").write_text(text, "utf-8")
    tree = FolderTree(tmp_path)
    files = sorted(tree.files())
    whole = update(Snapshot(), tree, KNOBS, Workers([], 1), files, [])
    grown = Snapshot()
    for end in range(FEW, len(files) + FEW, FEW):
        grown = update(grown, tree, KNOBS, Workers([], 1), files[:end], files[end - FEW : end])
    found = {path: findings_of(whole, path) for path in files}
    assert any(found.values())
    assert found == {path: findings_of(grown, path) for path in files}
