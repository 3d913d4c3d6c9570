"""No read forgets that the time of something may have come: every query that touches content asks, or says why not."""

from __future__ import annotations

import re

from workroom.storage.queries import queries

CONTENT = (
    "messages", "message_revisions", "message_reactions", "message_files", "files", "file_contents", "file_previews",
    "room_names",
)  # fmt: skip
TOUCHES = re.compile(rf"\b(?:from|join|update)\s+(?:only\s+)?({'|'.join(CONTENT)})\b")
ASKS = re.compile(
    r"\b(message_due_at|plain_due_at|content_due_at|labelled_file_due_at|labelled_dues|labelled_file_dues|is_visible"
    r"|visible_messages|visible_files|is_file_shown|due_messages|due_files)\b"
)
# These compute from the rules as they are; what a run came by is gone whatever they are, and asked for beside them.
OF_RULES = re.compile(
    r"\b(message_due_at|plain_due_at|labelled_file_due_at|labelled_dues|labelled_file_dues)\b"
)
ASKS_FOR_GONE = re.compile(r"\bis_gone\(|\bjoin gone_content\b")

# Queries that touch content and need not ask, and why.
WHY_NOT = {
    "files.claim_files": "of uploads that no message has claimed",
    "files.find_changing": "the worker's: what it finds out is told through event_reading, and not of what is gone",
    "files.find_digests": "moves bytes, shows nobody anything",
    "files.find_file_preview": "its reader was asked for the file",
    "files.find_stream_of": "a place, no content",
    "files.insert_preview": "the worker's",
    "files.insert_preview_segment": "the worker's",
    "files.take_preview_segment": "the worker's",
    "files.list_files_of_store": "moves bytes, shows nobody anything",
    "files.list_to_preview": "the worker's",
    "files.list_to_scan": "the worker's",
    "files.list_unreceived": "one's own uploads: which are not whole yet",
    "files.mark_preview": "the worker's",
    "files.mark_scanned": "the worker's",
    "files.read_block_digests": "its reader was asked for the file",
    "integrity.list_unaccounted": "counts for the verification, shows no content",
    "invitations.find_invitation": "a room's newest name, which stays as long as the room",
    "messages.mark_deleted": "of a message that find_message has found",
    "reactions.end_reaction": "of a message that find_message has found",
    "reactions.find_standing_reaction": "of a message that find_message has found",
    "reactions.list_standing_reactions": "of messages that a page has found",
    "retention.find_class_use": "counts labels, shows no content",
    "retention.label_file": "of a file that lock_file_label has found",
    "retention.label_message": "of a message that lock_label has found",
    "retention.list_classes": "counts labels, shows no content",
    "rooms.find_room": "a room's newest name, which stays as long as the room",
    "rooms.list_waiting_rooms": "a room's newest name, which stays as long as the room",
    "strays.give_up_strays": "bytes that nobody is shown; none of a file on hold",
    "uploads.count_visible_bytes": "one's own uploads: how many no message has claimed",
    "uploads.find_upload": "one's own upload: whether it was claimed",
    "uploads.list_abandoned_uploads": "of uploads that no message has claimed",
}
# For compliance, which sees what members are not shown any more, and only after its audit entry.
OF_COMPLIANCE = {
    "openings",
    "records",
    "hold_scopes",
    "holds",
    "explanations",
    "expiry",
    "simulations",
    "disposition",
}


def test_every_query_that_touches_content_asks_whether_its_time_has_come() -> None:
    forgetful = [
        query.name
        for query in queries
        if TOUCHES.search(query.sql)
        and not ASKS.search(query.sql)
        and query.name not in WHY_NOT
        and query.name.partition(".")[0] not in OF_COMPLIANCE
    ]
    assert forgetful == []


def test_every_read_of_members_that_computes_from_the_rules_asks_what_is_gone_whatever_they_are() -> None:
    forgetful = [
        query.name
        for query in queries
        if OF_RULES.search(query.sql)
        and not ASKS_FOR_GONE.search(query.sql)
        and query.name.partition(".")[0] not in OF_COMPLIANCE
    ]
    assert forgetful == []


def test_no_excuse_outlives_its_query() -> None:
    known = {query.name for query in queries if TOUCHES.search(query.sql) and not ASKS.search(query.sql)}
    assert sorted(WHY_NOT.keys() - known) == []


def test_the_rule_would_notice_a_read_that_forgets() -> None:
    """The set-up: the reads of members are among those that ask."""
    asking = {query.name for query in queries if TOUCHES.search(query.sql) and ASKS.search(query.sql)}
    assert {
        "messages.page_before",
        "messages.page_after",
        "messages.list_by_ids",
        "events.read_since",
        "rooms.list_rooms_of_account",
        "files.find_claimed_file",
        "files.list_of_messages",
    } <= asking
