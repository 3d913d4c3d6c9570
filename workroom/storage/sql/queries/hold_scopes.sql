-- name: count_unknown
-- How many of these rooms and accounts there are not.
-- :room_ids, :account_ids uuid[]
select
    (
        select count(*)
        from unnest(:room_ids::uuid[]) as asked(room_id)
        where not exists (select from rooms as r where r.room_id = asked.room_id)
    ) as rooms,
    (
        select count(*)
        from unnest(:account_ids::uuid[]) as asked(account_id)
        where not exists (select from accounts as a where a.account_id = asked.account_id)
    ) as custodians;

-- name: count_coverage
-- How much a scope covers, whether a hold has it or not: the same rule as the view held_spans.
-- :room_ids, :member_ids, :sender_ids uuid[]; :sent_from, :sent_until null for open
with spans as materialized (
    select asked.room_id, null::uuid as author_id, '-infinity'::timestamptz as recorded_from,
        'infinity'::timestamptz as recorded_until
    from unnest(:room_ids::uuid[]) as asked(room_id)
    union all
    select room_id, null, joined_at, coalesce(left_at, 'infinity')
    from memberships
    where account_id = any(:member_ids::uuid[])
    union all
    select room_id, account_id, '-infinity', 'infinity'
    from memberships
    where account_id = any(:sender_ids::uuid[])
), covered as materialized (
    select m.message_id, m.room_id, m.author_id
    from messages as m
    where m.sent_at >= coalesce(:sent_from::timestamptz, '-infinity')
        and m.sent_at < coalesce(:sent_until::timestamptz, 'infinity')
        and exists (
            select
            from spans as s
            where s.room_id = m.room_id
                and (s.author_id is null or s.author_id = m.author_id)
                and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
        )
        and (:covers_messages::boolean or m.file_count > 0)
), attached as (
    select count(*) as files, coalesce(sum(f.byte_size), 0)::bigint as byte_size
    from files as f
    where :covers_files::boolean
        and f.message_id in (select message_id from covered)
)
select
    (
        select count(*)
        from (
            select room_id from spans where author_id is null
            union
            select room_id from covered
        ) as rooms
    ) as rooms,
    (select count(*) from covered where :covers_messages::boolean) as messages,
    attached.files,
    attached.byte_size,
    (select count(distinct author_id) from covered) as people
from attached;

-- name: find_rooms_named
-- Rooms whose newest name is this one.
select r.room_id
from rooms as r
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as newest
where newest.name = :name
order by r.room_id;
