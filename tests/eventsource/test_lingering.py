from eventsource.lingering import READ, Pace


def test_reads_share_one_pace() -> None:
    pace = Pace(rate=4 * READ)
    assert [pace.turn(10.0, 20.0) for _ in range(3)] == [10.0, 10.25, 10.5]
    assert pace.turn(15.0, 20.0) == 15.0


def test_who_would_get_no_turn_in_time_takes_none() -> None:
    pace = Pace(rate=READ)
    assert [pace.turn(0.0, end) for end in (2.0, 2.0, 2.0, 3.0)] == [0.0, 1.0, None, 2.0]
