"""The model: what calls, macros and field accesses do to the facets of a page.

Read from `rules/model/*.toml` and frozen. A model names identifiers of the
kernel; nothing else in the program does. `Model.select` keeps what applies to
one tree, by facts such as "defines folio_lock" that the tree itself answers.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from analyzer.rulespec.pattern import CallPattern, parse_call_pattern, parse_field_pattern
from analyzer.source import RuleError

ZERO, POSITIVE, NEGATIVE = 1, 2, 4
"""Classes of a C value as bits of a mask: 0 or NULL; a positive number or good pointer; negative or ERR_PTR."""
ANY = ZERO | POSITIVE | NEGATIVE

_RESULTS = {
    "always": ANY,
    "result != 0": POSITIVE | NEGATIVE,
    "result == 0": ZERO,
    "result > 0": POSITIVE,
    "result < 0": NEGATIVE,
    "result >= 0": ZERO | POSITIVE,
    "result non-null": POSITIVE,
    "result null": ZERO,
    "result err": NEGATIVE,
    "result not-err": ZERO | POSITIVE,
}
_BY_PROTOTYPE = "succeeds"
_BIT_KIND = re.compile(r"bit ([A-Z_]\w*)$")
_BIT = re.compile(r"result (not )?& ([A-Z_]\w*)$")


class ResultCondition(msgspec.Struct, frozen=True, array_like=True):
    """For which results of a call an event happens: a mask of value classes, or a bit set (or clear)."""

    mask: int = ANY
    bit: str = ""
    bit_set: bool = True


class Facet(msgspec.Struct, frozen=True, array_like=True):
    """One small state of a page.

    held: the value that is an obligation (a lock held, a reference owned), or "".
    free: the value in which the obligation is met.
    """

    name: str
    values: tuple[str, ...]
    held: str = ""
    free: str = ""
    noun: str = ""
    exclusive: bool = False
    """Two names that both hold it are two objects."""


class View(msgspec.Struct, frozen=True, array_like=True):
    """Facets that are analysed together, because some rule asks of them together.

    Facets in different views do not multiply each other's states. `facets` are the view's own: their events
    decide which functions matter to it. `beside` are facets of other views whose states its rules look at.
    """

    name: str
    facets: tuple[str, ...]
    beside: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """A call or access that asks for or changes a facet.

    to / otherwise: the facet's value after the event when its result condition holds / does not ("" = unchanged).
    requires: the value that the facet must have before it ("" = any); what a caller must bring.
    any_use: every call that is given the page, and every read or write of a field of it, is this event too.
    """

    name: str
    facet: str
    to: str = ""
    otherwise: str = ""
    only_from: tuple[str, ...] = ()
    requires: str = ""
    when: ResultCondition = ResultCondition()
    calls: tuple[CallPattern, ...] = ()
    writes: tuple[str, ...] = ()
    compares: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    any_use: bool = False
    conditions: tuple[str, ...] = ()
    without_tree: bool = True
    text: str = ""
    origin: str = ""

    @property
    def conditional(self) -> bool:
        """Tell whether the event depends on the result of its call."""
        return self.when.mask != ANY or bool(self.when.bit)


class ResultKind(msgspec.Struct, frozen=True):
    """What a call can return at all: "err" never NULL, "null" never an ERR_PTR, `bit` either 0 or with that bit."""

    calls: tuple[str, ...]
    mask: int
    bit: str = ""
    conditions: tuple[str, ...] = ()
    without_tree: bool = True


class Model(msgspec.Struct, frozen=True):
    """Everything that the engine knows of an API.

    same: calls whose result (an argument pattern with `$p`) is the same object as their subject.
    same_fields: fields whose address is the same object (`&folio->page`).
    handovers: calls after which somebody else is responsible for the subject.
    reloads: calls after which fields of the subject may have changed.
    """

    facets: tuple[Facet, ...] = ()
    views: tuple[View, ...] = ()
    events: tuple[Event, ...] = ()
    same: tuple[CallPattern, ...] = ()
    same_fields: frozenset[str] = frozenset()
    handovers: tuple[CallPattern, ...] = ()
    results: tuple[ResultKind, ...] = ()
    constants: Mapping[str, int] = {}
    untyped: bool = False
    """Whether some facet's objects may be of any type: then a file cannot be told by its words to matter to none."""
    masks: Mapping[str, tuple[str, ...]] = {}
    """The bits of named constants that are several: `VM_FAULT_ERROR`."""
    error_pointers: Mapping[str, tuple[str, ...]] = {}
    false_friends: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    """C types of a parameter that is such an object."""
    transparent: frozenset[str] = frozenset()
    noreturn: frozenset[str] = frozenset()
    assertion: frozenset[str] = frozenset()
    negated_assertion: frozenset[str] = frozenset()
    warning: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    pure: frozenset[str] = frozenset()
    stable: frozenset[str] = frozenset()
    """Calls that give the same answer for the same arguments as long as the function runs."""
    iterator_targets: Mapping[str, tuple[int, ...]] = {}
    told: frozenset[tuple[str, int]] = frozenset()
    """(callee, argument) of which some event of the whole model says what the call makes of it; set by `project`."""

    def bits(self, name: str) -> str:
        """Return the single bits of a named constant or of `A|B`, as `A|B` in order."""
        return "|".join(sorted({bit for part in name.split("|") for bit in self.masks.get(part, (part,))}))

    @property
    def conditions(self) -> frozenset[str]:
        """Return every tree condition that some part of the model asks."""
        parts: tuple[Event | ResultKind, ...] = (*self.events, *self.results)
        return frozenset(c for part in parts for c in part.conditions)

    def select(self, holds: Callable[[str], bool] | None) -> "Model":
        """Return the model of one tree; `holds` answers a condition, None means that there is no tree."""

        def keep(conditions: tuple[str, ...], without_tree: bool) -> bool:
            return without_tree if holds is None else all(map(holds, conditions))

        return msgspec.structs.replace(
            self,
            events=tuple(e for e in self.events if not e.conditions or keep(e.conditions, e.without_tree)),
            results=tuple(r for r in self.results if not r.conditions or keep(r.conditions, r.without_tree)),
        )

    def all_views(self) -> tuple[View, ...]:
        """Return the views in order; a facet that no view has is a view of its own."""
        known = {facet for view in self.views for facet in view.facets}
        return (*self.views, *(View(f.name, (f.name,)) for f in self.facets if f.name not in known))

    def project(self, view: View) -> "Model":
        """Return the part of the model that a view looks at."""
        wanted = {*view.facets, *view.beside}
        patterns = [pattern for event in self.events if event.to for pattern in event.calls]
        return msgspec.structs.replace(
            self,
            facets=tuple(f for f in self.facets if f.name in wanted),
            events=tuple(e for e in self.events if e.facet in wanted),
            views=(view,),
            told=self.told or frozenset((p.callee, position) for p in patterns for position in p.subject_positions),
        )

    def names(self) -> frozenset[str]:
        """Return the names whose mention makes a function worth analysing."""
        return self.names_of(f.name for f in self.facets)

    def names_of(self, facets: Iterable[str]) -> frozenset[str]:
        """Return the names that matter to some facets.

        An event that happens only `from` some state needs another one before it, and makes no function interesting,
        unless that other one is the access to a field, which has no name to look for.
        """
        wanted = frozenset(facets)
        accessed = {e.facet for e in self.events if e.writes or e.compares or e.follows}
        events = (e for e in self.events if e.facet in wanted and (not e.only_from or e.facet in accessed))
        return frozenset(pattern.name for event in events for pattern in event.calls) - self.pure


_EVENT_KEYS = frozenset(
    {"name", "facet", "to", "otherwise", "from", "requires", "when", "calls", "writes", "compares", "follows"}
    | {"any-use", "if", "without-tree", "text", "note"}
)
_TOP_KEYS = frozenset(
    {"facet", "view", "event", "same", "handover", "result", "constants", "error-pointers", "false-friends"}
    | {"idioms", "iterators", "note", "pure", "types", "stable"}
)
_IDIOM_KEYS = ("transparent", "noreturn", "assertion", "negated-assertion", "warning", "ignored")
_CONDITION = re.compile(r"(defines|lacks|returns|parameters|mentions|silent) \S+( \S.*)?$")


class _Reader:
    """Checked access to one TOML document; every complaint names file and key."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, key: str, words: str) -> RuleError:
        return RuleError(f"{self.file}: {key}: {words}")

    def table(self, value: object, key: str, known: frozenset[str] | None = None) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self.fail(key, "must be a table")
        for name in value:
            if known is not None and name not in known:
                raise self.fail(f"{key}.{name}" if key else name, f"unknown key (known: {', '.join(sorted(known))})")
        return value

    def tables(self, value: object, key: str, known: frozenset[str]) -> list[Mapping[str, object]]:
        if not isinstance(value, list):
            raise self.fail(key, f"must be written [[{key}]]")
        return [self.table(item, f"{key}[{i}]", known) for i, item in enumerate(value)]

    def text(self, table: Mapping[str, object], name: str, key: str, default: str | None = None) -> str:
        value = table.get(name, default)
        if not isinstance(value, str):
            raise self.fail(f"{key}.{name}", "is missing" if value is None else "must be a string")
        return value

    def words(self, table: Mapping[str, object], name: str, key: str) -> tuple[str, ...]:
        value = table.get(name, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(f"{key}.{name}", "must be a list of strings")
        return tuple(value)

    def calls(self, table: Mapping[str, object], name: str, key: str) -> tuple[CallPattern, ...]:
        return tuple(parse_call_pattern(w, f"{self.file}: {key}.{name}") for w in self.words(table, name, key))

    def fields(self, table: Mapping[str, object], name: str, key: str) -> tuple[str, ...]:
        return tuple(parse_field_pattern(w, f"{self.file}: {key}.{name}") for w in self.words(table, name, key))

    def conditions(self, table: Mapping[str, object], key: str) -> tuple[str, ...]:
        words = self.words(table, "if", key)
        for word in words:
            if not _CONDITION.match(word):
                raise self.fail(f"{key}.if", f"{word!r} is not a condition such as 'defines folio_lock'")
        return words

    def flag(self, table: Mapping[str, object], name: str, key: str, default: bool) -> bool:
        value = table.get(name, default)
        if not isinstance(value, bool):
            raise self.fail(f"{key}.{name}", "must be true or false")
        return value


def parse_result_condition(text: str) -> ResultCondition | None:
    """Return the meaning of `when`, or None when the text is not one."""
    if text in _RESULTS:
        return ResultCondition(_RESULTS[text])
    match = _BIT.match(text)
    return ResultCondition(ANY, match[2], match[1] is None) if match else None


def read_model(document: Mapping[str, object], file: str, base: Model | None = None) -> Model:
    """Return `base` with one model document added; raise RuleError naming file and key."""
    reader = _Reader(file)
    reader.table(document, "", _TOP_KEYS)
    model = base or Model()
    facets = {f.name: f for f in model.facets}
    for i, table in enumerate(
        reader.tables(
            document.get("facet", []),
            "facet",
            frozenset({"name", "values", "held", "free", "noun", "exclusive", "note"}),
        )
    ):
        facet = _read_facet(reader, table, f"facet[{i}]")
        facets[facet.name] = facet
    views = [*model.views]
    for i, table in enumerate(
        reader.tables(document.get("view", []), "view", frozenset({"name", "facets", "beside", "note"}))
    ):
        key = f"view[{i}]"
        view = View(
            reader.text(table, "name", key), reader.words(table, "facets", key), reader.words(table, "beside", key)
        )
        for name in (*view.facets, *view.beside):
            if name not in facets:
                raise reader.fail(f"{key}.facets", f"no facet is called {name!r}")
        views.append(view)
    events = [*model.events]
    for i, table in enumerate(reader.tables(document.get("event", []), "event", _EVENT_KEYS)):
        events.extend(_read_events(reader, table, f"event[{i}]", facets))
    same = [*model.same]
    same_fields = set(model.same_fields)
    for i, table in enumerate(
        reader.tables(document.get("same", []), "same", frozenset({"calls", "addresses", "note"}))
    ):
        same.extend(reader.calls(table, "calls", f"same[{i}]"))
        same_fields.update(reader.fields(table, "addresses", f"same[{i}]"))
    handovers = [*model.handovers]
    for i, table in enumerate(reader.tables(document.get("handover", []), "handover", frozenset({"calls", "note"}))):
        handovers.extend(reader.calls(table, "calls", f"handover[{i}]"))
    results = [*model.results]
    for i, table in enumerate(
        reader.tables(document.get("result", []), "result", frozenset({"calls", "kind", "if", "without-tree", "note"}))
    ):
        key = f"result[{i}]"
        kind = reader.text(table, "kind", key)
        masks = {"err": POSITIVE | NEGATIVE, "null": POSITIVE | ZERO, "pointer": POSITIVE, "errno": ZERO | NEGATIVE}
        bit = _BIT_KIND.match(kind)
        if kind not in masks and bit is None:
            raise reader.fail(f"{key}.kind", f"{kind!r} is not one of {', '.join(masks)}, bit NAME")
        results.append(
            ResultKind(
                reader.words(table, "calls", key),
                masks.get(kind, ZERO | POSITIVE),
                bit[1] if bit else "",
                reader.conditions(table, key),
                reader.flag(table, "without-tree", key, True),
            )
        )
    idioms = reader.table(document.get("idioms", {}), "idioms", frozenset(_IDIOM_KEYS))
    constants = dict(model.constants)
    bits = dict(model.masks)
    for name, value in reader.table(document.get("constants", {}), "constants").items():
        if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            bits[name] = tuple(value)
        elif isinstance(value, int):
            constants[name] = value
        else:
            raise reader.fail(f"constants.{name}", "must be an integer, or a list of names of bits")
    iterators = dict(model.iterator_targets)
    for name, value in reader.table(document.get("iterators", {}), "iterators").items():
        if not isinstance(value, list) or not all(isinstance(v, int) for v in value):
            raise reader.fail(f"iterators.{name}", "must be a list of argument positions, from 0")
        iterators[name] = tuple(value)
    errors = {k: set(v) for k, v in model.error_pointers.items()}
    error_table = reader.table(document.get("error-pointers", {}), "error-pointers")
    for name in error_table:
        errors.setdefault(name, set()).update(reader.words(error_table, name, "error-pointers"))

    def merged(old: frozenset[str], key: str) -> frozenset[str]:
        return old | frozenset(reader.words(idioms, key, "idioms"))

    return Model(
        facets=tuple(facets.values()),
        views=tuple(views),
        events=tuple(events),
        same=tuple(same),
        same_fields=frozenset(same_fields),
        handovers=tuple(handovers),
        results=tuple(results),
        constants=constants,
        masks=bits,
        error_pointers={k: tuple(sorted(v)) for k, v in errors.items()},
        false_friends=model.false_friends | frozenset(reader.words(document, "false-friends", "")),
        types=model.types | frozenset(reader.words(document, "types", "")),
        stable=model.stable | frozenset(reader.words(document, "stable", "")),
        pure=model.pure | frozenset(reader.words(document, "pure", "")),
        transparent=merged(model.transparent, "transparent"),
        noreturn=merged(model.noreturn, "noreturn"),
        assertion=merged(model.assertion, "assertion"),
        negated_assertion=merged(model.negated_assertion, "negated-assertion"),
        warning=merged(model.warning, "warning"),
        ignored=merged(model.ignored, "ignored"),
        iterator_targets=iterators,
    )


def _read_facet(reader: _Reader, table: Mapping[str, object], key: str) -> Facet:
    facet = Facet(
        reader.text(table, "name", key),
        reader.words(table, "values", key),
        reader.text(table, "held", key, ""),
        reader.text(table, "free", key, ""),
        reader.text(table, "noun", key, ""),
        reader.flag(table, "exclusive", key, False),
    )
    if not facet.values:
        raise reader.fail(f"{key}.values", "is missing")
    for name in ("held", "free"):
        if getattr(facet, name) not in ("", *facet.values):
            raise reader.fail(f"{key}.{name}", f"{getattr(facet, name)!r} is not one of the facet's values")
    return facet


def _read_events(
    reader: _Reader, table: Mapping[str, object], key: str, facets: Mapping[str, Facet]
) -> tuple[Event, ...]:
    """Return the event of one table; with `when = "succeeds"`, one for each call and each type that it may return."""
    if table.get("when") != _BY_PROTOTYPE:
        return (_read_event(reader, table, key, facets),)
    if "without-tree" in table:
        raise reader.fail(
            f"{key}.without-tree", f"says nothing beside {_BY_PROTOTYPE!r}: without a tree is no prototype"
        )
    whole = _read_event(reader, {**table, "when": "always"}, key, facets)
    if any(pattern.subject_is_result for pattern in whole.calls):
        raise reader.fail(f"{key}.when", f"{_BY_PROTOTYPE!r} needs calls that return bool or int, not the page")
    return tuple(
        msgspec.structs.replace(
            whole,
            calls=(pattern,),
            when=ResultCondition(mask),
            conditions=(*whole.conditions, f"returns {pattern.callee} {returned}"),
            without_tree=False,
        )
        for pattern in whole.calls
        for returned, mask in (("bool", POSITIVE | NEGATIVE), ("int", ZERO))
    )


def _read_event(reader: _Reader, table: Mapping[str, object], key: str, facets: Mapping[str, Facet]) -> Event:
    name = reader.text(table, "facet", key)
    facet = facets.get(name)
    if facet is None:
        raise reader.fail(f"{key}.facet", f"no facet is called {name!r}")
    for word in ("to", "otherwise", "requires"):
        value = reader.text(table, word, key, "")
        if value not in ("", *facet.values):
            raise reader.fail(f"{key}.{word}", f"{value!r} is not one of {', '.join(facet.values)}")
    calls = reader.calls(table, "calls", key)
    default = "result non-null" if calls and all(c.subject_is_result for c in calls) else "always"
    text = reader.text(table, "when", key, default)
    when = parse_result_condition(text)
    if when is None:
        raise reader.fail(f"{key}.when", f"{text!r} is not a condition on a result such as 'result != 0'")
    for pattern in calls:
        if not pattern.subject_is_result and not pattern.subject_positions:
            raise reader.fail(f"{key}.calls", f"{pattern.callee}: no argument is $p")
    return Event(
        name=reader.text(table, "name", key),
        facet=name,
        to=reader.text(table, "to", key, ""),
        otherwise=reader.text(table, "otherwise", key, ""),
        only_from=reader.words(table, "from", key),
        requires=reader.text(table, "requires", key, ""),
        when=when,
        calls=calls,
        writes=reader.fields(table, "writes", key),
        compares=reader.fields(table, "compares", key),
        follows=reader.fields(table, "follows", key),
        any_use=reader.flag(table, "any-use", key, False),
        conditions=reader.conditions(table, key),
        without_tree=reader.flag(table, "without-tree", key, True),
        text=reader.text(table, "text", key, ""),
        origin=reader.file,
    )
