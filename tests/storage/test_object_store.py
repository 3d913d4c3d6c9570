"""The store in a bucket: what an outage says."""

from __future__ import annotations

import socket
from datetime import timedelta
from uuid import uuid4

import pytest
from obstore.store import S3Store

from workroom.storage.file_store import StoreUnavailable, segment_key
from workroom.storage.object_store import ObjectStore


@pytest.mark.parametrize("bucket", ["files", "orange-files"])
async def test_an_outage_is_no_damage_whatever_the_bucket_is_called(bucket: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    store = ObjectStore(
        S3Store(
            bucket,
            endpoint=f"http://127.0.0.1:{port}",
            access_key_id="nobody",
            secret_access_key="nothing",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True, "connect_timeout": timedelta(seconds=1)},
            retry_config={"max_retries": 0},
        )
    )
    with pytest.raises(StoreUnavailable):
        await store.read(segment_key(uuid4(), 0, 1), 0, 1)
