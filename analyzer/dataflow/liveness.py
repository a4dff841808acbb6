"""Live variables: which names a block may still read (backward, flow-sensitive, by name).

A variable whose address is taken is live everywhere. Used to forget values
that nothing can ask for again, so that more disjuncts join.
"""

from analyzer.ir import (
    Addr,
    Assign,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Function,
    Havoc,
    Index,
    Name,
    Return,
    Switch,
    operands,
    successors,
)


def live_in(function: Function) -> tuple[frozenset[str], ...]:
    """Return for each block the names that may be read before they are written."""
    uses: list[set[str]] = []
    kills: list[set[str]] = []
    pinned: set[str] = set()
    for block in function.blocks:
        used: set[str] = set()
        killed: set[str] = set()

        def read(expression: Expr, used: set[str] = used, killed: set[str] = killed) -> None:
            for name in names_in(expression, pinned):
                if name not in killed:
                    used.add(name)

        for instruction in block.instructions:
            if isinstance(instruction, Assign):
                read(instruction.value)
                if isinstance(instruction.target, Name):
                    killed.add(instruction.target.name)
                else:
                    read(instruction.target)
            elif isinstance(instruction, Call):
                read(instruction.callee)
                for argument in instruction.arguments:
                    read(argument)
                killed.add(instruction.result)
            elif isinstance(instruction, Havoc):
                if isinstance(instruction.target, Name):
                    killed.add(instruction.target.name)
                else:
                    read(instruction.target)
        terminator = block.terminator
        if isinstance(terminator, Branch):
            read(terminator.condition)
        elif isinstance(terminator, Switch):
            read(terminator.value)
            for low, high, _ in terminator.cases:
                read(low)
                if high is not None:
                    read(high)
        elif isinstance(terminator, Return) and terminator.value is not None:
            read(terminator.value)
        uses.append(used)
        kills.append(killed)
    live = [set(used) for used in uses]
    changed = True
    while changed:
        changed = False
        for number in range(len(function.blocks) - 1, -1, -1):
            out: set[str] = set()
            for target in successors(function.blocks[number].terminator):
                out |= live[target]
            new = uses[number] | (out - kills[number])
            if new != live[number]:
                live[number] = new
                changed = True
    return tuple(frozenset(names | pinned) for names in live)


def fields_in(expression: Expr) -> set[object]:
    """Return the names of the fields that an expression reads, "*" for a plain dereference."""
    found: set[object] = set()
    stack = [expression]
    while stack:
        item = stack.pop()
        if isinstance(item, Field):
            found.add(item.name)
        elif isinstance(item, Deref):
            found.add("*")
        stack += operands(item)
    return found


def names_in(expression: Expr, pinned: set[str]) -> list[str]:
    """Return the names that an expression reads; adds to `pinned` those whose address it takes."""
    found: list[str] = []
    stack = [expression]
    while stack:
        item = stack.pop()
        if isinstance(item, Name):
            found.append(item.name)
        elif isinstance(item, Addr):
            inner: Expr = item.base
            while isinstance(inner, Field | Index):
                inner = inner.base
            if isinstance(inner, Name):
                pinned.add(inner.name)
        stack += operands(item)
    return found
