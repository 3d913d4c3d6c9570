-- name: insert_account!
-- A new account with its person and its own stream.
with account as (
    insert into accounts (account_id, kind, customer_id)
    values (:account_id, :kind, :customer_id::uuid)
    returning account_id
), profile as (
    insert into account_profiles (account_id, display_name, email, email_key)
    select account_id, :display_name, :email, :email_key
    from account
)
insert into streams (stream_id, kind, account_id)
select :stream_id, 'account', account_id
from account;

-- name: find_account
-- An account with its person, its customer's name and its own stream. A person that was erased has no name.
select a.account_id, a.kind, a.customer_id, c.name as customer_name, p.display_name, p.email, s.stream_id,
    a.created_at, a.deactivated_at
from accounts as a
join streams as s on s.account_id = a.account_id
left join account_profiles as p on p.account_id = a.account_id
left join customer_profiles as c on c.customer_id = a.customer_id
where a.account_id = :account_id;

-- name: find_account_id
-- Whose e-mail address this is, deactivated or not; for the shell of the machine, never for a door.
select account_id
from account_profiles
where email_key = :email_key;

-- name: list_accounts
-- A page of accounts in the order in which they were made, from after one of them (null: from the first).
select a.account_id, a.kind, a.customer_id, c.name as customer_name, p.display_name, p.email, s.stream_id,
    a.created_at, a.deactivated_at
from accounts as a
join streams as s on s.account_id = a.account_id
left join account_profiles as p on p.account_id = a.account_id
left join customer_profiles as c on c.customer_id = a.customer_id
where :after::uuid is null
    or (a.created_at, a.account_id) > (select created_at, account_id from accounts where account_id = :after::uuid)
order by a.created_at, a.account_id
limit :page_size;

-- name: lock_account_changes
-- One change of who may do what at a time, so that two admins cannot take the last right from each other.
select pg_advisory_xact_lock(hashtext('workroom.account_changes'));

-- name: count_other_admins
-- How many active admins there are besides this account.
select count(*)
from accounts
where kind = 'admin'
    and deactivated_at is null
    and account_id <> :account_id;

-- name: has_admin
-- Whether there is, or was, an admin at all: then the link for the first one is worth nothing.
select exists (select from accounts where kind = 'admin');

-- name: update_display_name!
-- Another name for the person.
update account_profiles
set display_name = :display_name
where account_id = :account_id;

-- name: update_kind!
-- Another kind, among those of the provider.
update accounts
set kind = :kind
where account_id = :account_id;

-- name: deactivate!
-- From now on nobody can sign in to the account.
update accounts
set deactivated_at = current_instant()
where account_id = :account_id;

-- name: reactivate!
-- The account can be signed in to again.
update accounts
set deactivated_at = null
where account_id = :account_id;

-- name: list_shared_streams
-- The shared streams of the rooms an account is a member of, in order of the rooms.
select s.room_id, s.stream_id
from memberships as m
join streams as s on s.room_id = m.room_id and s.kind = 'shared'
where m.account_id = :account_id
    and m.left_seq is null
order by s.room_id;
