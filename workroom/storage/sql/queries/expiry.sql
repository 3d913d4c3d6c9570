-- name: read_progress
-- Up to which instant members were told what is not shown any more, and the instant it is.
select told_until, current_instant() as instant
from expiry_progress;

-- name: set_progress!
-- Members were told everything up to an instant.
update expiry_progress
set told_until = :instant
where told_until < :instant;

-- name: note_newly_labelled!
-- What was labelled since the last round was told of as what it was before: by the rule of its room.
insert into labelled_expiries (subject_id, is_gone)
select m.message_id, coalesce(
    plain_due_at(
        m.sent_at, m.deleted_at, t.end_after, t.end_fixed, t.keep_after, t.keep_fixed, t.removed_after
    ) <= p.told_until,
    false
)
from messages as m
cross join expiry_progress as p
left join room_expiries as t on t.room_id = m.room_id
where m.labelled_at is not null
    and not exists (select from labelled_expiries as x where x.subject_id = m.message_id)
on conflict do nothing;

-- name: find_expired_before
-- Since when messages of a stream are removed, where any of those was that are numbered from reads_from_seq on.
select expired_before
from stream_expiries
where stream_id = :stream_id
    and expired_through_seq >= :reads_from_seq;

-- name: list_rooms_to_look_through
-- Rooms whose rule is another than the one under which members were told last, or where an instant has come at which
-- everything changes at once. With the rule that they are looked through under.
select r.room_id, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
from room_rules as r
left join room_expiries as x on x.room_id = r.room_id
where x.room_id is null
    or (r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after)
        is distinct from (x.end_after, x.end_fixed, x.keep_after, x.keep_fixed, x.removed_after)
    or (r.end_fixed > :told_until and r.end_fixed <= :instant)
    or (r.keep_fixed > :told_until and r.keep_fixed <= :instant)
order by r.room_id;

-- name: look_through_room
-- What members of a room are to be told: stretches of messages that are not shown any more and were when they were told
-- last (gone), and from where to where messages are shown again. is_history: not only deleted ones, so that it is said
-- before which instant messages were removed. What a run came by is there no more. labelled_ids: of which it is noted, one by one, what was told.
-- That is joined and not asked of each: all of a room is read here.
-- The rule is handed in: it is noted afterwards as the one that was told, whatever it has become meanwhile.
with rule as materialized (
    select :end_after::interval as end_after, :end_fixed::timestamptz as end_fixed, :keep_after::interval as keep_after,
        :keep_fixed::timestamptz as keep_fixed, :removed_after::interval as removed_after
), told_rule as materialized (
    select x.end_after, x.end_fixed, x.keep_after, x.keep_fixed, x.removed_after
    from room_expiries as x
    where x.room_id = :room_id
), judged as (
    select m.message_id, m.stream_id, m.seq, m.sent_at, m.labelled_at,
        message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at, rule.end_after, rule.end_fixed, rule.keep_after,
            rule.keep_fixed, rule.removed_after
        ) <= :instant as is_due,
        plain_due_at(
            m.sent_at, null, rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
        ) <= :instant as is_history,
        case
            when told_rule.removed_after is null then false
            when x.subject_id is not null then x.is_gone
            else plain_due_at(
                m.sent_at, m.deleted_at, told_rule.end_after, told_rule.end_fixed, told_rule.keep_after,
                told_rule.keep_fixed, told_rule.removed_after
            ) <= :told_until
        end as was_due
    from streams as s
    join events as e on e.stream_id = s.stream_id and e.kind = 'message_posted'
    join messages as m on m.message_id = e.subject_id
    cross join rule
    left join told_rule on true
    left join labelled_expiries as x on m.labelled_at is not null and x.subject_id = m.message_id
    left join gone_content as g on g.content_id = m.message_id
        and g.removed_until = 'infinity'
    where s.room_id = :room_id
        and g.content_id is null
), stretched as (
    select j.message_id, j.stream_id, j.seq, j.sent_at, j.labelled_at, j.is_due, j.is_history, j.was_due,
        count(*) filter (where not j.is_due) over (partition by j.stream_id order by j.seq) as stretch
    from judged as j
)
select 'gone' as kind, g.stream_id, min(g.seq) as first_seq, max(g.seq) as last_seq, bool_or(g.is_history) as is_history,
    min(g.sent_at) as first_sent_at, array_agg(g.message_id) filter (where g.labelled_at is not null) as labelled_ids
from stretched as g
where g.is_due
    and not g.was_due
group by g.stream_id, g.stretch
union all
select 'shown', b.stream_id, min(b.seq), max(b.seq), false, min(b.sent_at),
    array_agg(b.message_id) filter (where b.labelled_at is not null)
from stretched as b
where not b.is_due
    and b.was_due
group by b.stream_id
order by stream_id, first_seq;

-- name: list_newly_due
-- What became due between two instants in rooms whose rule has stayed the same, as stretches of which nothing is shown any
-- more. Looks only at messages that lie a period of some class before those instants, at deletions likewise, and at labels:
-- there at what is otherwise than it was told.
-- :looked_through uuid[]: rooms that are left out
with periods as (
    select distinct make_interval(hours => d.days * 24) as length
    from retention_classes as c
    cross join lateral (values (c.keep_days), (c.destroy_days)) as d(days)
    where d.days is not null
        and c.counted_from = 'sent'
), removal_periods as (
    select make_interval(hours => 30 * 24) as length
    union
    select make_interval(hours => c.removed_days * 24)
    from retention_classes as c
), candidates as (
    select m.message_id
    from periods as p
    cross join lateral (
        select x.message_id
        from messages as x
        where x.message_id >= first_message_id_of(greatest(:told_until::timestamptz - p.length, 'epoch'::timestamptz))
            and x.message_id < first_message_id_of(
                greatest(:instant::timestamptz - p.length + interval '1 millisecond', 'epoch'::timestamptz)
            )
    ) as m
    union
    select m.message_id
    from removal_periods as p
    cross join lateral (
        select x.message_id
        from messages as x
        where x.deleted_at > :told_until::timestamptz - p.length
            and x.deleted_at <= :instant::timestamptz - p.length
    ) as m
    union
    select m.message_id
    from messages as m
    where m.labelled_at is not null
), newly as (
    select m.message_id, m.room_id, m.stream_id, m.seq, m.sent_at, m.labelled_at, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed,
        r.removed_after,
        plain_due_at(
            m.sent_at, null, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
        ) <= :instant as is_history,
        lag(m.seq) over (partition by m.stream_id order by m.seq) as seq_before
    from candidates as c
    join messages as m on m.message_id = c.message_id
    join room_rules as r on r.room_id = m.room_id
    cross join lateral (
        select message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed,
            r.removed_after
        ) as due_at
    ) as d
    left join labelled_expiries as x on m.labelled_at is not null and x.subject_id = m.message_id
    where case when x.subject_id is null then d.due_at > :told_until else not x.is_gone end
        and d.due_at <= :instant
        and not is_gone(m.message_id)
        and m.room_id <> all(:looked_through::uuid[])
), stretched as (
    select n.message_id, n.room_id, n.stream_id, n.seq, n.sent_at, n.labelled_at, n.is_history,
        count(*) filter (
            where n.seq_before is null
                or n.seq_before < n.seq - 1 and exists (
                    select
                    from events as e
                    join messages as m on m.message_id = e.subject_id
                    where e.stream_id = n.stream_id
                        and e.kind = 'message_posted'
                        and e.seq > n.seq_before
                        and e.seq < n.seq
                        and message_due_at(
                            m.message_id, m.labelled_at, m.sent_at, m.deleted_at, n.end_after, n.end_fixed,
                            n.keep_after, n.keep_fixed, n.removed_after
                        ) > :instant
                        and not is_gone(m.message_id)
                )
        ) over (partition by n.stream_id order by n.seq) as stretch
    from newly as n
)
select 'gone' as kind, s.room_id, s.stream_id, min(s.seq) as first_seq, max(s.seq) as last_seq,
    bool_or(s.is_history) as is_history, min(s.sent_at) as first_sent_at,
    array_agg(s.message_id) filter (where s.labelled_at is not null) as labelled_ids
from stretched as s
group by s.room_id, s.stream_id, s.stretch
union all
select 'shown', d.room_id, d.stream_id, d.seq, d.seq, false, d.sent_at, array[d.message_id]
from labelled_dues as d
join labelled_expiries as x on x.subject_id = d.message_id and x.is_gone
where d.due_at > :instant
    and not is_gone(d.message_id)
    and d.room_id <> all(:looked_through::uuid[])
order by room_id, stream_id, first_seq;

-- name: list_files_to_tell
-- Files of messages that are still shown whose own time came, or that are shown again, otherwise than it was told. Their
-- messages are asked for last, which costs most: of few files there is anything to tell.
with changed as materialized (
    select f.file_id, f.stream_id, f.message_id, f.message_seq, f.position, j.is_gone
    from files as f
    left join labelled_expiries as x on x.subject_id = f.file_id
    cross join lateral (
        select f.label_class_id is not null and labelled_file_due_at(f.file_id) <= :instant as is_gone
    ) as j
    where f.labelled_at is not null
        and j.is_gone <> coalesce(x.is_gone, false)
        and not is_gone(f.file_id)
)
select c.file_id, c.stream_id, c.message_seq, m.room_id, m.sent_at, c.is_gone
from changed as c
join messages as m on m.message_id = c.message_id
where m.labelled_at is not null
    and m.deleted_at is null
    and is_visible(c.message_id)
order by m.room_id, c.stream_id, c.message_seq, c.position;

-- name: note_labelled!
-- What members were told of messages and files that have or had a label.
-- :subject_ids uuid[]
insert into labelled_expiries (subject_id, is_gone)
select s.subject_id, :is_gone
from unnest(:subject_ids::uuid[]) as s(subject_id)
on conflict (subject_id) do update
set is_gone = excluded.is_gone;

-- name: find_cut
-- Before which instant nothing unlabelled of a room is shown; null when all of it is.
select case
    when coalesce(r.keep_fixed, '-infinity'::timestamptz) > :instant then null
    when r.end_after is not null then :instant::timestamptz - greatest(r.end_after, r.keep_after)
    when r.end_fixed <= :instant then :instant::timestamptz - coalesce(r.keep_after, interval '0')
end as cut
from room_rules as r
where r.room_id = :room_id;

-- name: find_visible_from
-- The number before which nothing of a stream is shown.
select coalesce(max(visible_from_seq), 1)
from stream_expiries
where stream_id = :stream_id;

-- name: note_gone!
-- What members were told of a stream: up to which number messages were removed, before which instant (null: as it was
-- said before), and from where on anything is shown.
insert into stream_expiries (stream_id, expired_before, expired_through_seq, visible_from_seq)
values (:stream_id, :expired_before, :expired_through_seq, :visible_from_seq)
on conflict (stream_id) do update
set expired_before = coalesce(excluded.expired_before, stream_expiries.expired_before),
    expired_through_seq = greatest(excluded.expired_through_seq, stream_expiries.expired_through_seq),
    visible_from_seq = excluded.visible_from_seq;

-- name: note_shown!
-- Messages of a stream are shown again, from a number on: before them, messages were removed only where there are any.
update stream_expiries as x
set expired_through_seq = least(x.expired_through_seq, :first_seq::bigint - 1),
    visible_from_seq = least(x.visible_from_seq, :first_seq),
    expired_before = case
        when exists (
            select
            from events as e
            where e.stream_id = x.stream_id
                and e.kind = 'message_posted'
                and e.seq < :first_seq
                and not is_visible(e.subject_id)
        ) then least(x.expired_before, :first_sent_at)
    end
where x.stream_id = :stream_id;

-- name: recount_files
-- Quotas count the files of messages of a stream between two numbers as they are shown now.
select recount_files(:stream_id, :first_seq, :last_seq);

-- name: note_rule!
-- Under which rule a room's members were told: the one that it was looked through under.
insert into room_expiries (room_id, end_after, end_fixed, keep_after, keep_fixed, removed_after)
values (:room_id, :end_after, :end_fixed, :keep_after, :keep_fixed, :removed_after)
on conflict (room_id) do update
set end_after = excluded.end_after,
    end_fixed = excluded.end_fixed,
    keep_after = excluded.keep_after,
    keep_fixed = excluded.keep_fixed,
    removed_after = excluded.removed_after;
