"""Prototypes: what a function returns and takes, as its declaration in this tree says.

The polarity of a result (`bool`, `int`, `struct page *`, `vm_fault_t`) and the number of
parameters differ between kernels for one and the same name, so they are read
from the tree. The parser is a small tolerant one over declaration text: it
knows C's declarator shape, and tells macros and attributes by where they stand.

A type is text in one normal form: words separated by one blank, one blank before
the first `*` (`struct page **`); storage classes, attributes and qualifiers
(`const`) are left out, and an array parameter is a pointer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from analyzer.program.blanking import blank_comments, blank_directives
from analyzer.source import SyntaxFailure


@dataclass(frozen=True)
class Prototype:
    """A function's name, return type, and parameters as (type, name); a name may be "".

    `variadic` when the parameters end in `...`, which is not one of them.
    """

    name: str
    return_type: str
    parameters: tuple[tuple[str, str], ...]
    variadic: bool = False


_TOKEN = re.compile(r"[A-Za-z_]\w*|\.\.\.|\d\w*|[^\s\w]")
_WORD = re.compile(r"[A-Za-z_]\w*$")
_TYPEDEF_NAME = re.compile(r"__[a-z]+\d+$|\w+_t$")
_STORAGE = frozenset({"static", "extern", "inline", "__inline", "__inline__", "register", "_Noreturn", "__extension__"})
_QUALIFIERS = frozenset({"const", "volatile", "restrict", "__const", "__restrict", "__restrict__", "__volatile__"})
_TAGS = frozenset({"struct", "union", "enum"})
_BASIC = frozenset(
    {"void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "bool", "_Bool", "__int128"}
)
_TYPEOF = frozenset({"typeof", "__typeof__", "__typeof"})
_LONGEST = 1 << 13
_KEYWORDS = _STORAGE | _QUALIFIERS | _TAGS | _BASIC | _TYPEOF
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(_OPEN.values())

_Tokens = Sequence[str]


def prototype_of(text: str) -> Prototype:
    """Return the prototype in a declaration, or in a definition up to its `{`.

    Takes a function (`static inline int f(struct page *p) __must_check;`) or a
    function pointer (`int (*f)(struct page *)`). Macros before the type, between type and
    name and after the parameters are left out, with their arguments. Raises
    SyntaxFailure when there is no type, name and parameter list, or the text is
    longer than 8 KiB: the time is quadratic in it.
    """
    if len(text) > _LONGEST:
        raise SyntaxFailure(f"no function prototype is as long as {' '.join(text[:200].split())[:60]!r}")
    tokens = _group(_TOKEN.findall(blank_directives(blank_comments(text))))
    at = _name_position(tokens)
    if at is None:
        raise SyntaxFailure(f"no function prototype in {' '.join(text.split())[:60]!r}")
    declarator = tokens[at]
    name = declarator if _WORD.match(declarator) else _pointer_name(declarator)
    parameters, variadic = _parameters(tokens[at + 1])
    return Prototype(name, _type_text(tokens[:at]), parameters, variadic)


def _group(tokens: _Tokens) -> list[str]:
    """Return the top-level tokens, each bracket group as one token, up to `{`, `;` or `=`.

    A group that never closes runs to the end of the text.
    """
    grouped: list[str] = []
    depth = 0
    for token in tokens:
        if depth == 0 and token in "{;=":
            break
        if depth:
            separate = _is_word_character(grouped[-1][-1]) and _is_word_character(token[0])
            grouped[-1] += f" {token}" if separate else token
        else:
            grouped.append(token)
        depth += (token in _OPEN) - (token in _CLOSE and depth > 0)
    return grouped


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


def _name_position(tokens: _Tokens) -> int | None:
    """Return the index of the declarator: a name or `(*name)` that a parameter list follows.

    The name is the first one with a type in front of it, unless a type stands
    between its brackets and the next name with brackets: then it is a macro in front.
    A name that looks like an attribute (`__printf(1, 2)`) gives way to one that does not.
    """
    found = [
        at
        for at, (token, after) in enumerate(pairwise(tokens))
        if after.startswith("(") and (_is_name(token) or _pointer_name(token)) and _base_type(tokens[:at])
    ]
    plain = [at for at in found if not _is_attribute(tokens[at])]
    for at, following in pairwise([*(plain or found), len(tokens)]):
        between = tokens[at + 2 : following]
        if following == len(tokens) or not ("*" in between or _BASIC & set(between) or _TAGS & set(between)):
            return at
    return None


def _is_name(token: str) -> bool:
    return bool(_WORD.match(token)) and token not in _KEYWORDS


def _pointer_name(token: str) -> str:
    """Return `f` of the group `(*f)`, also with attributes in it; "" when it is no such group."""
    found = re.match(r"\(\s*(?:\w+\s+)*\*[\s*]*(?:\w+\s+)*(\w+)\s*(?:\[[^]]*\])?\)$", token)
    return found[1] if found else ""


def _is_attribute(token: str) -> bool:
    """Tell a word that looks like an attribute macro (`__init`, not `__le32` or `__poll_t`)."""
    return token.startswith("__") and not _TYPEDEF_NAME.match(token)


def _plain_words(tokens: _Tokens) -> list[str]:
    """Drop storage classes, qualifiers and macros with their arguments; `typeof(x)` is one word."""
    words: list[str] = []
    for token in tokens:
        if token.startswith("("):
            if words and words[-1] in _TYPEOF:
                words[-1] += token
            elif words and _WORD.match(words[-1]):
                words.pop()
        elif token not in _STORAGE and token not in _QUALIFIERS and not token.startswith("["):
            words.append(token)
    return words


def _base_type(tokens: _Tokens) -> str:
    """Return the type without its stars; "" when the words name none.

    `struct x` and C's own words win over any other word; of several other words
    that may be typedefs, one that ends like a typedef, else the last.
    """
    words = _plain_words(tokens)
    for tag, name in pairwise(words):
        if tag in _TAGS:
            return f"{tag} {name}"
    if basic := [word for word in words if word in _BASIC]:
        return " ".join(basic)
    others = [word for word in words if word != "*" and not _is_attribute(word)]
    return next((word for word in others if _TYPEDEF_NAME.match(word)), others[-1] if others else "")


def _type_text(tokens: _Tokens) -> str:
    stars = "*" * _plain_words(tokens).count("*")
    base = _base_type(tokens)
    return f"{base} {stars}" if stars else base


def _parameters(group: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Read a bracket group as a parameter list; also tell whether it is variadic."""
    parts: list[list[str]] = [[]]
    inner = group[1:-1] if group.endswith(")") else group[1:]
    for token in _group(_TOKEN.findall(inner)):
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    variadic = parts[-1] == ["..."]
    read = [_parameter(part) for part in parts if part and part not in (["void"], ["..."])]
    return tuple(read), variadic


def _parameter(tokens: _Tokens) -> tuple[str, str]:
    """Return (type, name) of one parameter; a function pointer's type is `int (*)(int, struct page *)`."""
    for at, (token, after) in enumerate(pairwise(tokens)):
        if token.startswith("(") and "*" in token and after[0] in "([":
            return f"{_type_text(tokens[:at])} (*){_shape(after)}", _pointer_name(token)
    words = _plain_words(tokens)
    name_at = _parameter_name_position(words)
    type_words = words[:name_at]
    base = _base_type(type_words)
    stars = "*" * (type_words.count("*") + sum(token.startswith("[") for token in tokens))
    return (f"{base} {stars}" if stars else base), "" if name_at is None else words[name_at]


def _parameter_name_position(words: _Tokens) -> int | None:
    """Return the index of the name: the last word that leaves a type before it, attributes last."""
    found = []
    for at in range(len(words) - 1, 0, -1):
        if not _is_name(words[at]):
            break
        if words[at - 1] not in _TAGS and _base_type(words[:at]):
            found.append(at)
    return next((at for at in found if not _is_attribute(words[at])), found[0] if found else None)


def _shape(group: str) -> str:
    """Return a function pointer's parameter list as its types alone; an array's `[3]` as it stands."""
    if not group.startswith("("):
        return group
    parameters, variadic = _parameters(group)
    return f"({', '.join([kind for kind, _ in parameters] + ['...'] * variadic) or 'void'})"
