"""How work is handed out: every input once, none left to wait for, and near where it was before."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from analyzer.driver.executor import Parts, open_workers


def _echo(setting: object, batch: list[int]) -> list[tuple[object, int]]:
    return [(setting, one) for one in batch]


def test_processes_do_every_input_once() -> None:
    with open_workers(2) as workers:
        found = list(workers.map_batches(_echo, "setting", list(range(100)), 7, str))

    assert sorted(found) == [("setting", number) for number in range(100)]


@given(
    st.lists(st.lists(st.integers(), max_size=40), min_size=1, max_size=3),
    st.integers(min_value=1, max_value=9),
    st.lists(st.integers(min_value=0, max_value=2), max_size=200),
)
def test_parts_are_all_inputs(shards: list[list[int]], largest: int, asked: list[int]) -> None:
    parts = Parts([deque(shard) for shard in shards], largest)
    order = [number % len(shards) for number in asked] + [0] * 120
    taken = [parts.take(number, busy=False) for number in order]

    assert all(len(part) <= largest for part in taken)
    assert sorted(one for part in taken for one in part) == sorted(one for shard in shards for one in shard)


def test_own_inputs_come_first_and_parts_get_smaller() -> None:
    parts = Parts([deque(range(24)), deque(range(100, 106))], 12)

    assert [len(parts.take(1, busy=True)) for _ in range(6)] == [1] * 6
    assert parts.take(0, busy=True) == [0, 1, 2, 3]
    assert parts.take(1, busy=True) == []
    assert parts.take(1, busy=False) == [23, 22, 21, 20]
    assert parts.take(0, busy=True) == [4, 5, 6]
