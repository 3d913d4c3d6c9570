"""Plays one log in one room: acts in order, each acknowledged before the next, on two nodes, with lines that are lost.

Which lines are lost, and when, comes from a seed, so that a run can be repeated.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from scripts.replaying.cast import Cast, Role, name_of
from scripts.replaying.log import Act, Came, Left, Log, Reconnected, Renamed, Said
from scripts.replaying.participant import Participant

CUT_EVERY_LINES = 12
"""About: somebody who says nothing just now is cut off."""
AWAY_LINES = 25
"""At most: who was cut off comes back after so many lines, or at once where there is something to say."""
LOSE_ANSWER_EVERY_LINES = 20
CONNECTING_AT_ONCE = 16


@dataclass(slots=True)
class Played:
    """What a replay of one log did, besides what the clients have."""

    log: Log
    room_id: str
    stream: str
    participants: list[Participant]
    message_ids: dict[int, UUID] = field(default_factory=dict)
    replies: dict[int, int] = field(default_factory=dict)
    visible: list[list[list[int]]] = field(default_factory=list)
    last_seq: int = 0
    seconds: float = 0.0
    post_ms: list[float] = field(default_factory=list)


class Conversation:
    """A log on its stage.

    Args:
        urls: of the nodes.
        cookie_name: of the installation.
        speed: how many times faster than life; None goes on as soon as a line is acknowledged.
    """

    def __init__(
        self, log: Log, cast: Cast, urls: Sequence[str], cookie_name: str, *, seed: int, speed: float | None
    ) -> None:
        self._log = log
        self._urls = urls
        self._cookie_name = cookie_name
        self._speed = speed
        self._choose = random.Random(f"{seed} {log.title}")
        self._operator = self._make_participant(cast.operator, 0)
        people = [self._make_participant(role, number) for number, role in enumerate(cast.people)]
        self._away: dict[Participant, int] = {}
        self._said: list[int] = []
        self._readable_from: dict[int, int] = {}
        self._played = Played(log, "", "", people)
        # For each person, the lines of each stay that the log says it may see.
        self._played.visible = [[] for _ in people]

    async def play(self) -> Played:
        """Play the whole log; everybody has heard everything when this returns."""
        played = self._played
        await self._operator.require_line()
        room = await self._operator.client.command("create_room", kind="shared", name=self._log.title[:120])
        played.room_id, played.stream = room["room_id"], room["stream"]
        await self._operator.enter(played.stream, 1)
        await self._gather_present()
        began = time.perf_counter()
        for number, act in enumerate(self._log.acts):
            await self._keep_pace(act, began)
            await self._bring_back(number)
            await self._perform(act)
            await self._cut_somebody(number, act)
        played.seconds = time.perf_counter() - began
        await self._come_to_an_end()
        return played

    async def _gather_present(self) -> None:
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def come(person: int) -> None:
            async with gate:
                await self._come(person)

        async with asyncio.TaskGroup() as coming:
            for person in self._log.present:
                coming.create_task(come(person))

    async def _perform(self, act: Act) -> None:
        participant = self._played.participants[act.person]
        if isinstance(act, Said):
            await self._say(participant, act)
        elif isinstance(act, Came):
            await self._come(act.person)
        elif isinstance(act, Left):
            if participant.is_inside:
                self._away.pop(participant, None)
                await participant.leave(self._played.room_id)
        elif isinstance(act, Renamed):
            await participant.rename(name_of(act.name))
        elif isinstance(act, Reconnected):
            await participant.lose_line()
            await participant.require_line()

    async def _say(self, participant: Participant, act: Said) -> None:
        played = self._played
        answered = act.answers
        if answered is not None and answered not in played.visible[act.person][-1]:
            answered = None  # said before they came: there is nothing that they could quote
        began = time.perf_counter()
        loses_answer = self._choose.randrange(LOSE_ANSWER_EVERY_LINES) == 0
        self._away.pop(participant, None)
        message_id = await participant.say(
            act.text,
            played.message_ids[answered] if answered is not None else None,
            loses_answer=loses_answer,
        )
        if not loses_answer:
            played.post_ms.append((time.perf_counter() - began) * 1000)
        played.message_ids[act.line] = message_id
        if answered is not None:
            played.replies[act.line] = answered
        self._said.append(act.line)
        for person, other in enumerate(played.participants):
            if other.is_inside:
                played.visible[person][-1].append(act.line)

    async def _come(self, person: int) -> None:
        played, participant = self._played, self._played.participants[person]
        if participant.is_inside:
            return
        await participant.require_line()
        if participant.role.is_staff:
            await participant.client.command("join_room", room_id=played.room_id)
            await participant.enter(played.stream, 1)
            played.visible[person].append(list(self._said))
            return
        added = await self._operator.client.command(
            "add_member", room_id=played.room_id, account_id=participant.role.account_id
        )
        await participant.enter(played.stream, added["seq"])
        played.visible[person].append([])

    async def _cut_somebody(self, number: int, act: Act) -> None:
        if self._choose.randrange(CUT_EVERY_LINES):
            return
        chosen = self._choose.choice(self._played.participants)
        if (
            chosen.is_inside
            and chosen is not self._played.participants[act.person]
            and chosen not in self._away
        ):
            self._away[chosen] = number + self._choose.randint(1, AWAY_LINES)
            await chosen.lose_line()

    async def _bring_back(self, number: int) -> None:
        for participant in [each for each, until in self._away.items() if until <= number]:
            del self._away[participant]
            await participant.require_line()

    async def _come_to_an_end(self) -> None:
        room = await self._operator.client.command("open_room", room_id=self._played.room_id)
        self._played.last_seq = room["room"]["streams"]["shared"]["seq"]
        async with asyncio.TaskGroup() as hearing:
            for participant in self._played.participants:
                hearing.create_task(participant.hear_until(self._played.last_seq))
        for participant in (self._operator, *self._played.participants):
            await participant.end()

    async def _keep_pace(self, act: Act, began: float) -> None:
        if self._speed is None or not isinstance(act, Said):
            return
        first = next(self._log.said()).minute
        due = began + (act.minute - first) * 60 / self._speed
        await asyncio.sleep(max(0.0, due - time.perf_counter()))

    def _make_participant(self, role: Role, home: int) -> Participant:
        return Participant(role, self._urls, home, self._cookie_name)
