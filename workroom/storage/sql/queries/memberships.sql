-- name: find_readable
-- Which of the asked (account, stream) pairs may be read, from which number on, and up to where the stream goes.
-- The one rule of reading: an account that is not deactivated; its own stream; the shared stream of a room while it is
-- a member; the staff stream too, where it is of the provider.
-- :account_ids uuid[], :stream_ids uuid[] of one length
select w.account_id, s.stream_id, s.kind, s.room_id, s.last_seq,
    case when s.kind = 'shared' then m.reads_from_seq else 1 end as reads_from_seq
from unnest(:account_ids::uuid[], :stream_ids::uuid[]) as w(account_id, stream_id)
join streams as s on s.stream_id = w.stream_id
join accounts as a on a.account_id = w.account_id and a.deactivated_at is null
left join memberships as m on m.room_id = s.room_id and m.account_id = w.account_id and m.left_seq is null
where case s.kind
    when 'account' then s.account_id = w.account_id
    when 'shared' then m.membership_id is not null
    else m.membership_id is not null and a.kind in ('staff', 'admin')
end;

-- name: find_open_membership
-- The standing membership of an account in a room.
select membership_id, reads_from_seq, joined_seq, joined_at
from memberships
where room_id = :room_id
    and account_id = :account_id
    and left_seq is null;

-- name: find_begun_membership
-- A membership by the number at which it began, whether it still stands or not.
select m.reads_from_seq, a.kind
from memberships as m
join accounts as a using (account_id)
where m.room_id = :room_id
    and m.account_id = :account_id
    and m.joined_seq = :joined_seq;

-- name: list_open_memberships
-- The members of a room, in the order in which they joined.
select m.account_id, m.reads_from_seq, m.joined_seq, m.joined_at, a.kind, a.customer_id,
    a.deactivated_at is not null as deactivated, p.display_name, c.name as customer_name
from memberships as m
join accounts as a using (account_id)
left join account_profiles as p using (account_id)
left join customer_profiles as c on c.customer_id = a.customer_id
where m.room_id = :room_id
    and m.left_seq is null
order by m.joined_seq, m.account_id;

-- name: list_rooms_joined
-- The rooms an account is a member of.
select room_id
from memberships
where account_id = :account_id
    and left_seq is null
order by room_id;

-- name: list_shared_streams
-- The shared streams of the rooms that accounts are members of, each with those of the accounts that are.
-- :account_ids uuid[]
select s.stream_id, array_agg(m.account_id) as account_ids
from memberships as m
join streams as s on s.room_id = m.room_id and s.kind = 'shared'
where m.account_id = any(:account_ids::uuid[])
    and m.left_seq is null
group by s.stream_id;

-- name: insert_membership!
-- A membership begins.
insert into memberships (room_id, account_id, reads_from_seq, joined_seq, joined_at, added_by)
values (:room_id, :account_id, :reads_from_seq, :joined_seq, :joined_at, :added_by);

-- name: end_membership!
-- A membership ends at a number; it is never deleted.
update memberships
set left_seq = :left_seq,
    left_at = :left_at,
    removed_by = :removed_by
where room_id = :room_id
    and account_id = :account_id
    and left_seq is null;

-- name: list_people
-- Persons as others see them.
-- :account_ids uuid[]
select a.account_id, a.kind, a.customer_id, a.deactivated_at is not null as deactivated, p.display_name,
    c.name as customer_name
from accounts as a
left join account_profiles as p using (account_id)
left join customer_profiles as c on c.customer_id = a.customer_id
where a.account_id = any(:account_ids::uuid[]);

-- name: list_people_of_room
-- Persons as others see them, as far as they are or were members of a room.
-- :account_ids uuid[]
select a.account_id, a.kind, a.customer_id, a.deactivated_at is not null as deactivated, p.display_name,
    c.name as customer_name
from accounts as a
left join account_profiles as p using (account_id)
left join customer_profiles as c on c.customer_id = a.customer_id
where a.account_id = any(:account_ids::uuid[])
    and exists (select from memberships as m where m.room_id = :room_id and m.account_id = a.account_id)
order by a.account_id;

-- name: list_addable_people
-- Whom the provider may add to a room: its own people, and those of the room's customers (of any, in a shared room).
select a.account_id, a.kind, a.customer_id, false as deactivated, p.display_name, c.name as customer_name
from accounts as a
join account_profiles as p using (account_id)
left join customer_profiles as c on c.customer_id = a.customer_id
where a.deactivated_at is null
    and a.kind in ('customer', 'staff', 'admin')
    and (
        :room_id::uuid is null
        or a.kind <> 'customer'
        or exists (select from rooms as r where r.room_id = :room_id and r.kind = 'shared')
        or a.customer_id in (select customer_id from room_customers where room_id = :room_id)
    )
order by p.display_name, a.account_id
limit 1000;
