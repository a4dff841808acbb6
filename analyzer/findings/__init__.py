"""The result type: what every check produces and every report reads.

Values are msgspec structs, so that the cache and the JSON report write the
same bytes. Lines and columns count from 1 and refer to the analysed text: in
patch mode the post-image, for a `fixed` finding the pre-image.
"""

import hashlib
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad the fault is, when it is one."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Confidence(StrEnum):
    """How sure the rule is; `rank` orders them."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Return 0 for low, 1 for medium, 2 for high."""
        return {"low": 0, "medium": 1, "high": 2}[self.value]


class Status(StrEnum):
    """What a patch does to the finding; a scan has only EXISTING."""

    NEW = "new"
    EXISTING = "existing"
    FIXED = "fixed"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event on the way to the fault, in execution order."""

    file: str
    line: int
    function: str
    message: str
    context: str = ""
    """Name of the concurrent context ("A", "B", ...) in a race; "" elsewhere."""


class PatchPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the mail the finding stands; `line` is a line of the original mail, or null."""

    message_id: str | None
    subject: str
    number: int
    line: int | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `subject` names the page in the words of the source ("folio", "req->wb_page")."""

    rule: str
    severity: Severity
    confidence: Confidence
    file: str
    line: int
    column: int
    function: str
    subject: str
    message: str
    status: Status = Status.EXISTING
    trace: tuple[Step, ...] = ()
    patch: PatchPlace | None = None
    line_text: str = ""
    """The source line itself, for reports that show it and for the fingerprint."""

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Return the order of all outputs: file, line, column, rule, message."""
        return (self.file, self.line, self.column, self.rule, self.message, self.subject)

    @property
    def identity(self) -> tuple[object, ...]:
        """Return what stays the same while lines move: compared between pre- and post-image."""
        return (self.rule, self.file, self.function, self.subject, tuple(s.message for s in self.trace), self.message)

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits over rule, function, subject and the sequence of events; no line numbers."""
        words = "\0".join(
            (self.rule, self.file, self.function, self.subject, *(f"{s.function}:{s.message}" for s in self.trace))
        )
        return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not analysed: `function` is None for a whole file, `file` for input without one."""

    file: str
    function: str | None
    line: int | None
    reason: str

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Return the order of outputs."""
        return (self.file, self.line or 0, self.function or "", self.reason)


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one run; `seconds` is wall-clock time."""

    files: int = 0
    functions: int = 0
    functions_skipped: int = 0
    seconds: float = 0.0


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark on the input that is neither a finding nor something skipped (a repair, the base used)."""

    message: str
    file: str = ""
    line: int | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run has to say; findings and skipped entries are sorted."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()
    stats: Stats = Stats()


__all__ = ["Confidence", "Finding", "Note", "PatchPlace", "Result", "Severity", "Skipped", "Stats", "Status", "Step"]
