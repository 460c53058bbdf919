"""What is read back is what was written, up to the first byte that is not."""

from hypothesis import given
from hypothesis import strategies as st

from eventbus.records import Record, boundaries, decode, encode, framed

RECORD = st.builds(
    Record,
    st.integers(0, 2**64 - 1),
    st.text(max_size=20).filter(lambda text: text.isprintable()),
    st.dictionaries(st.sampled_from(["Nats-Msg-Id", "Pointsman-Delivery-Id"]), st.text("abc-é\n", max_size=20)),
    st.binary(max_size=300),
)
RECORDS = st.lists(RECORD, max_size=6)


def read(data: bytes) -> list[Record]:
    found, end = [], 0
    while (one := decode(data, end)) is not None:
        found.append(one[0])
        end = one[1]
    assert boundaries(data)[-1:] == ([end] if found else [])
    assert len(boundaries(data)) == len(found)
    return found


def intact(records: list[Record], size: int) -> list[Record]:
    """The records that end before byte ``size``."""
    kept, end = [], 0
    for record in records:
        end += len(encode(record))
        if end > size:
            break
        kept.append(record)
    return kept


@given(RECORDS)
def test_records_come_back_as_they_were(records: list[Record]) -> None:
    assert read(b"".join(map(encode, records))) == records


@given(RECORDS, st.data())
def test_of_a_tail_that_was_cut_exactly_the_intact_records_are_read(records: list[Record], data: st.DataObject) -> None:
    written = b"".join(map(encode, records))
    size = data.draw(st.integers(0, len(written)))
    assert read(written[:size]) == intact(records, size)


@given(RECORDS.filter(bool), st.data())
def test_a_flipped_bit_ends_what_is_read_at_its_record(records: list[Record], data: st.DataObject) -> None:
    written = bytearray(b"".join(map(encode, records)))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= 1 << data.draw(st.integers(0, 7))
    assert read(bytes(written)) == intact(records, place)


@given(RECORDS, st.binary(min_size=1, max_size=200))
def test_what_follows_the_records_and_is_none_is_not_read(records: list[Record], rest: bytes) -> None:
    written = b"".join(map(encode, records))
    assert read(written + rest)[: len(records)] == records
    assert read(written + bytes(len(rest))) == records


@given(RECORD)
def test_a_record_tells_its_length(record: Record) -> None:
    written = encode(record)
    assert framed(written, 0) == len(written)
    assert framed(written[:7], 0) == 0
