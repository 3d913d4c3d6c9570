-- name: insert_simulation!
-- A simulation begins.
insert into retention_simulations (simulation_id, asked_by, change, instant, known_until)
values (:simulation_id, :asked_by, :change, :instant, :known_until);

-- name: read_instant
-- Now.
select current_instant();

-- name: find_simulation
-- A simulation, whatever became of it.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture
from retention_simulations
where simulation_id = :simulation_id;

-- name: find_by_fingerprint
-- The newest simulation that came to a fingerprint.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture
from retention_simulations
where fingerprint = :fingerprint
order by begun_at desc
limit 1;

-- name: list_simulations
-- The newest simulations, newest first.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture
from retention_simulations
order by begun_at desc
limit :page_size;

-- name: finish_simulation!
-- What a simulation came to.
update retention_simulations
set state = :state,
    finished_at = current_instant(),
    fingerprint = :fingerprint,
    picture = :picture
where simulation_id = :simulation_id
    and state = 'running';

-- name: describe_rules
-- The rules of all rooms as they are, for comparing what they come to with what a change of them comes to.
select coalesce(jsonb_agg(to_jsonb(r)), '[]')::text
from (
    select x.room_id, x.end_after, x.end_fixed, x.keep_after, x.keep_fixed, x.removed_after
    from room_rules as x
) as r;

-- name: count_messages
-- Messages without labels by room and month: how many there are, how many are due at an instant, how many were under the
-- rules of before, and how many would have ended but for a keep. Of those that are due, two sums over their ids that do
-- not depend on their order, and undo themselves: what is held is taken out of them later.
-- :rules_before what describe_rules gave
with rules as materialized (
    select r.room_id, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after,
        b.end_after as end_after_before, b.end_fixed as end_fixed_before, b.keep_after as keep_after_before,
        b.keep_fixed as keep_fixed_before, b.removed_after as removed_after_before
    from room_rules as r
    left join jsonb_to_recordset(:rules_before::text::jsonb) as b(
        room_id uuid, end_after interval, end_fixed timestamptz, keep_after interval, keep_fixed timestamptz,
        removed_after interval
    ) on b.room_id = r.room_id
)
select j.room_id, j.month, count(*) as total,
    count(*) filter (where j.due_at <= :instant) as due,
    count(*) filter (where j.due_at_before <= :instant) as due_before,
    count(*) filter (where j.due_at > :instant and j.end_at <= :instant) as kept_by_classes,
    0::bigint as kept_by_labels,
    coalesce(bit_xor(uuid_hash_extended(j.message_id, 1)) filter (where j.due_at <= :instant), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(j.message_id, 2)) filter (where j.due_at <= :instant), 0) as second_sum
from (
    select m.room_id, m.message_id, date_trunc('month', m.sent_at at time zone 'utc') as month,
        plain_due_at(
            m.sent_at, case when m.deleted_at <= :known_until then m.deleted_at end,
            r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
        ) as due_at,
        plain_due_at(
            m.sent_at, case when m.deleted_at <= :known_until then m.deleted_at end,
            r.end_after_before, r.end_fixed_before, r.keep_after_before, r.keep_fixed_before, r.removed_after_before
        ) as due_at_before,
        coalesce(m.sent_at + r.end_after, r.end_fixed) as end_at
    from messages as m
    join rules as r on r.room_id = m.room_id
    where m.labelled_at is null
        and m.recorded_at <= :known_until
    offset 0
) as j
group by j.room_id, j.month;

-- name: count_labelled_messages
-- The same for messages with labels, under the rules as they are.
select l.room_id, date_trunc('month', l.sent_at at time zone 'utc') as month, count(*) as total,
    count(*) filter (where l.due_at <= :instant) as due,
    0::bigint as due_before,
    0::bigint as kept_by_classes,
    count(*) filter (
        where l.due_at > :instant
            and plain_due_at(
                l.sent_at, l.deleted_at, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) <= :instant
    ) as kept_by_labels,
    coalesce(bit_xor(uuid_hash_extended(l.message_id, 1)) filter (where l.due_at <= :instant), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(l.message_id, 2)) filter (where l.due_at <= :instant), 0) as second_sum
from labelled_dues as l
join room_rules as r on r.room_id = l.room_id
where l.recorded_at <= :known_until
group by 1, 2;

-- name: count_held_messages
-- Of messages that are due, those that a hold keeps: none but those of rooms that a hold touches are looked at.
select h.room_id, date_trunc('month', h.sent_at at time zone 'utc') as month, count(*) as held,
    bit_xor(uuid_hash_extended(h.message_id, 1)) as first_sum,
    bit_xor(uuid_hash_extended(h.message_id, 2)) as second_sum
from (
    select distinct d.message_id, d.room_id, d.sent_at
    from due_messages(
        '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        array(select x.room_id from held_spans as x), :instant, :known_until
    ) as d
    join held_spans as s on s.room_id = d.room_id
        and (s.author_id is null or s.author_id = d.author_id)
        and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
        and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
) as h
group by 1, 2;

-- name: count_files
-- Files that are due at an instant: how many, how many of them are held, and the sum over the ids of those that are free.
with due as materialized (
    select f.file_id, f.byte_size, f.room_id, f.author_id, f.sent_at, f.recorded_at
    from due_files(
        '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', null, :instant, :known_until
    ) as f
), held as (
    select distinct d.file_id
    from due as d
    join held_spans as s on s.room_id = d.room_id
        and (s.author_id is null or s.author_id = d.author_id)
        and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
        and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
        and s.covers_files
)
select count(*) as due, coalesce(sum(d.byte_size), 0)::bigint as bytes,
    count(h.file_id) as held,
    coalesce(sum(d.byte_size) filter (where h.file_id is not null), 0)::bigint as held_bytes,
    coalesce(bit_xor(uuid_hash_extended(d.file_id, 1)) filter (where h.file_id is null), 0) as first_sum
from due as d
left join held as h on h.file_id = d.file_id;

-- name: count_revisions
-- Superseded revisions that would go although their message stays: how many, and the sum over what they are known by.
select count(*) as due,
    coalesce(bit_xor(uuid_hash_extended(d.message_id, d.revision)), 0) as first_sum
from due_revisions(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', :instant, :known_until
) as d
where not exists (
    select
    from held_spans as s
    where s.room_id = d.room_id
        and (s.author_id is null or s.author_id = d.author_id)
        and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
        and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
        and s.covers_messages
);

-- name: list_first
-- The first messages that would go, from a month on.
select d.message_id, d.room_id, d.sent_at, d.due_at
from due_messages(
    first_message_id_of(:from_month), 'ffffffff-ffff-ffff-ffff-ffffffffffff', null, :instant, :known_until
) as d
where not exists (
    select
    from held_spans as s
    where s.room_id = d.room_id
        and (s.author_id is null or s.author_id = d.author_id)
        and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
        and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
)
order by d.message_id
limit 20;

-- name: give_memory
-- For the rest of the transaction: groups of all rooms and months fit into memory.
select set_config('work_mem', '64MB', true);
