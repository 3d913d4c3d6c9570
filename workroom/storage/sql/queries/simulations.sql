-- name: insert_simulation!
-- A simulation begins.
insert into retention_simulations (simulation_id, asked_by, change, instant, known_until)
values (:simulation_id, :asked_by, :change, :instant, :known_until);

-- name: read_instant
-- Now.
select current_instant();

-- name: find_simulation
-- A simulation, whatever became of it.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture,
    (
        select min(e.recorded_at)
        from audit_entries as e
        where e.act = 'retention_changed'
            and e.facts ->> 'simulation' = simulation_id::text
    ) as applied_at
from retention_simulations
where simulation_id = :simulation_id;

-- name: find_by_fingerprint
-- The newest simulation that came to a fingerprint.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture,
    (
        select min(e.recorded_at)
        from audit_entries as e
        where e.act = 'retention_changed'
            and e.facts ->> 'simulation' = simulation_id::text
    ) as applied_at
from retention_simulations
where fingerprint = :fingerprint
order by begun_at desc
limit 1;

-- name: list_simulations
-- The newest simulations, newest first.
select simulation_id, asked_by, change, instant, known_until, state, begun_at, finished_at, fingerprint, picture,
    (
        select min(e.recorded_at)
        from audit_entries as e
        where e.act = 'retention_changed'
            and e.facts ->> 'simulation' = simulation_id::text
    ) as applied_at
from retention_simulations
order by begun_at desc
limit :page_size;

-- name: finish_simulation!
-- What a simulation came to; also where it was given up, and was only slow.
update retention_simulations
set state = :state,
    finished_at = current_instant(),
    fingerprint = :fingerprint,
    picture = :picture
where simulation_id = :simulation_id
    and state <> 'done';

-- name: give_up_simulations
-- Marks as failed what has been running for longer than any simulation takes: the process behind it has ended.
update retention_simulations
set state = 'failed',
    finished_at = current_instant()
where state = 'running'
    and begun_at <= current_instant() - :longest::interval
returning simulation_id;

-- name: describe_rules
-- The rules of all rooms for an instant, the other way round: what plain_due_at says of a message, said of when it was sent
-- and deleted. It is due when it was sent until kept_until, and sent until ended_until or deleted until removed_until. Days
-- are hours here, so it comes to the same, and millions of messages are compared instead of computed with.
select r.room_id,
    case
        when r.keep_fixed > :instant then '-infinity'::timestamptz
        else coalesce(:instant - r.keep_after, 'infinity'::timestamptz)
    end::text as kept_until,
    case
        when r.end_after is not null then :instant - r.end_after
        when r.end_fixed <= :instant then 'infinity'::timestamptz
        else '-infinity'::timestamptz
    end::text as ended_until,
    least(:instant::timestamptz - r.removed_after, :known_until)::text as removed_until
from room_rules as r;

-- name: count_months
-- Messages without labels by room and month, those that were deleted apart: how many there are, how many are due at an
-- instant, how many were under the rules of before, and how many would have ended but for a keep. Of those that are due, two
-- sums over their ids that do not depend on their order, and undo themselves: what is held is taken out of them later. The
-- first and the last of a room's month mostly decide for all of it; null where they do not, and count_messages looks at each.
-- The rules come as parameters: a CTE would keep Postgres from sharing the work, and of arrays it knows how long they are. A
-- month is a partition: of a month that is computed Postgres thinks that there are as many as messages, and sorts them all.
-- Where is_of_one_month is false, count_messages_without_a_partition says it.
-- :room_ids uuid[], the other arrays text[] of the same length: what describe_rules gave, now and before
select g.room_id, g.month, g.partition <> 'messages_default'::regclass as is_of_one_month, g.are_deleted, g.total,
    d.due, d.due_before, d.kept_by_classes,
    case d.due when 0 then 0 else g.first_sum end as first_sum,
    case d.due when 0 then 0 else g.second_sum end as second_sum
from (
    select m.room_id, m.tableoid as partition, m.deleted_at is not null as are_deleted,
        date_trunc('month', min(m.sent_at) at time zone 'utc') as month, count(*) as total,
        min(m.sent_at) as first_sent_at, max(m.sent_at) as last_sent_at,
        min(m.deleted_at) as first_deleted_at, max(m.deleted_at) as last_deleted_at,
        bit_xor(uuid_hash_extended(m.message_id, 1)) as first_sum,
        bit_xor(uuid_hash_extended(m.message_id, 2)) as second_sum
    from messages as m
    where m.labelled_at is null
        and m.recorded_at <= :known_until
    group by m.room_id, m.tableoid, m.deleted_at is not null
) as g
join unnest(
    :room_ids::uuid[],
    :kept_until::text[]::timestamptz[], :ended_until::text[]::timestamptz[], :removed_until::text[]::timestamptz[],
    :kept_until_before::text[]::timestamptz[], :ended_until_before::text[]::timestamptz[],
    :removed_until_before::text[]::timestamptz[]
) as r(
    room_id, kept_until, ended_until, removed_until, kept_until_before, ended_until_before, removed_until_before
) on r.room_id = g.room_id
cross join lateral (
    select
        case
            when g.last_sent_at <= r.kept_until
                and (g.last_sent_at <= r.ended_until or g.last_deleted_at <= r.removed_until) then g.total
            when g.first_sent_at > r.kept_until
                or g.first_sent_at > r.ended_until
                and (not g.are_deleted or g.first_deleted_at > r.removed_until) then 0
        end as due,
        case
            when g.last_sent_at <= r.kept_until_before
                and (g.last_sent_at <= r.ended_until_before or g.last_deleted_at <= r.removed_until_before) then g.total
            when g.first_sent_at > r.kept_until_before
                or g.first_sent_at > r.ended_until_before
                and (not g.are_deleted or g.first_deleted_at > r.removed_until_before) then 0
        end as due_before,
        case
            when g.first_sent_at > r.kept_until and g.last_sent_at <= r.ended_until then g.total
            when g.last_sent_at <= r.kept_until or g.first_sent_at > r.ended_until then 0
        end as kept_by_classes
) as d;

-- name: count_messages
-- The same for some rooms of one month, message by message.
-- :month date; :room_ids uuid[]; :are_deleted boolean[]; the other arrays: as for count_months
select m.room_id, date_trunc('month', min(m.sent_at) at time zone 'utc') as month, count(*) as total,
    count(*) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ) as due,
    count(*) filter (
        where m.sent_at <= r.kept_until_before
            and (m.sent_at <= r.ended_until_before or m.deleted_at <= r.removed_until_before)
    ) as due_before,
    count(*) filter (where m.sent_at > r.kept_until and m.sent_at <= r.ended_until) as kept_by_classes,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 1)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 2)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as second_sum
from messages as m
join unnest(
    :room_ids::uuid[], :are_deleted::boolean[],
    :kept_until::text[]::timestamptz[], :ended_until::text[]::timestamptz[], :removed_until::text[]::timestamptz[],
    :kept_until_before::text[]::timestamptz[], :ended_until_before::text[]::timestamptz[],
    :removed_until_before::text[]::timestamptz[]
) as r(
    room_id, are_deleted, kept_until, ended_until, removed_until,
    kept_until_before, ended_until_before, removed_until_before
) on r.room_id = m.room_id and r.are_deleted = (m.deleted_at is not null)
where m.labelled_at is null
    and m.recorded_at <= :known_until
    and m.message_id >= first_message_id_of(:month::timestamp at time zone 'utc')
    and m.message_id < first_message_id_of((:month::timestamp + interval '1 month') at time zone 'utc')
group by m.room_id;

-- name: count_messages_without_a_partition
-- The same for all messages of months that have no partition of their own.
-- the arrays: as for count_months
select m.room_id, date_trunc('month', m.sent_at at time zone 'utc') as month, count(*) as total,
    count(*) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ) as due,
    count(*) filter (
        where m.sent_at <= r.kept_until_before
            and (m.sent_at <= r.ended_until_before or m.deleted_at <= r.removed_until_before)
    ) as due_before,
    count(*) filter (where m.sent_at > r.kept_until and m.sent_at <= r.ended_until) as kept_by_classes,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 1)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 2)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as second_sum
from messages_default as m
join unnest(
    :room_ids::uuid[],
    :kept_until::text[]::timestamptz[], :ended_until::text[]::timestamptz[], :removed_until::text[]::timestamptz[],
    :kept_until_before::text[]::timestamptz[], :ended_until_before::text[]::timestamptz[],
    :removed_until_before::text[]::timestamptz[]
) as r(
    room_id, kept_until, ended_until, removed_until, kept_until_before, ended_until_before, removed_until_before
) on r.room_id = m.room_id
where m.labelled_at is null
    and m.recorded_at <= :known_until
group by 1, 2;

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

-- name: list_held
-- Whose messages are on hold, whatever the room, and in which rooms anybody's are: few, and nobody else's have to be compared
-- with each hold. Those of holds that cover files only apart.
select s.covers_messages,
    coalesce(array_agg(distinct s.author_id) filter (where s.author_id is not null), '{}') as author_ids,
    coalesce(array_agg(distinct s.room_id) filter (where s.author_id is null), '{}') as held_room_ids
from held_spans as s
group by s.covers_messages;

-- name: count_held_messages
-- Of messages without labels that are due, those whose text a hold keeps; and how many of those that were due before the
-- change. Of others the text goes, whatever keeps their files.
-- the arrays: as for count_months; :author_ids, :held_room_ids uuid[]: what list_held gave of holds that cover messages
select m.room_id, date_trunc('month', m.sent_at at time zone 'utc') as month,
    count(*) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ) as held,
    count(*) filter (
        where m.sent_at <= r.kept_until_before
            and (m.sent_at <= r.ended_until_before or m.deleted_at <= r.removed_until_before)
    ) as held_before,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 1)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 2)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as second_sum
from messages as m
join unnest(
    :room_ids::uuid[],
    :kept_until::text[]::timestamptz[], :ended_until::text[]::timestamptz[], :removed_until::text[]::timestamptz[],
    :kept_until_before::text[]::timestamptz[], :ended_until_before::text[]::timestamptz[],
    :removed_until_before::text[]::timestamptz[]
) as r(
    room_id, kept_until, ended_until, removed_until, kept_until_before, ended_until_before, removed_until_before
) on r.room_id = m.room_id
where m.labelled_at is null
    and m.recorded_at <= :known_until
    and (m.author_id = any(:author_ids::uuid[]) or m.room_id = any(:held_room_ids::uuid[]))
    and exists (
        select
        from held_spans as s
        where s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
            and s.covers_messages
    )
group by 1, 2;

-- name: count_emptied_messages
-- The same for those whose text was destroyed before: nothing more of them goes while a hold covers their files.
-- the arrays: as for count_held_messages, of holds that cover files only
select m.room_id, date_trunc('month', m.sent_at at time zone 'utc') as month,
    count(*) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ) as held,
    count(*) filter (
        where m.sent_at <= r.kept_until_before
            and (m.sent_at <= r.ended_until_before or m.deleted_at <= r.removed_until_before)
    ) as held_before,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 1)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as first_sum,
    coalesce(bit_xor(uuid_hash_extended(m.message_id, 2)) filter (
        where m.sent_at <= r.kept_until and (m.sent_at <= r.ended_until or m.deleted_at <= r.removed_until)
    ), 0) as second_sum
from messages as m
join unnest(
    :room_ids::uuid[],
    :kept_until::text[]::timestamptz[], :ended_until::text[]::timestamptz[], :removed_until::text[]::timestamptz[],
    :kept_until_before::text[]::timestamptz[], :ended_until_before::text[]::timestamptz[],
    :removed_until_before::text[]::timestamptz[]
) as r(
    room_id, kept_until, ended_until, removed_until, kept_until_before, ended_until_before, removed_until_before
) on r.room_id = m.room_id
where m.labelled_at is null
    and m.recorded_at <= :known_until
    and (m.author_id = any(:author_ids::uuid[]) or m.room_id = any(:held_room_ids::uuid[]))
    and not exists (select from message_revisions as v where v.message_id = m.message_id)
    and exists (
        select
        from held_spans as s
        where s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
    )
    and not exists (
        select
        from held_spans as s
        where s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
            and s.covers_messages
    )
group by 1, 2;

-- name: count_held_labelled_messages
-- Both for messages with labels, under the rules as they are.
select d.room_id, date_trunc('month', d.sent_at at time zone 'utc') as month, count(*) as held,
    bit_xor(uuid_hash_extended(d.message_id, 1)) as first_sum,
    bit_xor(uuid_hash_extended(d.message_id, 2)) as second_sum
from labelled_dues as d
where d.due_at <= :instant
    and d.recorded_at <= :known_until
    and exists (
        select
        from held_spans as s
        where s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
            and (s.covers_messages or not has_text(d.message_id))
    )
group by 1, 2;

-- name: count_files
-- Files that are due at an instant: how many, how many of them are held, in which rooms they are, and the sum over the ids of
-- those that are free.
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
    coalesce(array_agg(distinct d.room_id) filter (where h.file_id is null), '{}') as free_room_ids,
    coalesce(array_agg(distinct d.room_id) filter (where h.file_id is not null), '{}') as held_room_ids,
    coalesce(bit_xor(uuid_hash_extended(d.file_id, 1)) filter (where h.file_id is null), 0) as first_sum
from due as d
left join held as h on h.file_id = d.file_id;

-- name: count_revisions
-- Superseded revisions that are free and would go although their message stays: how many, and the sum over what they are
-- known by.
select count(*) as due,
    coalesce(bit_xor(uuid_hash_extended(d.message_id, d.revision)), 0) as first_sum
from due_revisions(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', :instant, :known_until
) as d
where d.message_due_at > :instant
    and not exists (
        select
        from held_spans as s
        where s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
            and s.covers_messages
    );

-- name: count_reactions
-- The same for reactions that were taken back.
select count(*) as due,
    coalesce(bit_xor(uuid_hash_extended(d.message_id, d.added_seq)), 0) as first_sum
from due_reactions(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', :instant, :known_until
) as d
where d.message_due_at > :instant
    and not exists (
        select
        from held_spans as s
        where s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
            and s.covers_messages
    );

-- name: count_room_names
-- The same for names that rooms had before.
select count(*) as due,
    coalesce(bit_xor(uuid_hash_extended(n.room_id, n.revision)), 0) as first_sum
from due_room_names(:instant, :known_until) as n
where not exists (select from held_spans as s where s.room_id = n.room_id);

-- name: find_first
-- Where some months begin and end, and where so many messages after their beginning (null: there are fewer).
select first_message_id_of(:from_month) as after_id, first_message_id_of(:until_month) as until_id,
    (
        select m.message_id
        from messages as m
        where m.message_id > first_message_id_of(:from_month)
            and m.message_id <= first_message_id_of(:until_month)
        order by m.message_id
        offset :message_count
        limit 1
    ) as nearer_id;

-- name: list_first
-- The first messages that would go, between two ids.
select d.message_id, d.room_id, d.sent_at, d.due_at
from due_messages(:after_id, :until_id, null, :instant, :known_until) as d
where not exists (
    select
    from held_spans as s
    where s.room_id = d.room_id
        and (s.author_id is null or s.author_id = d.author_id)
        and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
        and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
        and (s.covers_messages or not has_text(d.message_id))
)
order by d.message_id
limit 20;

-- name: prepare_to_count
-- For the rest of the transaction: groups of all rooms and months fit into memory, two more processes may help, what belongs
-- to messages is joined to them month by month, and no messages are sorted by room to be merged with rules: of rules that
-- come as arrays Postgres does not know that each room has one, and would rather sort millions than look one up.
select set_config('work_mem', '64MB', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('max_parallel_workers_per_gather', '2', true),
    set_config('enable_partitionwise_join', 'on', true);
