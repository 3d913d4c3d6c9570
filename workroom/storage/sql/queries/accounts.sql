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

-- name: find_credentials
-- Whose address this is and how the password is stored, for signing in. No row for nobody and for the deactivated.
select a.account_id, c.password_hash
from account_profiles as p
join accounts as a using (account_id)
join account_credentials as c using (account_id)
where p.email_key = :email_key
    and a.deactivated_at is null;

-- name: find_password_hash
-- How an account's password is stored.
select password_hash
from account_credentials
where account_id = :account_id;

-- name: store_password!
-- Sets an account's password, the first or another.
insert into account_credentials (account_id, password_hash)
values (:account_id, :password_hash)
on conflict (account_id) do update
set password_hash = excluded.password_hash,
    changed_at = current_instant();

-- name: renew_password_hash!
-- The same password stored at today's cost; nothing if it was changed meanwhile.
update account_credentials
set password_hash = :password_hash
where account_id = :account_id
    and password_hash = :former_hash;

-- name: lock_account_changes
-- One change of who may do what at a time, so that two admins cannot take the last right from each other.
select pg_advisory_xact_lock(hashtext('workroom.account_changes'));

-- name: lock_account
-- Locks an account against memberships and sessions that are being made, which look at its row.
select account_id, kind, deactivated_at
from accounts
where account_id = :account_id
for update;

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
