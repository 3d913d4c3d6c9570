-- name: insert_session
-- A session for an account that is active; no row when it is not. Waits for a change of the account that is under way.
insert into sessions (token_hash, account_id, expires_at)
select :token_hash, account_id, current_instant() + :days * interval '1 day'
from (
    select account_id
    from accounts
    where account_id = :account_id
        and deactivated_at is null
    for share
) as active
returning session_id, expires_at, (select kind from accounts where account_id = sessions.account_id) as kind;

-- name: find_sessions
-- Who is signed in with each of these tokens: sessions that have neither ended nor expired, of active accounts.
-- :token_hashes bytea[]
select s.token_hash, s.session_id, s.account_id, a.kind, a.customer_id, p.display_name, own.stream_id,
    own.last_seq as stream_seq, s.expires_at
from unnest(:token_hashes::bytea[]) as asked(token_hash)
join sessions as s using (token_hash)
join accounts as a on a.account_id = s.account_id and a.deactivated_at is null
join account_profiles as p on p.account_id = s.account_id
join streams as own on own.account_id = s.account_id
where s.ended_at is null
    and s.expires_at > current_instant();

-- name: has_session
-- Whether a session has neither ended nor expired. Under the lock of its account's stream nobody ends it.
select exists (
    select from sessions
    where session_id = :session_id
        and ended_at is null
        and expires_at > current_instant()
);

-- name: prolong_sessions!
-- Sessions that are in use hold on, each until :idle_days from now and at most :days from its beginning. What would move by
-- less than an hour stays, so that using a session all day is not writing all day.
-- :session_ids uuid[]
update sessions as s
set expires_at = due.until_at
from (
    select session_id,
        least(
            created_at + :days * interval '1 day', current_instant() + :idle_days * interval '1 day'
        ) as until_at
    from sessions
    where session_id = any(:session_ids::uuid[])
) as due
where s.session_id = due.session_id
    and s.ended_at is null
    and s.expires_at > current_instant()
    and s.expires_at <= due.until_at - interval '1 hour';

-- name: end_session!
-- A session ends.
update sessions
set ended_at = current_instant()
where session_id = :session_id
    and ended_at is null;

-- name: end_sessions_of_account!
-- Every session of an account ends.
update sessions
set ended_at = current_instant()
where account_id = :account_id
    and ended_at is null;

-- name: delete_dead_sessions!
-- Sessions that ended or expired more than a day ago are no record of anything.
delete from sessions
where least(ended_at, expires_at) < current_instant() - interval '1 day';

-- name: is_account_active
-- Whether an account exists and is not deactivated.
select exists (
    select from accounts
    where account_id = :account_id
        and deactivated_at is null
);
