"""The headers of tus, read."""

from __future__ import annotations

from uuid import uuid4

import pytest
from starlette.datastructures import Headers

from tests.tus import metadata
from workroom.errors import MalformedRequest
from workroom.web.upload_headers import read_checksum, read_metadata, read_number


def test_metadata_has_a_name_of_any_unicode_and_a_stream() -> None:
    stream = uuid4()
    read = read_metadata(
        Headers({"upload-metadata": metadata(filename="收据 😀", stream=str(stream), filetype="x/y")})
    )
    assert (read.name, read.stream_id) == ("收据 😀", stream)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "filename",
        "filename a,filename b",
        "filename //79",
        metadata(stream="00000000-0000-4000-8000-000000000001"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        read_metadata(Headers({"upload-metadata": text}))


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "²", "1_000", " 1 2", "9" * 20])
def test_a_number_is_plain_digits(value: str) -> None:
    with pytest.raises(MalformedRequest):
        read_number(Headers({"upload-length": value}), "upload-length")


def test_no_checksum_is_none_and_an_unknown_one_an_error() -> None:
    assert read_checksum(Headers({})) is None
    with pytest.raises(MalformedRequest):
        read_checksum(Headers({"upload-checksum": "md5 AAAA"}))
