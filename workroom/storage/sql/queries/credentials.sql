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

-- name: replace_password!
-- Sets another password where the account's is still stored as it was when it was checked.
update account_credentials
set password_hash = :password_hash,
    changed_at = current_instant()
where account_id = :account_id
    and password_hash = :former_hash;

-- name: renew_password_hash!
-- The same password stored at today's cost; nothing if it was changed meanwhile.
update account_credentials
set password_hash = :password_hash
where account_id = :account_id
    and password_hash = :former_hash;

-- name: lock_password
-- Whether the account's password is still stored as it was when it was checked; it stays so until the end.
select account_id
from account_credentials
where account_id = :account_id
    and password_hash = :password_hash
for share;
