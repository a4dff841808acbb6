"""The words of rules/syntax.toml, compiled once."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from analyzer.source import RuleError

KEYWORD_TYPES = frozenset(
    b"void char short int long float double signed unsigned _Bool __signed__ __int128 __int128_t bool".split()
)
"""Words of C that alone name a type, and take others of the kind beside them."""

STORAGE = frozenset(b"static extern register typedef const volatile auto _Thread_local __const __volatile__".split())
"""Words of C that may stand beside a type without naming one."""

TAGGED = frozenset((b"struct", b"union", b"enum"))


@dataclass(frozen=True)
class Vocabulary:
    """Which words are attributes, and how macro-made functions are named."""

    attributes: frozenset[bytes]
    attribute_pattern: re.Pattern[bytes]
    type_pattern: re.Pattern[bytes]
    definition_prefixes: Mapping[str, str]
    assembly: frozenset[bytes]
    guards: frozenset[bytes]
    scoped_guards: frozenset[bytes]
    cleanups: frozenset[bytes]
    iterator_pattern: re.Pattern[bytes]

    def is_attribute(self, word: bytes) -> bool:
        """Tell whether `word` is by name no part of a declaration's type or name."""
        return word in self.attributes or (
            word.startswith(b"__")
            and self.attribute_pattern.fullmatch(word) is not None
            and self.type_pattern.fullmatch(word) is None
        )

    def is_type(self, word: bytes) -> bool:
        """Tell whether `word` starts with underscores and is nevertheless by name a type."""
        return self.type_pattern.fullmatch(word) is not None


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the words of the shipped rules/syntax.toml; raise RuleError when it does not make sense."""
    try:
        table = tomllib.loads(_rules_file().read_text("utf-8"))
        statements = table["statements"]
        return Vocabulary(
            attributes=_words(table["attributes"]),
            attribute_pattern=_any_of(table["attribute-patterns"]),
            type_pattern=_any_of(table["type-patterns"]),
            definition_prefixes=dict(table["definition-prefixes"]),
            assembly=_words(statements["assembly"]),
            guards=_words(statements["guards"]),
            scoped_guards=_words(statements["scoped-guards"]),
            cleanups=_words(statements["cleanups"]),
            iterator_pattern=re.compile(statements["iterator-pattern"].encode()),
        )
    except (OSError, KeyError, TypeError, AttributeError, re.error, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"rules/syntax.toml: {error}") from error


def _rules_file() -> Path:
    """Return the shipped file: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "rules" / "syntax.toml"
    return installed if installed.is_file() else package.parent / "rules" / "syntax.toml"


def _words(words: list[str]) -> frozenset[bytes]:
    return frozenset(word.encode() for word in words)


def _any_of(patterns: list[str]) -> re.Pattern[bytes]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode())
