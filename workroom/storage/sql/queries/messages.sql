-- name: check_posts
-- All that decides whether accounts may post into streams, read under the rooms' locks: membership, the state of the room,
-- the counters; and which of their commands were recorded before. One row for each account in each stream: somebody who
-- writes much is looked up once.
-- :stream_ids, :actor_ids, :client_command_ids uuid[] of one length, one element for each post
with asked as materialized (
    select *
    from unnest(:stream_ids::uuid[], :actor_ids::uuid[], :client_command_ids::uuid[])
        as w(stream_id, actor_id, client_command_id)
), done as (
    select e.stream_id, e.actor_id, array_agg(e.client_command_id) as command_ids
    from asked
    join events as e using (stream_id, actor_id, client_command_id)
    group by e.stream_id, e.actor_id
)
select w.stream_id, w.actor_id, s.kind as stream_kind, s.room_id, s.last_seq, s.last_message_seq, s.waiting_since,
    greatest(current_instant(), s.last_recorded_at) as recorded_at,
    r.archived_at,
    a.kind as actor_kind,
    m.membership_id is not null and a.deactivated_at is null
        and (s.kind = 'shared' or a.kind in ('staff', 'admin')) as may_post,
    m.reads_from_seq,
    done.command_ids as done_command_ids
from (select distinct stream_id, actor_id from asked) as w
join streams as s on s.stream_id = w.stream_id and s.room_id is not null
join rooms as r on r.room_id = s.room_id
join accounts as a on a.account_id = w.actor_id
left join memberships as m on m.room_id = s.room_id and m.account_id = w.actor_id and m.left_seq is null
left join done on done.stream_id = w.stream_id and done.actor_id = w.actor_id;

-- name: find_done_posts
-- What commands recorded, for those that check_posts found. A first text whose own time has come, or its message's, counts
-- as destroyed.
-- :stream_ids, :actor_ids, :client_command_ids uuid[] of one length
select done.stream_id, done.actor_id, done.client_command_id,
    done.seq, done.kind, done.subject_id as message_id, done.recorded_at,
    case
        when content_due_at(first_revision.message_id, next_revision.recorded_at) > current_instant()
            then first_revision.text
    end as text,
    first_revision.mentions,
    posted.reply_to_message_id as reply_to,
    posted.file_count
from unnest(:stream_ids::uuid[], :actor_ids::uuid[], :client_command_ids::uuid[])
    as w(stream_id, actor_id, client_command_id)
join events as done on done.stream_id = w.stream_id and done.actor_id = w.actor_id
    and done.client_command_id = w.client_command_id
left join message_revisions as first_revision on first_revision.message_id = done.subject_id
    and first_revision.revision = 1
left join lateral (
    select n.recorded_at
    from message_revisions as n
    where n.message_id = first_revision.message_id
        and n.revision > 1
    order by n.revision
    limit 1
) as next_revision on true
left join messages as posted on posted.message_id = done.subject_id;

-- name: find_quoted
-- The numbers of messages that are replied to, where they are still shown.
-- :stream_ids, :message_ids uuid[] of one length
select m.stream_id, m.message_id, m.seq
from unnest(:stream_ids::uuid[], :message_ids::uuid[]) as w(stream_id, message_id)
join messages as m on m.message_id = w.message_id and m.stream_id = w.stream_id
where is_visible(m.message_id);

-- name: insert_posts!
-- Writes posts whole: events, messages, first revisions, counters. What is the same for all posts of a stream comes once
-- for each stream.
-- :posts new_message[]; :stream_ids, :room_ids uuid[], :last_seqs bigint[], :recorded_ats, :waiting_sinces timestamptz[]
-- of one length
with counted as (
    select *
    from unnest(
        :stream_ids::uuid[], :room_ids::uuid[], :last_seqs::bigint[], :recorded_ats::timestamptz[],
        :waiting_sinces::timestamptz[]
    ) as c(stream_id, room_id, last_seq, recorded_at, waiting_since)
), posted as (
    select p.*, c.room_id, c.recorded_at
    from unnest(:posts::new_message[]) as p
    join counted as c using (stream_id)
), written_events as (
    insert into events (stream_id, seq, kind, actor_id, subject_id, client_command_id, recorded_at, content_digest)
    select stream_id, seq, 'message_posted', author_id, message_id, client_command_id, recorded_at, content_digest
    from posted
), written_messages as (
    insert into messages (
        message_id, stream_id, room_id, seq, author_id, reply_to_message_id, sent_at, recorded_at, file_count
    )
    select message_id, stream_id, room_id, seq, author_id, reply_to_message_id, recorded_at, recorded_at, file_count
    from posted
), written_revisions as (
    insert into message_revisions (message_id, revision, text, mentions, salt, author_id, recorded_at)
    select message_id, 1, text, mentions, salt, author_id, recorded_at
    from posted
)
update streams as s
set last_seq = c.last_seq,
    last_recorded_at = c.recorded_at,
    last_message_seq = c.last_seq,
    waiting_since = c.waiting_since
from counted as c
where s.stream_id = c.stream_id;

-- name: find_message
-- A message of a stream with its highest revision, and who wrote it; none whose time has come.
select m.message_id, m.stream_id, m.room_id, m.seq, m.author_id, m.deleted_at, m.file_count, a.kind as author_kind,
    (select max(revision) from message_revisions as v where v.message_id = m.message_id) as revision
from messages as m
join accounts as a on a.account_id = m.author_id
where m.message_id = :message_id
    and m.stream_id = :stream_id
    and is_visible(m.message_id);

-- name: find_writer
-- Whether an account may write into a stream now, read under the room's lock.
select s.kind as stream_kind, s.room_id, r.archived_at, a.kind as actor_kind, m.reads_from_seq
from streams as s
join rooms as r on r.room_id = s.room_id
join accounts as a on a.account_id = :actor_id and a.deactivated_at is null
join memberships as m on m.room_id = s.room_id and m.account_id = :actor_id and m.left_seq is null
where s.stream_id = :stream_id
    and (s.kind = 'shared' or a.kind in ('staff', 'admin'));

-- name: insert_revision!
-- One more revision; those before stay.
insert into message_revisions (message_id, revision, text, mentions, salt, author_id, recorded_at)
values (:message_id, :revision, :text, :mentions::uuid[], :salt, :author_id, :recorded_at);

-- name: find_revision
-- What one revision says, and whom it mentions; nothing once its time has come.
select v.text, v.mentions
from message_revisions as v
left join lateral (
    select n.recorded_at
    from message_revisions as n
    where n.message_id = v.message_id
        and n.revision > v.revision
    order by n.revision
    limit 1
) as next_revision on true
where v.message_id = :message_id
    and v.revision = :revision
    and content_due_at(v.message_id, next_revision.recorded_at) > current_instant();

-- name: mark_deleted!
-- A message becomes a tombstone; its revisions stay for those whose duty it is to keep them.
update messages
set deleted_at = :deleted_at,
    deleted_by = :deleted_by
where message_id = :message_id
    and deleted_at is null;

-- name: page_before
-- The messages of a stream below a number, newest first, not below where reading begins. Those whose text is gone are left
-- out before they are counted: a page that is short says that there is no more. `offset 0` keeps the rule from
-- being planned once more for each partition.
with rule as materialized (
    select end_after, end_fixed, keep_after, keep_fixed, removed_after, visible_from_seq, instant
    from rule_of_stream(:stream_id)
)
select p.seq, p.message_id, p.author_id, p.reply_to_message_id, p.sent_at, p.deleted_at, p.deleted_by, p.file_count,
    p.revision, p.text, p.mentions, p.revised_at
from (
    select e.seq, m.message_id, m.author_id, m.reply_to_message_id, m.sent_at, m.deleted_at, m.deleted_by, m.file_count,
        r.revision, r.text, r.mentions, r.recorded_at as revised_at
    from events as e
    cross join lateral (
        select x.message_id, x.author_id, x.reply_to_message_id, x.sent_at, x.deleted_at, x.deleted_by, x.file_count,
            x.labelled_at
        from messages as x
        where x.message_id = e.subject_id
        offset 0
    ) as m
    cross join lateral (
        select revision, text, mentions, recorded_at
        from message_revisions
        where message_id = m.message_id
        order by revision desc
        limit 1
    ) as r
    where e.stream_id = :stream_id
        and e.kind = 'message_posted'
        and e.seq < :before
        and e.seq >= :reads_from_seq
        and e.seq >= (select visible_from_seq from rule)
        and message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
            (select end_after from rule), (select end_fixed from rule), (select keep_after from rule),
            (select keep_fixed from rule), (select removed_after from rule)
        ) > (select instant from rule)
        and not is_gone(m.message_id)
    order by e.seq desc
    limit :page_size
) as p
order by p.seq desc;

-- name: page_after
-- The messages of a stream above a number, oldest first.
with rule as materialized (
    select end_after, end_fixed, keep_after, keep_fixed, removed_after, visible_from_seq, instant
    from rule_of_stream(:stream_id)
)
select p.seq, p.message_id, p.author_id, p.reply_to_message_id, p.sent_at, p.deleted_at, p.deleted_by, p.file_count,
    p.revision, p.text, p.mentions, p.revised_at
from (
    select e.seq, m.message_id, m.author_id, m.reply_to_message_id, m.sent_at, m.deleted_at, m.deleted_by, m.file_count,
        r.revision, r.text, r.mentions, r.recorded_at as revised_at
    from events as e
    cross join lateral (
        select x.message_id, x.author_id, x.reply_to_message_id, x.sent_at, x.deleted_at, x.deleted_by, x.file_count,
            x.labelled_at
        from messages as x
        where x.message_id = e.subject_id
        offset 0
    ) as m
    cross join lateral (
        select revision, text, mentions, recorded_at
        from message_revisions
        where message_id = m.message_id
        order by revision desc
        limit 1
    ) as r
    where e.stream_id = :stream_id
        and e.kind = 'message_posted'
        and e.seq > :after
        and e.seq >= :reads_from_seq
        and e.seq >= (select visible_from_seq from rule)
        and message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
            (select end_after from rule), (select end_fixed from rule), (select keep_after from rule),
            (select keep_fixed from rule), (select removed_after from rule)
        ) > (select instant from rule)
        and not is_gone(m.message_id)
    order by e.seq
    limit :page_size
) as p
order by p.seq;

-- name: has_message
-- Whether a stream shows a message between two numbers, both inclusive.
with rule as materialized (
    select end_after, end_fixed, keep_after, keep_fixed, removed_after, visible_from_seq, instant
    from rule_of_stream(:stream_id)
)
select exists (
    select
    from events as e
    cross join lateral (
        select x.message_id, x.sent_at, x.deleted_at, x.labelled_at
        from messages as x
        where x.message_id = e.subject_id
        offset 0
    ) as m
    where e.stream_id = :stream_id
        and e.kind = 'message_posted'
        and e.seq between :from_seq and :to_seq
        and e.seq >= (select visible_from_seq from rule)
        and message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
            (select end_after from rule), (select end_fixed from rule), (select keep_after from rule),
            (select keep_fixed from rule), (select removed_after from rule)
        ) > (select instant from rule)
        and has_text(m.message_id)
        and not is_gone(m.message_id)
);

-- name: list_by_ids
-- Messages of a stream by id, as far as the reader's history goes and they are shown: for quotes.
-- :message_ids uuid[]
select m.seq, m.message_id, m.author_id, m.reply_to_message_id, m.sent_at, m.deleted_at, m.deleted_by, m.file_count,
    r.revision, r.text, r.mentions, r.recorded_at as revised_at
from messages as m
cross join lateral (
    select revision, text, mentions, recorded_at
    from message_revisions
    where message_id = m.message_id
    order by revision desc
    limit 1
) as r
where m.message_id = any(:message_ids::uuid[])
    and m.stream_id = :stream_id
    and m.seq >= :reads_from_seq
    and is_visible(m.message_id);
