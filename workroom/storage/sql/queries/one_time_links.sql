-- name: lock_first_admin
-- One at a time makes, or uses, the link for the first admin.
select pg_advisory_xact_lock(hashtext('workroom.first_admin'));

-- name: revoke_links!
-- Earlier links for the same purpose and account are worth nothing any more.
delete from one_time_links
where purpose = :purpose
    and account_id is not distinct from :account_id::uuid
    and used_at is null;

-- name: insert_link
-- A link that works once; only the hash of its token is kept.
insert into one_time_links (token_hash, purpose, account_id, expires_at)
values (:token_hash, :purpose, :account_id::uuid, current_instant() + :hours * interval '1 hour')
returning expires_at;

-- name: find_link
-- Whether a link still works, and for whom.
select l.account_id, p.display_name, p.email
from one_time_links as l
left join account_profiles as p on p.account_id = l.account_id
left join accounts as a on a.account_id = l.account_id
where l.token_hash = :token_hash
    and l.purpose = :purpose
    and l.used_at is null
    and l.expires_at > current_instant()
    and a.deactivated_at is null;

-- name: use_link
-- Uses a link; no row when it does not work, or when somebody else was faster.
update one_time_links as l
set used_at = current_instant()
where l.token_hash = :token_hash
    and l.purpose = :purpose
    and l.used_at is null
    and l.expires_at > current_instant()
    and not exists (
        select from accounts as a
        where a.account_id = l.account_id
            and a.deactivated_at is not null
    )
returning l.token_hash, l.account_id;

-- name: delete_dead_links!
-- Links that were used or expired more than a day ago.
delete from one_time_links
where coalesce(used_at, expires_at) < current_instant() - interval '1 day';
