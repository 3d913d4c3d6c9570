-- name: insert_customer!
-- A new customer with its name.
with customer as (
    insert into customers (customer_id)
    values (:customer_id)
    returning customer_id
)
insert into customer_profiles (customer_id, name)
select customer_id, :name
from customer;

-- name: find_customer
-- A customer with its name, closed or not.
select customer_id, name, closed_at
from customers
join customer_profiles using (customer_id)
where customer_id = :customer_id;

-- name: find_only_customer_of_room
-- The customer that a private room is for; no row for a shared room.
select room_customers.customer_id, name, customers.closed_at
from rooms
join room_customers using (room_id)
join customers using (customer_id)
join customer_profiles using (customer_id)
where room_id = :room_id
    and rooms.kind = 'private';

-- name: list_customers
-- All customers by name, closed or not.
select customer_id, name, closed_at
from customers
join customer_profiles using (customer_id)
order by name, customer_id;

-- name: close_customer
-- A customer is closed; no row where it is already.
update customers
set closed_at = current_instant()
where customer_id = :customer_id
    and closed_at is null
returning closed_at;

-- name: open_customer
-- A customer is open again; gives since when it was closed, no row where it was not.
with closed as (
    select customer_id, closed_at
    from customers
    where customer_id = :customer_id
        and closed_at is not null
    for no key update
)
update customers as c
set closed_at = null
from closed
where c.customer_id = closed.customer_id
returning closed.closed_at;
