"""What calls through the fields of operations tables do, kept up to date while a tree is analysed."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

import msgspec

from analyzer.driver.searches import PUBLIC, Searches
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.tables import Operation, TableEntry, make_operation

MAX_TURNS = 8
"""How often what calls through one field do may change in a run before nothing is known of them."""

SearchIn = Callable[[Sequence[str], Mapping[str, str]], None]


class FieldCalls:
    """The tables of all files, and what their fields come down to, in the snapshot's `operations`."""

    def __init__(
        self, snapshot: Snapshot, searches: Searches, files: list[str], promised: Set[str], search_in: SearchIn
    ) -> None:
        """Take the files of the tree, and the fields of which a contract speaks: those are none of its business.

        search_in: looks for names in files, and notes where they stand.
        """
        self.snapshot = snapshot
        self.searches = searches
        self.files = files
        self.promised = promised
        self.search_in = search_in
        self.tables: dict[str, dict[str, tuple[TableEntry, ...]]] = {}
        self.rebound: set[str] = set()
        """Fields of tables of which not all is as it was."""
        self.turns: dict[str, int] = {}

    def register(self, path: str, old: tuple[TableEntry, ...], new: tuple[TableEntry, ...]) -> None:
        """Note what the tables of one file hold in place of what they held."""
        fields = {entry.field for entry in (*old, *new)}
        for name in fields:
            entries = tuple(entry for entry in new if entry.field == name)
            known = self.tables.setdefault(name, {})
            if known.get(path, ()) != entries:
                self.rebound.add(name)
                known[path] = entries

    def read_again(self, gone: frozenset[str], present: list[str]) -> None:
        """Forget the declarations of files that changed or are gone, and read those that are still there."""
        self._forget_declarations(gone)
        self._find_owners(self.snapshot.owners.keys(), present)
        self._find_members(self.snapshot.members.keys(), present)

    def follow(self) -> set[str]:
        """Bring up to date what calls through fields do; return the calls, as written, that do something else now."""
        snapshot = self.snapshot
        fields = sorted(snapshot.owners.keys() | (self.rebound & self._bound_fields()))
        self.rebound = set()
        fresh = frozenset(name for name in fields if name not in snapshot.owners)
        for name in fresh:
            snapshot.owners[name] = {}
        self._find_owners(fresh, self.files)
        made = {name: self._operation(name) for name in fields}
        unclear = {struct for operation in made.values() if not operation.sole for struct in operation.effects}
        fresh_types = unclear - snapshot.members.keys()
        for struct in fresh_types:
            snapshot.members[struct] = {}
        self._find_members(fresh_types, self.files)
        operations = {name: self._with_members(operation) for name, operation in made.items()}
        changed = {name: now for name, now in operations.items() if now != snapshot.operations.get(name)}
        snapshot.operations |= changed
        self._find_users({name: now for name, now in changed.items() if now.effects})
        for name in changed:
            self.turns[name] = self.turns.get(name, 0) + 1
        return {written for name in changed for written in _as_fields([name])}

    def _bound_fields(self) -> set[str]:
        """Return the fields that hold a function which does something to a page, and no contract speaks of."""
        return {
            name
            for name, by_file in self.tables.items()
            if name not in self.promised and any(e.matters for found in by_file.values() for e in found)
        }

    def _operation(self, name: str) -> Operation:
        known = self.tables.get(name, {})
        entries = [entry for path in sorted(known) if path in self.snapshot.carriers for entry in known[path]]
        if name in self.promised or self.turns.get(name, 0) >= MAX_TURNS:
            entries = []
        owners = self.snapshot.owners[name].values()
        return make_operation(name, entries, frozenset(struct for found in owners for struct in found))

    def _with_members(self, operation: Operation) -> Operation:
        if operation.sole:
            return operation
        known = [found for struct in operation.effects for found in self.snapshot.members[struct].values()]
        return msgspec.structs.replace(operation, members=tuple(sorted({one for found in known for one in found})))

    def _forget_declarations(self, paths: frozenset[str]) -> None:
        for owners in self.snapshot.owners.values():
            for path in owners.keys() & paths:
                del owners[path]
        for members in self.snapshot.members.values():
            for path in members.keys() & paths:
                del members[path]

    def _find_members(self, types: Iterable[str], files: Sequence[str]) -> None:
        """Learn which structs have members of some struct types, in files that speak of pages or are shared."""
        wanted = frozenset(types)
        paths = self._declaring(files)
        members = self.snapshot.members
        for path, found in self.searches.members(wanted, paths):
            for name in {kind for kind, _, _ in found}:
                members[name][path] = tuple(sorted(one for one in found if one[0] == name))

    def _declaring(self, files: Sequence[str]) -> list[str]:
        return [p for p in files if p in self.snapshot.carriers or PUBLIC in p]

    def _find_owners(self, fields: Iterable[str], files: Sequence[str]) -> None:
        """Learn which structs declare function pointers of some names, in files that speak of pages or are shared."""
        wanted = frozenset(fields)
        paths = self._declaring(files)
        owners = self.snapshot.owners
        for path, found in self.searches.owners(wanted, paths):
            for name in {pointer for pointer, _ in found}:
                owners[name][path] = tuple(sorted(struct for pointer, struct in found if pointer == name))

    def _find_users(self, operations: Mapping[str, Operation]) -> None:
        """Look for tables and callers of fields: everywhere when one struct has it, else where the struct is named."""
        carriers = [p for p in self.files if p in self.snapshot.carriers]
        everywhere: set[str] = set()
        near: dict[str, frozenset[str]] = {}
        for name, operation in operations.items():
            ways = {f"{member}{sign}{name}" for _, _, member in operation.members for sign in ("->", ".")}
            structs = frozenset([""]) if operation.sole else frozenset(operation.effects) | ways
            known = self.snapshot.followed.get(name, frozenset())
            if not structs - known or "" in known:
                continue
            self.snapshot.followed[name] = known | structs
            if operation.sole:
                everywhere.add(name)
            else:
                near[name] = structs - known
        self.search_in(carriers, _as_fields(everywhere))
        if near:
            mentioned = frozenset().union(*near.values())
            found = list(self.searches.mentions(mentioned, carriers))
            for name, wanted in near.items():
                self.search_in(sorted(path for path, here in found if here & wanted), _as_fields([name]))


def _as_fields(names: Iterable[str]) -> dict[str, str]:
    """Return the ways to write the fields of some names, each to be looked for everywhere."""
    return {f"{access}{name}": "" for name in names for access in ("->", ".")}
