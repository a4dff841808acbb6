"""Faults to put into a function that handles the page lock correctly.

Each mutator makes one small edit that is a real fault *because the kernel's
own version is right*: a lock that this function takes loses one of its unlocks,
an unlock is done twice, the result of a trylock no longer matters or means the
opposite, a lock is taken twice or not at all. Sites are found by text, only
where a statement fills its line and the function is not cut by `#if`; the rest
is left out, as are functions that are themselves the primitive.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.bench.c_text import CFunction

LOCKS = ("folio_lock", "lock_page")
KILLABLE_LOCKS = ("folio_lock_killable", "lock_page_killable")
TRYLOCKS = ("folio_trylock", "trylock_page")
UNLOCKS = ("folio_unlock", "unlock_page")
LOCKING_LOOKUPS = (
    "filemap_lock_folio",
    "filemap_grab_folio",
    "filemap_lock_hugetlb_folio",
    "find_lock_page",
    "find_or_create_page",
    "grab_cache_page",
    "grab_cache_page_nowait",
    "grab_cache_page_write_begin",
)
VOCABULARY = (*LOCKS, *KILLABLE_LOCKS, *TRYLOCKS, *UNLOCKS)

_STATEMENT = r"^(?P<indent>[ \t]+)(?P<call>(?:{names})\s*\((?P<page>[^;\n]*)\));[ \t]*\n"
_LOCK_STATEMENT = re.compile(_STATEMENT.format(names="|".join(LOCKS)), re.MULTILINE)
_UNLOCK_STATEMENT = re.compile(_STATEMENT.format(names="|".join(UNLOCKS)), re.MULTILINE)
_ACQUISITION = re.compile(
    rf"\b(?:{'|'.join((*LOCKS, *KILLABLE_LOCKS, *TRYLOCKS))})\s*\((?P<page>[^;\n{{]*?)\)+\s*[;{{)&|<!=\n]"
)
_LOOKUP = re.compile(
    rf"(?P<page>[\w>.\[\]-]+)\s*=\s*(?:(?:{'|'.join(LOCKING_LOOKUPS)})\s*\(|"
    r"(?:__filemap_get_folio|pagecache_get_page)\s*\([^;]*\b(?:FGP_LOCK|FGP_WRITEBEGIN)\b)"
)
_TRYLOCK_TEST = re.compile(
    rf"^(?P<indent>[ \t]+)if \((?P<not>!?)(?P<call>(?:{'|'.join(TRYLOCKS)})\((?P<page>[^()\n]*)\))\)"
    r"(?P<block>[ \t]*\{)?[ \t]*\n",
    re.MULTILINE,
)
_LEAVING = re.compile(r"[ \t]*(?:goto \w+|return\b[^;\n]*|continue|break);[ \t]*\n")


@dataclass(frozen=True)
class Mutation:
    """One edit of a file: `text[start:end]` becomes `replacement`.

    `origin` says where the lock of the page comes from in this function:
    "own" (it calls the primitive), "lookup" (a lookup returns it locked) or
    "contract": neither, or the mutation is wrong only because of what callers
    do, as when a function no longer locks the page that it was given.
    """

    mutator: str
    function: CFunction
    page: str
    origin: str
    start: int
    end: int
    replacement: str

    @property
    def line(self) -> int:
        """Return the line of the edit, in the file before it."""
        return self.function.line_of(self.start)

    def apply(self, text: str) -> str:
        """Return the file's text with the edit made."""
        return text[: self.start] + self.replacement + text[self.end :]


Mutator = Callable[[CFunction], Iterator[Mutation]]


def drop_unlock(function: CFunction) -> Iterator[Mutation]:
    """Drop one unlock of a page that this function locked itself, or got locked from a lookup."""
    for match in _UNLOCK_STATEMENT.finditer(function.code):
        if _origin(function, match["page"]) == "contract":
            continue
        yield _replace(function, "drop-unlock", match, _nothing(function, match))


def double_unlock(function: CFunction) -> Iterator[Mutation]:
    """Unlock a page twice in a row."""
    for match in _UNLOCK_STATEMENT.finditer(function.code):
        if _begins_statement(function, match.start()):
            yield _replace(function, "double-unlock", match, match[0] * 2)


def ignore_trylock(function: CFunction) -> Iterator[Mutation]:
    """Go on as if a trylock had succeeded: `if (!trylock(p)) goto out;` becomes `trylock(p);`."""
    for match in _TRYLOCK_TEST.finditer(function.code):
        call = f"{match['indent']}{match['call']};\n"
        if match["not"]:
            end = _end_of_leaving_branch(function, match)
            if end is not None:
                yield _edit(function, "ignore-trylock", match["page"], match.start(), end, call)
        elif match["block"] and not _has_else(function, match):
            yield _replace(function, "ignore-trylock", match, f"{call}{match['indent']}{{\n")


def invert_trylock(function: CFunction) -> Iterator[Mutation]:
    """Take a trylock's success for failure and failure for success."""
    for match in _TRYLOCK_TEST.finditer(function.code):
        test = match[0].replace("if (!", "if (", 1) if match["not"] else match[0].replace("if (", "if (!", 1)
        yield _replace(function, "invert-trylock", match, test)


def lock_twice(function: CFunction) -> Iterator[Mutation]:
    """Lock a page twice in a row."""
    for match in _LOCK_STATEMENT.finditer(function.code):
        if _begins_statement(function, match.start()):
            yield _replace(function, "lock-twice", match, match[0] * 2)


def drop_lock(function: CFunction) -> Iterator[Mutation]:
    """Drop a lock of a page that this function unlocks later on."""
    for match in _LOCK_STATEMENT.finditer(function.code):
        later = _UNLOCK_STATEMENT.finditer(function.code, match.end())
        if any(_same_page(unlock["page"], match["page"]) for unlock in later):
            mutation = _replace(function, "drop-lock", match, _nothing(function, match))
            yield replace(mutation, origin="contract") if _is_callers(function, match["page"]) else mutation


MUTATORS: tuple[Mutator, ...] = (drop_unlock, double_unlock, ignore_trylock, invert_trylock, lock_twice, drop_lock)


def mutations_of(function: CFunction) -> Iterator[Mutation]:
    """Yield every mutation of a function; none when it never unlocks, is cut by `#if` or is a primitive itself."""
    if function.has_directives or function.name in VOCABULARY or not _UNLOCK_STATEMENT.search(function.code):
        return
    for mutator in MUTATORS:
        yield from mutator(function)


def guess_cause(mutation: Mutation) -> str:
    """Guess from the text why an analysis may have missed a mutation.

    The first that fits of: `wrapper` (a lookup took the lock), `param` (the
    page is the caller's), `field` (the page has no plain name), `handed-over`
    (something else comes to hold the page), `loop`, `other`.
    """
    function, page = mutation.function, mutation.page
    if mutation.origin == "lookup":
        return "wrapper"
    if page in {parameter.name for parameter in function.parameters}:
        return "param"
    if not re.fullmatch(r"\w+", page):
        return "field"
    name = re.escape(page)
    handing_over = r"(?:list_\w*(?:add|move)\w*|\w*_batch_add|\w*bio_add\w+)"
    if re.search(rf"{handing_over}\([^;]*\b{name}\b|return {name};", function.code):
        return "handed-over"
    return "loop" if _in_loop(mutation) else "other"


def _origin(function: CFunction, page: str) -> str:
    if any(_same_page(match["page"], page) for match in _ACQUISITION.finditer(function.code)):
        return "own"
    if any(_same_page(match["page"], page) for match in _LOOKUP.finditer(function.code)):
        return "lookup"
    return "contract"


def _is_callers(function: CFunction, page: str) -> bool:
    """Say whether a page is a parameter, or reached from one without a call other than page_folio()."""
    parameters = {parameter.name for parameter in function.parameters}
    if _root(page) in parameters:
        return True
    sources = re.findall(rf"\b{re.escape(page)} = (?:page_folio|compound_head)?\(?([\w>.-]+)\)?;", function.code)
    return any(_root(source) in parameters for source in sources)


def _root(path: str) -> str:
    return re.split(r"->|\.|\[", path.lstrip("&*("), maxsplit=1)[0]


def _same_page(one: str, other: str) -> bool:
    """Compare two argument texts; the scan may have cut closing parentheses off one of them."""
    return "".join(one.split()).rstrip(")") == "".join(other.split()).rstrip(")")


def _begins_statement(function: CFunction, at: int) -> bool:
    """Say whether a line of the body is not the branch of an `if`, `else` or loop without braces."""
    return function.code[:at].rstrip()[-1:] in (";", "{", "}", ":")


def _nothing(function: CFunction, match: re.Match[str]) -> str:
    """Return what a dropped statement leaves: an empty one where C needs a statement."""
    return "" if function.code[: match.start()].rstrip()[-1:] in (";", "{", "}") else f"{match['indent']};\n"


def _end_of_leaving_branch(function: CFunction, match: re.Match[str]) -> int | None:
    """Return where the branch of a failed trylock ends, if it does nothing but leave."""
    leaving = _LEAVING.match(function.code, match.end())
    if leaving is None:
        return None
    end = leaving.end()
    if match["block"]:
        closing = re.compile(r"[ \t]*\}[ \t]*\n").match(function.code, end)
        if closing is None:
            return None
        end = closing.end()
    return None if function.code[end:].lstrip().startswith("else") else end


def _has_else(function: CFunction, match: re.Match[str]) -> bool:
    closing = re.compile(rf"^{match['indent']}\}}(.*)$", re.MULTILINE).search(function.code, match.end())
    return closing is None or bool(closing[1].strip())


def _in_loop(mutation: Mutation) -> bool:
    """Say whether the edit stands deeper than a loop header before it whose brace has not closed yet."""
    blanked, start = mutation.function.blanked, mutation.start
    indent = len(blanked[start:]) - len(blanked[start:].lstrip("\t"))
    before = blanked[mutation.function.body : start]
    headers = re.finditer(r"^(\t+)(?:for|while|do|\w*for_each\w*)\b", before, re.MULTILINE)
    return any(
        len(header[1]) < indent and not re.search(rf"^{header[1]}\}}", before[header.end() :], re.MULTILINE)
        for header in headers
    )


def _replace(function: CFunction, mutator: str, match: re.Match[str], replacement: str) -> Mutation:
    return _edit(function, mutator, match["page"], match.start(), match.end(), replacement)


def _edit(function: CFunction, mutator: str, page: str, start: int, end: int, replacement: str) -> Mutation:
    origin = _origin(function, page)
    return Mutation(mutator, function, page, origin, function.body + start, function.body + end, replacement)
