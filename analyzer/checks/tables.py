"""Questions about tables of movable operations as a whole."""

from collections.abc import Iterator

from analyzer.checks.shape import FileShape
from analyzer.findings import Finding
from analyzer.ir import Name, Num, Return


def table_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield the tables that let pages be isolated but lack an operation that the core then calls.

    A table whose isolation always refuses is complete: it only keeps its pages from being moved. What a
    driver adds at run time is not seen.
    """
    operations = shape.protocol.operations
    duties = (operations.isolate, operations.migrate, operations.putback)
    tables = sorted({(b.struct, b.table) for b in shape.bindings if b.field in operations.isolate | operations.putback})
    for struct, table in tables:
        rows = [b for b in shape.bindings if (b.struct, b.table) == (struct, table)]
        fields = {row.field for row in rows}
        missing = [min(duty) for duty in duties if not duty & fields]
        refusing = [row for row in rows if row.field in operations.isolate and _always_refuses(shape, row.function)]
        if missing and not refusing:
            first = min(rows, key=lambda row: row.line)
            at = shape.source.line_starts[first.line - 1]
            yield from shape.finding(
                "movable-ops-incomplete", at, shape.enclosing(at), table, expected=f"->{missing[0]}"
            )


def _always_refuses(shape: FileShape, name: str) -> bool:
    functions = shape.functions.get(name, ())
    returns = [b.terminator for f in functions for b in f.blocks if isinstance(b.terminator, Return)]
    return bool(returns) and all(r.value in (Num(0), Name("false")) for r in returns)
