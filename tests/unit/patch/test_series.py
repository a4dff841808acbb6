"""How mails become series when the stream is long and mixed."""

import io
from collections.abc import Iterator
from itertools import permutations

from analyzer.patch import Patch, gather_series, parse_patch, read_messages, series_of
from analyzer.patch.parse import read_subject

DIFF = "---\n--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-a;\n+b;\n"


def mail(subject: str, name: str, parent: str = "", sender: str = "a@example.org", diff: str = DIFF) -> Patch:
    reply = f"In-Reply-To: <{parent}>\nReferences: <{parent}>\n" if parent else ""
    text = f"From: {sender}\nSubject: {subject}\nMessage-ID: <{name}>\n{reply}\nWords.\n{diff}"
    (message,) = read_messages(io.BytesIO(text.encode()), "mbox")
    return parse_patch(message)


def posting(name: str, version: str = "", total: int = 3) -> list[Patch]:
    cover = mail(f"[PATCH{version} 0/{total}] {name}", f"{name}{version}-0", diff="")
    numbers = range(1, total + 1)
    return [
        cover,
        *(mail(f"[PATCH{version} {n}/{total}] {name} {n}", f"{name}{version}-{n}", cover.message_id) for n in numbers),
    ]


def shapes(patches: list[Patch], held: int | None = None) -> list[tuple[str, int, list[int]]]:
    return [(s.title, s.version, [p.number for p in s.patches]) for s in gather_series(patches, held)]


def test_two_series_of_one_sender_are_kept_apart_by_their_threads() -> None:
    one, two = posting("one"), posting("two")
    mixed = [patch for pair in zip(one, two, strict=True) for patch in pair]
    assert shapes(mixed) == [("one", 1, [1, 2, 3]), ("two", 1, [1, 2, 3])]


def test_series_of_one_sender_whose_first_patch_is_the_root_stay_apart_in_any_order() -> None:
    def rooted(name: str) -> list[Patch]:
        parents = ["", f"{name}-1", f"{name}-1"]
        return [mail(f"[PATCH {n}/3] {name} {n}", f"{name}-{n}", parent) for n, parent in enumerate(parents, start=1)]

    for order in permutations(range(6)):
        mails = [*rooted("one"), *rooted("two")]
        found = shapes([mails[at] for at in order])
        assert sorted(found) == [("one 1", 1, [1, 2, 3]), ("two 1", 1, [1, 2, 3])]


def test_a_chain_of_replies_is_one_series_in_any_order() -> None:
    chain = [mail(f"[PATCH {n}/4] step {n}", f"m{n}", f"m{n - 1}" if n > 1 else "") for n in (1, 2, 3, 4)]
    for order in permutations(chain):
        assert shapes(list(order)) == [("step 1", 1, [1, 2, 3, 4])]


def test_a_series_without_threads_is_one() -> None:
    assert shapes([mail(f"[PATCH {n}/3] step {n}", f"m{n}") for n in (2, 1, 3)]) == [("step 1", 1, [1, 2, 3])]


def test_the_order_of_arrival_does_not_matter() -> None:
    assert shapes(posting("one")[::-1]) == [("one", 1, [1, 2, 3])]


def test_a_full_window_lets_the_oldest_posting_go() -> None:
    patches = posting("one") + posting("two") + posting("three")
    assert shapes(patches, held=4) == shapes(patches)


def test_a_window_bounds_what_is_held() -> None:
    pulled = 0

    def endless() -> Iterator[Patch]:
        nonlocal pulled
        for number in range(500):
            pulled += 1
            yield mail(f"[PATCH] change {number}", f"m{number}")

    first = next(iter(gather_series(endless(), held=50)))
    assert first.title == "change 0" and pulled == 51


def test_versions_of_a_single_patch_are_one() -> None:
    patches = [mail(f"[PATCH{v}] fix it", f"m{v}") for v in (" v3", "", " v2")]
    assert shapes(patches) == [("fix it", 3, [0])]


def test_singles_of_other_titles_stay() -> None:
    assert len(series_of([mail("[PATCH] one", "1"), mail("[PATCH] two", "2")])) == 2


def test_the_same_mail_from_two_lists_counts_once() -> None:
    (series,) = series_of([*posting("one"), *posting("one")])
    assert len(series.patches) == 3 and "4 duplicate mails are left out" in series.notes


def test_a_cover_letter_alone_is_a_series_without_patches() -> None:
    (series,) = series_of(posting("one")[:1])
    assert series.patches == () and series.missing == (1, 2, 3)


def test_subjects() -> None:
    assert read_subject("[PATCH v2 03/10 mm] a: b") == (3, 10, 2, "a: b")
    assert read_subject("Re: [RFC PATCH 07 of 11] x") == (7, 11, 1, "x")
    assert read_subject("[-mm][splitlru][PATCH 2/3] split LRU") == (2, 3, 1, "split LRU")
    assert read_subject("[patch V4] [1/2] y") == (1, 2, 4, "y")
    assert read_subject("[PATCHv3 resend] z") == (0, 0, 3, "z")
    assert read_subject("[PATCH v4.19 2/3] x") == (2, 3, 1, "x")
    assert read_subject("[PATCH] (7/9) symlink patchkit") == (7, 9, 1, "symlink patchkit")
    assert read_subject("[PATCH] 2/5: x") == (2, 5, 1, "x")
    assert read_subject("[PATCH] 1/2-page alignment") == (0, 0, 1, "1/2-page alignment")
    assert read_subject("mm: v2 of everything 1/2") == (0, 0, 1, "mm: v2 of everything 1/2")
