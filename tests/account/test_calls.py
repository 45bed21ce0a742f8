"""What a poll of calls reads: the least that misses nothing."""

from exporter.account.calls import OVERLAP, RECHECK, CallBook
from exporter.aircall.objects import Call, Ref

NOW = 1_780_000_000


def talking(id_: int, age: int, user: int | None = None) -> Call:
    return Call(id_, "inbound", "answered", NOW - age, NOW - age + 5, user=Ref(user or id_))


def done(id_: int, age: int) -> Call:
    return Call(id_, "inbound", "done", NOW - age, NOW - age + 5, NOW - age + 60, user=Ref(id_))


def book(*calls: Call, seen_at: float = NOW) -> CallBook:
    filled = CallBook()
    for call in calls:
        filled.saw(call, seen_at)
    filled.completed(NOW)
    return filled


def nobody(call: Call, since: float) -> bool:
    return False


def everybody(call: Call, since: float) -> bool:
    return True


def test_at_first_the_whole_period() -> None:
    assert CallBook().to_read(NOW - 900, NOW, nobody).since == NOW - 900


def test_later_only_what_is_new_and_a_little_more() -> None:
    todo = book(done(1, 30), talking(2, 20)).to_read(NOW - 900, NOW, nobody)
    assert (todo.since, todo.ids, todo.requests) == (NOW - 20 - OVERLAP, (), 1)


def test_a_talk_is_left_alone_until_its_user_hangs_up() -> None:
    known = book(talking(1, 700), done(2, 10))
    assert known.to_read(NOW - 900, NOW, nobody).ids == ()
    assert known.to_read(NOW - 900, NOW, everybody).requests == 1
    assert known.to_read(NOW - 900, NOW + RECHECK, nobody).since == NOW - 700


def test_one_old_call_among_many_is_asked_for_by_its_id() -> None:
    known = book(talking(1, 700), *(done(id_, 600 - id_) for id_ in range(2, 202)), done(999, 10))
    todo = known.to_read(NOW - 900, NOW, everybody)
    assert (todo.since, todo.ids) == (NOW - 10 - OVERLAP, (1,))


def test_many_old_calls_are_cheaper_to_page_back_to() -> None:
    known = book(*(talking(id_, 700 - id_) for id_ in range(1, 41)), done(999, 10))
    todo = known.to_read(NOW - 900, NOW, everybody)
    assert (todo.since, todo.ids, todo.requests) == (NOW - 699, (), 1)


def test_calls_from_before_the_period_are_never_paged_to() -> None:
    known = book(*(talking(id_, 5000 - id_) for id_ in range(1, 4)), done(999, 10))
    todo = known.to_read(NOW - 900, NOW, everybody)
    assert todo.since >= NOW - 900
    assert set(todo.ids) == {1, 2, 3}


def test_of_two_talks_of_one_user_the_older_one_is_looked_at() -> None:
    known = book(talking(1, 700, user=7), talking(2, 100, user=7), *(done(id_, 600) for id_ in range(3, 153)))
    assert known.to_read(NOW - 900, NOW, nobody).ids == (1,)


def test_what_is_done_stays_done() -> None:
    known = CallBook()
    assert known.saw(talking(1, 100), NOW) is False
    assert known.saw(done(1, 100), NOW) is True
    assert known.saw(done(1, 100), NOW) is False
    assert known.saw(talking(1, 100), NOW) is False
    assert known.calls[1].phase == "done"


def test_old_calls_are_forgotten_and_live_ones_are_not() -> None:
    known = book(talking(1, 9000), done(2, 8000), done(3, 100))
    known.forget(NOW - 7200)
    assert set(known.calls) == {1, 3}
    assert known.started_since(0) == 2
