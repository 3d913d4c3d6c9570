-- name: insert_invitation
-- A link by which one person may join a room; only the hash of its token is kept. Gives when it expires.
insert into invitations (
    invitation_id, token_hash, room_id, grants_history, created_by, created_at, expires_at
)
values (
    :invitation_id, :token_hash, :room_id, :grants_history, :created_by, current_instant(),
    current_instant() + :expires_in_hours::integer * interval '1 hour'
)
returning expires_at;

-- name: find_invitation
-- An invitation that still works, by its token: also whoever made it may still invite.
-- :inviting_kinds text[]
select i.invitation_id, i.room_id, r.kind as room_kind, n.name as room_name, i.grants_history, i.created_by,
    p.display_name as invited_by, i.expires_at
from invitations as i
join rooms as r on r.room_id = i.room_id and r.archived_at is null
join accounts as a on a.account_id = i.created_by
    and a.kind = any(:inviting_kinds::text[])
    and a.deactivated_at is null
left join account_profiles as p on p.account_id = i.created_by
cross join lateral (
    select name
    from room_names
    where room_id = r.room_id
    order by revision desc
    limit 1
) as n
where i.token_hash = :token_hash
    and i.revoked_at is null
    and i.used_at is null
    and i.expires_at > current_instant();

-- name: find_used_invitation
-- The room of an invitation that this account has used: sending the command again is answered the same.
select room_id
from invitations
where token_hash = :token_hash
    and used_by = :account_id;

-- name: find_invitation_by_id
-- An invitation's room, to ask whether the actor may revoke it.
select room_id, created_by, expires_at
from invitations
where invitation_id = :invitation_id
    and revoked_at is null
    and used_at is null;

-- name: list_invitations
-- The invitations of a room that can be revoked: those that work, and those whose maker is deactivated.
select invitation_id, created_by, grants_history, expires_at
from invitations
where room_id = :room_id
    and revoked_at is null
    and used_at is null
    and expires_at > current_instant()
order by created_at, invitation_id;

-- name: revoke_invitation!
-- Makes the link worthless.
update invitations
set revoked_at = current_instant(),
    revoked_by = :revoked_by
where invitation_id = :invitation_id
    and revoked_at is null
    and used_at is null;

-- name: use_invitation!
-- Marks the link as used; zero rows when somebody else was faster, or whoever made it may not invite any more.
-- :inviting_kinds text[]
update invitations as i
set used_at = current_instant(),
    used_by = :used_by
from accounts as a
where i.invitation_id = :invitation_id
    and i.used_at is null
    and i.revoked_at is null
    and i.expires_at > current_instant()
    and a.account_id = i.created_by
    and a.kind = any(:inviting_kinds::text[])
    and a.deactivated_at is null;
