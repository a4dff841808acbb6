"""C text with what is not code overwritten by blanks, so that offsets and lines hold."""

import re

_COMMENT_OR_STRING = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)+'", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def blank_comments(text: str) -> str:
    """Return the text without comments, string and character literals."""
    return _COMMENT_OR_STRING.sub(_blanks, text)


def blank_directives(text: str) -> str:
    """Return the text, free of comments already, without preprocessor lines: both arms of an #if stay."""
    return _DIRECTIVE.sub(_blanks, text)


def _blanks(found: re.Match[str]) -> str:
    return "\n".join(" " * len(line) for line in found[0].split("\n"))
