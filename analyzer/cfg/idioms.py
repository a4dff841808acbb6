"""What the lowering must know of kernel C beyond the language: names, as data from `rules/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Idioms:
    """Macros and calls that change control flow.

    transparent: macros whose value is their first argument (`likely`, `WARN_ON`).
    noreturn: calls after which control does not go on (`BUG`, `panic`).
    assertion: macros that do not return when their first argument is true (`BUG_ON`).
    negated_assertion: macros that do not return when their first argument is false.
    warning: macros that only warn when their first argument is true; as a statement it is taken to be false.
    ignored: macros whose arguments are not evaluated at run time (`BUILD_BUG_ON`).
    iterator_targets: positions of the arguments that an iterator macro assigns; absent: the first plain name.
    """

    transparent: frozenset[str] = frozenset()
    noreturn: frozenset[str] = frozenset()
    assertion: frozenset[str] = frozenset()
    negated_assertion: frozenset[str] = frozenset()
    warning: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    iterator_targets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
