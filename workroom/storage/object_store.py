"""Files in a private S3 bucket: one object for each segment, which no browser ever sees.

An object is durable when its PUT is answered, and is never appended to: a segment shorter than 5 MiB, the tail of an
upload that stopped there, is an object of its own, which is put again, longer, when the upload goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import S3Store

from workroom.settings import Settings
from workroom.storage.file_store import SegmentMissing, StoreUnavailable

SEGMENT_BYTES = 5 * 1024 * 1024
REQUEST_SECONDS = 30
CONNECT_SECONDS = 5
RETRY_SECONDS = 20
PREFIX = "files/"


class ObjectStore:
    """The store in a bucket."""

    name = "s3"
    longest_segment = SEGMENT_BYTES

    def __init__(self, bucket: S3Store) -> None:
        self._bucket = bucket

    async def open_segment(self, key: str, keep_bytes: int) -> ObjectSegment:
        """See FileStore."""
        kept = await self.read(key, 0, keep_bytes) if keep_bytes else b""
        return ObjectSegment(self._bucket, PREFIX + key, kept)

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """See FileStore: in parts of 5 MiB, one after the other, and there only when the last one is."""
        try:
            await obstore.put_async(
                self._bucket,
                PREFIX + key,
                pieces,
                use_multipart=True,
                chunk_size=SEGMENT_BYTES,
                max_concurrency=1,
            )
        except (BaseError, OSError) as error:
            raise _translate(error) from None

    async def read(self, key: str, start: int, byte_size: int) -> bytes:
        """See FileStore."""
        if byte_size == 0:
            return b""
        try:
            read = bytes(
                await obstore.get_range_async(self._bucket, PREFIX + key, start=start, length=byte_size)
            )
        except FileNotFoundError:
            raise SegmentMissing("A segment is not there.", reference=key) from None
        except GenericError as error:
            # A range beyond the end, or the bucket does not answer: the library has one error for both.
            if await self._is_shorter(key, start + byte_size):
                raise SegmentMissing("A segment is too short.", reference=key) from None
            raise _translate(error) from None
        except (BaseError, OSError) as error:
            raise _translate(error) from None
        if len(read) != byte_size:
            raise SegmentMissing("A segment is too short.", reference=key)
        return read

    async def trim(self, key: str, byte_size: int) -> None:
        """See FileStore: an object stays as it was put."""

    async def delete(self, key: str) -> None:
        """See FileStore."""
        try:
            await obstore.delete_async(self._bucket, PREFIX + key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _translate(error) from None

    async def list_keys(self) -> list[str]:
        """See FileStore."""
        try:
            pages = obstore.list(self._bucket, prefix=PREFIX)
            return sorted([each["path"].removeprefix(PREFIX) async for page in pages for each in page])
        except (BaseError, OSError) as error:
            raise _translate(error) from None

    async def count_free_bytes(self) -> int | None:
        """See FileStore: nobody can tell."""
        return None

    async def _is_shorter(self, key: str, byte_size: int) -> bool:
        try:
            found = await obstore.head_async(self._bucket, PREFIX + key)
        except (BaseError, OSError):
            return False
        return found["size"] < byte_size


class ObjectSegment:
    """A segment in memory until it is put."""

    def __init__(self, bucket: S3Store, path: str, kept: bytes) -> None:
        self._bucket = bucket
        self._path = path
        self._content = bytearray(kept)
        self._durable_bytes = len(kept)

    async def write(self, piece: bytes | memoryview) -> None:
        """See SegmentWriter."""
        self._content += piece

    async def make_durable(self) -> None:
        """See SegmentWriter."""
        if len(self._content) == self._durable_bytes:
            return
        try:
            await obstore.put_async(self._bucket, self._path, bytes(self._content), use_multipart=False)
        except (BaseError, OSError) as error:
            raise _translate(error) from None
        self._durable_bytes = len(self._content)

    async def close(self) -> None:
        """See SegmentWriter."""
        self._content.clear()


async def open_object_store(settings: Settings) -> ObjectStore:
    """The bucket that the settings name, asked once; StoreUnavailable when it does not answer."""
    assert settings.s3_bucket is not None
    options: dict[str, Any] = {}
    if settings.s3_endpoint is not None:
        options |= {"endpoint": settings.s3_endpoint, "virtual_hosted_style_request": False}
    if settings.s3_access_key_id is not None:
        options |= {
            "access_key_id": settings.s3_access_key_id,
            "secret_access_key": settings.s3_secret_access_key or "",
        }
    bucket = S3Store(
        settings.s3_bucket,
        region=settings.s3_region,
        client_options={
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "allow_http": (settings.s3_endpoint or "").startswith("http://"),
        },
        retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        **options,
    )
    store = ObjectStore(bucket)
    try:
        await obstore.list_with_delimiter_async(bucket, prefix=PREFIX)
    except (BaseError, OSError) as error:
        raise _translate(error) from None
    return store


def _translate(error: Exception) -> StoreUnavailable:
    # Not the library's text: it names the bucket's address and may quote keys.
    return StoreUnavailable(f"The bucket does not take this ({type(error).__name__}).")
