"""Snapshots on disk, so that a second run costs what changed.

One SQLite file holds a row a tree: the snapshot, the stamps of its files, and a
digest of both; and a row a file: what is known of its functions, read only when
the file is analysed again. A row is found under a key that covers everything that a result
depends on beside the files (engine, model, rules), is read and written in one
transaction, and is believed only when its digest is right. A file that is
damaged, foreign or of another version is thrown away and begun anew. Nothing
here ever fails a run: what goes wrong becomes a note.
"""

import gc
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import msgspec

from analyzer.driver.options import Options
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.stamps import Stamps

APPLICATION = 0x7061676C
VERSION = 2
KEPT_ROWS = 12
PARSERS = ("tree_sitter", "tree_sitter_c")

_TABLES = {
    "snapshot": "key BLOB, tree TEXT, used INTEGER, digest BLOB, stamps BLOB, state BLOB, PRIMARY KEY (key, tree)",
    "functions": "key BLOB, path BLOB, digest BLOB, known BLOB, PRIMARY KEY (key, path)",
}

Answer = TypeVar("Answer")


class Entry(msgspec.Struct, frozen=True):
    """What is stored of one tree; `tree` is its git tree id, "" for a folder."""

    tree: str
    snapshot: Snapshot
    stamps: Stamps | None = None


class Cache:
    """The cache in one folder; `notes` says what was wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "snapshots.db"
        self.notes: list[str] = []

    def load(self, key: bytes, tree: str = "") -> Entry | None:
        """Return the entry of a tree; without one of this very id the newest under the key, or None."""
        query = "SELECT tree, digest, stamps, state FROM snapshot WHERE key = ? ORDER BY tree = ? DESC, used DESC"
        row = self._transact(lambda connection: connection.execute(query, (key, tree)).fetchone())
        if row is None:
            return None
        entry = _decode(*row)
        if entry is None:
            self.notes.append("a damaged entry of the cache was not used")
        return entry

    def load_functions(self, key: bytes, path: str) -> bytes:
        """Return what is known of the functions of one file, b"" for nothing."""
        query, place = "SELECT digest, known FROM functions WHERE key = ? AND path = ?", _path_bytes(path)
        row = self._transact(lambda connection: connection.execute(query, (key, place)).fetchone())
        if row is None:
            return b""
        if not isinstance(row[1], bytes) or _functions_digest(place, row[1]) != row[0]:
            self.notes.append("a damaged entry of the cache was not used")
            return b""
        return row[1]

    def save(self, key: bytes, entry: Entry, functions: Mapping[str, bytes] | None = None) -> None:
        """Store an entry in place of the one of the same tree; the oldest entries go.

        functions: what is known of the functions of files, by path.
        """
        known = [
            (key, place := _path_bytes(path), _functions_digest(place, data), data)
            for path, data in sorted((functions or {}).items())
        ]
        stamps, state = msgspec.msgpack.encode(entry.stamps), msgspec.msgpack.encode(entry.snapshot)
        row = (key, entry.tree, time.time_ns(), _digest(entry.tree, stamps, state), stamps, state)

        def store(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)", row)
            newest = "SELECT rowid FROM snapshot ORDER BY used DESC LIMIT ?"
            connection.execute(f"DELETE FROM snapshot WHERE rowid NOT IN ({newest})", (KEPT_ROWS,))
            connection.executemany("INSERT OR REPLACE INTO functions VALUES (?, ?, ?, ?)", known)
            connection.execute("DELETE FROM functions WHERE key NOT IN (SELECT key FROM snapshot)")
            connection.execute("COMMIT")

        self._transact(store)

    def _transact(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
        """Return what `work` does with the database; None, and a note, when there is none to work with."""
        for _ in range(2):
            try:
                with closing(self._open()) as connection:
                    return work(connection)
            except sqlite3.OperationalError as error:  # locked for too long, read-only, disk full
                self.notes.append(f"the cache was not used: {error}")
                return None
            except (sqlite3.DatabaseError, _Unusable) as error:
                self.notes.append(f"the cache is begun anew: {error}")
                self._discard()
            except OSError as error:
                self.notes.append(f"the cache was not used: {error.strerror or error}")
                return None
        return None

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        try:
            if _marks(connection) != (APPLICATION, VERSION):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                _begin(connection)
                connection.execute("COMMIT")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            try:
                os.unlink(f"{self.file}{suffix}")
            except OSError:
                continue


@dataclass
class CachedFunctions:
    """What the cache knows of the functions of one tree; with `lasting`, `learnt` collects what is to be saved."""

    cache: Cache
    key: bytes
    lasting: bool
    learnt: dict[str, bytes] = field(default_factory=dict)

    def recall(self, path: str) -> bytes:
        """Return what is kept of one file, b"" for nothing."""
        return self.cache.load_functions(self.key, path)

    def keep(self, path: str, known: bytes) -> None:
        """Collect what is known of one file."""
        self.learnt[path] = known


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return whose database this is, and of which version."""
    names = ("application_id", "user_version")
    application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return application, version


def _begin(connection: sqlite3.Connection) -> None:
    """Make an empty database ours, unless another run has just done so; raise _Unusable for any other."""
    marks = _marks(connection)
    if marks == (APPLICATION, VERSION):
        return
    if marks != (0, 0) or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _Unusable("it is not of this version of pagelint")
    for table, columns in _TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


class _Unusable(Exception):
    """The database is none of ours."""


def cache_key(tree: str, options: Options, with_tree: bool) -> bytes:
    """Return the key of a tree's entries: it changes with the engine, its parsers, the model and the rules."""
    digest = hashlib.blake2b(digest_size=16)
    for name, data in (
        ("tree", tree.encode("utf-8", "surrogateescape")),
        ("with-tree", bytes([with_tree])),
        *_inputs(options),
    ):
        digest.update(f"{name} {len(data)}\n".encode("utf-8", "surrogateescape") + data)
    return digest.digest()


def _inputs(options: Options) -> Iterator[tuple[str, bytes]]:
    code = Path(str(files("analyzer")))
    data = Path(str(files("analyzer.rules")))
    for folder, pattern in ((code, "*.py"), (data, "*.toml")):
        for path in sorted(folder.rglob(pattern)):
            stat = path.stat()
            yield str(path), f"{stat.st_size} {stat.st_mtime_ns}".encode()
    for name in PARSERS:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            stat = os.stat(spec.origin)
            yield name, f"{spec.origin} {stat.st_size} {stat.st_mtime_ns}".encode()
    models = list(options.models)
    for path in (*models, *(file for folder in options.rules for file in sorted(folder.glob("*.toml")))):
        yield str(path.name), path.read_bytes()


def _digest(tree: str, stamps: bytes, state: bytes) -> bytes:
    return hashlib.blake2b(f"{tree} {len(stamps)}\n".encode() + stamps + state, digest_size=16).digest()


def _path_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _functions_digest(place: bytes, known: bytes) -> bytes:
    return hashlib.blake2b(b"%d\n%s%s" % (len(place), place, known), digest_size=16).digest()


def _decode(tree: object, digest: object, stamps: object, state: object) -> Entry | None:
    """Return the entry of a row; None when the row is not what was written."""
    if not (isinstance(tree, str) and isinstance(stamps, bytes) and isinstance(state, bytes)):
        return None
    if _digest(tree, stamps, state) != digest:
        return None
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of objects that all stay: collecting costs ten times the decoding
    try:
        return Entry(
            tree,
            msgspec.msgpack.decode(state, type=Snapshot),
            msgspec.msgpack.decode(stamps, type=Stamps | None),
        )
    except (msgspec.DecodeError, RecursionError):
        return None
    finally:
        if collecting:
            gc.enable()
