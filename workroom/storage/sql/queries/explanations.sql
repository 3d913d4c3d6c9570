-- name: list_messages
-- What decides about messages: their times, the classes that apply, and when the database says their time comes.
-- :message_ids uuid[]
select m.message_id, m.room_id, m.sent_at, m.deleted_at, m.labelled_at, m.label_class_id, r.archived_at,
    r.room_class_id, r.default_class_id, customers_closed_at(m.room_id) as customer_closed_at,
    nullif(
        message_due_at(
            m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
            r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
        ),
        'infinity'
    ) as due_at,
    greatest(coalesce(d.settled_at, r.settled_at), 'epoch'::timestamptz) as settled_at,
    has_text(m.message_id) as has_text, is_gone(m.message_id) as is_gone, current_instant() as instant
from messages as m
join room_rules as r on r.room_id = m.room_id
left join labelled_dues as d on d.message_id = m.message_id and m.labelled_at is not null
where m.message_id = any(:message_ids::uuid[]);

-- name: list_labelled_files
-- The files of messages that have a label of their own.
-- :message_ids uuid[]
select f.message_id, f.file_id, f.label_class_id
from message_files as l
join files as f on f.file_id = l.file_id
where l.message_id = any(:message_ids::uuid[])
    and f.label_class_id is not null
order by f.message_id, l.position;

-- name: list_holds
-- The holds that keep messages, by message.
-- :message_ids uuid[]
select message_id, hold_id, covers_messages, covers_files
from held_messages
where message_id = any(:message_ids::uuid[])
order by message_id, hold_id;

-- name: sum_due_of_room
-- When the messages of a room are due, by month, and how many of each are held; null for those that never are. One whose text
-- goes is not held, whatever keeps its files.
select to_char(date_trunc('month', j.due_at at time zone 'utc'), 'YYYY-MM-DD') as month, count(*) as messages,
    count(*) filter (where j.is_held) as held,
    coalesce(sum(j.files), 0)::bigint as files, coalesce(sum(j.bytes), 0)::bigint as bytes
from (
    select nullif(
            message_due_at(
                m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ),
            'infinity'
        ) as due_at,
        h.message_id is not null as is_held, f.files, f.bytes
    from streams as s
    join events as e on e.stream_id = s.stream_id and e.kind = 'message_posted'
    join messages as m on m.message_id = e.subject_id
    join room_rules as r on r.room_id = m.room_id
    left join (
        select distinct x.message_id
        from held_messages as x
        where x.room_id = :room_id
            and (x.covers_messages or not has_text(x.message_id))
    ) as h on h.message_id = m.message_id
    left join (
        select x.message_id, count(*) as files, sum(x.byte_size) as bytes
        from files as x
        where x.room_id = :room_id
            and x.message_id is not null
        group by x.message_id
    ) as f on f.message_id = m.message_id
    where s.room_id = :room_id
) as j
group by 1
order by 1 nulls last;
