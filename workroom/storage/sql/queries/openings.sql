-- name: list_posted_backwards
-- What was posted in both streams of a room, the latest first, from below a number of each (null: from the end). Where the
-- message was destroyed its id is null.
select s.kind as stream, e.seq, e.recorded_at, m.message_id, m.author_id, m.sent_at, m.deleted_at, m.deleted_by,
    m.reply_to_message_id as reply_to
from streams as s
cross join lateral (
    select v.seq, v.subject_id, v.recorded_at
    from events as v
    where v.stream_id = s.stream_id
        and v.kind = 'message_posted'
        and v.seq < coalesce(case s.kind when 'shared' then :before_shared::bigint else :before_staff::bigint end,
                             9223372036854775807)
    order by v.seq desc
    limit :page_size
) as e
left join messages as m on m.message_id = e.subject_id
where s.room_id = :room_id
order by e.recorded_at desc, s.kind, e.seq desc
limit :page_size;

-- name: list_versions
-- Every version of messages, in order.
-- :message_ids uuid[]
select message_id, revision, text, author_id, recorded_at
from message_revisions
where message_id = any(:message_ids::uuid[])
order by message_id, revision;

-- name: list_reactions_ever
-- Every reaction of messages, also those taken back, in order.
-- :message_ids uuid[]
select message_id, emoji, account_id, added_at, removed_at
from message_reactions
where message_id = any(:message_ids::uuid[])
order by message_id, added_seq;

-- name: list_files_ever
-- Every file of messages in the order in which they are shown; name and size are null once the file was destroyed.
-- :message_ids uuid[]
select a.message_id, a.file_id, a.alt_text, c.name, c.media_type, f.byte_size, f.scan_state
from message_files as a
left join files as f on f.file_id = a.file_id
left join file_contents as c on c.file_id = a.file_id
where a.message_id = any(:message_ids::uuid[])
order by a.message_id, a.position;

-- name: find_opening
-- An opening that an officer made and that still stands: the audit entry, its room and its matter. It stands for a while,
-- for what was opened with it; never for anybody else.
select e.entry_number, e.subject_id as room_id, (e.facts ->> 'matter_id')::uuid as matter_id
from audit_entries as e
where e.entry_number = :entry_number
    and e.act = 'content_opened'
    and e.actor_id = :account_id
    and e.recorded_at > current_instant() - make_interval(hours => :stands_hours);

-- name: find_file_in_room
-- A file that a message of a room has claimed, whatever became of the message.
select f.file_id, f.byte_size, f.scan_state, c.name, c.media_type, c.sha256
from files as f
join file_contents as c on c.file_id = f.file_id
where f.file_id = :file_id
    and f.room_id = :room_id
    and f.message_id is not null;
