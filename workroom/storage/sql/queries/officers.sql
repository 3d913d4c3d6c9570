-- name: find_active
-- An account that is active, and stays what it is until the commit.
select account_id, kind
from accounts
where account_id = :account_id
    and deactivated_at is null
for share;
