-- name: find_place
-- Where an upload is to go, as its uploader finds it: the room, and whether it is archived. The room's row is the lock
-- under which quotas are counted.
select s.stream_id, r.room_id, r.archived_at, current_instant() as begun_at
from streams as s
join rooms as r on r.room_id = s.room_id
where s.stream_id = :stream_id
for no key update of r;

-- name: count_visible_bytes
-- What the files of a room, and of all rooms, take as far as members can see them, with what is on its way; and how many
-- uploads an account has that no message has claimed. No file is looked at: one row for each room that has any.
select
    coalesce((select visible_bytes from room_file_bytes where room_id = :room_id), 0) as room_bytes,
    (select coalesce(sum(visible_bytes), 0)::bigint from room_file_bytes) as all_bytes,
    (
        select count(*)
        from uploads as u
        where u.uploader_id = :uploader_id
            and u.abandoned_at is null
            and not exists (select from files as f where f.file_id = u.file_id and f.message_id is not null)
    ) as uploads_of_account;

-- name: find_named
-- What an account began before by a creation of the same words, which name the stream too, while it can still be gone on
-- with. Asked under the room's lock, so that of two that come at the same moment one begins it and the other finds it.
select file_id
from uploads
where uploader_id = :uploader_id
    and metadata = :metadata
    and byte_size = :byte_size
    and abandoned_at is null
    and expires_at > current_instant()
order by created_at
limit 1;

-- name: insert_upload
-- An upload begins.
insert into uploads (file_id, stream_id, room_id, uploader_id, name, metadata, byte_size, created_at, expires_at)
values (:file_id, :stream_id, :room_id, :uploader_id, :name, :metadata, :byte_size, :begun_at,
    :begun_at::timestamptz + :keep_hours::integer * interval '1 hour')
returning expires_at;

-- name: find_upload
-- An upload as its uploader finds it, who must be a member of the room still.
select u.file_id, u.stream_id, u.room_id, u.uploader_id, u.name, u.metadata, u.byte_size, u.received_bytes, u.expires_at,
    f.file_id is not null as is_received, f.message_id is not null as is_claimed,
    u.leased_until > current_instant() as is_leased
from uploads as u
join accounts as a on a.account_id = u.uploader_id and a.deactivated_at is null
join memberships as m on m.room_id = u.room_id and m.account_id = u.uploader_id and m.left_seq is null
left join files as f on f.file_id = u.file_id
where u.file_id = :file_id
    and u.uploader_id = :uploader_id
    and u.abandoned_at is null
    and (u.expires_at > current_instant() or f.message_id is not null);

-- name: take_lease
-- Makes the asker the only writer, if nobody else is; the number fences off whoever was. was_released tells whether the
-- last writer ended in order, so that what it wrote last may be gone on with.
with before as (
    select file_id, leased_until
    from uploads
    where file_id = :file_id
    for no key update
)
update uploads as u
set lease_number = u.lease_number + 1,
    leased_until = current_instant() + :lease_seconds::integer * interval '1 second'
from before
where u.file_id = before.file_id
    and u.abandoned_at is null
    and (u.leased_until is null or u.leased_until <= current_instant())
returning u.lease_number, u.received_bytes, before.leased_until is null as was_released;

-- name: renew_lease
-- Goes on holding the lease; no row when somebody else has it.
update uploads
set leased_until = current_instant() + :lease_seconds::integer * interval '1 second'
where file_id = :file_id
    and lease_number = :lease_number
    and abandoned_at is null
returning file_id;

-- name: release_lease!
-- Gives the lease back: the next writer may begin at once. Where it may go on with what was written last, in order: null.
update uploads
set leased_until = case when :in_order::boolean then null else current_instant() end
where file_id = :file_id
    and lease_number = :lease_number;

-- name: acknowledge_bytes
-- What is durable now, and which segments it lies in; renews the lease. No row when somebody else has it.
-- :numbers integer[], :byte_sizes bigint[] of one length
with held as (
    update uploads
    set received_bytes = :received_bytes,
        leased_until = current_instant() + :lease_seconds::integer * interval '1 second'
    where file_id = :file_id
        and lease_number = :lease_number
        and abandoned_at is null
    returning file_id
), written as (
    update file_segments as s
    set byte_size = w.byte_size
    from held, unnest(:numbers::integer[], :byte_sizes::bigint[]) as w(number, byte_size)
    where s.file_id = held.file_id
        and s.number = w.number
)
select file_id from held;

-- name: insert_segment
-- A segment is about to be written under a lease that stands; no row when it does not.
insert into file_segments (file_id, number, byte_offset, store, store_key)
select u.file_id, :number, :byte_offset, :store, :store_key
from uploads as u
where u.file_id = :file_id
    and u.lease_number = :lease_number
    and u.abandoned_at is null
for no key update of u
returning file_id;

-- name: list_segments
-- Where the bytes of files lie, in order; also of those that were given up, and previews (number -1).
-- :file_ids uuid[]
select file_id, number, byte_offset, byte_size, store, store_key
from file_segments
where file_id = any(:file_ids::uuid[])
order by file_id, byte_offset, number;

-- name: insert_received_file
-- An upload has become a file: whole, hashed, still without a message. No row when the lease is lost.
with held as (
    select file_id, stream_id, room_id, uploader_id, name, byte_size
    from uploads
    where file_id = :file_id
        and lease_number = :lease_number
        and received_bytes = byte_size
        and abandoned_at is null
    for no key update
), written as (
    insert into files (file_id, stream_id, room_id, uploader_id, byte_size, kind, received_at, scan_state, preview_state)
    select file_id, stream_id, room_id, uploader_id, byte_size, :kind, current_instant(), :scan_state, :preview_state
    from held
    on conflict (file_id) do nothing
    returning file_id
)
insert into file_contents (file_id, name, media_type, sha256, block_digests, salt, width, height)
select held.file_id, held.name, :media_type, :sha256, :block_digests, :salt, :width, :height
from held
join written using (file_id)
returning file_id;

-- name: forget_empty_segments
-- Forgets segments of a file that hold nothing, and says where they lay.
select file_id, number, byte_offset, byte_size, store, store_key
from forget_empty_segments(:file_id);

-- name: abandon_upload
-- Gives up one upload that its uploader names; no row when a message has claimed it, or somebody writes into it.
select abandon_unclaimed_uploads(:file_id, :uploader_id, 1) as file_id;

-- name: abandon_expired_uploads
-- Gives up uploads of one room that nobody claimed in time.
select abandon_unclaimed_uploads(null, null, :batch_size) as file_id;

-- name: list_abandoned_uploads
-- What was given up and whose bytes may still lie somewhere, all of them in stores that the asker reaches; never what is a
-- file of a message, whatever its row says.
-- :stores text[]
select u.file_id
from uploads as u
where u.abandoned_at is not null
    and not exists (select from files as f where f.file_id = u.file_id and f.message_id is not null)
    and not exists (
        select from file_segments as s where s.file_id = u.file_id and s.store <> all(:stores::text[])
    )
order by u.file_id
limit :batch_size;

-- name: count_segments_out_of_reach
-- How many segments of uploads that were given up lie in stores that the asker does not reach, by store.
-- :stores text[]
select s.store, count(*) as segments
from uploads as u
join file_segments as s on s.file_id = u.file_id
where u.abandoned_at is not null
    and s.store <> all(:stores::text[])
group by s.store
order by s.store;

-- name: forget_claimed_uploads
-- Forgets uploads that a message has claimed.
select forget_claimed_uploads();

-- name: forget_abandoned_uploads
-- Forgets given up uploads after their bytes, which lay under these keys; says how many.
-- :file_ids uuid[], :emptied_keys text[]
select forget_abandoned_uploads(:file_ids::uuid[], :emptied_keys::text[]);
