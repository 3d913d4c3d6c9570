-- name: lock_rules
-- One change of the rules at a time, until the transaction ends; in a statement of its own, so that the next one sees what
-- the change before it has made.
select pg_advisory_xact_lock(hashtext('workroom.retention_rules'));

-- name: list_classes
-- All retention classes with what uses them; those that were removed last.
select c.class_id, c.name, c.counted_from, c.keep_days, c.destroy_days, c.removed_days, c.version, c.created_at,
    c.changed_at, c.locked_at, c.removed_at,
    (select count(*) from room_classes as r where r.class_id = c.class_id) as rooms,
    array(select d.room_kind from room_kind_defaults as d where d.class_id = c.class_id order by d.room_kind) as room_kinds,
    (select count(*) from messages as m where m.labelled_at is not null and m.label_class_id = c.class_id)
        + (select count(*) from files as f where f.labelled_at is not null and f.label_class_id = c.class_id) as labels
from retention_classes as c
order by c.removed_at nulls first, c.name, c.class_id;

-- name: find_classes
-- Classes by id, without what uses them.
-- :class_ids uuid[]
select c.class_id, c.name, c.counted_from, c.keep_days, c.destroy_days, c.removed_days, c.version, c.created_at,
    c.changed_at, c.locked_at, c.removed_at
from retention_classes as c
where c.class_id = any(:class_ids::uuid[]);

-- name: lock_class
-- A class that is there, until the transaction ends.
select c.class_id, c.name, c.counted_from, c.keep_days, c.destroy_days, c.removed_days, c.version, c.created_at,
    c.changed_at, c.locked_at, c.removed_at
from retention_classes as c
where c.class_id = :class_id
    and c.removed_at is null
for no key update;

-- name: insert_class!
-- A new class.
insert into retention_classes (class_id, name, counted_from, keep_days, destroy_days, removed_days)
values (:class_id, :name, :counted_from, :keep_days, :destroy_days, :removed_days);

-- name: update_class!
-- A class says something else; the database notes since when.
update retention_classes
set name = :name,
    keep_days = :keep_days::integer,
    destroy_days = :destroy_days::integer,
    removed_days = :removed_days
where class_id = :class_id;

-- name: lock_class_for_ever!
-- From now on it is only lengthened.
update retention_classes
set locked_at = current_instant()
where class_id = :class_id
    and locked_at is null;

-- name: remove_class!
-- Nothing gets this class any more.
update retention_classes
set removed_at = current_instant()
where class_id = :class_id;

-- name: find_class_use
-- What has a class.
select
    (select count(*) from room_classes where class_id = :class_id) as rooms,
    (select count(*) from room_kind_defaults where class_id = :class_id) as room_kinds,
    (select count(*) from messages where labelled_at is not null and label_class_id = :class_id)
        + (select count(*) from files where labelled_at is not null and label_class_id = :class_id) as labels;

-- name: assign_room!
-- A room has this class from now on; null for none.
insert into room_classes (room_id, class_id)
values (:room_id, :class_id)
on conflict (room_id) do update
set class_id = excluded.class_id;

-- name: assign_default!
-- Rooms of a kind have this class from now on, unless they have one of their own; null for none.
insert into room_kind_defaults (room_kind, class_id)
values (:room_kind, :class_id)
on conflict (room_kind) do update
set class_id = excluded.class_id;

-- name: list_defaults
-- Which class rooms of a kind have, where they have one.
select room_kind, class_id, changed_at
from room_kind_defaults
where class_id is not null
order by room_kind;

-- name: find_room_classes
-- Which class a room has, which one its kind has, and whether there is such a room at all.
select r.room_id, r.kind, x.room_class_id, x.default_class_id
from rooms as r
join room_rules as x on x.room_id = r.room_id
where r.room_id = :room_id;

-- name: lock_label
-- A message or file that is to be labelled, as the one who labels finds it; null when it is not there.
select m.message_id, m.stream_id, m.room_id, m.seq, m.label_class_id, m.deleted_at, is_visible(m.message_id) as is_visible
from messages as m
where m.message_id = :message_id
for no key update;

-- name: lock_file_label
-- The same for a file that a message has claimed.
select f.file_id, f.message_id, f.stream_id, f.room_id, f.message_seq as seq, f.label_class_id, m.deleted_at,
    exists (select from visible_files as v where v.file_id = f.file_id) as is_visible
from files as f
join messages as m on m.message_id = f.message_id
where f.file_id = :file_id
for no key update of f;

-- name: list_file_labels
-- The files of a message with their labels, in its order. :only_visible leaves out what members are not shown any more.
select f.file_id, f.label_class_id as class_id
from message_files as l
join files as f on f.file_id = l.file_id
where l.message_id = :message_id
    and (not :only_visible or exists (select from visible_files as v where v.file_id = f.file_id))
order by l.position;

-- name: label_message!
-- A message has a class of its own from now on; null for none. The database notes since when.
update messages
set label_class_id = :class_id::uuid,
    labelled_at = current_instant()
where message_id = :message_id;

-- name: label_file!
-- The same for a file.
update files
set label_class_id = :class_id::uuid,
    labelled_at = current_instant()
where file_id = :file_id;

-- name: is_compliance
-- Whether an account is of compliance, which is never a member of a room.
select kind = 'compliance'
from accounts
where account_id = :account_id;
