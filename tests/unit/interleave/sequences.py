"""The isolation protocol of each generation as hand-written contexts: isolator/migrator A and B, freeing owner C.

Flags: `movable` is the mark that the lock-free scan reads, `ops` the pointer
to the owner's callbacks, `isolated` the mark of an isolated page. The faults
that a variant can be given are its keyword arguments.
"""

from dataclasses import dataclass

from analyzer.interleave import (
    DISOWN,
    GET,
    PUT,
    REFERENCED,
    Atom,
    Context,
    ContextBuilder,
    Flag,
    Invariant,
    Page,
    SearchResult,
    acquire,
    busy,
    callback,
    flag_is,
    list_add,
    list_del,
    listed_is,
    owned_is,
    release,
    search,
    set_flag,
    standard_invariants,
)

LOCK = "page lock"
TAKE = acquire(LOCK)
DROP = release(LOCK)

SCAN = "migrate_ctx_A", "migrate_ctx_B"
OWNER = "owner_ctx_C"


@dataclass(frozen=True)
class Scenario:
    """All that one search needs."""

    page: Page
    contexts: tuple[Context, ...]
    invariants: tuple[Invariant, ...]

    def search(self) -> SearchResult:
        return search(self.page, self.contexts, self.invariants)


def broken(result: SearchResult) -> set[str]:
    return {violation.invariant.id for violation in result.violations}


def _page(*flags: Flag) -> Page:
    return Page(lock=LOCK, flags=flags)


def _scenario(page: Page, contexts: tuple[Context, ...]) -> Scenario:
    return Scenario(page, contexts, standard_invariants(page))


def _isolation(
    builder: ContextBuilder,
    accept: tuple[Atom, ...],
    retest: tuple[Atom, ...],
    *,
    trylock: bool = True,
    recheck: bool = True,
) -> None:
    """Add the isolator's way from `scan` to `accepted`, where the callback has let it have the page.

    Once the page is marked and unlocked, at `unlocked`, it goes on the list.
    The callback may refuse for a reason that is not modelled.
    """
    builder.edge("scan", "seen", flag_is("movable"), flag_is("isolated", False), text="sees a movable page")
    builder.edge("seen", "pinned", REFERENCED, GET, text="get_page_unless_zero")
    builder.edge("pinned", "typed", flag_is("movable"), text="is movable")
    builder.edge("pinned", "put", flag_is("movable", False), text="is not movable")
    if trylock:
        builder.trylock("typed", "locked", "put", LOCK, text="trylock_page")
    else:
        builder.edge("typed", "locked")
    if recheck:
        builder.edge("locked", "callback", *retest, text="is movable and not isolated")
        for guard in retest:
            builder.edge("locked", "refuse", Atom(guard.op, guard.name, not guard.value), text="is no longer so")
    else:
        builder.edge("locked", "callback")
    builder.edge("callback", "accepted", *accept, text="isolate_page")
    builder.edge("callback", "refuse", text="")
    builder.edge("refuse", "put", DROP, text="unlock_page")
    builder.edge("put", "gone", PUT, text="put_page")
    builder.edge("unlocked", "listed", list_add(), text="list_add")


def _dispose(builder: ContextBuilder) -> None:
    """Add what follows a migration: from `done` the reference is dropped, from `fail` the page is put back.

    Both are entered with the lock held; the putback itself, from `putback
    locked` to `restored`, is the generation's own.
    """
    builder.edge("done", "done unlocked", DROP, text="unlock_page")
    builder.edge("done unlocked", "put", list_del(), text="list_del")
    builder.edge("fail", "fail unlocked", DROP, text="unlock_page")
    builder.edge("fail unlocked", "putback", list_del(), text="list_del")
    builder.edge("putback", "putback locked", TAKE, text="lock_page")
    builder.edge("restored", "put", DROP, text="unlock_page")


def _owner_takes_lock(builder: ContextBuilder, trylock: str, lock: str = "") -> None:
    """Add the owner's way from `start` to `locked`; the page is its own at both ends, or it stops."""
    builder.edge("start", "empty", owned_is(), text="last object freed")
    builder.edge("empty", "locked", TAKE, owned_is(), text=trylock)
    if lock:
        builder.edge("empty", "worker", busy(LOCK), text=f"{trylock} fails")
        builder.edge("worker", "locked", TAKE, owned_is(), text=lock)


def _owner_lets_go(builder: ContextBuilder) -> None:
    """Add the owner's way from `reset`, with the lock held, to its end."""
    builder.edge("reset", "released", DISOWN, text="owner forgets the page")
    builder.edge("released", "unlocked", DROP, text="unlock_page")
    builder.edge("unlocked", "gone", PUT, text="put_page")


def v3() -> Scenario:
    """Return the 2016 posting: two marks for three states, the owner writes both."""
    page = _page(Flag("movable", initial=True), Flag("isolated"))
    contexts = []
    live = (flag_is("movable"), flag_is("isolated", False))
    for name in SCAN:
        builder = ContextBuilder(name, "isolator")
        _isolation(builder, (callback("isolate"),), live)
        builder.edge("accepted", "marked", set_flag("isolated"), text="SetPageIsolated")
        builder.edge("marked", "unlocked", DROP, text="unlock_page")
        builder.edge("listed", "window", TAKE, text="lock_page")
        builder.edge("window", "released page", flag_is("movable"), flag_is("isolated", False), text="was released")
        builder.edge("released page", "done", set_flag("movable", False), text="__ClearPageMovable")
        builder.edge("window", "migrate", flag_is("movable"), flag_is("isolated"), text="is isolated")
        builder.edge("migrate", "migrated", callback("migrate"), text="migratepage")
        builder.edge("migrated", "clean", set_flag("isolated", False), text="ClearPageIsolated")
        builder.edge("clean", "moved", set_flag("movable", False), text="__ClearPageMovable")
        builder.edge("moved", "dropped", DISOWN, text="old page replaced")
        builder.edge("dropped", "done", PUT, text="put_page")
        builder.edge("migrate", "fail", callback("migrate"), text="migratepage fails")
        builder.edge("putback locked", "still", flag_is("isolated"), text="is isolated")
        builder.edge("still", "put back", callback("putback"), text="putback_page")
        builder.edge("put back", "restored", set_flag("isolated", False), text="ClearPageIsolated")
        builder.edge("putback locked", "stale", flag_is("isolated", False), text="was released")
        builder.edge("stale", "restored", set_flag("movable", False), text="__ClearPageMovable")
        _dispose(builder)
        contexts.append(builder.build("scan"))
    builder = ContextBuilder(OWNER, "owner")
    _owner_takes_lock(builder, "trylock_page until it succeeds")
    _clear_by_duty_five(builder, set_flag("movable", False))
    _owner_lets_go(builder)
    contexts.append(builder.build("start"))
    return _scenario(page, tuple(contexts))


def _clear_by_duty_five(builder: ContextBuilder, clear: Atom) -> None:
    """Add the owner's way from `locked` to `reset` as the 2016 posting asked: keep the mark of an isolated page."""
    builder.edge("locked", "keep", flag_is("isolated"), text="is isolated: keeps movable")
    builder.edge("locked", "clear", flag_is("isolated", False), text="is not isolated")
    builder.edge("clear", "keep", clear, text="__ClearPageMovable")
    builder.edge("keep", "reset", set_flag("isolated", False), text="ClearPageIsolated")


def v4(
    *,
    owner_keeps_ops: bool = False,
    owner_clears_isolated: bool = False,
    owner_locks: bool = True,
    trylock: bool = True,
    recheck: bool = True,
) -> Scenario:
    """Return 4.8 to 6.16: the type mark stays, the operations go when the owner does, isolated is the core's."""
    page = _page(Flag("movable", initial=True), Flag("ops", initial=True), Flag("isolated"))
    contexts = []
    live = (flag_is("movable"), flag_is("ops"), flag_is("isolated", False))
    for name in SCAN:
        builder = ContextBuilder(name, "isolator")
        _isolation(builder, (callback("isolate"),), live, trylock=trylock, recheck=recheck)
        builder.edge("accepted", "marked", set_flag("isolated"), text="SetPageIsolated")
        builder.edge("marked", "unlocked", DROP, text="unlock_page")
        builder.edge("listed", "window", TAKE, text="lock_page")
        builder.edge("window", "released page", flag_is("ops", False), text="was released")
        builder.edge("window", "migrate", flag_is("ops"), text="has operations")
        builder.edge("migrate", "moved", callback("migrate"), text="migrate_page")
        builder.edge("moved", "cleared", set_flag("ops", False), text="__ClearPageMovable")
        builder.edge("cleared", "replaced", DISOWN, text="old page replaced")
        builder.edge("replaced", "released page", PUT, text="put_page")
        builder.edge("released page", "done", set_flag("isolated", False), text="ClearPageIsolated")
        builder.edge("migrate", "retry", callback("migrate"), text="migrate_page: -EAGAIN")
        builder.edge("retry", "listed", DROP, text="unlock_page")
        builder.edge("migrate", "fail", callback("migrate"), text="migrate_page fails")
        builder.edge("putback locked", "alive", flag_is("ops"), text="has operations")
        builder.edge("alive", "put back", callback("putback"), text="putback_page")
        builder.edge("putback locked", "put back", flag_is("ops", False), text="was released")
        builder.edge("put back", "restored", set_flag("isolated", False), text="ClearPageIsolated")
        _dispose(builder)
        contexts.append(builder.build("scan"))
    owner = ContextBuilder(OWNER, "owner")
    if owner_locks:
        _owner_takes_lock(owner, "trylock_page", "lock_page")
        _owner_lets_go(owner)
    else:
        owner.edge("start", "locked", owned_is(), text="last object freed")
        owner.edge("reset", "unlocked", DISOWN, text="owner forgets the page")
        owner.edge("unlocked", "gone", PUT, text="put_page")
    if owner_keeps_ops:
        _clear_by_duty_five(owner, set_flag("ops", False))
    elif owner_clears_isolated:
        owner.edge("locked", "cleared", set_flag("ops", False), text="__ClearPageMovable")
        owner.edge("cleared", "reset", set_flag("isolated", False), text="ClearPageIsolated")
    else:
        owner.edge("locked", "reset", set_flag("ops", False), text="__ClearPageMovable")
    contexts.append(owner.build("start"))
    return _scenario(page, tuple(contexts))


def v6_17(*, callback_refuses: bool = True, owner_clears_isolated: bool = False) -> Scenario:
    """Return 6.17 on: the mark is sticky, so the owner's callback must refuse a page that it has released."""
    page = _page(Flag("movable", initial=True), Flag("isolated"))
    contexts = []
    alive = (owned_is(),) if callback_refuses else ()
    for name in SCAN:
        builder = ContextBuilder(name, "isolator")
        _isolation(builder, (*alive, callback("isolate")), (flag_is("isolated", False),))
        builder.edge("accepted", "marked", set_flag("isolated"), text="SetPageMovableOpsIsolated")
        builder.edge("marked", "unlocked", DROP, text="unlock_page")
        builder.edge("listed", "window", TAKE, text="lock_page")
        builder.edge("window", "cleared", owned_is(False), text="migrate_page: page was released")
        builder.edge("window", "moved", owned_is(), callback("migrate"), text="migrate_page")
        builder.edge("moved", "replaced", DISOWN, text="old page replaced")
        builder.edge("replaced", "cleared", PUT, text="put_page")
        builder.edge("cleared", "done", set_flag("isolated", False), text="ClearPageMovableOpsIsolated")
        builder.edge("window", "retry", owned_is(), callback("migrate"), text="migrate_page: -EAGAIN")
        builder.edge("retry", "listed", DROP, text="unlock_page")
        builder.edge("window", "fail", owned_is(), callback("migrate"), text="migrate_page fails")
        builder.edge("putback locked", "put back", owned_is(), callback("putback"), text="putback_page")
        builder.edge("putback locked", "put back", owned_is(False), text="putback_page: page was released")
        builder.edge("put back", "restored", set_flag("isolated", False), text="ClearPageMovableOpsIsolated")
        _dispose(builder)
        contexts.append(builder.build("scan"))
    owner = ContextBuilder(OWNER, "owner")
    _owner_takes_lock(owner, "trylock_page", "lock_page")
    if owner_clears_isolated:
        owner.edge("locked", "reset", set_flag("isolated", False), text="ClearPageMovableOpsIsolated")
    else:
        owner.edge("locked", "reset")
    _owner_lets_go(owner)
    contexts.append(owner.build("start"))
    return _scenario(page, tuple(contexts))


def balloon(*, callback_refuses: bool = True) -> Scenario:
    """Return a balloon of 2026, which knows a lock and a list of its own and leaves the page lock to the core."""
    guard = "balloon_pages_lock"
    pages = "balloon pages"
    page = Page(
        lock=LOCK,
        flags=(Flag("movable", initial=True), Flag("isolated")),
        other_locks=(guard,),
        lists=(pages,),
        on_lists=(pages,),
    )
    contexts = []
    for name in SCAN:
        builder = ContextBuilder(name, "isolator")
        _isolation(builder, (acquire(guard),), (flag_is("isolated", False),))
        alive = (owned_is(),) if callback_refuses else ()
        builder.edge("accepted", "mine", *alive, callback("isolate"), list_del(pages), text="list_del")
        builder.edge("accepted", "dead", owned_is(False), text="was released")
        builder.edge("dead", "refuse", release(guard), text="spin_unlock")
        builder.edge("mine", "back", release(guard), text="spin_unlock")
        builder.edge("back", "marked", set_flag("isolated"), text="SetPageMovableOpsIsolated")
        builder.edge("marked", "unlocked", DROP, text="unlock_page")
        builder.edge("listed", "locked again", TAKE, text="lock_page")
        builder.edge("locked again", "window", acquire(guard), text="spin_lock")
        builder.edge("window", "cleared", owned_is(False), release(guard), text="page was released")
        builder.edge("window", "moved", owned_is(), callback("migrate"), DISOWN, text="old page replaced")
        builder.edge("moved", "replaced", release(guard), text="spin_unlock")
        builder.edge("replaced", "cleared", PUT, text="put_page")
        builder.edge("cleared", "done", set_flag("isolated", False), text="ClearPageMovableOpsIsolated")
        builder.edge("listed", "putback", list_del(), text="list_del")
        builder.edge("putback locked", "guarded", acquire(guard), text="spin_lock")
        builder.edge("guarded", "put back", owned_is(), callback("putback"), list_add(pages), text="list_add")
        builder.edge("guarded", "put back", owned_is(False), text="page was released")
        builder.edge("put back", "open", release(guard), text="spin_unlock")
        builder.edge("open", "restored", set_flag("isolated", False), text="ClearPageMovableOpsIsolated")
        _dispose(builder)
        contexts.append(builder.build("scan"))
    owner = ContextBuilder(OWNER, "owner")
    owner.edge("start", "locked", acquire(guard), text="spin_lock")
    owner.edge("locked", "taken", listed_is(pages), list_del(pages), text="list_del")
    owner.edge("locked", "unlocked, nothing", release(guard), text="spin_unlock")
    owner.edge("taken", "released", DISOWN, text="set_page_private")
    owner.edge("released", "unlocked", release(guard), text="spin_unlock")
    owner.edge("unlocked", "gone", PUT, text="put_page")
    contexts.append(owner.build("start"))
    return _scenario(page, tuple(contexts))
