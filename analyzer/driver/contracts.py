"""From callback contracts to what the solver needs: entry states, and summaries of calls through a table."""

from collections.abc import Iterable, Mapping

from analyzer.dataflow import Case, Change, Effect, EntryState, Summary
from analyzer.ir import Function
from analyzer.program import CallbackContract, PagePosition
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, Model

Contracts = Mapping[tuple[str, str], CallbackContract]


def entry_states(
    function: Function, bound: Iterable[tuple[str, str]], contracts: Contracts, model: Model, facet: str
) -> tuple[EntryState, ...]:
    """Return what each contract that binds the function says of its pages.

    Two tables that disagree about a page leave it unknown.
    """
    found: dict[tuple[int | str, ...], EntryState] = {}
    for struct, operation in bound:
        contract = contracts.get((struct, operation))
        if contract is None:
            continue
        for page in contract.pages_for(len(function.parameters)):
            path = page_path(page)
            entry = "locked" if contract.entry in ("locked", "both") else ""
            leave = contract.exit if contract.exit in ("locked", "unlocked") else ""
            state = EntryState(path, facet, entry, leave, operation, _exceptions(contract, model))
            known = found.get(path)
            if known is not None and (known.entry, known.exit) != (state.entry, state.exit):
                state = EntryState(path, facet, "", "", operation, ())
            found[path] = state
    return tuple(found[path] for path in sorted(found, key=repr))


def page_path(page: PagePosition) -> tuple[int | str, ...]:
    """Return the access path of a page position: parameter, then `*` or a field."""
    if page.dereference:
        return (page.parameter, "*")
    return (page.parameter, page.field) if page.field else (page.parameter,)


def _exceptions(contract: CallbackContract, model: Model) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (case.operator, model.bits(case.constant), case.exit if case.exit in ("locked", "unlocked") else "?")
        for case in contract.results
    )


def operation_summary(operation: str, contracts: Contracts, model: Model, facet: str) -> Summary | None:
    """Return the effect of a call through a field called `operation`, as its contracts say; None without one.

    Several structs may have an operation of that name; those without a lock effect do not count.
    """
    index = next((i for i, f in enumerate(model.facets) if f.name == facet), None)
    cases: list[Case] = []
    for (_, name), contract in sorted(contracts.items()):
        if name == operation and index is not None:
            cases += _cases(contract, index)
    return Summary(f"->{operation}", "", tuple(cases)) if cases else None


def _cases(contract: CallbackContract, index: int) -> list[Case]:
    pages = next(iter(contract.pages.values()), ())
    entry = "locked" if contract.entry in ("locked", "both") else ""
    if not pages or contract.exit not in ("locked", "unlocked"):
        return []
    if any(case.operator == "&" for case in contract.results):
        return []

    def effects(leave: str) -> tuple[Effect, ...]:
        found = []
        for page in pages:
            path = page_path(page)
            if not entry and leave == "unlocked":
                continue
            change = Change(index, contract.operation, entry, leave, leave == "locked" and not entry)
            found.append(Effect(path, (change,), stored=len(path) > 1, text=f"{leave} by ->{contract.operation}"))
        return tuple(found)

    rest = ANY
    cases: list[Case] = []
    named: list[str] = []
    for case in contract.results:
        if case.operator == "!=":
            cases.append(Case((), (POSITIVE | NEGATIVE) & rest, effects(case.exit)))
            rest &= ZERO
        elif case.operator == "<":
            cases.append(Case((), NEGATIVE & rest, effects(case.exit)))
            rest &= ANY & ~NEGATIVE
        elif case.operator == "==" and not case.constant.isdigit():
            cases.append(Case((), POSITIVE, effects(case.exit), constant=case.constant))
            named.append(case.constant)
    cases.append(Case((), rest, effects(contract.exit), excluded=tuple(named)))
    return cases
