-- Files: uploaded into a stream, claimed by a message, kept with it. schema.sql says the same, for reading.

alter table workroom.events drop constraint event_kind;
alter table workroom.events add constraint event_kind check (kind in (
    'message_posted', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'file_changed',
    'room_created', 'room_renamed', 'room_archived', 'room_reopened',
    'member_joined', 'member_left', 'member_removed', 'member_changed',
    'room_entered', 'room_exited', 'read_marker_moved', 'account_changed', 'account_deactivated',
    'account_reactivated', 'sessions_ended'
));

-- A message with files may be without words.
alter table workroom.message_revisions drop constraint message_text_length;
alter table workroom.message_revisions add constraint message_text_length check (char_length(text) <= 20000);
alter table workroom.messages add column file_count smallint not null default 0;
alter type workroom.new_message add attribute file_count smallint;

-- --------------------------------------------------------------------------------------------------------------- files

-- What is being uploaded. Who writes into it holds a lease: one writer at a time over all nodes, until `leased_until`; the
-- lease's number rises each time it is taken, and whatever an earlier holder still tries is refused by its number.
-- received_bytes is durable. Rows go when a message has claimed the file, or when it was abandoned and its bytes are gone.
create table workroom.uploads (
    file_id uuid primary key,
    stream_id uuid not null references workroom.streams,
    room_id uuid not null references workroom.rooms,
    uploader_id uuid not null references workroom.accounts,
    name text not null,
    metadata text not null,
    byte_size bigint not null,
    received_bytes bigint not null default 0,
    lease_number integer not null default 0,
    leased_until timestamptz,
    created_at timestamptz not null default workroom.current_instant(),
    expires_at timestamptz not null,
    abandoned_at timestamptz,
    constraint upload_name_length check (char_length(name) between 1 and 255),
    constraint upload_metadata_length check (char_length(metadata) <= 4096),
    constraint upload_stays_within_its_size check (received_bytes between 0 and byte_size)
) with (fillfactor = 50);
create index uploads_of_an_account on workroom.uploads (uploader_id);
create index uploads_that_end on workroom.uploads (expires_at);

-- Where the bytes of a file lie: one after the other, each written under one lease. A row is there before its bytes are, so
-- that no byte is without a row. byte_size counts what is acknowledged; a store may hold more, which nobody reads.
-- Number -1 is the file's preview.
create table workroom.file_segments (
    file_id uuid not null,
    number integer not null,
    byte_offset bigint not null,
    byte_size bigint not null default 0,
    store text not null,
    store_key text not null,
    primary key (file_id, number),
    constraint one_segment_in_a_place unique (store, store_key),
    constraint segment_store check (store in ('disk', 's3')),
    constraint segment_size check (byte_offset >= 0 and byte_size >= 0)
);

-- Bytes that no segment's row names: a copy that is being made, kept until then, and what lies where a segment lay before.
-- The row is there before the bytes are, as with segments. What is over its time is given up, and removed.
create table workroom.stray_segments (
    store text not null,
    store_key text not null,
    kept_until timestamptz not null,
    given_up_at timestamptz,
    primary key (store, store_key),
    constraint stray_store check (store in ('disk', 's3'))
);

-- What quotas count: the files of a room that members can see, and what is on its way there. Kept by the triggers below, in
-- the transaction of whatever changes it, which has the room's lock. A room without files has no row.
create table workroom.room_file_bytes (
    room_id uuid primary key references workroom.rooms,
    visible_bytes bigint not null,
    constraint visible_bytes_are_never_negative check (visible_bytes >= 0)
) with (fillfactor = 50);

-- A file whose bytes are all here and hashed. Ids are UUIDv7, minted when the upload began. Content begins when a message
-- claims it, in the message's own transaction; no file is claimed twice, and no claim is taken back.
create table workroom.files (
    file_id uuid not null,
    stream_id uuid not null,
    room_id uuid not null,
    uploader_id uuid not null,
    byte_size bigint not null,
    kind text not null,
    received_at timestamptz not null,
    message_id uuid,
    message_seq bigint,
    position smallint,
    scan_state text not null,
    scanned_at timestamptz,
    preview_state text not null,
    primary key (file_id),
    constraint file_kind check (kind in ('picture', 'document', 'audio', 'video', 'text', 'archive', 'other')),
    constraint file_scan_state check (scan_state in ('not_scanned', 'unchecked', 'clean', 'infected')),
    constraint file_preview_state check (preview_state in ('none', 'wanted', 'made', 'failed')),
    constraint file_claim_is_whole check (num_nonnulls(message_id, message_seq, position) in (0, 3))
) partition by range (file_id);
create index files_in_order on workroom.files (stream_id, message_seq, position) where message_id is not null;
create index files_to_scan on workroom.files (file_id) where scan_state = 'unchecked';
create index files_to_preview on workroom.files (file_id) where preview_state = 'wanted';

-- Insert-only. What a file is called, what it is by its content, and the digests that prove it: of the whole, and of each
-- block of 1 MiB. The salt lies with them and dies with them.
create table workroom.file_contents (
    file_id uuid not null,
    name text not null,
    media_type text not null,
    sha256 bytea not null,
    block_digests bytea not null,
    salt bytea not null,
    width integer,
    height integer,
    primary key (file_id),
    constraint file_name_length check (char_length(name) between 1 and 255),
    constraint file_sha256_length check (octet_length(sha256) = 32),
    constraint file_salt_length check (octet_length(salt) = 32),
    constraint block_digests_length check (octet_length(block_digests) % 32 = 0)
) partition by range (file_id);

-- Insert-only. The files of a message in the order in which they are shown. Alt text is content, like the message's own.
create table workroom.message_files (
    message_id uuid not null,
    position smallint not null,
    file_id uuid not null,
    alt_text text not null default '',
    primary key (message_id, position),
    constraint alt_text_length check (char_length(alt_text) <= 1000)
) partition by range (message_id);

-- Insert-only. A small picture of a file: of a picture, or of a document's first page.
create table workroom.file_previews (
    file_id uuid not null,
    media_type text not null,
    byte_size integer not null,
    sha256 bytea not null,
    width integer not null,
    height integer not null,
    shown_width integer,
    shown_height integer,
    primary key (file_id),
    constraint preview_sha256_length check (octet_length(sha256) = 32)
) partition by range (file_id);
comment on column workroom.file_previews.shown_width is
    'Of the picture itself, turned as it is shown; null for documents.';

-- Insert-only. That a block was not what it was when it was received: found before it left.
create table workroom.file_damages (
    file_id uuid not null,
    block integer not null,
    found_at timestamptz not null default workroom.current_instant(),
    reader_id uuid,
    primary key (file_id, block, found_at)
);

create table workroom.files_default partition of workroom.files default;
create table workroom.file_contents_default partition of workroom.file_contents default;
create table workroom.message_files_default partition of workroom.message_files default;
create table workroom.file_previews_default partition of workroom.file_previews default;

-- A claim is for ever: the file belongs to that message, and only what destroys content may end it.
create function workroom.keep_claims() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    if old.message_id is not null and (new.message_id, new.message_seq, new.position)
        is distinct from (old.message_id, old.message_seq, old.position) then
        raise exception 'the file is claimed' using errcode = 'check_violation', constraint = 'file_is_claimed_once';
    end if;
    return new;
end
$$;
create trigger file_is_claimed_once before update on workroom.files
    for each row execute function workroom.keep_claims();

-- Adds to what quotas count, or takes away from it.
create function workroom.count_file_bytes(of_room_id uuid, more_bytes bigint) returns void
    language sql set search_path = workroom, pg_temp
    as $$
        insert into room_file_bytes as r (room_id, visible_bytes)
        values (of_room_id, greatest(more_bytes, 0))
        on conflict (room_id) do update
        set visible_bytes = r.visible_bytes + more_bytes
    $$;
revoke all on function workroom.count_file_bytes(uuid, bigint) from public;

create function workroom.count_upload() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    perform count_file_bytes(new.room_id, case tg_op when 'INSERT' then new.byte_size else - new.byte_size end);
    return null;
end
$$;
create trigger upload_counts after insert on workroom.uploads
    for each row execute function workroom.count_upload();
create trigger abandoned_upload_counts_no_more after update of abandoned_at on workroom.uploads
    for each row when (old.abandoned_at is null and new.abandoned_at is not null)
    execute function workroom.count_upload();

create function workroom.count_hidden_files() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    perform count_file_bytes(new.room_id, - sum(f.byte_size)::bigint)
    from message_files as l
    join files as f on f.file_id = l.file_id
    where l.message_id = new.message_id
    having count(*) > 0;
    return null;
end
$$;
create trigger hidden_files_count_no_more after update of deleted_at on workroom.messages
    for each row when (old.deleted_at is null and new.deleted_at is not null and new.file_count > 0)
    execute function workroom.count_hidden_files();

-- Gives up uploads that no message has claimed: those whose time has passed, and the one that is named with its uploader
-- (then whatever its time). Takes away what made them files, so that no message can claim them any more. The bytes go next,
-- then the rest (forget_abandoned_uploads). One room at a time and its lock first, like everything that writes into rooms:
-- what a message is claiming just now is waited for, and stays.
create function workroom.abandon_unclaimed_uploads(named_file_id uuid, named_uploader_id uuid, batch_size integer)
    returns setof uuid
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    chosen_room_id uuid;
    ended uuid;
begin
    select u.room_id into chosen_room_id
    from uploads as u
    where u.abandoned_at is null
        and case
            when named_file_id is not null then u.file_id = named_file_id and u.uploader_id = named_uploader_id
            else u.expires_at <= current_instant()
        end
        and (u.leased_until is null or u.leased_until <= current_instant())
        and not exists (select from files as f where f.file_id = u.file_id and f.message_id is not null)
    order by u.expires_at
    limit 1;
    perform from rooms where room_id = chosen_room_id for no key update;
    for ended in
        select u.file_id
        from uploads as u
        where u.abandoned_at is null
            and u.room_id = chosen_room_id
            and case
                when named_file_id is not null then u.file_id = named_file_id and u.uploader_id = named_uploader_id
                else u.expires_at <= current_instant()
            end
            and (u.leased_until is null or u.leased_until <= current_instant())
            and not exists (select from files as f where f.file_id = u.file_id and f.message_id is not null)
        order by u.file_id
        limit batch_size
        for update of u skip locked
    loop
        delete from files where file_id = ended and message_id is null;
        delete from file_contents where file_id = ended;
        update uploads set abandoned_at = current_instant() where file_id = ended;
        return next ended;
    end loop;
end
$$;
revoke all on function workroom.abandon_unclaimed_uploads(uuid, uuid, integer) from public;
grant execute on function workroom.abandon_unclaimed_uploads(uuid, uuid, integer) to workroom_service;

-- Forgets uploads that a message has claimed: they have done what they were for. The file stays, and counts as before.
create function workroom.forget_claimed_uploads() returns integer
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    forgotten integer;
begin
    delete from uploads
    where file_id in (
        select u.file_id
        from uploads as u
        join files as f on f.file_id = u.file_id
        where f.message_id is not null
            and u.abandoned_at is null
            and (u.leased_until is null or u.leased_until <= current_instant())
        for update of u skip locked
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
revoke all on function workroom.forget_claimed_uploads() from public;
grant execute on function workroom.forget_claimed_uploads() to workroom_service;

-- Forgets abandoned uploads whose bytes are gone, by the places that were emptied: a segment that lies elsewhere by now has
-- its bytes there, and its upload is not forgotten yet. Never one that was not abandoned, and nothing of a file of a message,
-- whatever a row of an upload says.
create function workroom.forget_abandoned_uploads(file_ids uuid[], emptied_keys text[]) returns integer
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    given_up uuid[];
    forgotten integer;
begin
    select array_agg(u.file_id) into given_up
    from uploads as u
    where u.file_id = any(file_ids)
        and u.abandoned_at is not null
        and not exists (select from files as f where f.file_id = u.file_id and f.message_id is not null);
    delete from file_segments as s where s.file_id = any(given_up) and s.store_key = any(emptied_keys);
    delete from file_previews as p where p.file_id = any(given_up);
    delete from uploads as u
    where u.file_id = any(given_up)
        and not exists (select from file_segments as s where s.file_id = u.file_id);
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
revoke all on function workroom.forget_abandoned_uploads(uuid[], text[]) from public;
grant execute on function workroom.forget_abandoned_uploads(uuid[], text[]) to workroom_service;

-- Forgets segments of a received file that hold nothing: begun under a lease that wrote no acknowledged byte.
create function workroom.forget_empty_segments(of_file_id uuid) returns setof workroom.file_segments
    language sql security definer set search_path = workroom, pg_temp
    as $$ delete from file_segments where file_id = of_file_id and number >= 0 and byte_size = 0 returning * $$;
revoke all on function workroom.forget_empty_segments(uuid) from public;
grant execute on function workroom.forget_empty_segments(uuid) to workroom_service;

-- Makes the monthly partitions that cover a span, where they are missing and nothing of theirs lies in the default
-- partition yet. Runs as the owner, because the service may not create tables; takes no name, so nothing can be injected.
create or replace function workroom.ensure_partitions(from_month date, until_month date) returns integer
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    month date := date_trunc('month', from_month);
    parent text;
    key_column text;
    partition_name text;
    low uuid;
    high uuid;
    occupied boolean;
    made integer := 0;
begin
    if until_month < from_month or until_month > from_month + interval '60 years' then
        raise exception 'the span of months must be in order and at most 60 years';
    end if;
    perform pg_advisory_xact_lock(hashtext('workroom.ensure_partitions'));
    while month <= until_month loop
        low := first_message_id_of(month::timestamp at time zone 'utc');
        high := first_message_id_of((month + interval '1 month') at time zone 'utc');
        foreach parent in array array[
            'messages', 'message_revisions', 'message_reactions', 'message_files',
            'files', 'file_contents', 'file_previews'
        ] loop
            key_column := case when parent like 'file%' then 'file_id' else 'message_id' end;
            partition_name := parent || '_' || to_char(month, 'YYYY_MM');
            continue when to_regclass('workroom.' || partition_name) is not null;
            execute format('select exists (select from %I where %I >= $1 and %I < $2)',
                           parent || '_default', key_column, key_column) into occupied using low, high;
            continue when occupied;
            execute format('create table workroom.%I partition of workroom.%I for values from (%L) to (%L)',
                           partition_name, parent, low, high);
            made := made + 1;
        end loop;
        month := month + interval '1 month';
    end loop;
    return made;
end
$$;
select workroom.ensure_partitions((now() at time zone 'utc')::date, ((now() at time zone 'utc') + interval '3 months')::date);

-- ------------------------------------------------------------------------------------------------------------- grants

grant select on all tables in schema workroom to workroom_service;
grant insert on
    workroom.file_segments, workroom.files, workroom.file_contents, workroom.message_files, workroom.file_previews,
    workroom.file_damages, workroom.stray_segments
    to workroom_service;
-- Not that it was given up: only abandon_unclaimed_uploads says so.
grant insert (file_id, stream_id, room_id, uploader_id, name, metadata, byte_size, created_at, expires_at)
    on workroom.uploads to workroom_service;
grant update (received_bytes, lease_number, leased_until) on workroom.uploads to workroom_service;
grant update (byte_size, store, store_key) on workroom.file_segments to workroom_service;
grant update (message_id, message_seq, position, scan_state, scanned_at, preview_state) on workroom.files
    to workroom_service;
-- Strays are nobody's content: a segment's row, which alone says what is, never names them.
grant update (kept_until, given_up_at), delete on workroom.stray_segments to workroom_service;
