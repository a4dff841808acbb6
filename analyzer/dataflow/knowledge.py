"""What the solver may ask about the world outside a function: the model and other functions' summaries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analyzer.dataflow.summary import Summary
from analyzer.ir import Field
from analyzer.rulespec import ANY, CallPattern, Event, Facet, Model


@dataclass(frozen=True)
class Knowledge:
    """The model of one tree, indexed by callee.

    summary_of(name, file) gives what is known of a function that code in `file` calls by `name`.
    operation_of(field) gives what is known of a call through the struct field that an expression denotes.
    keeps(name, file, argument) tells whether the function may store that argument for others; None = not known.
    """

    model: Model
    events: Mapping[str, tuple[tuple[CallPattern, Event], ...]]
    field_events: Mapping[str, tuple[tuple[CallPattern, Event], ...]]
    writes: Mapping[str, tuple[Event, ...]]
    compares: Mapping[str, tuple[Event, ...]]
    follows: Mapping[str, tuple[Event, ...]]
    uses: tuple[Event, ...]
    same: Mapping[str, tuple[CallPattern, ...]]
    handovers: Mapping[str, tuple[CallPattern, ...]]
    result_masks: Mapping[str, int]
    result_bits: Mapping[str, str]
    facet_index: Mapping[str, int]
    errors: Mapping[str, str]
    summary_of: Callable[[str, str], Summary | None]
    operation_of: Callable[[Field], Summary | None]
    keeps: Callable[[str, str, int], bool | None]

    @property
    def facets(self) -> tuple[Facet, ...]:
        """Return the model's facets; their order is that of every state tuple."""
        return self.model.facets


def nothing_known(*_: object) -> None:
    """Answer every question of the solver with: not known."""


def make_knowledge(
    model: Model,
    summary_of: Callable[[str, str], Summary | None] = nothing_known,
    operation_of: Callable[[Field], Summary | None] = nothing_known,
    keeps: Callable[[str, str, int], bool | None] = nothing_known,
) -> Knowledge:
    """Index a model for the solver; without answers, nothing is known but the model."""
    events: dict[str, list[tuple[CallPattern, Event]]] = {}
    field_events: dict[str, list[tuple[CallPattern, Event]]] = {}
    accesses: dict[str, dict[str, list[Event]]] = {"writes": {}, "compares": {}, "follows": {}}
    for event in model.events:
        for pattern in event.calls:
            (field_events if pattern.indirect else events).setdefault(pattern.callee, []).append((pattern, event))
        for kind, table in accesses.items():
            for name in getattr(event, kind):
                table.setdefault(name, []).append(event)
    masks: dict[str, int] = {}
    for result in model.results:
        for name in result.calls:
            masks[name] = masks.get(name, ANY) & result.mask
    return Knowledge(
        model=model,
        events={k: tuple(v) for k, v in events.items()},
        field_events={k: tuple(v) for k, v in field_events.items()},
        writes={k: tuple(v) for k, v in accesses["writes"].items()},
        compares={k: tuple(v) for k, v in accesses["compares"].items()},
        follows={k: tuple(v) for k, v in accesses["follows"].items()},
        uses=tuple(event for event in model.events if event.any_use),
        same=_by_callee(model.same),
        handovers=_by_callee(model.handovers),
        result_masks=masks,
        result_bits={name: result.bit for result in model.results for name in result.calls if result.bit},
        facet_index={f.name: i for i, f in enumerate(model.facets)},
        errors={name: kind for kind, names in model.error_pointers.items() for name in names},
        summary_of=summary_of,
        operation_of=operation_of,
        keeps=keeps,
    )


def _by_callee(patterns: tuple[CallPattern, ...]) -> dict[str, tuple[CallPattern, ...]]:
    table: dict[str, list[CallPattern]] = {}
    for pattern in patterns:
        table.setdefault(pattern.callee, []).append(pattern)
    return {k: tuple(v) for k, v in table.items()}
