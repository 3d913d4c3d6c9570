-- name: search_people
-- Accounts by a part of their name or their customer's, whatever became of them; an empty text finds all.
select a.account_id, a.kind, p.display_name, c.name as customer_name
from accounts as a
left join account_profiles as p on p.account_id = a.account_id
left join customer_profiles as c on c.customer_id = a.customer_id
where :part = ''
    or strpos(lower(p.display_name), lower(:part)) > 0
    or strpos(lower(c.name), lower(:part)) > 0
order by p.display_name, a.account_id
limit :page_size;

-- name: name_people
-- Accounts by id.
-- :account_ids uuid[]
select a.account_id, a.kind, p.display_name, c.name as customer_name
from accounts as a
left join account_profiles as p on p.account_id = a.account_id
left join customer_profiles as c on c.customer_id = a.customer_id
where a.account_id = any(:account_ids::uuid[])
order by p.display_name, a.account_id;

-- name: name_rooms
-- Rooms by id, by their newest name.
-- :room_ids uuid[]
select r.room_id, r.kind, r.archived_at, n.name
from rooms as r
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
where r.room_id = any(:room_ids::uuid[])
order by n.name, r.room_id;

-- name: search_rooms
-- Rooms by a part of their name or of a customer's, the latest written in first; an empty text finds all. With how many
-- holds that keep something reach into them. :only_room_id (null: any) asks for one.
select r.room_id, r.kind, r.archived_at, n.name, s.last_recorded_at,
    array(
        select p.name
        from room_customers as rc
        join customer_profiles as p on p.customer_id = rc.customer_id
        where rc.room_id = r.room_id
        order by p.name
    ) as customers,
    (select count(distinct h.hold_id)::integer from held_spans as h where h.room_id = r.room_id) as holds
from rooms as r
join streams as s on s.room_id = r.room_id and s.kind = 'shared'
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
where (:only_room_id::uuid is null or r.room_id = :only_room_id::uuid)
    and (
        :part = ''
        or strpos(lower(n.name), lower(:part)) > 0
        or exists (
            select
            from room_customers as rc
            join customer_profiles as p on p.customer_id = rc.customer_id
            where rc.room_id = r.room_id
                and strpos(lower(p.name), lower(:part)) > 0
        )
    )
order by s.last_recorded_at desc, r.room_id
limit :page_size;

-- name: list_actors
-- Everybody who is in the audit log as acting, by name.
select a.account_id, a.kind, p.display_name, null::text as customer_name
from accounts as a
left join account_profiles as p on p.account_id = a.account_id
where a.kind <> 'customer'
    and exists (select from audit_entries as e where e.actor_id = a.account_id)
order by p.display_name, a.account_id;

-- name: number_holds
-- How people call holds: the matter's name, and which of its holds each is, in the order of placing.
-- :hold_ids uuid[]
select h.hold_id, m.name as matter_name,
    (
        select count(*)::integer
        from holds as x
        where x.matter_id = h.matter_id
            and (x.placed_at, x.hold_id) <= (h.placed_at, h.hold_id)
    ) as number
from holds as h
join matters as m on m.matter_id = h.matter_id
where h.hold_id = any(:hold_ids::uuid[]);

-- name: name_matters
-- Matters by id.
-- :matter_ids uuid[]
select matter_id, name
from matters
where matter_id = any(:matter_ids::uuid[])
order by name, matter_id;

-- name: name_classes
-- Retention classes by id, removed ones too.
-- :class_ids uuid[]
select class_id, name
from retention_classes
where class_id = any(:class_ids::uuid[])
order by name, class_id;

-- name: name_customers
-- Customers by id, closed ones too.
-- :customer_ids uuid[]
select customer_id, name
from customer_profiles
where customer_id = any(:customer_ids::uuid[])
order by name, customer_id;
