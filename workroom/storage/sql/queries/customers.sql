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
-- A customer with its name.
select customer_id, name
from customers
join customer_profiles using (customer_id)
where customer_id = :customer_id;

-- name: find_only_customer_of_room
-- The customer that a private room is for; no row for a shared room.
select room_customers.customer_id, name
from rooms
join room_customers using (room_id)
join customer_profiles using (customer_id)
where room_id = :room_id
    and rooms.kind = 'private';

-- name: list_customers
-- All customers by name.
select customer_id, name
from customers
join customer_profiles using (customer_id)
where closed_at is null
order by name, customer_id;
