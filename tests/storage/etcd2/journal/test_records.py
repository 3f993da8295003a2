"""The framing of the log: a real etcd's bytes, what is torn, what is damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.etcd import log_pb2 as pb
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.journal.entries import (
    ForeignEntryError,
    decode_request,
    encode_request,
)
from storage.etcd2.journal.records import (
    DamagedError,
    Kind,
    TornError,
    checksum,
    framed,
    head,
    read_records,
)
from storage.etcd2.model import Method, Request

REAL = bytes.fromhex(
    "040000000000008408041000000000001e000000000000820801109ae0a780041a14088cf4fedef3c5f2bd5c"
    "10ee9db6e88c9bcd84150000"
)
"""How the log of a real etcd 3.4.23 begins: check sum, metadata."""

RECORDS = st.lists(
    st.tuples(st.sampled_from([Kind.ENTRY, Kind.STATE]), st.binary(min_size=1, max_size=2000)),
    min_size=1,
    max_size=8,
)


def test_records_of_a_real_etcd_are_read_and_written_byte_for_byte() -> None:
    found = list(read_records(REAL, None))

    assert [record.kind for record in found] == [Kind.CRC, Kind.METADATA]
    metadata = found[1].payload
    assert pb.Identity.FromString(metadata).NodeID == 0x5C7BCA2F3BDFBA0C
    assert head(0) + framed([(Kind.METADATA, metadata)], 0)[0] == REAL


def test_checksum_is_the_one_of_the_catagnoli_polynomial() -> None:
    assert checksum(b"123456789") == 0xE3069283


@given(RECORDS, st.integers(0, 2**32 - 1), st.integers(0, 5000))
def test_framed_records_are_read_back_up_to_the_zeros(
    records: list[tuple[Kind, bytes]], crc: int, zeros: int
) -> None:
    written, after = framed(records, crc)

    found = list(read_records(written + bytes(zeros), crc))

    assert [(record.kind, record.payload) for record in found] == records
    assert (found[-1].end, found[-1].crc) == (len(written), after)
    assert len(written) % 8 == 0


@given(RECORDS, st.data())
def test_flipped_bit_is_never_read_as_if_it_were_written(
    records: list[tuple[Kind, bytes]], data: st.DataObject
) -> None:
    written, _ = framed(records, 7)
    at = data.draw(st.integers(0, 8 * len(written) - 1))
    flipped = bytearray(written)
    flipped[at // 8] ^= 1 << at % 8

    found = []
    try:
        for record in read_records(bytes(flipped), 7):
            found.append(record.payload)  # noqa: PERF401  what came before it
    except (TornError, DamagedError):
        pass

    # Etcd's check sum leaves out the kind of a record, and the padding; else it ends there.
    assert found == [payload for _, payload in records[: len(found)]]


def test_sector_that_was_never_written_tears_its_record() -> None:
    written, _ = framed([(Kind.ENTRY, b"a" * 100), (Kind.ENTRY, b"b" * 3000)], 0)
    torn = written[:1024] + bytes(512) + written[1536:]

    reading = read_records(torn, 0)
    first = next(reading)
    with pytest.raises(TornError) as error:
        next(reading)

    assert first.payload == b"a" * 100
    assert error.value.at == first.end


def test_other_byte_is_damage() -> None:
    written, _ = framed([(Kind.ENTRY, b"b" * 3000)], 0)

    with pytest.raises(DamagedError):
        list(read_records(written.replace(b"b" * 3000, b"b" * 2999 + b"c"), 0))


def test_segment_that_does_not_follow_the_one_before_is_damage() -> None:
    with pytest.raises(DamagedError):
        list(read_records(head(5), 6))


@pytest.mark.parametrize(
    "request_",
    [
        Request(Method.PUT, "/1/a", "väl"),
        Request(Method.PUT, "/1/a", "v", prev_exist=False),
        Request(Method.PUT, "/1/a", "v", prev_index=7, expiration_ns=1_800_000_000 * 10**9),
        Request(Method.PUT, "/1/a", "", dir=True, prev_exist=True, refresh=True),
        Request(Method.PUT, "/1/a", "v", prev_value="w", id=9),
        Request(Method.POST, "/1/q", "v"),
        Request(Method.DELETE, "/1/a", recursive=True, dir=True),
        Request(Method.QGET, "/1/a", recursive=True, sorted=True),
        Request(Method.SYNC, "", time_ns=1_800_000_000 * 10**9),
    ],
)
def test_request_is_read_from_the_log_as_it_was_written(request_: Request) -> None:
    assert decode_request(encode_request(request_)) == request_


@pytest.mark.parametrize(
    "request_",
    [
        Request(Method.PUT, "/1/a", "\ud800"),
        Request(Method.PUT, "/1/\ud800", "v"),
        Request(Method.PUT, "/1/a", "v", prev_index=1 << 64),
    ],
)
def test_request_that_cannot_stand_in_the_log_is_refused(request_: Request) -> None:
    with pytest.raises(Etcd2Error) as error:
        encode_request(request_)

    assert error.value.code is Code.INVALID_FORM


def test_entry_of_the_third_api_is_foreign() -> None:
    put_of_v3 = bytes.fromhex("a206090a0108120101") + b"\x1a\x03\x0a\x01k"

    with pytest.raises(ForeignEntryError):
        decode_request(put_of_v3)
