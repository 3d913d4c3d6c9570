-- name: lock_hold
-- One change of a hold's release at a time.
select hold_id
from holds
where hold_id = :hold_id
for no key update;

-- name: insert_release!
-- The release of a hold is asked for.
insert into hold_releases (release_id, hold_id, requested_by, requested_at, request_entry)
values (:release_id, :hold_id, :requested_by, current_instant(), :entry_number);

-- name: withdraw_release!
-- Nobody asks for it any more.
update hold_releases
set withdrawn_by = :withdrawn_by,
    withdrawn_at = current_instant(),
    withdrawal_entry = :entry_number
where release_id = :release_id;

-- name: confirm_release
-- Ends a hold, records it, and gives until when what it covered is kept.
select confirm_hold_release(
    :release_id, :officer_id, :origin, :session_id, :reason, :needs_two::boolean, :grace_days::integer
);
