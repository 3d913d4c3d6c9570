-- name: find_claimed_file
-- A file that is shown to the readers of its message, with what its reader must be asked for.
select f.file_id, f.stream_id, f.message_id, f.message_seq, f.byte_size, f.scan_state, c.name, c.media_type, c.sha256
from files as f
join messages as m on m.message_id = f.message_id and m.deleted_at is null
join file_contents as c on c.file_id = f.file_id
where f.file_id = :file_id
    and is_visible(m.message_id)
    and is_file_shown(f.file_id, f.label_class_id);

-- name: find_file_preview
-- The preview of a file, whose reader was asked already.
select p.byte_size, p.sha256, p.media_type, s.store, s.store_key
from file_previews as p
join file_segments as s on s.file_id = p.file_id and s.number = -1
where p.file_id = :file_id;

-- name: is_still_readable
-- Whether a download may go on: the account reads the stream from there on, and the file is shown.
select exists (
    select
    from streams as s
    join accounts as a on a.account_id = :account_id and a.deactivated_at is null
    join memberships as m on m.room_id = s.room_id and m.account_id = a.account_id and m.left_seq is null
    join visible_files as f on f.file_id = :file_id
    where s.stream_id = :stream_id
        and (case when s.kind = 'shared' then m.reads_from_seq <= f.message_seq else a.kind in ('staff', 'admin') end)
);

-- name: read_block_digests
-- The digests of some blocks of a file, one after the other. Blocks count from 0.
select substring(block_digests from :first_block::integer * 32 + 1 for :block_count::integer * 32)
from file_contents
where file_id = :file_id;

-- name: record_damage
-- A block was not what it was when it was received; gives whether that was found for the first time.
insert into file_damages (file_id, block, reader_id)
values (:file_id, :block, :reader_id)
returning not exists (
    select from file_damages as before where before.file_id = :file_id and before.block = :block
) as is_first;

-- name: check_files
-- What decides whether messages may claim files, read and locked in the order of ids. Unknown ids are left out, and those of
-- files whose time has come: whether a hold still keeps one, nobody learns by claiming it.
-- :file_ids uuid[]
select f.file_id, f.stream_id, f.uploader_id, f.message_id, f.byte_size, f.kind, f.scan_state, c.name, c.media_type,
    c.sha256, c.width, c.height, f.preview_state, p.width as preview_width, p.height as preview_height, p.shown_width,
    p.shown_height
from (
    select file_id, stream_id, uploader_id, message_id, byte_size, kind, scan_state, preview_state
    from files
    where file_id = any(:file_ids::uuid[])
    order by file_id
    for no key update
) as f
join file_contents as c on c.file_id = f.file_id
left join file_previews as p on p.file_id = f.file_id
where f.message_id is null
    or exists (select from visible_files as v where v.file_id = f.file_id);

-- name: list_unreceived
-- Which of the files are uploads of the account that are not whole yet.
-- :file_ids uuid[]
select u.file_id
from uploads as u
where u.file_id = any(:file_ids::uuid[])
    and u.uploader_id = :uploader_id
    and u.abandoned_at is null
    and not exists (select from files as f where f.file_id = u.file_id);

-- name: claim_files
-- Messages claim files, in the transaction in which they are written. Gives the files claimed.
-- Arrays of one length.
with claims as (
    select *
    from unnest(
        :message_ids::uuid[], :message_seqs::bigint[], :positions::smallint[], :file_ids::uuid[], :alt_texts::text[]
    ) as c(message_id, message_seq, position, file_id, alt_text)
), listed as (
    insert into message_files (message_id, position, file_id, alt_text)
    select message_id, position, file_id, alt_text
    from claims
)
update files as f
set message_id = c.message_id,
    message_seq = c.message_seq,
    position = c.position
from claims as c
where f.file_id = c.file_id
    and f.message_id is null
returning f.file_id;

-- name: list_of_messages
-- The files of messages that are shown, in order, without those whose own time has come.
-- :message_ids uuid[]
select l.message_id, l.position, l.file_id, l.alt_text, f.byte_size, f.kind, f.scan_state, c.name, c.media_type,
    c.sha256, c.width, c.height, f.preview_state, p.width as preview_width, p.height as preview_height, p.shown_width,
    p.shown_height
from message_files as l
join files as f on f.file_id = l.file_id
join file_contents as c on c.file_id = l.file_id
left join file_previews as p on p.file_id = l.file_id
where l.message_id = any(:message_ids::uuid[])
    and is_file_shown(f.file_id, f.label_class_id)
order by l.message_id, l.position;

-- name: list_of_stream
-- The files of a stream, newest first, below a place, of a kind and with a name that contains something.
-- :kind, :name_pattern null for any
select f.message_id, f.message_seq, f.position, f.file_id, l.alt_text, f.byte_size, f.kind, f.scan_state, c.name,
    c.media_type, c.sha256, c.width, c.height, f.preview_state, p.width as preview_width, p.height as preview_height,
    p.shown_width, p.shown_height, f.author_id, f.sent_at
from visible_files as f
join message_files as l on l.message_id = f.message_id and l.position = f.position
join file_contents as c on c.file_id = f.file_id
left join file_previews as p on p.file_id = f.file_id
where f.stream_id = :stream_id
    and f.message_seq >= :reads_from_seq
    and f.message_seq >= coalesce((select visible_from_seq from stream_expiries where stream_id = :stream_id), 1)
    and (f.message_seq, f.position) < (:before_seq::bigint, :before_position::smallint)
    and (:kind::text is null or f.kind = :kind)
    and (:name_pattern::text is null or c.name ilike :name_pattern)
order by f.message_seq desc, f.position desc
limit :page_size;

-- name: find_changing
-- A file about which something was found out, under its room's lock. The message is null while unclaimed, and where a run came
-- by: the free would be there no more, so of the held nothing is told.
select f.file_id, f.stream_id, case when not is_gone(f.file_id) and not is_gone(f.message_id) then f.message_id end
    as message_id, f.message_seq, f.position, f.scan_state, f.preview_state, f.uploader_id
from files as f
where f.file_id = :file_id
for no key update;

-- name: find_stream_of
-- The stream of a file, to lock its room before anything else.
select stream_id
from files
where file_id = :file_id;

-- name: mark_scanned!
-- What the virus scan said.
update files
set scan_state = :scan_state,
    scanned_at = current_instant()
where file_id = :file_id
    and scan_state = 'unchecked';

-- name: mark_preview!
-- That a preview was made, or could not be; one that was made stays, whatever became of another attempt.
update files
set preview_state = :preview_state
where file_id = :file_id
    and (preview_state = 'wanted' or preview_state = 'failed' and :preview_state = 'made');

-- name: list_to_scan
-- Files that wait for the virus scan, oldest first, without some of them.
-- :left_out uuid[]
select f.file_id, f.byte_size
from files as f
where f.scan_state = 'unchecked'
    and not exists (select from unnest(:left_out::uuid[]) as l(file_id) where l.file_id = f.file_id)
order by f.file_id
limit :batch_size;

-- name: list_to_preview
-- Files that wait for a preview, oldest first, without some of them; not while they are being scanned.
-- :left_out uuid[]
select f.file_id, f.byte_size, c.media_type
from files as f
join file_contents as c on c.file_id = f.file_id
where f.preview_state = 'wanted'
    and f.scan_state in ('not_scanned', 'clean')
    and not exists (select from unnest(:left_out::uuid[]) as l(file_id) where l.file_id = f.file_id)
order by f.file_id
limit :batch_size;

-- name: lock_preview_segment
-- Where an earlier attempt began to write a preview. Who keeps one changes this row: it waits, or this does.
select store, store_key
from file_segments
where file_id = :file_id
    and number = -1
for update;

-- name: insert_preview_segment
-- Where a preview is about to be written, for a file that is there and has none; the row is there before the bytes are.
-- No row when another attempt just began.
insert into file_segments (file_id, number, byte_offset, store, store_key)
select file_id, -1, 0, :store, :store_key
from files
where file_id = :file_id
    and preview_state = 'wanted'
for key share
on conflict (file_id, number) do nothing
returning file_id;

-- name: take_preview_segment
-- The same after an earlier attempt, whose row is locked; no row when that attempt has kept its preview by now.
update file_segments as s
set store = :store,
    store_key = :store_key
from (
    select file_id
    from files
    where file_id = :file_id
        and preview_state = 'wanted'
    for key share
) as f
where s.file_id = f.file_id
    and s.number = -1
returning s.file_id;

-- name: insert_preview
-- The preview is durable, where its row still says that it is to lie.
with there as (
    update file_segments
    set byte_size = :byte_size
    where file_id = :file_id
        and number = -1
        and store_key = :store_key
    returning file_id
)
insert into file_previews (file_id, media_type, byte_size, sha256, width, height, shown_width, shown_height)
select there.file_id, :media_type, :byte_size, :sha256, :width, :height, :shown_width, :shown_height
from there
join files as f on f.file_id = there.file_id
on conflict (file_id) do nothing
returning file_id;

-- name: has_any
-- Whether this installation has had files yet.
select exists (select from file_segments);

-- name: list_files_of_store
-- Received files of which something lies in a store, for moving it to another. A preview that is being made has no size
-- yet, and is left to the next run.
select distinct s.file_id
from file_segments as s
join files as f on f.file_id = s.file_id
where s.store = :store
    and s.byte_size > 0
    and s.file_id > :after_file_id
order by s.file_id
limit :batch_size;

-- name: find_digests
-- What a file was when it was received.
select sha256, block_digests
from file_contents
where file_id = :file_id;

-- name: move_segment
-- A segment lies elsewhere from now on, if it still lay where it was read.
update file_segments
set store = :store,
    store_key = :store_key
where file_id = :file_id
    and number = :number
    and store = :old_store
    and store_key = :old_store_key
returning file_id;
