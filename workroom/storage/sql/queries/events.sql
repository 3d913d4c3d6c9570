-- name: lock_streams
-- Locks streams of accounts, in id order, before they are numbered. Rooms are locked first, always.
-- :stream_ids uuid[]
select stream_id
from streams
where stream_id = any(:stream_ids::uuid[])
order by stream_id
for no key update;

-- name: read_counters
-- The counters of streams whose lock is held, and the instant that events recorded now are given: never less than the
-- one before. Must be a statement after the one that took the lock, or it would see the counters of before.
-- :stream_ids uuid[]
select stream_id, kind, room_id, last_seq, last_message_seq, waiting_since,
    greatest(current_instant(), last_recorded_at) as recorded_at
from streams
where stream_id = any(:stream_ids::uuid[]);

-- name: write_events!
-- Inserts numbered events and moves the counters of their streams on.
-- Arrays of one length for the events; a second set, one for each stream, for the counters.
with written as (
    insert into events (
        stream_id, seq, kind, actor_id, subject_id, subject_seq, subject_detail, client_command_id, recorded_at,
        content_digest
    )
    select e.stream_id, e.seq, e.kind, e.actor_id, e.subject_id, e.subject_seq, e.subject_detail, e.client_command_id,
        e.recorded_at, e.content_digest
    from unnest(
        :stream_ids::uuid[], :seqs::bigint[], :kinds::text[], :actor_ids::uuid[], :subject_ids::uuid[],
        :subject_seqs::bigint[], :subject_details::bigint[], :client_command_ids::uuid[],
        :recorded_ats::timestamptz[], :content_digests::bytea[]
    ) as e(stream_id, seq, kind, actor_id, subject_id, subject_seq, subject_detail, client_command_id, recorded_at,
        content_digest)
)
update streams as s
set last_seq = c.last_seq,
    last_recorded_at = c.recorded_at,
    last_message_seq = c.last_message_seq,
    waiting_since = c.waiting_since
from unnest(
    :counted_stream_ids::uuid[], :last_seqs::bigint[], :last_recorded_ats::timestamptz[],
    :last_message_seqs::bigint[], :waiting_sinces::timestamptz[]
) as c(stream_id, last_seq, recorded_at, last_message_seq, waiting_since)
where s.stream_id = c.stream_id;

-- name: find_command
-- What a numbered command recorded when it was first sent, if it was. Looked up under the room's lock.
-- :stream_id, :actor_id, :client_command_id
select seq, kind, subject_id, subject_seq, subject_detail, recorded_at
from events
where stream_id = :stream_id
    and actor_id = :actor_id
    and client_command_id = :client_command_id;

-- name: read_positions_behind
-- The position check: streams whose highest number is above what was delivered here.
-- :stream_ids uuid[], :delivered_seqs bigint[]
select s.stream_id, s.last_seq
from unnest(:stream_ids::uuid[], :delivered_seqs::bigint[]) as d(stream_id, seq)
join streams as s using (stream_id)
where s.last_seq > d.seq;

-- name: read_snapshot
-- Changes whenever any transaction commits: while it stands still, nothing was recorded, and positions need no look.
select pg_current_snapshot()::text as snapshot;

-- name: read_epoch
-- The installation and the epoch its positions are of.
select installation_id, epoch
from installation;

-- name: end_spans
-- The spans that have to end earlier, so that no more text is read than a page takes: with the event whose text brings
-- them to so many bytes. Lengths alone are looked at, never content, and none of what expired: whether it is held shows
-- nowhere.
-- :stream_ids uuid[], :since_seqs bigint[], :until_seqs bigint[], :page_size and :page_bytes for each span
select w.n, min(p.seq) as until_seq
from unnest(:stream_ids::uuid[], :since_seqs::bigint[], :until_seqs::bigint[])
    with ordinality as w(stream_id, since_seq, until_seq, n)
cross join lateral (
    select e.seq, sum(r.byte_size) over (order by e.seq) as byte_size
    from (
        select within.seq, within.kind, within.subject_id
        from events as within
        where within.stream_id = w.stream_id
            and within.seq > w.since_seq
            and within.seq <= w.until_seq
        order by within.seq
        limit :page_size
    ) as e
    cross join lateral (
        select octet_length(v.text) as byte_size
        from message_revisions as v
        where e.kind in ('message_posted', 'message_edited')
            and v.message_id = e.subject_id
            and is_visible(v.message_id)
        order by v.revision desc
        limit 1
    ) as r
) as p
where p.byte_size >= :page_bytes
group by w.n;

-- name: read_since
-- The events of several spans, in order, with the content they have today; n says which span. What is not shown any more
-- is not there.
-- :stream_ids uuid[], :since_seqs bigint[], :until_seqs bigint[], :page_size for each stream
with rules as materialized (
    select s.stream_id, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after, r.expired_before,
        r.expired_through_seq, r.instant
    from (select distinct stream_id from unnest(:stream_ids::uuid[]) as a(stream_id)) as s
    cross join lateral rule_of_stream(s.stream_id) as r
)
select w.n, e.seq, e.kind, e.actor_id, e.subject_id, e.subject_seq, e.subject_detail, e.client_command_id,
    e.recorded_at,
    m.reply_to_message_id, m.sent_at, m.deleted_at, m.deleted_by, m.file_count,
    r.revision, r.text, r.mentions, r.recorded_at as revised_at,
    case
        when e.kind = 'messages_expired' and e.subject_detail <= rule.expired_through_seq then rule.expired_before
    end as expired_before,
    (
        select x.emoji
        from message_reactions as x
        where e.kind in ('reaction_added', 'reaction_removed')
            and m.message_id is not null
            and x.message_id = e.subject_id
            and case e.kind when 'reaction_added' then x.added_seq else x.removed_seq end = e.seq
            and (x.removed_at is null or content_due_at(x.message_id, x.removed_at) > rule.instant)
    ) as emoji,
    (
        select n.name
        from room_names as n
        where e.kind in ('room_created', 'room_renamed')
            and n.room_id = e.subject_id
            and n.revision = e.subject_detail
            and not exists (
                select
                from room_names as next_name
                where next_name.room_id = n.room_id
                    and next_name.revision = n.revision + 1
                    and (
                        is_gone(n.room_id, next_name.recorded_at)
                        or plain_due_at(
                            n.recorded_at, next_name.recorded_at, rule.end_after, rule.end_fixed, rule.keep_after,
                            rule.keep_fixed, rule.removed_after
                        ) <= rule.instant
                    )
            )
    ) as room_name
from unnest(:stream_ids::uuid[], :since_seqs::bigint[], :until_seqs::bigint[])
    with ordinality as w(stream_id, since_seq, until_seq, n)
left join rules as rule on rule.stream_id = w.stream_id
cross join lateral (
    select within.seq, within.kind, within.actor_id, within.subject_id, within.subject_seq, within.subject_detail,
        within.client_command_id, within.recorded_at
    from events as within
    where within.stream_id = w.stream_id
        and within.seq > w.since_seq
        and within.seq <= w.until_seq
    order by within.seq
    limit :page_size
) as e
left join messages as m
    on e.kind in ('message_posted', 'message_edited', 'file_changed', 'reaction_added', 'reaction_removed')
    and m.message_id = e.subject_id
    and message_due_at(
        m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
        rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
    ) > rule.instant
    and not is_gone(m.message_id)
left join lateral (
    select v.revision, v.text, v.mentions, v.recorded_at
    from message_revisions as v
    where m.message_id is not null
        and v.message_id = m.message_id
    order by v.revision desc
    limit 1
) as r on e.kind in ('message_posted', 'message_edited', 'file_changed')
order by w.n, e.seq;
