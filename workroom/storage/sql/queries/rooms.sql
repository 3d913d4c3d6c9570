-- name: lock_rooms
-- Takes the rooms' locks in id order, so that two transactions never wait for each other.
-- :room_ids uuid[]
select room_id
from rooms
where room_id = any(:room_ids::uuid[])
order by room_id
for no key update;

-- name: lock_rooms_of_streams
-- The same, for the rooms that streams belong to.
-- :stream_ids uuid[]
select room_id
from rooms
where room_id in (select room_id from streams where stream_id = any(:stream_ids::uuid[]))
order by room_id
for no key update;

-- name: insert_room!
-- A new room with its two streams, its first name and its customers.
with room as (
    insert into rooms (room_id, kind, created_by, created_at)
    values (:room_id, :kind, :created_by, :created_at)
    returning room_id
), shared as (
    insert into streams (stream_id, kind, room_id, waiting_since)
    select :shared_stream_id, 'shared', room_id, :waiting_since::timestamptz
    from room
), staff as (
    insert into streams (stream_id, kind, room_id)
    select :staff_stream_id, 'staff', room_id
    from room
), named as (
    insert into room_names (room_id, revision, name, salt, named_by, recorded_at)
    select room_id, 1, :name, :salt, :created_by, :created_at
    from room
)
insert into room_customers (room_id, customer_id, added_at)
select room.room_id, c.customer_id, :created_at
from room
cross join unnest(:customer_ids::uuid[]) as c(customer_id);

-- name: count_waiting_rooms$
-- In how many rooms of a customer somebody waits for the provider; counting stops at a number.
select count(*)::integer
from (
    select
    from room_customers as c
    join streams as s on s.room_id = c.room_id and s.kind = 'shared'
    where c.customer_id = :customer_id
        and s.waiting_since is not null
    limit :most
) as w;

-- name: insert_room_customer!
-- A shared room gets one more customer; a second time changes nothing.
insert into room_customers (room_id, customer_id, added_at)
values (:room_id, :customer_id, current_instant())
on conflict do nothing;

-- name: find_room
-- A room as it stands, whoever asks.
select r.room_id, r.kind, r.created_at, r.created_by, r.archived_at, n.name, n.revision as name_revision,
    shared.stream_id as shared_stream_id, staff.stream_id as staff_stream_id, shared.last_seq,
    shared.last_message_seq, shared.waiting_since
from rooms as r
join streams as shared on shared.room_id = r.room_id and shared.kind = 'shared'
join streams as staff on staff.room_id = r.room_id and staff.kind = 'staff'
cross join lateral (
    select name, revision
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
where r.room_id = :room_id;

-- name: find_opened_room
-- A room as it was opened: its kind, its first customers, and its first name until that was superseded and its time has come.
select r.kind, n.name, shared.stream_id as shared_stream_id,
    array(
        select customer_id
        from room_customers
        where room_id = r.room_id
            and added_at = r.created_at
    ) as customer_ids
from rooms as r
join streams as shared on shared.room_id = r.room_id and shared.kind = 'shared'
join room_rules as rule on rule.room_id = r.room_id
left join room_names as next_name on next_name.room_id = r.room_id and next_name.revision = 2
left join room_names as n on n.room_id = r.room_id
    and n.revision = 1
    and (
        next_name.recorded_at is null
        or not is_gone(n.room_id, next_name.recorded_at)
        and plain_due_at(
            n.recorded_at, next_name.recorded_at,
            rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
        ) > current_instant()
    )
where r.room_id = :room_id;

-- name: list_room_customers
-- The customers that rooms are for.
-- :room_ids uuid[]
select c.room_id, c.customer_id, p.name
from room_customers as c
join customer_profiles as p using (customer_id)
where c.room_id = any(:room_ids::uuid[])
order by c.room_id, p.name, c.customer_id;

-- name: insert_room_name!
-- One more name; the newest counts.
insert into room_names (room_id, revision, name, salt, named_by, recorded_at)
values (:room_id, :revision, :name, :salt, :named_by, :recorded_at);

-- name: find_room_name
-- The name a revision gave a room; nothing once it was superseded and its time has come.
select n.name
from room_names as n
join room_rules as r on r.room_id = n.room_id
left join room_names as next_name on next_name.room_id = n.room_id and next_name.revision = n.revision + 1
where n.room_id = :room_id
    and n.revision = :revision
    and (
        next_name.recorded_at is null
        or not is_gone(n.room_id, next_name.recorded_at)
        and plain_due_at(
            n.recorded_at, next_name.recorded_at,
            r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
        ) > current_instant()
    );

-- name: set_archived!
-- Archives a room, or opens it again (null).
update rooms
set archived_at = :archived_at::timestamptz
where room_id = :room_id;

-- name: list_rooms_of_account
-- Each room the account is a member of: name, positions, last line, unread. Staff parts are null for customers.
-- Unread counts messages of others that stand, after the marker; counting stops at 100. Nothing whose time has come.
select r.room_id, r.kind, r.archived_at, n.name,
    shared.stream_id as shared_stream_id, shared.last_seq, shared.waiting_since,
    staff.stream_id as staff_stream_id, staff.last_seq as staff_last_seq,
    m.reads_from_seq,
    greatest(marker.seq, m.joined_seq) as read_seq,
    unread.unread, unread.mentioned or coalesce(staff_unread.mentioned, false) as mentioned,
    staff_unread.unread as staff_unread,
    last_line.author_id, last_line.author_name, last_line.text, last_line.sent_at, last_line.deleted_at,
    last_line.file_count,
    (select count(*) from memberships as x where x.room_id = r.room_id and x.left_seq is null) as member_count,
    array(
        select x.account_id
        from memberships as x
        where x.room_id = r.room_id
            and x.left_seq is null
        order by x.joined_seq
        limit 200
    ) as member_ids
from memberships as m
join accounts as a on a.account_id = m.account_id
join rooms as r on r.room_id = m.room_id
join streams as shared on shared.room_id = r.room_id and shared.kind = 'shared'
cross join lateral rule_of_stream(shared.stream_id) as rule
left join streams as staff on staff.room_id = r.room_id and staff.kind = 'staff' and a.kind <> 'customer'
left join stream_expiries as staff_expiry on staff_expiry.stream_id = staff.stream_id
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
left join read_markers as marker on marker.account_id = m.account_id and marker.stream_id = shared.stream_id
left join read_markers as staff_marker on staff_marker.account_id = m.account_id
    and staff_marker.stream_id = staff.stream_id
cross join lateral (
    select count(*)::integer as unread, coalesce(bool_or(w.mentioned), false) as mentioned
    from (
        select m.account_id = any(v.mentions) as mentioned
        from events as e
        join messages as g on g.message_id = e.subject_id
        cross join lateral (
            select mentions
            from message_revisions
            where message_id = g.message_id
            order by revision desc
            limit 1
        ) as v
        where e.stream_id = shared.stream_id
            and e.kind = 'message_posted'
            and e.seq > greatest(marker.seq, m.joined_seq, rule.visible_from_seq - 1)
            and e.actor_id <> m.account_id
            and g.deleted_at is null
            and message_due_at(
                g.message_id, g.labelled_at, g.sent_at, g.deleted_at,
                rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
            ) > rule.instant
            and not is_gone(g.message_id)
        order by e.seq
        limit 100
    ) as w
) as unread
left join lateral (
    select count(*)::integer as unread, coalesce(bool_or(w.mentioned), false) as mentioned
    from (
        select m.account_id = any(v.mentions) as mentioned
        from events as e
        join messages as g on g.message_id = e.subject_id
        cross join lateral (
            select mentions
            from message_revisions
            where message_id = g.message_id
            order by revision desc
            limit 1
        ) as v
        where e.stream_id = staff.stream_id
            and e.kind = 'message_posted'
            and e.seq > greatest(staff_marker.seq, staff_expiry.visible_from_seq - 1, 0)
            and e.actor_id <> m.account_id
            and g.deleted_at is null
            and message_due_at(
                g.message_id, g.labelled_at, g.sent_at, g.deleted_at,
                rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
            ) > rule.instant
            and not is_gone(g.message_id)
        order by e.seq
        limit 100
    ) as w
) as staff_unread on staff.stream_id is not null
left join lateral (
    select g.author_id, p.display_name as author_name, g.sent_at, g.deleted_at, g.file_count,
        case when g.deleted_at is null then left(v.text, 200) else '' end as text
    from events as e
    join messages as g on g.message_id = e.subject_id
    left join account_profiles as p on p.account_id = g.author_id
    cross join lateral (
        select text
        from message_revisions
        where message_id = g.message_id
        order by revision desc
        limit 1
    ) as v
    where e.stream_id = shared.stream_id
        and e.kind = 'message_posted'
        and e.seq >= greatest(m.reads_from_seq, rule.visible_from_seq)
        and message_due_at(
            g.message_id, g.labelled_at, g.sent_at, g.deleted_at,
            rule.end_after, rule.end_fixed, rule.keep_after, rule.keep_fixed, rule.removed_after
        ) > rule.instant
        and not is_gone(g.message_id)
    order by e.seq desc
    limit 1
) as last_line on true
where m.account_id = :account_id
    and m.left_seq is null
order by coalesce(last_line.sent_at, m.joined_at) desc, r.room_id;

-- name: list_waiting_rooms
-- Rooms where a customer waits for the provider, longest first: no content, only that somebody waits. Each line carries the
-- fingerprint of the whole list, read in the same statement.
select r.room_id, r.kind, n.name, s.waiting_since,
    exists (
        select from memberships as m
        where m.room_id = r.room_id
            and m.account_id = :account_id
            and m.left_seq is null
    ) as member,
    (select fingerprint from waiting_list) as fingerprint
from streams as s
join rooms as r on r.room_id = s.room_id
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
where s.waiting_since is not null
    and r.archived_at is null
order by s.waiting_since, r.room_id
limit 500;

-- name: fingerprint_of_waiting_rooms
-- Changes whenever the list of waiting rooms does; empty while nobody waits.
select fingerprint from waiting_list;
