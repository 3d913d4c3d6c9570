-- name: insert_matter!
-- A matter is opened.
insert into matters (matter_id, name, opened_by, opened_at, opening_entry)
values (:matter_id, :name, :opened_by, current_instant(), :entry_number);

-- name: close_matter!
-- A matter is closed.
update matters
set closed_by = :closed_by,
    closed_at = current_instant(),
    closing_entry = :entry_number
where matter_id = :matter_id;

-- name: lock_matter
-- Whoever closes a matter waits for holds that are being placed in it.
select matter_id
from matters
where matter_id = :matter_id
for no key update;

-- name: share_matter
-- Whoever places a hold in a matter keeps it open until the commit.
select matter_id
from matters
where matter_id = :matter_id
for share;

-- name: find_matter
-- A matter, with how many of its holds stand, are in their grace period, and keep nothing any more.
select m.matter_id, m.name, m.opened_by, m.opened_at, t.text as reason, m.closed_by, m.closed_at,
    count(h.hold_id) filter (where r.kept_until is null) as standing_holds,
    count(h.hold_id) filter (where r.kept_until > current_instant()) as holds_in_grace,
    count(h.hold_id) filter (where r.kept_until <= current_instant()) as ended_holds
from matters as m
left join audit_texts as t on t.entry_number = m.opening_entry and t.field = 'reason'
left join holds as h on h.matter_id = m.matter_id
left join hold_releases as r on r.hold_id = h.hold_id and r.withdrawn_at is null
where m.matter_id = :matter_id
group by m.matter_id, t.text;

-- name: list_matters
-- All matters in the same way, the open ones first, the newest first among them.
select m.matter_id, m.name, m.opened_by, m.opened_at, t.text as reason, m.closed_by, m.closed_at,
    count(h.hold_id) filter (where r.kept_until is null) as standing_holds,
    count(h.hold_id) filter (where r.kept_until > current_instant()) as holds_in_grace,
    count(h.hold_id) filter (where r.kept_until <= current_instant()) as ended_holds
from matters as m
left join audit_texts as t on t.entry_number = m.opening_entry and t.field = 'reason'
left join holds as h on h.matter_id = m.matter_id
left join hold_releases as r on r.hold_id = h.hold_id and r.withdrawn_at is null
group by m.matter_id, t.text
order by m.closed_at is not null, m.opened_at desc, m.matter_id;
