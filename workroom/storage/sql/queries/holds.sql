-- name: lock_exclusively
-- Waits until nobody destroys content any more, and lets nobody begin until the commit. The first statement, and alone.
select lock_holds_exclusively();

-- name: lock_shared
-- Lets no hold be placed until the commit. The first statement of whoever destroys content, and alone.
select lock_holds_shared();

-- name: insert_hold!
-- A hold is placed.
insert into holds (hold_id, matter_id, placed_by, placed_at, sent_from, sent_until, covers_messages, covers_files)
values (
    :hold_id, :matter_id, :placed_by, current_instant(), :sent_from, :sent_until, :covers_messages, :covers_files
);

-- name: widen_hold!
-- A hold covers more from now on.
update holds
set sent_from = :sent_from,
    sent_until = :sent_until,
    covers_messages = :covers_messages,
    covers_files = :covers_files
where hold_id = :hold_id;

-- name: insert_parts!
-- The act that placed or amended a hold, with the rooms and custodians it added and the span as it is since then.
-- :room_ids uuid[]; :account_ids uuid[], :covers text[] of one length
with amended as (
    insert into hold_amendments (
        hold_id, number, amended_by, amended_at, entry_number, sent_from, sent_until, covers_messages, covers_files
    )
    select :hold_id, coalesce(max(number), 0) + 1, :amended_by, current_instant(), :entry_number,
        :sent_from::timestamptz, :sent_until::timestamptz, :covers_messages::boolean, :covers_files::boolean
    from hold_amendments
    where hold_id = :hold_id
    returning hold_id, number
), added_rooms as (
    insert into hold_rooms (hold_id, room_id, amendment)
    select amended.hold_id, r.room_id, amended.number
    from amended, unnest(:room_ids::uuid[]) as r(room_id)
)
insert into hold_custodians (hold_id, account_id, covers, amendment)
select amended.hold_id, c.account_id, c.covers, amended.number
from amended, unnest(:account_ids::uuid[], :covers::text[]) as c(account_id, covers);

-- name: list_holds
-- Holds with their whole scope, newest first; null parameters ask for any. A room asks for holds that reach into it,
-- whatever their state: named, or a room of which a custodian was ever a member. A reason that was erased is null.
-- :hold_ids uuid[]
select h.hold_id, h.matter_id, h.placed_by, h.placed_at, why_placed.text as reason, h.sent_from, h.sent_until,
    h.covers_messages, h.covers_files, s.state,
    array(select room_id from hold_rooms where hold_id = h.hold_id) as room_ids,
    array(
        select account_id from hold_custodians where hold_id = h.hold_id order by account_id, covers
    ) as account_ids,
    array(select covers from hold_custodians where hold_id = h.hold_id order by account_id, covers) as covers,
    r.release_id, r.requested_by, r.requested_at, why_asked.text as release_reason, r.confirmed_by, r.confirmed_at,
    why_confirmed.text as confirmation_reason, r.kept_until
from holds as h
join hold_amendments as a on a.hold_id = h.hold_id and a.number = 1
left join hold_releases as r on r.hold_id = h.hold_id and r.withdrawn_at is null
left join audit_texts as why_placed on why_placed.entry_number = a.entry_number and why_placed.field = 'reason'
left join audit_texts as why_asked on why_asked.entry_number = r.request_entry and why_asked.field = 'reason'
left join audit_texts as why_confirmed
    on why_confirmed.entry_number = r.confirmation_entry and why_confirmed.field = 'reason'
cross join lateral (
    select case
        when r.kept_until <= current_instant() then 'ended'
        when r.kept_until is not null then 'grace'
        when r.release_id is not null then 'release_requested'
        else 'standing'
    end as state
) as s
where (:hold_ids::uuid[] is null or h.hold_id = any(:hold_ids))
    and (:matter_id::uuid is null or h.matter_id = :matter_id)
    and (:state::text is null or s.state = :state)
    and (
        :room_id::uuid is null
        or exists (select from hold_rooms where hold_id = h.hold_id and room_id = :room_id)
        or exists (
            select
            from hold_custodians as c
            join memberships as m on m.account_id = c.account_id
            where c.hold_id = h.hold_id
                and m.room_id = :room_id
        )
    )
order by h.placed_at desc, h.hold_id;

-- name: list_amendments
-- The acts that made a hold what it is, in order, each with what it added and the span since then. A reason that was
-- erased is null.
select a.number, a.amended_by, a.amended_at, t.text as reason, a.sent_from, a.sent_until, a.covers_messages,
    a.covers_files,
    array(select room_id from hold_rooms where hold_id = a.hold_id and amendment = a.number) as room_ids,
    array(
        select account_id
        from hold_custodians
        where hold_id = a.hold_id and amendment = a.number
        order by account_id, covers
    ) as account_ids,
    array(
        select covers
        from hold_custodians
        where hold_id = a.hold_id and amendment = a.number
        order by account_id, covers
    ) as covers
from hold_amendments as a
left join audit_texts as t on t.entry_number = a.entry_number and t.field = 'reason'
where a.hold_id = :hold_id
order by a.number;

-- name: list_holds_of_messages
-- Which holds keep each of these messages now.
-- :message_ids uuid[]
select message_id, hold_id
from held_messages
where message_id = any(:message_ids::uuid[])
order by message_id, hold_id;
