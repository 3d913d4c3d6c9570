"""Conversations played through two nodes: everybody ends up with what is stored and what the log lets them see.

A small one of our own words always; a real one where the data is at hand (`WORKROOM_TEST_DATA`, or the folder that lies
beside the clone for developers).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from scripts.replaying.comparison import compare
from scripts.replaying.conversation import Played
from scripts.replaying.log import Came, Left, Reconnected, Renamed, Said, find_logs, parse_log, read_log
from scripts.replaying.stage import Stage, replay_log
from tests.nodes import RunningNode
from tests.project.tree import ROOT
from tests.servers import DatabaseUrls
from workroom.settings import Settings
from workroom.storage.database import Database
from workroom.storage.queries import queries
from workroom.web.authentication import cookie_name

DATA = Path(os.environ.get("WORKROOM_TEST_DATA", ROOT.parent / "shared" / "data" / "irc"))

OUR_WORDS = """\
[23:58] <anna> Good evening, who looks after the year's closing?
[23:58] <ben> I do. What do you need?
=== carla [~c@host.example] has joined #office
[23:59] <carla> Hello! My invoices: 17 files \N{PACKAGE} \N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}
[23:59] <anna> carla: send them one by one, please
[23:59]  * ben looks for the list of last year
=== dora [~d@host.example] has joined #office
[00:00] <dora>
[00:00] <carla> ben: which list?  With  two  spaces, and a tab:\tthere
=== carla is now known as carla_at_home
[00:01] <carla_at_home> it is me, at home now
[00:01] <dora> \N{RIGHT-TO-LEFT MARK}\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}, am I late?
=== dora [~d@host.example] has left #office []
[00:02] <ben> everybody has what they need? "quoted" and \\ back
=== carla_at_home [~c@other.example] has joined #office
[00:03] <carla_at_home> I was away for a moment
=== dora [~d@host.example] has joined #office
[00:04] <dora> back again
[00:04] <anna> then good night
""".encode()
ANSWERS = "0 0 -\n0 1 -\n3 4 -\n0 3 -\n3 8 -\n5 8 -\n8 10 -\n15 17 -\n"


@pytest_asyncio.fixture
async def stage(
    running_node: Callable[..., Awaitable[RunningNode]],
    database: Database,
    database_urls: DatabaseUrls,
    settings: Settings,
) -> Stage:
    """Two nodes on this test's servers."""
    urls = [(await running_node()).url, (await running_node()).url]
    async with database.read() as reading:
        record = await reading.fetch_one(queries.events.read_epoch)
    return Stage(urls, database, database_urls.owner_url, cookie_name(settings, record["installation_id"]))


def test_a_log_is_read_as_what_people_do() -> None:
    log = parse_log("ours", OUR_WORDS, ANSWERS)
    anna, ben, carla, dora = range(4)
    assert log.names == ["anna", "ben", "carla", "dora"]
    assert log.present == [anna, ben]
    assert log.empty_lines == 1
    assert [(act.line, act.person) for act in log.acts if isinstance(act, Came)] == [
        (2, carla),
        (6, dora),
        (16, dora),
    ]
    assert [act for act in log.acts if isinstance(act, Renamed)] == [Renamed(9, carla, "carla_at_home")]
    assert [act for act in log.acts if isinstance(act, Left)] == [Left(12, dora)]
    assert [act for act in log.acts if isinstance(act, Reconnected)] == [Reconnected(14, carla)]
    answers = {act.line: act.answers for act in log.said() if act.answers is not None}
    assert answers == {1: 0, 3: 0, 4: 3, 8: 5, 10: 8, 17: 15}
    assert next(act.text for act in log.said() if act.line == 5) == "* ben looks for the list of last year"
    minutes = [act.minute for act in log.said()]
    assert minutes == sorted(minutes), "midnight is no way back"


def test_a_line_that_is_no_utf8_keeps_a_character_for_every_byte() -> None:
    log = parse_log("latin", b"[10:00] <anna> caf\xe9\r\n[10:01] <anna> caf\xc3\xa9\n")
    assert [act.text for act in log.said()] == ["caf\u00e9", "caf\u00e9"]


async def test_everybody_has_what_is_stored_and_what_the_log_lets_them_see(stage: Stage) -> None:
    for seed in range(3):
        played, compared = await replay_log(parse_log("ours", OUR_WORDS, ANSWERS), stage, seed=seed)
        assert compared.differences == []
        _require_it_proves_something(played)


async def test_a_replay_finds_what_differs(stage: Stage, owner: asyncpg.Connection) -> None:
    played, compared = await replay_log(parse_log("ours", OUR_WORDS, ANSWERS), stage, seed=1)
    assert compared.differences == []
    carla = played.participants[2]
    taken = carla.stays[0].events.pop(3)
    assert (await compare(owner, played)).differences, "a missing event"
    carla.stays[0].events.insert(3, taken)
    carla.stays[0].events[3:5] = carla.stays[0].events[4:2:-1]
    assert (await compare(owner, played)).differences, "another order"
    carla.stays[0].events[3:5] = carla.stays[0].events[4:2:-1]
    assert (await compare(owner, played)).differences == []
    played.visible[2][0].append(played.log.acts[0].line)
    assert (await compare(owner, played)).differences, "a line that the log lets them see"
    played.visible[2][0].pop()
    await owner.execute("alter table message_revisions disable trigger guard_written")
    await owner.execute("update message_revisions set text = text || ' ' where text like 'Hello%'")
    assert (await compare(owner, played)).differences, "one byte more"


@pytest.mark.deadline(240)
async def test_a_real_conversation_reaches_everybody(stage: Stage) -> None:
    logs = find_logs(DATA)
    if not logs:
        pytest.skip(f"the conversations are not at hand: {DATA} has none (WORKROOM_TEST_DATA names a folder)")
    log = read_log(logs[0])
    played, compared = await replay_log(log, stage, seed=1)
    assert compared.differences == []
    _require_it_proves_something(played)
    assert compared.events_compared > 10 * len(list(log.said()))


def _require_it_proves_something(played: Played) -> None:
    assert {type(act) for act in played.log.acts} >= {Said, Came, Left, Renamed}
    assert played.replies
    assert sum(participant.lines_lost for participant in played.participants) > 0
    assert len({participant.client.url for participant in played.participants}) == 2
