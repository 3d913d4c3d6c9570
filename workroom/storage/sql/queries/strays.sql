-- name: insert_stray!
-- Bytes are about to lie here, or lie here no more for anybody; kept for so long.
insert into stray_segments (store, store_key, kept_until)
values (:store, :store_key, current_instant() + :keep_seconds::integer * interval '1 second');

-- name: keep_stray
-- Keeps a copy that is still being made for longer; no row when it was given up.
update stray_segments
set kept_until = current_instant() + :keep_seconds::integer * interval '1 second'
where store = :store
    and store_key = :store_key
    and given_up_at is null
returning store_key;

-- name: lock_stray
-- A copy that was not given up, and cannot be until the transaction ends; no row when it was.
select store_key
from stray_segments
where store = :store
    and store_key = :store_key
    and given_up_at is null
for update;

-- name: give_up_strays
-- Chooses what is over its time, in stores that the asker reaches. Never a place that a segment names; and none of a file
-- that is on hold, whoever wrote that it is a stray.
-- :stores text[]
update stray_segments as s
set given_up_at = current_instant()
from (
    select store, store_key
    from stray_segments
    where kept_until <= current_instant()
        and store = any(:stores::text[])
    order by store, store_key
    limit :batch_size
) as due
where s.store = due.store
    and s.store_key = due.store_key
    and s.kept_until <= current_instant()
    and not exists (select from file_segments as f where f.store = s.store and f.store_key = s.store_key)
    and file_of_place(s.store_key) is not null
    and not exists (
        select
        from files as f
        join held_messages as h on h.message_id = f.message_id
        where f.file_id = file_of_place(s.store_key)
            and h.covers_files
    )
returning s.store, s.store_key;

-- name: delete_strays!
-- Forgets strays whose bytes are gone, or became a segment's.
-- :stores, :store_keys text[] of one length
delete from stray_segments
where (store, store_key) in (select * from unnest(:stores::text[], :store_keys::text[]));
