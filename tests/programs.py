"""Programs of ours that run to their end, or until they are killed: `workroom worker`, `workroom disposition run`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def run_program(
    environment: Mapping[str, str], log_file: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m workroom ...` as a process of its own; killed at the end, if it still runs."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("WORKROOM_", "PORT"))}
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "workroom",
            *arguments,
            env={**plain, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
