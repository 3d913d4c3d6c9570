-- name: record_act
-- Appends an entry and gives its number. Others wait until the commit.
-- :facts, :texts objects as JSON
select record_act(
    :act, :origin, :actor_id, :session_id, :subject_kind, :subject_id, :facts::text::jsonb, :texts::text::jsonb
);

-- name: list_entries
-- A page of entries, newest first; null parameters ask for any. text_fields names the texts it had, erased or not.
select e.entry_number, e.recorded_at, e.origin, e.actor_id, e.session_id, e.act, e.subject_kind, e.subject_id,
    e.facts::text as facts,
    array(
        select jsonb_object_keys(convert_from(e.canonical, 'UTF8')::jsonb -> 'texts')
    ) as text_fields
from audit_entries as e
where (:act::text is null or e.act = :act)
    and (:actor_id::uuid is null or e.actor_id = :actor_id)
    and (:subject_id::uuid is null or e.subject_id = :subject_id)
    and (:recorded_from::timestamptz is null or e.recorded_at >= :recorded_from)
    and (:recorded_until::timestamptz is null or e.recorded_at < :recorded_until)
    and (:before::bigint is null or e.entry_number < :before)
order by e.entry_number desc
limit :page_size;

-- name: list_texts
-- The texts of entries that were not erased.
-- :entry_numbers bigint[]
select entry_number, field, salt, text
from audit_texts
where entry_number = any(:entry_numbers::bigint[])
order by entry_number, field;

-- name: erase_texts
-- Erases what a person wrote in an entry; gives the number of the entry that says so, null where nothing was left.
select erase_audit_texts(:entry_number::bigint, :officer_id, :origin, :session_id, :reason);

-- name: list_chained
-- Entries as they are chained, in order, above a number; and what the columns say beside the canonical bytes.
select entry_number, canonical, previous_hash, entry_hash, recorded_at, origin, actor_id, session_id, act, subject_kind,
    subject_id, facts::text as facts
from audit_entries
where entry_number > :after
order by entry_number
limit :page_size;

-- name: find_installation
-- Whose audit log it is, and what time it is.
select installation_id, current_instant() as exported_at
from installation;
