-- The whole schema as it stands, for reading. The database is made by migrations/; a test proves that both are the same.
--
-- Three roles: workroom_owner owns everything and runs migrations only; workroom_service is what web and worker run as:
-- it cannot delete content, cannot update content columns, cannot alter the schema; workroom_disposition has no login and
-- may delete content: it owns the only functions that do, which choose by themselves.
--
-- Content (text, reactions, names of rooms) is written once. An edit inserts, a delete sets an _at. Events hold no
-- content and no names, and are never destroyed. The guard keeps both, and what is held, against every role.

create schema workroom;
grant usage on schema workroom to workroom_service, workroom_disposition;

-- ---------------------------------------------------------------------------------------------------------------- time

-- The one clock of everything that is recorded. Tests replace this function to move time.
create function workroom.current_instant() returns timestamptz
    language sql volatile parallel safe
    as $$ select clock_timestamp() $$;

-- -------------------------------------------------------------------------------------------------------- installation

-- One row. The epoch changes when the installation is restored from a backup, so that positions of clients that saw
-- more than the backup holds are recognised as foreign.
create table workroom.installation (
    only_row boolean primary key default true,
    installation_id uuid not null default gen_random_uuid(),
    epoch uuid not null default gen_random_uuid(),
    created_at timestamptz not null default workroom.current_instant(),
    constraint installation_has_one_row check (only_row)
);
insert into workroom.installation default values;

-- --------------------------------------------------------------------------------------------------- customers, accounts

-- A customer is a party, not a person: its people are accounts that name it.
create table workroom.customers (
    customer_id uuid primary key,
    created_at timestamptz not null default workroom.current_instant(),
    closed_at timestamptz
);

create table workroom.customer_profiles (
    customer_id uuid primary key references workroom.customers,
    name text not null,
    constraint customer_name_length check (char_length(name) between 1 and 200)
);

-- Numbered sequences of events. A room has two (shared, staff), an account has one.
create table workroom.streams (
    stream_id uuid primary key,
    kind text not null,
    room_id uuid,
    account_id uuid,
    last_seq bigint not null default 0,
    last_recorded_at timestamptz not null default '-infinity',
    last_message_seq bigint,
    waiting_since timestamptz,
    constraint stream_kind check (kind in ('shared', 'staff', 'account')),
    constraint stream_belongs check (
        (kind = 'account' and account_id is not null and room_id is null)
        or (kind in ('shared', 'staff') and room_id is not null and account_id is null)
    ),
    constraint only_shared_streams_wait check (waiting_since is null or kind = 'shared')
) with (fillfactor = 50);
comment on column workroom.streams.waiting_since is
    'When a customer wrote (or opened the room) and no one of the provider has answered since; null when nobody waits.';
create unique index streams_of_a_room on workroom.streams (room_id, kind) where room_id is not null;
create unique index streams_of_an_account on workroom.streams (account_id) where account_id is not null;
create index streams_waiting on workroom.streams (waiting_since) where waiting_since is not null;

-- What an account is. Kind and customer stay when the person is erased.
create table workroom.accounts (
    account_id uuid primary key,
    kind text not null,
    customer_id uuid references workroom.customers,
    created_at timestamptz not null default workroom.current_instant(),
    deactivated_at timestamptz,
    constraint account_kind check (kind in ('customer', 'staff', 'compliance', 'admin')),
    constraint only_customers_have_a_customer check ((kind = 'customer') = (customer_id is not null))
);
create index accounts_of_a_customer on workroom.accounts (customer_id) where customer_id is not null;
alter table workroom.streams add constraint streams_account_fkey
    foreign key (account_id) references workroom.accounts;

-- Who the person is: the only table with names and addresses of people, erasable alone.
create table workroom.account_profiles (
    account_id uuid primary key references workroom.accounts,
    display_name text not null,
    email text not null,
    email_key text not null,
    constraint display_name_length check (char_length(display_name) between 1 and 100),
    constraint email_length check (char_length(email) between 3 and 254)
);
comment on column workroom.account_profiles.email_key is
    'The address as it is compared: NFKC, case-folded.';
create unique index one_account_per_email on workroom.account_profiles (email_key);

create table workroom.account_credentials (
    account_id uuid primary key references workroom.accounts,
    password_hash text not null,
    changed_at timestamptz not null default workroom.current_instant()
);

-- A session's token is known to the browser alone; here lies its SHA-256.
create table workroom.sessions (
    session_id uuid primary key default gen_random_uuid(),
    token_hash bytea not null,
    account_id uuid not null references workroom.accounts,
    created_at timestamptz not null default workroom.current_instant(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    constraint token_hash_length check (octet_length(token_hash) = 32)
);
create unique index sessions_by_token on workroom.sessions (token_hash);
create index sessions_of_an_account on workroom.sessions (account_id) where ended_at is null;

-- Links that work once: the first admin's, and those by which a person made by an admin sets a password.
create table workroom.one_time_links (
    token_hash bytea primary key,
    purpose text not null,
    account_id uuid references workroom.accounts,
    created_at timestamptz not null default workroom.current_instant(),
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint one_time_link_purpose check (
        (purpose = 'first_admin' and account_id is null) or (purpose = 'set_password' and account_id is not null)
    )
);

-- --------------------------------------------------------------------------------------------------------------- rooms

create table workroom.rooms (
    room_id uuid primary key,
    kind text not null,
    created_by uuid not null references workroom.accounts,
    created_at timestamptz not null default workroom.current_instant(),
    archived_at timestamptz,
    constraint room_kind check (kind in ('private', 'shared'))
) with (fillfactor = 80);
alter table workroom.streams add constraint streams_room_fkey foreign key (room_id) references workroom.rooms;

-- A room's names are content: insert-only, the newest counts.
create table workroom.room_names (
    room_id uuid not null references workroom.rooms,
    revision integer not null,
    name text not null,
    salt bytea not null,
    named_by uuid not null references workroom.accounts,
    recorded_at timestamptz not null,
    primary key (room_id, revision),
    constraint room_name_length check (char_length(name) between 1 and 120),
    constraint room_name_salt_length check (octet_length(salt) = 32)
);

-- Which customers a room is for. A private room names exactly one, for ever.
create table workroom.room_customers (
    room_id uuid not null references workroom.rooms,
    customer_id uuid not null references workroom.customers,
    added_at timestamptz not null,
    primary key (room_id, customer_id)
);
create index rooms_of_a_customer on workroom.room_customers (customer_id);

-- A short text that changes whenever the list of rooms that wait for an answer does; empty while none waits. Small, because few
-- rooms wait. Who is a member of them differs from account to account, and each hears of it on its own stream. A room's
-- customers are only ever added to.
create view workroom.waiting_list as
select coalesce(
    md5(string_agg(concat_ws(' ', w.room_id, w.waiting_since, w.name_revision, w.customer_count), ',' order by w.room_id)),
    ''
) as fingerprint
from (
    select s.room_id, s.waiting_since,
        (select max(n.revision) from workroom.room_names as n where n.room_id = s.room_id) as name_revision,
        (select count(*) from workroom.room_customers as c where c.room_id = s.room_id) as customer_count
    from workroom.streams as s
    where s.waiting_since is not null
) as w;

-- Intervals in seq and time, never deleted. Seqs are of the room's shared stream.
create table workroom.memberships (
    membership_id uuid primary key default gen_random_uuid(),
    room_id uuid not null references workroom.rooms,
    account_id uuid not null references workroom.accounts,
    reads_from_seq bigint not null,
    joined_seq bigint not null,
    joined_at timestamptz not null,
    added_by uuid not null references workroom.accounts,
    left_seq bigint,
    left_at timestamptz,
    removed_by uuid references workroom.accounts,
    constraint membership_ends_after_it_began check (left_seq is null or left_seq > joined_seq),
    constraint membership_end_is_whole check ((left_seq is null) = (left_at is null)),
    constraint membership_reads_from check (reads_from_seq between 1 and joined_seq)
);
create unique index one_open_membership on workroom.memberships (room_id, account_id) where left_seq is null;
create index memberships_of_an_account on workroom.memberships (account_id) where left_seq is null;
create index memberships_ever on workroom.memberships (account_id);
create index membership_intervals on workroom.memberships (room_id, account_id, joined_seq);

create table workroom.invitations (
    invitation_id uuid primary key,
    token_hash bytea not null,
    room_id uuid not null references workroom.rooms,
    grants_history boolean not null,
    created_by uuid not null references workroom.accounts,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by uuid references workroom.accounts,
    used_at timestamptz,
    used_by uuid references workroom.accounts,
    constraint invitation_token_length check (octet_length(token_hash) = 32)
);
create unique index invitations_by_token on workroom.invitations (token_hash);
create index invitations_of_a_room on workroom.invitations (room_id, created_at);

-- -------------------------------------------------------------------------------------------------------------- events

-- What happened, numbered 1, 2, 3 ... without gaps in each stream. No text, no names, never destroyed.
-- subject_id: the message, account, room or stream the event is about; which, follows from kind.
-- subject_seq: for an event about a message, the number of that message's own event in the same stream.
-- subject_detail: what of the subject, as a number: the revision an edit made, a position that was read to.
-- No foreign keys: whoever inserts holds the room's lock and has just read stream and actor; a key would cost a second
-- look at each for every message.
create table workroom.events (
    stream_id uuid not null,
    seq bigint not null,
    kind text not null,
    actor_id uuid not null,
    subject_id uuid not null,
    subject_seq bigint,
    subject_detail bigint,
    client_command_id uuid,
    recorded_at timestamptz not null,
    content_digest bytea,
    primary key (stream_id, seq),
    constraint event_kind check (kind in (
        'message_posted', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'file_changed',
        'room_created', 'room_renamed', 'room_archived', 'room_reopened',
        'member_joined', 'member_left', 'member_removed', 'member_changed',
        'room_entered', 'room_exited', 'read_marker_moved', 'account_changed', 'account_deactivated',
        'account_reactivated', 'sessions_ended', 'messages_expired', 'messages_restored', 'file_expired'
    )),
    constraint event_digest_length check (content_digest is null or octet_length(content_digest) = 32)
);
create unique index commands_once on workroom.events (stream_id, actor_id, client_command_id)
    where client_command_id is not null;
create index posted_in_order on workroom.events (stream_id, seq) include (subject_id, actor_id)
    where kind = 'message_posted';

-- ------------------------------------------------------------------------------------------------------------- content

-- A message's own row. Content lies in its revisions. Partitioned by id, which begins with sent_at.
create table workroom.messages (
    message_id uuid not null,
    stream_id uuid not null,
    room_id uuid not null,
    seq bigint not null,
    author_id uuid not null,
    reply_to_message_id uuid,
    sent_at timestamptz not null,
    recorded_at timestamptz not null,
    deleted_at timestamptz,
    deleted_by uuid,
    file_count smallint not null default 0,
    label_class_id uuid,
    labelled_at timestamptz,
    primary key (message_id)
) partition by range (message_id);

-- Insert-only. Revision 1 is what was posted; each edit adds one; the highest counts.
create table workroom.message_revisions (
    message_id uuid not null,
    revision integer not null,
    text text not null,
    mentions uuid[] not null default '{}',
    salt bytea not null,
    author_id uuid not null,
    recorded_at timestamptz not null,
    primary key (message_id, revision),
    constraint message_text_length check (char_length(text) <= 20000),
    constraint revision_salt_length check (octet_length(salt) = 32)
) partition by range (message_id);

-- Insert-only but for removed_*. Seqs are those of the events that added and removed it. One standing reaction of a kind for each account and message.
create table workroom.message_reactions (
    message_id uuid not null,
    added_seq bigint not null,
    account_id uuid not null,
    emoji text not null,
    added_at timestamptz not null,
    removed_seq bigint,
    removed_at timestamptz,
    primary key (message_id, added_seq),
    constraint reaction_end_is_whole check ((removed_seq is null) = (removed_at is null)),
    constraint emoji_length check (char_length(emoji) between 1 and 16)
) partition by range (message_id);
create unique index one_standing_reaction on workroom.message_reactions (message_id, account_id, emoji)
    where removed_at is null;

-- What lies outside every month that has a partition of its own.
create table workroom.messages_default partition of workroom.messages default;
create table workroom.message_revisions_default partition of workroom.message_revisions default;
create table workroom.message_reactions_default partition of workroom.message_reactions default;

-- The smallest UUIDv7 of an instant (RFC 9562, section 5.7): its first 48 bits are milliseconds since 1970.
create function workroom.first_message_id_of(instant timestamptz) returns uuid
    language sql immutable strict parallel safe
    as $$
        select (lpad(to_hex(floor(extract(epoch from instant) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
    $$;

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

-- Which file a place in a store belongs to, by the form of its key; null where it is no place of ours.
create function workroom.file_of_place(store_key text) returns uuid
    language sql immutable strict parallel safe set search_path = workroom, pg_temp
    as $$
        select case when store_key ~ '^[0-9a-f]{2}/[0-9a-f]{32}/[-0-9a-f]+$' then substring(store_key from 4 for 32)::uuid end
    $$;

-- Where the bytes of a file lie: one after the other, each written under one lease. A row is there before its bytes are, so
-- that no byte is without a row. byte_size counts what is acknowledged; a store may hold more, which nobody reads.
-- Number -1 is the file's preview. The bytes of a file lie in places of its own: whoever removes those of one file cannot be
-- made to remove another's.
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
    constraint segment_size check (byte_offset >= 0 and byte_size >= 0),
    constraint place_is_of_its_file check (workroom.file_of_place(store_key) is not distinct from file_id)
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

-- What quotas count: the files of a room that members can see, and what is on its way there. Kept by the triggers below, and
-- by recount_files where something expired, in the transaction of whatever changes it. A room without files has no row.
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
    label_class_id uuid,
    labelled_at timestamptz,
    -- Whether quotas count it: as long as members were not told that it is gone.
    is_counted boolean not null default true,
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

-- Each file is taken away once: what was told to have expired does not count any more.
create function workroom.count_hidden_files() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    less bigint;
begin
    with hidden as (
        update files as f
        set is_counted = false
        from message_files as l
        where l.message_id = new.message_id and f.file_id = l.file_id and f.is_counted
        returning f.byte_size
    )
    select sum(h.byte_size)::bigint into less from hidden as h;
    if less is not null then
        perform count_file_bytes(new.room_id, - less);
    end if;
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

-- --------------------------------------------------------------------------------------------------------------- audit

-- Every act of power, numbered without gaps. `canonical` is what was recorded, as bytes; entry_hash is SHA-256 over
-- 'workroom.audit.v1', a zero byte, the hash of the entry before (32 zero bytes before the first) and canonical. The other
-- columns repeat what canonical says, for queries. Ids, numbers and words of ours only: what a person wrote lies in
-- audit_texts, and here is its salted digest.
create table workroom.audit_entries (
    entry_number bigint primary key,
    recorded_at timestamptz not null,
    origin text not null,
    actor_id uuid,
    session_id uuid,
    act text not null,
    subject_kind text not null,
    subject_id uuid,
    facts jsonb not null,
    canonical bytea not null,
    previous_hash bytea not null,
    entry_hash bytea not null,
    constraint audit_origin check (origin in ('session', 'shell', 'worker')),
    constraint audit_session_is_whole check ((origin = 'session') = (session_id is not null)),
    constraint audit_act_form check (act ~ '^[a-z_]{1,60}$')
);
create index audit_entries_by_act on workroom.audit_entries (act, entry_number);
create index audit_entries_by_actor on workroom.audit_entries (actor_id, entry_number) where actor_id is not null;
create index audit_entries_by_subject on workroom.audit_entries (subject_id, entry_number) where subject_id is not null;

-- What a person wrote when acting: reasons. A row can be erased alone; its digest stays in the chain.
create table workroom.audit_texts (
    entry_number bigint not null references workroom.audit_entries,
    field text not null,
    salt bytea not null,
    text text not null,
    primary key (entry_number, field),
    constraint audit_salt_length check (octet_length(salt) = 32),
    constraint audit_text_length check (char_length(text) between 1 and 4000)
);

-- Appends an entry and gives its number. One at a time in the whole installation, from here to the commit: call it late.
-- texts: an object of field to text. Digests of texts are SHA-256 over salt and text.
create function workroom.record_act(
    act text, origin text, actor_id uuid, session_id uuid, subject_kind text, subject_id uuid, facts jsonb, texts jsonb
) returns bigint
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    last_number bigint;
    last_hash bytea;
    last_recorded_at timestamptz;
    instant timestamptz;
    digests jsonb := '{}';
    salts jsonb := '{}';
    salt bytea;
    field text;
    wording text;
    canonical bytea;
begin
    perform pg_advisory_xact_lock(hashtext('workroom.audit'));
    select e.entry_number, e.entry_hash, e.recorded_at
    into last_number, last_hash, last_recorded_at
    from audit_entries as e
    order by e.entry_number desc
    limit 1;
    last_number := coalesce(last_number, 0);
    last_hash := coalesce(last_hash, decode(repeat('00', 32), 'hex'));
    instant := greatest(current_instant(), last_recorded_at);
    for field, wording in select * from jsonb_each_text(texts) loop
        salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
        salts := salts || jsonb_build_object(field, encode(salt, 'hex'));
        digests := digests || jsonb_build_object(field, encode(sha256(salt || convert_to(wording, 'UTF8')), 'hex'));
    end loop;
    canonical := convert_to(jsonb_build_object(
        'entry_number', last_number + 1,
        'recorded_at', to_char(instant at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'origin', origin,
        'actor_id', actor_id,
        'session_id', session_id,
        'act', act,
        'subject_kind', subject_kind,
        'subject_id', subject_id,
        'facts', facts,
        'texts', digests
    )::text, 'UTF8');
    insert into audit_entries
    values (
        last_number + 1, instant, origin, actor_id, session_id, act, subject_kind, subject_id, facts, canonical, last_hash,
        sha256(convert_to('workroom.audit.v1', 'UTF8') || decode('00', 'hex') || last_hash || canonical)
    );
    insert into audit_texts (entry_number, field, salt, text)
    select last_number + 1, t.key, decode(salts ->> t.key, 'hex'), t.value
    from jsonb_each_text(texts) as t;
    return last_number + 1;
end
$$;

-- Erases what a person wrote in an entry, and gives the number of the entry that says so; null where nothing was left. The
-- one way to erase, and it writes its mark itself: nobody who may only run SQL as the service erases unnoticed.
create function workroom.erase_audit_texts(
    of_entry_number bigint, officer_id uuid, origin text, session_id uuid, with_reason text
) returns bigint
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    erased text[];
begin
    with gone as (
        delete from audit_texts as t where t.entry_number = of_entry_number returning t.field
    )
    select array_agg(g.field order by g.field) into erased from gone as g;
    if erased is null then
        return null;
    end if;
    return record_act(
        'audit_text_erased', origin, officer_id, session_id, 'audit_entry', null,
        jsonb_build_object('entry_number', of_entry_number, 'fields', erased), jsonb_build_object('reason', with_reason)
    );
end
$$;

-- Each verification of this database by itself: how far the audit log reached then, and how much was wrong.
create table workroom.integrity_checks (
    check_id uuid primary key default gen_random_uuid(),
    checked_at timestamptz not null default workroom.current_instant(),
    last_entry_number bigint not null,
    last_entry_hash bytea not null,
    finding_count integer not null
);
create index integrity_checks_in_order on workroom.integrity_checks (checked_at);

-- What a verification found, until one does not find it any more.
create table workroom.integrity_alarms (
    alarm_id uuid primary key default gen_random_uuid(),
    raised_at timestamptz not null default workroom.current_instant(),
    problem text not null,
    subject text not null,
    entry_number bigint not null references workroom.audit_entries,
    cleared_at timestamptz,
    constraint alarm_problem_form check (problem ~ '^[a-z_]{1,60}$'),
    constraint alarm_clears_after_it_was_raised check (cleared_at >= raised_at)
);
create unique index one_standing_alarm on workroom.integrity_alarms (problem, subject) where cleared_at is null;

-- --------------------------------------------------------------------------------------------------------------- holds

-- A case for which content is kept: a dispute, an inquiry. Contains holds.
create table workroom.matters (
    matter_id uuid primary key,
    name text not null,
    opened_by uuid not null references workroom.accounts,
    opened_at timestamptz not null default workroom.current_instant(),
    opening_entry bigint not null references workroom.audit_entries,
    closed_by uuid references workroom.accounts,
    closed_at timestamptz,
    closing_entry bigint references workroom.audit_entries,
    constraint matter_name_length check (char_length(name) between 1 and 200),
    constraint matter_closing_is_whole check (num_nonnulls(closed_by, closed_at, closing_entry) in (0, 3))
);

-- What is preserved, from the commit of the row on. The span counts by sent_at: from (inclusive), until (exclusive), either
-- null for open. A hold only ever widens; it ends by a release.
-- Every deletion asks these four tables, so Postgres is to know of each how small it is: it counts them after any change.
create table workroom.holds (
    hold_id uuid primary key,
    matter_id uuid not null references workroom.matters,
    placed_by uuid not null references workroom.accounts,
    placed_at timestamptz not null default workroom.current_instant(),
    sent_from timestamptz,
    sent_until timestamptz,
    covers_messages boolean not null,
    covers_files boolean not null,
    constraint hold_span_has_an_order check (sent_from < sent_until),
    constraint hold_covers_something check (covers_messages or covers_files)
) with (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
create index holds_of_a_matter on workroom.holds (matter_id);

-- Each act that made a hold what it is. Number 1 placed it; what the hold covered from then on. Reasons lie in audit_texts
-- alone, where they can be erased.
create table workroom.hold_amendments (
    hold_id uuid not null references workroom.holds,
    number integer not null,
    amended_by uuid not null references workroom.accounts,
    amended_at timestamptz not null default workroom.current_instant(),
    entry_number bigint not null references workroom.audit_entries,
    sent_from timestamptz,
    sent_until timestamptz,
    covers_messages boolean not null,
    covers_files boolean not null,
    primary key (hold_id, number)
);

create table workroom.hold_rooms (
    hold_id uuid not null,
    room_id uuid not null references workroom.rooms,
    amendment integer not null,
    primary key (hold_id, room_id),
    foreign key (hold_id, amendment) references workroom.hold_amendments
) with (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);

-- Custodians: whose rooms are held while they were members ('memberships'), or only what they sent ('sent').
create table workroom.hold_custodians (
    hold_id uuid not null,
    account_id uuid not null references workroom.accounts,
    covers text not null,
    amendment integer not null,
    primary key (hold_id, account_id, covers),
    foreign key (hold_id, amendment) references workroom.hold_amendments,
    constraint custodian_covers check (covers in ('memberships', 'sent'))
) with (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);

-- A release is asked for by one officer and confirmed by another (unless the installation says that one is enough). It
-- destroys nothing: what the hold covered is kept until the end of a grace period.
create table workroom.hold_releases (
    release_id uuid primary key,
    hold_id uuid not null references workroom.holds,
    requested_by uuid not null references workroom.accounts,
    requested_at timestamptz not null default workroom.current_instant(),
    request_entry bigint not null references workroom.audit_entries,
    withdrawn_by uuid references workroom.accounts,
    withdrawn_at timestamptz,
    withdrawal_entry bigint references workroom.audit_entries,
    needs_two boolean,
    confirmed_by uuid references workroom.accounts,
    confirmed_at timestamptz,
    confirmation_entry bigint references workroom.audit_entries,
    kept_until timestamptz,
    constraint release_withdrawal_is_whole check (num_nonnulls(withdrawn_by, withdrawn_at, withdrawal_entry) in (0, 3)),
    constraint release_confirmation_is_whole check (
        num_nonnulls(needs_two, confirmed_by, confirmed_at, confirmation_entry, kept_until) in (0, 5)
    ),
    constraint release_is_withdrawn_or_confirmed check (withdrawn_at is null or confirmed_at is null),
    constraint released_by_a_second_officer check (not needs_two or confirmed_by <> requested_by),
    constraint release_has_a_grace_period check (kept_until >= confirmed_at + make_interval(days => 1))
) with (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
create unique index one_release_of_a_hold on workroom.hold_releases (hold_id) where withdrawn_at is null;

-- The one way to end a hold. Writes its mark itself, and counts the grace period from now: nobody who may only run SQL as
-- the service ends a hold unnoticed, or at once. No row asked for, withdrawn or confirmed already: null.
create function workroom.confirm_hold_release(
    of_release_id uuid, officer_id uuid, origin text, session_id uuid, with_reason text, two_officers boolean,
    grace_days integer
) returns timestamptz
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    release hold_releases;
    instant timestamptz := current_instant();
    entry bigint;
begin
    select * into release
    from hold_releases as r
    where r.release_id = of_release_id and r.withdrawn_at is null and r.confirmed_at is null
    for update;
    if not found then
        return null;
    end if;
    entry := record_act(
        'hold_released', origin, officer_id, session_id, 'hold', release.hold_id,
        jsonb_build_object(
            'requested_by', release.requested_by, 'two_officers', two_officers, 'grace_days', grace_days
        ),
        jsonb_build_object('reason', with_reason)
    );
    update hold_releases as r
    set needs_two = two_officers,
        confirmed_by = officer_id,
        confirmed_at = instant,
        confirmation_entry = entry,
        kept_until = instant + make_interval(days => grace_days)
    where r.release_id = of_release_id
    returning r.kept_until into instant;
    return instant;
end
$$;

-- Holds that keep something: not released, or released and still within the grace period.
create view workroom.standing_holds as
select h.hold_id, h.matter_id, h.sent_from, h.sent_until, h.covers_messages, h.covers_files
from workroom.holds as h
where not exists (
    select from workroom.hold_releases as r
    where r.hold_id = h.hold_id
        and r.kept_until <= workroom.current_instant()
);

-- What standing holds cover, room by room: messages sent from (inclusive) until (exclusive), recorded from until (both
-- inclusive, so that an instant shared with a leaving counts in), by the author (null: by anybody). Whoever wrote in a room
-- was a member of it, and memberships are never removed: so 'sent' needs no look at other rooms.
create view workroom.held_spans as
select h.hold_id, r.room_id, null::uuid as author_id,
    coalesce(h.sent_from, '-infinity'::timestamptz) as sent_from,
    coalesce(h.sent_until, 'infinity'::timestamptz) as sent_until,
    '-infinity'::timestamptz as recorded_from,
    'infinity'::timestamptz as recorded_until,
    h.covers_messages, h.covers_files
from workroom.standing_holds as h
join workroom.hold_rooms as r on r.hold_id = h.hold_id
union all
select h.hold_id, i.room_id, case when c.covers = 'sent' then c.account_id end,
    coalesce(h.sent_from, '-infinity'::timestamptz),
    coalesce(h.sent_until, 'infinity'::timestamptz),
    case when c.covers = 'sent' then '-infinity'::timestamptz else i.joined_at end,
    case when c.covers = 'sent' then 'infinity'::timestamptz else coalesce(i.left_at, 'infinity'::timestamptz) end,
    h.covers_messages, h.covers_files
from workroom.standing_holds as h
join workroom.hold_custodians as c on c.hold_id = h.hold_id
join workroom.memberships as i on i.account_id = c.account_id;

-- What is held, and by which holds: a row for each message and hold. A hold that covers files only keeps the message's own
-- row and its list of files, but not its text.
create view workroom.held_messages as
select distinct m.message_id, m.room_id, s.hold_id, s.covers_messages, s.covers_files
from workroom.messages as m
join workroom.held_spans as s on s.room_id = m.room_id
    and (s.author_id is null or s.author_id = m.author_id)
    and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
    and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until;

-- --------------------------------------------------------------------------------------------------------------- guard

-- How the two meet: whoever destroys takes the lock shared before it chooses, whoever places a hold takes it alone, and both
-- keep it until they commit. So a hold is placed before or after a destruction, never in between.
create function workroom.lock_holds_shared() returns void
    language sql volatile set search_path = workroom, pg_temp
    as $$ select pg_advisory_xact_lock_shared(hashtext('workroom.holds')) $$;
create function workroom.lock_holds_exclusively() returns void
    language sql volatile set search_path = workroom, pg_temp
    as $$ select pg_advisory_xact_lock(hashtext('workroom.holds')) $$;

-- Before rows are deleted whose file may be unclaimed. Under another isolation level the checks after the statement would
-- look at the database as it was before a hold that was placed meanwhile.
create function workroom.require_read_committed() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'content can be deleted under READ COMMITTED only' using errcode = 'WR003';
    end if;
    return null;
end
$$;

-- Before content is deleted: the same, and the lock. It is taken in a statement of its own, before what is held is looked
-- at; the look comes after the statement, when it sees holds that were committed while this waited.
create function workroom.begin_deletion() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'content can be deleted under READ COMMITTED only' using errcode = 'WR003';
    end if;
    perform lock_holds_shared();
    return null;
end
$$;

-- After messages were deleted. VOLATILE like all of these, so that each query in it sees what is committed when it begins.
-- What is held is counted: asked whether there is any, Postgres plans for finding some at once, and mostly there is none.
create function workroom.refuse_held_messages() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp set jit = off
    as $$
begin
    if (
        select count(*)
        from gone as m
        join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
    ) > 0 then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After rows that belong to messages were deleted. They go before their message: without it, nothing says what they are
-- part of, and they stay. The argument says which holds keep them: those that cover 'messages', or 'any'. What is destroyed
-- together mostly lies together: planned anew each time, with the first and the last id, so that messages are walked along
-- their key where that is short, and looked up one by one where it is not; never all of them, and never compiled.
create function workroom.refuse_held_parts() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp set enable_seqscan = off set jit = off
    set plan_cache_mode = force_custom_plan
    as $$
declare
    first_id uuid := (select g.message_id from gone as g order by g.message_id limit 1);
    last_id uuid := (select g.message_id from gone as g order by g.message_id desc limit 1);
begin
    if (
        select count(*)
        from gone as g
        left join messages as m on m.message_id = g.message_id and m.message_id >= first_id and m.message_id <= last_id
        left join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
            and (s.covers_messages or tg_argv[0] = 'any')
        where m.message_id is null
            or s.hold_id is not null
    ) > 0 then
        raise exception 'on legal hold, or part of a message that is not there'
            using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After files were deleted. One that no message has claimed is nobody's content: it goes without the lock, so that giving up
-- an upload waits for no hold.
create function workroom.refuse_held_files() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp set enable_seqscan = off set jit = off
    as $$
begin
    if not exists (select from gone as f where f.message_id is not null) then
        return null;
    end if;
    perform lock_holds_shared();
    if (
        select count(*)
        from gone as f
        left join messages as m on m.message_id = f.message_id
        left join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
            and s.covers_files
        where f.message_id is not null
            and (m.message_id is null or s.hold_id is not null)
    ) > 0 then
        raise exception 'on legal hold, or part of a message that is not there'
            using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After names, previews or places of files were deleted. Of a file that no message has claimed, and of an upload that never
-- became one, they go without the lock; no message can claim it meanwhile. Of a file whose row is not there, they stay.
create function workroom.refuse_held_file_parts() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp set enable_seqscan = off set jit = off
    as $$
begin
    perform
    from files as f
    where f.file_id in (select g.file_id from gone as g)
        and f.message_id is null
    for share;
    if not exists (
        select
        from gone as g
        left join files as f on f.file_id = g.file_id
        where f.message_id is not null
            or (f.file_id is null and not exists (select from uploads as u where u.file_id = g.file_id))
    ) then
        return null;
    end if;
    perform lock_holds_shared();
    if (
        select count(*)
        from gone as g
        left join files as f on f.file_id = g.file_id
        left join messages as m on m.message_id = f.message_id
        left join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
            and s.covers_files
        where (f.file_id is null and not exists (select from uploads as u where u.file_id = g.file_id))
            or (f.message_id is not null and (m.message_id is null or s.hold_id is not null))
    ) > 0 then
        raise exception 'on legal hold, or part of a file that is not there'
            using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After names of rooms were deleted: kept by every hold that covers anything of the room.
create function workroom.refuse_held_room_names() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp set jit = off
    as $$
begin
    if exists (select from gone as g join held_spans as s on s.room_id = g.room_id) then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- What is never removed, whoever asks.
create function workroom.refuse_removal() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    raise exception 'rows of % are not removed in this way', tg_table_name using errcode = 'WR004', table = tg_table_name;
end
$$;

-- Content is written once, held or not. Arguments name the columns that may change; with ' once', only from null, and never
-- again. A column that nobody thought of does not change.
create function workroom.keep_written() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
declare
    column_name text;
    was_null boolean;
begin
    for column_name, was_null in
        select b.key, b.value = 'null'
        from jsonb_each(to_jsonb(old)) as b
        join jsonb_each(to_jsonb(new)) as a on a.key = b.key
        where a.value <> b.value
    loop
        continue when column_name = any(tg_argv);
        continue when was_null and column_name || ' once' = any(tg_argv);
        raise exception '%.% is written once', tg_table_name, column_name
            using errcode = 'WR002', table = tg_table_name, column = column_name;
    end loop;
    return new;
end
$$;

-- Where a file's bytes lie may change, they may be moved; how many there are, only until file or preview are whole.
create function workroom.keep_segments() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    if new.byte_size <> old.byte_size and (
        (old.number >= 0 and exists (select from files as f where f.file_id = old.file_id))
        or (old.number < 0 and exists (select from file_previews as p where p.file_id = old.file_id))
    ) then
        raise exception 'file_segments.byte_size is written once'
            using errcode = 'WR002', table = tg_table_name, column = 'byte_size';
    end if;
    return new;
end
$$;

-- A hold only widens.
create function workroom.keep_hold_wide() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    if coalesce(new.sent_from, '-infinity') > coalesce(old.sent_from, '-infinity')
        or coalesce(new.sent_until, 'infinity') < coalesce(old.sent_until, 'infinity')
        or new.covers_messages < old.covers_messages
        or new.covers_files < old.covers_files
    then
        raise exception 'a hold only widens' using errcode = 'WR002', table = tg_table_name;
    end if;
    return new;
end
$$;

-- A release is confirmed when it is confirmed, never in the past: so its grace period lies ahead, whoever wrote the row.
create function workroom.keep_grace_ahead() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    if new.confirmed_at < current_instant() - interval '1 hour'
        and (tg_op = 'INSERT' or old.confirmed_at is null)
    then
        raise exception 'a release is not confirmed in the past' using errcode = 'WR002', table = tg_table_name;
    end if;
    return new;
end
$$;

-- A membership ends after everything that was recorded in its room: what a custodian may have read does not shrink.
create function workroom.keep_membership_long() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    if old.left_at is null and new.left_at is not null then
        new.left_at := greatest(new.left_at, (
            select max(e.recorded_at)
            from streams as s
            cross join lateral (
                select v.recorded_at
                from events as v
                where v.stream_id = s.stream_id
                order by v.seq desc
                limit 1
            ) as e
            where s.room_id = new.room_id
        ));
    end if;
    return new;
end
$$;

-- Puts the guard on a table of content. Row triggers of a partitioned table reach its partitions by themselves, statement
-- triggers do not: so this is called for each of them, with the table whose rules it has.
create function workroom.guard_content(relation_name text, rules_of text) returns void
    language plpgsql set search_path = workroom, pg_temp
    as $$
declare
    before_delete text := case
        when rules_of in ('files', 'file_contents', 'file_previews', 'file_segments') then 'require_read_committed()'
        else 'begin_deletion()'
    end;
    after_delete text := case rules_of
        when 'messages' then 'refuse_held_messages()'
        when 'message_revisions' then 'refuse_held_parts(''messages'')'
        when 'message_reactions' then 'refuse_held_parts(''messages'')'
        when 'message_files' then 'refuse_held_parts(''any'')'
        when 'files' then 'refuse_held_files()'
        when 'room_names' then 'refuse_held_room_names()'
        else 'refuse_held_file_parts()'
    end;
    written_once text := case rules_of
        when 'messages' then '''deleted_at once'', ''deleted_by once'', ''label_class_id'', ''labelled_at'''
        when 'message_reactions' then '''removed_seq once'', ''removed_at once'''
        when 'files' then '''message_id once'', ''message_seq once'', ''position once'', '
            '''scan_state'', ''scanned_at'', ''preview_state'', ''label_class_id'', ''labelled_at'', ''is_counted'''
        when 'file_segments' then '''byte_size'', ''store'', ''store_key'''
        else ''
    end;
begin
    execute format(
        'create trigger guard_before_delete before delete on workroom.%I for each statement execute function workroom.%s',
        relation_name, before_delete);
    execute format(
        'create trigger guard_after_delete after delete on workroom.%I referencing old table as gone '
        'for each statement execute function workroom.%s', relation_name, after_delete);
    execute format(
        'create trigger guard_truncate before truncate on workroom.%I '
        'for each statement execute function workroom.refuse_removal()', relation_name);
    execute format('alter table only workroom.%I enable always trigger guard_before_delete', relation_name);
    execute format('alter table only workroom.%I enable always trigger guard_after_delete', relation_name);
    execute format('alter table only workroom.%I enable always trigger guard_truncate', relation_name);
    if relation_name = rules_of then
        execute format(
            'create trigger guard_written before update on workroom.%I '
            'for each row execute function workroom.keep_written(%s)', relation_name, written_once);
        execute format('alter table workroom.%I enable always trigger guard_written', relation_name);
    end if;
end
$$;

do $$
declare
    guarded record;
begin
    for guarded in
        select c.relname as relation_name, coalesce(p.relname, c.relname) as rules_of
        from pg_class as c
        left join pg_inherits as i on i.inhrelid = c.oid
        left join pg_class as p on p.oid = i.inhparent
        where c.relnamespace = 'workroom'::regnamespace
            and c.relkind in ('r', 'p')
            and coalesce(p.relname, c.relname) in (
                'messages', 'message_revisions', 'message_reactions', 'message_files',
                'files', 'file_contents', 'file_previews', 'file_segments', 'room_names'
            )
        order by c.relkind desc, c.relname
    loop
        perform workroom.guard_content(guarded.relation_name, guarded.rules_of);
    end loop;
end
$$;
create trigger guard_segments before update on workroom.file_segments
    for each row execute function workroom.keep_segments();
alter table workroom.file_segments enable always trigger guard_segments;

-- What is kept for ever: records of what happened, and what holds stand on.
create function workroom.keep_for_ever(relation_name text, variadic may_change text[]) returns void
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    execute format(
        'create trigger guard_delete before delete on workroom.%I '
        'for each statement execute function workroom.refuse_removal()', relation_name);
    execute format(
        'create trigger guard_truncate before truncate on workroom.%I '
        'for each statement execute function workroom.refuse_removal()', relation_name);
    execute format(
        'create trigger guard_written before update on workroom.%I for each row execute function workroom.keep_written(%s)',
        relation_name, (select string_agg(quote_literal(c), ', ') from unnest(may_change) as c));
    execute format('alter table workroom.%I enable always trigger guard_delete', relation_name);
    execute format('alter table workroom.%I enable always trigger guard_truncate', relation_name);
    execute format('alter table workroom.%I enable always trigger guard_written', relation_name);
end
$$;
select workroom.keep_for_ever('events', variadic '{}');
select workroom.keep_for_ever('memberships', 'left_seq once', 'left_at once', 'removed_by once');
select workroom.keep_for_ever('audit_entries', variadic '{}');
select workroom.keep_for_ever('integrity_checks', variadic '{}');
select workroom.keep_for_ever('integrity_alarms', 'cleared_at once');
select workroom.keep_for_ever('matters', 'closed_by once', 'closed_at once', 'closing_entry once');
select workroom.keep_for_ever('holds', 'sent_from', 'sent_until', 'covers_messages', 'covers_files');
select workroom.keep_for_ever('hold_amendments', variadic '{}');
select workroom.keep_for_ever('hold_rooms', variadic '{}');
select workroom.keep_for_ever('hold_custodians', variadic '{}');
select workroom.keep_for_ever(
    'hold_releases', 'withdrawn_by once', 'withdrawn_at once', 'withdrawal_entry once', 'needs_two once',
    'confirmed_by once', 'confirmed_at once', 'confirmation_entry once', 'kept_until once'
);
create trigger guard_width before update on workroom.holds
    for each row execute function workroom.keep_hold_wide();
alter table workroom.holds enable always trigger guard_width;
create trigger guard_grace before insert or update on workroom.hold_releases
    for each row execute function workroom.keep_grace_ahead();
alter table workroom.hold_releases enable always trigger guard_grace;
create trigger guard_length before update on workroom.memberships
    for each row execute function workroom.keep_membership_long();
alter table workroom.memberships enable always trigger guard_length;

-- Texts of the audit log can be erased, one by one; never altered.
create trigger guard_truncate before truncate on workroom.audit_texts
    for each statement execute function workroom.refuse_removal();
create trigger guard_written before update on workroom.audit_texts
    for each row execute function workroom.keep_written();
alter table workroom.audit_texts enable always trigger guard_truncate;
alter table workroom.audit_texts enable always trigger guard_written;

-- ------------------------------------------------------------------------------------------------------------- partitions

-- Makes the monthly partitions that cover a span, where they are missing and nothing of theirs lies in the default
-- partition yet. Runs as the owner, because the service may not create tables; takes no name, so nothing can be injected.
-- Each is guarded from its first moment.
create function workroom.ensure_partitions(from_month date, until_month date) returns integer
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
            perform guard_content(partition_name, parent);
            made := made + 1;
        end loop;
        month := month + interval '1 month';
    end loop;
    return made;
end
$$;
revoke all on function workroom.ensure_partitions(date, date) from public;
grant execute on function workroom.ensure_partitions(date, date) to workroom_service;
select workroom.ensure_partitions((now() at time zone 'utc')::date, ((now() at time zone 'utc') + interval '3 months')::date);

-- Posts come as rows: see the query insert_posts.
create type workroom.new_message as (
    stream_id uuid,
    seq bigint,
    author_id uuid,
    message_id uuid,
    client_command_id uuid,
    reply_to_message_id uuid,
    text text,
    mentions uuid[],
    salt bytea,
    content_digest bytea,
    file_count smallint
);
comment on type workroom.new_message is 'A post on its way into events, messages and message_revisions.';

-- How far an account has read a stream. Only moves up.
create table workroom.read_markers (
    account_id uuid not null references workroom.accounts,
    stream_id uuid not null references workroom.streams,
    seq bigint not null,
    moved_at timestamptz not null,
    primary key (account_id, stream_id)
) with (fillfactor = 70);
create index read_markers_of_a_stream on workroom.read_markers (stream_id);

-- ------------------------------------------------------------------------------------------------------------- grants

grant select on all tables in schema workroom to workroom_service;
grant insert on
    workroom.customers, workroom.customer_profiles, workroom.accounts, workroom.account_profiles,
    workroom.account_credentials, workroom.sessions, workroom.one_time_links, workroom.streams, workroom.rooms,
    workroom.room_names, workroom.room_customers, workroom.memberships, workroom.invitations, workroom.events,
    workroom.messages, workroom.message_revisions, workroom.message_reactions, workroom.read_markers,
    workroom.file_segments, workroom.files, workroom.file_contents, workroom.message_files, workroom.file_previews,
    workroom.file_damages, workroom.stray_segments
    to workroom_service;
-- Not that it was given up: only abandon_unclaimed_uploads says so.
grant insert (file_id, stream_id, room_id, uploader_id, name, metadata, byte_size, created_at, expires_at)
    on workroom.uploads to workroom_service;

-- Only what is not content may change, column by column.
grant update (closed_at) on workroom.customers to workroom_service;
grant update (name) on workroom.customer_profiles to workroom_service;
grant update (kind, customer_id, deactivated_at) on workroom.accounts to workroom_service;
grant update (display_name, email, email_key) on workroom.account_profiles to workroom_service;
grant update (password_hash, changed_at) on workroom.account_credentials to workroom_service;
grant update (ended_at, expires_at) on workroom.sessions to workroom_service;
grant update (used_at) on workroom.one_time_links to workroom_service;
grant update (last_seq, last_recorded_at, last_message_seq, waiting_since) on workroom.streams to workroom_service;
grant update (archived_at) on workroom.rooms to workroom_service;
grant update (left_seq, left_at, removed_by) on workroom.memberships to workroom_service;
grant update (revoked_at, revoked_by, used_at, used_by) on workroom.invitations to workroom_service;
grant update (deleted_at, deleted_by) on workroom.messages to workroom_service;
grant update (removed_seq, removed_at) on workroom.message_reactions to workroom_service;
grant update (seq, moved_at) on workroom.read_markers to workroom_service;
grant update (received_bytes, lease_number, leased_until) on workroom.uploads to workroom_service;
grant update (byte_size, store, store_key) on workroom.file_segments to workroom_service;
grant update (message_id, message_seq, position, scan_state, scanned_at, preview_state) on workroom.files
    to workroom_service;
grant update (kept_until, given_up_at) on workroom.stray_segments to workroom_service;

-- Sessions and one-time links are no record of anything: ended ones may go.
grant delete on workroom.sessions, workroom.one_time_links to workroom_service;

-- Of audit and holds.
revoke all on function
    workroom.record_act(text, text, uuid, uuid, text, uuid, jsonb, jsonb),
    workroom.erase_audit_texts(bigint, uuid, text, uuid, text),
    workroom.confirm_hold_release(uuid, uuid, text, uuid, text, boolean, integer),
    workroom.lock_holds_shared(), workroom.lock_holds_exclusively(),
    workroom.require_read_committed(), workroom.begin_deletion(), workroom.refuse_held_messages(),
    workroom.refuse_held_parts(), workroom.refuse_held_files(), workroom.refuse_held_file_parts(),
    workroom.refuse_held_room_names(), workroom.refuse_removal(), workroom.keep_written(), workroom.keep_segments(),
    workroom.keep_hold_wide(), workroom.keep_grace_ahead(), workroom.keep_membership_long(),
    workroom.guard_content(text, text),
    workroom.keep_for_ever(text, text[])
    from public;
grant execute on function
    workroom.record_act(text, text, uuid, uuid, text, uuid, jsonb, jsonb),
    workroom.lock_holds_shared(), workroom.lock_holds_exclusively()
    to workroom_service, workroom_disposition;
grant execute on function
    workroom.confirm_hold_release(uuid, uuid, text, uuid, text, boolean, integer),
    workroom.erase_audit_texts(bigint, uuid, text, uuid, text)
    to workroom_service;

grant insert on
    workroom.integrity_checks, workroom.integrity_alarms, workroom.holds, workroom.hold_amendments, workroom.hold_rooms,
    workroom.hold_custodians
    to workroom_service;
grant insert (matter_id, name, opened_by, opened_at, opening_entry) on workroom.matters to workroom_service;
grant insert (release_id, hold_id, requested_by, requested_at, request_entry) on workroom.hold_releases
    to workroom_service;
grant update (closed_by, closed_at, closing_entry) on workroom.matters to workroom_service;
grant update (sent_from, sent_until, covers_messages, covers_files) on workroom.holds to workroom_service;
grant update (withdrawn_by, withdrawn_at, withdrawal_entry) on workroom.hold_releases to workroom_service;
grant update (cleared_at) on workroom.integrity_alarms to workroom_service;

-- The only role that deletes content. It has no login, and owns nothing but the functions that choose by themselves.
grant select, delete on
    workroom.messages, workroom.message_revisions, workroom.message_reactions, workroom.message_files, workroom.files,
    workroom.file_contents, workroom.file_previews, workroom.file_segments, workroom.room_names
    to workroom_disposition;
grant select on workroom.standing_holds, workroom.held_spans, workroom.held_messages to workroom_disposition;

-- ----------------------------------------------------------------------------------------------------------- retention

-- What is decided about how long: kept for at least so many days, destroyed after so many, either open (null). A day is 24
-- hours. What was deleted or superseded has an end of its own. A class that is removed stays, for the record.
create table workroom.retention_classes (
    class_id uuid primary key,
    name text not null,
    counted_from text not null,
    keep_days integer,
    destroy_days integer,
    removed_days integer not null default 30,
    version integer not null default 1,
    created_at timestamptz not null default workroom.current_instant(),
    changed_at timestamptz not null default workroom.current_instant(),
    locked_at timestamptz,
    removed_at timestamptz,
    constraint retention_class_name_length check (char_length(name) between 1 and 100),
    constraint retention_counted_from check (counted_from in ('sent', 'room_closed', 'customer_closed')),
    -- Not with `between`: of several, Postgres groups the first otherwise when it reads them from a backup, and
    -- `workroom verify` would find another check after every restore.
    constraint retention_days_are_days check (
        coalesce(keep_days, 1) >= 1 and coalesce(keep_days, 1) <= 36525
        and coalesce(destroy_days, 1) >= 1 and coalesce(destroy_days, 1) <= 36525
        and removed_days >= 1 and removed_days <= 36525
    ),
    constraint retention_ends_after_the_keep check (destroy_days >= keep_days),
    constraint locked_classes_are_not_removed check (locked_at is null or removed_at is null)
);

-- Which class a room has, and which one rooms of a kind have. A row stays when the class is taken away (null), so that it
-- is known since when.
create table workroom.room_classes (
    room_id uuid primary key references workroom.rooms,
    class_id uuid references workroom.retention_classes,
    changed_at timestamptz not null default workroom.current_instant()
);
create index rooms_of_a_class on workroom.room_classes (class_id) where class_id is not null;
create table workroom.room_kind_defaults (
    room_kind text primary key,
    class_id uuid references workroom.retention_classes,
    changed_at timestamptz not null default workroom.current_instant(),
    constraint default_room_kind check (room_kind in ('private', 'shared'))
);

-- Labels: a message or a file may have a class of its own. labelled_at stays when the label is taken away; a message has it
-- as well when one of its files was labelled, so that where it is null, nothing but the room decides. No foreign keys: a
-- label's trigger looks, and posts, which have none, pay nothing.
create index messages_labelled on workroom.messages (label_class_id) where labelled_at is not null;
create index files_labelled on workroom.files (label_class_id) where labelled_at is not null;
create index messages_deleted on workroom.messages (deleted_at) where deleted_at is not null;
create index messages_with_files on workroom.messages (message_id) include (file_count) where file_count > 0;
create index messages_set_apart on workroom.messages (message_id, deleted_at, labelled_at)
    where deleted_at is not null or labelled_at is not null;
create index revisions_that_supersede on workroom.message_revisions (message_id, recorded_at) where revision > 1;
create index reactions_taken_back on workroom.message_reactions (message_id, removed_at) where removed_at is not null;

-- The instant at which a period counted from the sending of each message ends is that and the period: here is the period.
create function workroom.after_sending(counted_from text, days integer) returns interval
    language sql immutable parallel safe
    as $$ select case when counted_from = 'sent' then make_interval(hours => days * 24) end $$;

-- When a room's customers were closed, the last of them; null while one is not, and where there is none.
-- A function whose plan is kept, like all that are called row by row here.
create function workroom.customers_closed_at(of_room_id uuid) returns timestamptz
    language plpgsql stable parallel safe
    as $$
begin
    return (
        select case when bool_and(c.closed_at is not null) then max(c.closed_at) end
        from workroom.room_customers as r
        join workroom.customers as c on c.customer_id = r.customer_id
        where r.room_id = of_room_id
    );
end
$$;

-- When a period ends that is counted from the closing of a room or of its customer; never, while that is open. A closed
-- customer's room goes on until it is archived: the later of both counts, or what is posted there would be due at once. Null
-- for a period counted from the sending, and where there is none.
create function workroom.after_closing(counted_from text, days integer, of_room_id uuid, archived_at timestamptz)
    returns timestamptz
    language sql stable parallel safe
    as $$
        select case counted_from
            when 'room_closed'
                then coalesce(archived_at, 'infinity'::timestamptz) + make_interval(hours => days * 24)
            when 'customer_closed'
                then greatest(
                    coalesce(workroom.customers_closed_at(of_room_id), 'infinity'::timestamptz),
                    coalesce(archived_at, 'infinity'::timestamptz)
                ) + make_interval(hours => days * 24)
        end
    $$;

-- What holds for everything in a room that has no label, computed from its class and its kind's default:
-- ends: end_after the sending or, where that is null, at end_fixed; the room's class decides, else the default.
-- keeps: both apply, the longest wins, so the later of keep_after the sending and keep_fixed.
-- removed_after the deletion, by the first class there is. settled_at: 24 hours after the last change of any of it.
create view workroom.room_rules as
select r.room_id,
    r.archived_at,
    c.class_id as room_class_id,
    d.class_id as default_class_id,
    case
        when c.destroy_days is not null then workroom.after_sending(c.counted_from, c.destroy_days)
        when d.destroy_days is not null then workroom.after_sending(d.counted_from, d.destroy_days)
    end as end_after,
    case
        when c.destroy_days is not null
            then workroom.after_closing(c.counted_from, c.destroy_days, r.room_id, r.archived_at)
        when d.destroy_days is not null
            then workroom.after_closing(d.counted_from, d.destroy_days, r.room_id, r.archived_at)
        else 'infinity'::timestamptz
    end as end_fixed,
    greatest(
        workroom.after_sending(c.counted_from, c.keep_days), workroom.after_sending(d.counted_from, d.keep_days)
    ) as keep_after,
    greatest(
        workroom.after_closing(c.counted_from, c.keep_days, r.room_id, r.archived_at),
        workroom.after_closing(d.counted_from, d.keep_days, r.room_id, r.archived_at)
    ) as keep_fixed,
    make_interval(hours => coalesce(c.removed_days, d.removed_days, 30) * 24) as removed_after,
    case when c.destroy_days is not null then c.class_id when d.destroy_days is not null then d.class_id end as end_class_id,
    coalesce(c.class_id, d.class_id) as removed_class_id,
    coalesce(
        greatest(rc.changed_at, c.changed_at, rd.changed_at, d.changed_at) + interval '24 hours',
        '-infinity'::timestamptz
    ) as settled_at
from workroom.rooms as r
left join workroom.room_classes as rc on rc.room_id = r.room_id
left join workroom.retention_classes as c on c.class_id = rc.class_id
left join workroom.room_kind_defaults as rd on rd.room_kind = r.kind
left join workroom.retention_classes as d on d.class_id = rd.class_id;

-- When the time of something unlabelled comes. It is workroom/retention_rule.py said once more; a test holds the two
-- together. removed_at: when it was deleted or superseded.
create function workroom.plain_due_at(
    sent_at timestamptz, removed_at timestamptz,
    end_after interval, end_fixed timestamptz, keep_after interval, keep_fixed timestamptz, removed_after interval
) returns timestamptz
    language sql stable parallel safe
    as $$
        select greatest(
            least(coalesce(sent_at + end_after, end_fixed), removed_at + removed_after),
            sent_at + keep_after,
            keep_fixed
        )
    $$;

-- The same for messages that have a label, or a file that has one: a label's end beats the room's, its keep is one keep more.
create view workroom.labelled_rules as
select m.message_id, m.stream_id, m.seq, m.room_id, m.author_id, m.sent_at, m.recorded_at, m.deleted_at, m.file_count,
    r.archived_at,
    case
        when c.destroy_days is null then coalesce(m.sent_at + r.end_after, r.end_fixed)
        when c.counted_from = 'sent' then m.sent_at + workroom.after_sending(c.counted_from, c.destroy_days)
        else workroom.after_closing(c.counted_from, c.destroy_days, m.room_id, r.archived_at)
    end as end_at,
    greatest(
        m.sent_at + r.keep_after,
        r.keep_fixed,
        m.sent_at + workroom.after_sending(c.counted_from, c.keep_days),
        workroom.after_closing(c.counted_from, c.keep_days, m.room_id, r.archived_at)
    ) as keep_until,
    coalesce(make_interval(hours => c.removed_days * 24), r.removed_after) as removed_after,
    case when c.destroy_days is null then r.end_class_id else c.class_id end as end_class_id,
    coalesce(c.class_id, r.removed_class_id) as removed_class_id,
    greatest(r.settled_at, greatest(m.labelled_at, c.changed_at) + interval '24 hours') as settled_at
from workroom.messages as m
join workroom.room_rules as r on r.room_id = m.room_id
left join workroom.retention_classes as c on c.class_id = m.label_class_id
where m.labelled_at is not null;

-- And for files that have a label, one step further: the file's label, then its message's, then the room's class.
create view workroom.labelled_file_dues as
select f.file_id, f.message_id, f.stream_id, f.message_seq, f.position, f.byte_size, f.label_class_id,
    greatest(least(own.end_at, r.deleted_at + own.removed_after), own.keep_until) as due_at,
    own.keep_until,
    case
        when r.deleted_at + own.removed_after < own.end_at or c.destroy_days is not null then c.class_id
        else r.end_class_id
    end as class_id,
    case when r.deleted_at + own.removed_after < own.end_at then 'removed' else 'ended' end as reason,
    greatest(r.settled_at, greatest(f.labelled_at, c.changed_at) + interval '24 hours') as settled_at
from workroom.files as f
join workroom.labelled_rules as r on r.message_id = f.message_id
left join workroom.retention_classes as c on c.class_id = f.label_class_id
cross join lateral (
    select
        case
            when c.destroy_days is null then r.end_at
            when c.counted_from = 'sent' then r.sent_at + workroom.after_sending(c.counted_from, c.destroy_days)
            else workroom.after_closing(c.counted_from, c.destroy_days, r.room_id, r.archived_at)
        end as end_at,
        greatest(
            r.keep_until,
            r.sent_at + workroom.after_sending(c.counted_from, c.keep_days),
            workroom.after_closing(c.counted_from, c.keep_days, r.room_id, r.archived_at)
        ) as keep_until,
        coalesce(make_interval(hours => c.removed_days * 24), r.removed_after) as removed_after
) as own
where f.labelled_at is not null
    and f.label_class_id is not null;

-- When the time of labelled messages comes. A message stays as long as the longest of its labelled files.
create view workroom.labelled_dues as
select r.message_id, r.stream_id, r.seq, r.room_id, r.author_id, r.sent_at, r.recorded_at, r.deleted_at, r.file_count,
    greatest(least(r.end_at, r.deleted_at + r.removed_after), r.keep_until, f.due_at) as due_at,
    r.end_at,
    greatest(r.keep_until, f.keep_until) as keep_until,
    r.removed_after, r.end_class_id, r.removed_class_id,
    greatest(r.settled_at, f.settled_at) as settled_at
from workroom.labelled_rules as r
left join lateral (
    select max(x.due_at) as due_at, max(x.keep_until) as keep_until, max(x.settled_at) as settled_at
    from workroom.labelled_file_dues as x
    where x.stream_id = r.stream_id
        and x.message_seq = r.seq
) as f on true;

-- One message or file of those, by id, for reads that meet few of them.
create function workroom.labelled_due_at(of_message_id uuid) returns timestamptz
    language plpgsql stable parallel safe
    as $$
begin
    return (select d.due_at from workroom.labelled_dues as d where d.message_id = of_message_id);
end
$$;
create function workroom.labelled_file_due_at(of_file_id uuid) returns timestamptz
    language plpgsql stable parallel safe
    as $$
begin
    return (select d.due_at from workroom.labelled_file_dues as d where d.file_id = of_file_id);
end
$$;

-- When the time of a message comes, whatever it is: what every read asks. The rule's columns are those of room_rules.
create function workroom.message_due_at(
    message_id uuid, labelled_at timestamptz, sent_at timestamptz, deleted_at timestamptz,
    end_after interval, end_fixed timestamptz, keep_after interval, keep_fixed timestamptz, removed_after interval
) returns timestamptz
    language sql stable parallel safe
    as $$
        select case
            when labelled_at is null
                then workroom.plain_due_at(
                    sent_at, deleted_at, end_after, end_fixed, keep_after, keep_fixed, removed_after
                )
            else workroom.labelled_due_at(message_id)
        end
    $$;

-- What a run chose, and could not destroy because a hold keeps it: gone for members all the same, whatever the rule says
-- later. So nobody sees by what comes back that it was held. Of a message, a file or the names of a room, by id: all of it
-- (infinity), or what was superseded or taken back until then.
create table workroom.gone_content (
    content_id uuid primary key,
    removed_until timestamptz not null
);

-- Whether something is gone like that, by id: all of it, or what was superseded or taken back at an instant. A function whose
-- plan is kept.
create function workroom.is_gone(of_content_id uuid, part_removed_at timestamptz default 'infinity') returns boolean
    language plpgsql stable parallel safe
    as $$
begin
    return exists (
        select
        from workroom.gone_content as g
        where g.content_id = of_content_id
            and g.removed_until >= part_removed_at
    );
end
$$;

-- The same for something of a message that was superseded or taken back by itself (null: that was not), by id, for reads that
-- meet one.
create function workroom.content_due_at(of_message_id uuid, part_removed_at timestamptz) returns timestamptz
    language plpgsql stable parallel safe
    as $$
begin
    return (
        select case
            when workroom.is_gone(m.message_id, coalesce(part_removed_at, 'infinity')) then '-infinity'::timestamptz
            when m.labelled_at is null then workroom.plain_due_at(
                m.sent_at, least(m.deleted_at, part_removed_at),
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            )
            when part_removed_at is null then d.due_at
            else greatest(least(d.end_at, least(m.deleted_at, part_removed_at) + d.removed_after), d.keep_until)
        end
        from workroom.messages as m
        join workroom.room_rules as r on r.room_id = m.room_id
        left join workroom.labelled_dues as d on d.message_id = m.message_id and m.labelled_at is not null
        where m.message_id = of_message_id
    );
end
$$;

-- Whether the text of a message is still there. Where a hold kept only the files, the row stays without it, and no rule that
-- changes later brings it back. A function whose plan is kept, and not planned with six tables more.
create function workroom.has_text(of_message_id uuid) returns boolean
    language plpgsql stable parallel safe
    as $$
begin
    return exists (select from workroom.message_revisions as v where v.message_id = of_message_id);
end
$$;

-- Messages whose time has not come, now or when a run came by, and whose text is there, held or not: the only messages that
-- members are shown anything of.
create view workroom.visible_messages as
select m.message_id, m.stream_id, m.room_id, m.seq, m.author_id, m.reply_to_message_id, m.sent_at, m.recorded_at,
    m.deleted_at, m.deleted_by, m.file_count, m.labelled_at
from workroom.messages as m
join workroom.room_rules as r on r.room_id = m.room_id
where workroom.message_due_at(
    m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
    r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
) > (select workroom.current_instant())
    and workroom.has_text(m.message_id)
    and not workroom.is_gone(m.message_id);

-- The same for one message, for reads that meet one.
create function workroom.is_visible(of_message_id uuid) returns boolean
    language plpgsql stable parallel safe
    as $$
begin
    return exists (
        select
        from workroom.messages as m
        join workroom.room_rules as r on r.room_id = m.room_id
        where m.message_id = of_message_id
            and workroom.message_due_at(
                m.message_id, m.labelled_at, m.sent_at, m.deleted_at,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) > workroom.current_instant()
            and workroom.has_text(m.message_id)
            and not workroom.is_gone(m.message_id)
    );
end
$$;

-- Whether a file of a message that is shown is shown itself: its own time has not come, now or when a run came by.
create function workroom.is_file_shown(of_file_id uuid, label_class_id uuid) returns boolean
    language plpgsql stable parallel safe
    as $$
begin
    return not workroom.is_gone(of_file_id)
        and (label_class_id is null or workroom.labelled_file_due_at(of_file_id) > workroom.current_instant());
end
$$;

-- Files that members are shown: claimed by a message that is shown and not taken back, their own time not come.
create view workroom.visible_files as
select f.file_id, f.stream_id, f.room_id, f.uploader_id, f.byte_size, f.kind, f.message_id, f.message_seq, f.position,
    f.scan_state, f.preview_state, m.author_id, m.sent_at
from workroom.files as f
join workroom.visible_messages as m on m.message_id = f.message_id and m.deleted_at is null
where workroom.is_file_shown(f.file_id, f.label_class_id);

-- The instant of a change is the database's to say, so that nobody who may change a rule can make it old.
create function workroom.stamp_class_change() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    if tg_op = 'INSERT' or (new.counted_from, new.keep_days, new.destroy_days, new.removed_days)
        is distinct from (old.counted_from, old.keep_days, old.destroy_days, old.removed_days) then
        new.changed_at := current_instant();
        new.version := case tg_op when 'INSERT' then 1 else old.version + 1 end;
    else
        new.changed_at := old.changed_at;
        new.version := old.version;
    end if;
    return new;
end
$$;
create trigger stamp_change before insert or update on workroom.retention_classes
    for each row execute function workroom.stamp_class_change();

select workroom.keep_for_ever(
    'retention_classes', 'name', 'keep_days', 'destroy_days', 'removed_days', 'version', 'changed_at', 'locked_at once',
    'removed_at once'
);
select workroom.keep_for_ever('gone_content', 'removed_until');
select workroom.keep_for_ever('room_classes', 'class_id', 'changed_at');
select workroom.keep_for_ever('room_kind_defaults', 'class_id', 'changed_at');

-- A class keeps as long as another one did: what was safe under the old one is safe under the new one for as long.
create function workroom.keeps_as_long(new_class workroom.retention_classes, old_class workroom.retention_classes)
    returns boolean
    language sql immutable parallel safe
    as $$
        select new_class.counted_from = old_class.counted_from
            and coalesce(new_class.keep_days, 0) >= coalesce(old_class.keep_days, 0)
            and coalesce(greatest(new_class.destroy_days, new_class.keep_days), 0) >= coalesce(old_class.destroy_days, 0)
            and new_class.removed_days >= old_class.removed_days
    $$;

-- A locked class is lengthened, never shortened, opened to removal or removed; a class in use is not removed.
create function workroom.keep_locked_class() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
begin
    if old.locked_at is not null and (
        new.locked_at is distinct from old.locked_at
        or new.removed_at is not null
        or not keeps_as_long(new, old)
        or (old.destroy_days is null) <> (new.destroy_days is null)
    ) then
        raise exception 'a locked class is only lengthened'
            using errcode = 'check_violation', constraint = 'locked_class_is_only_lengthened';
    end if;
    if old.removed_at is not null then
        raise exception 'the class is removed' using errcode = 'check_violation', constraint = 'class_is_there';
    end if;
    if new.removed_at is not null and (
        exists (select from room_classes as r where r.class_id = old.class_id)
        or exists (select from room_kind_defaults as d where d.class_id = old.class_id)
        or exists (select from messages as m where m.labelled_at is not null and m.label_class_id = old.class_id)
        or exists (select from files as f where f.labelled_at is not null and f.label_class_id = old.class_id)
    ) then
        raise exception 'the class is in use' using errcode = 'check_violation', constraint = 'class_in_use_is_not_removed';
    end if;
    return new;
end
$$;
create trigger keep_locked before update on workroom.retention_classes
    for each row execute function workroom.keep_locked_class();

-- What has a class (a room, a kind of room, a message, a file) leaves a locked one only for one that keeps as long; a class
-- that is removed is nobody's any more. Argument: the column of the class, and that of the instant of its change.
create function workroom.keep_in_locked_class() returns trigger
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    old_class retention_classes;
    new_class retention_classes;
    old_id uuid := case when tg_op = 'UPDATE' then to_jsonb(old) ->> tg_argv[0] end;
    new_id uuid := to_jsonb(new) ->> tg_argv[0];
begin
    if new_id is distinct from old_id and new_id is not null then
        select * into new_class from retention_classes as c where c.class_id = new_id for share;
        if new_class.class_id is null or new_class.removed_at is not null then
            raise exception 'there is no such class' using errcode = 'check_violation', constraint = 'class_is_there';
        end if;
    end if;
    if new_id is distinct from old_id and old_id is not null then
        select * into old_class from retention_classes as c where c.class_id = old_id for share;
        if old_class.locked_at is not null and (new_id is null or not keeps_as_long(new_class, old_class)) then
            raise exception 'a locked class is left only for one that keeps as long'
                using errcode = 'check_violation', constraint = 'locked_class_is_kept';
        end if;
    end if;
    return jsonb_populate_record(new, jsonb_build_object(tg_argv[1], current_instant()));
end
$$;
create trigger keep_in_locked_class before insert or update on workroom.room_classes
    for each row execute function workroom.keep_in_locked_class('class_id', 'changed_at');
create trigger keep_in_locked_class before insert or update on workroom.room_kind_defaults
    for each row execute function workroom.keep_in_locked_class('class_id', 'changed_at');
create trigger keep_in_locked_class before update of label_class_id, labelled_at on workroom.messages
    for each row execute function workroom.keep_in_locked_class('label_class_id', 'labelled_at');
create trigger keep_in_locked_class before update of label_class_id, labelled_at on workroom.files
    for each row execute function workroom.keep_in_locked_class('label_class_id', 'labelled_at');

-- A file that is labelled sets its message apart: from now on it is judged by its labels.
create function workroom.set_message_apart() returns trigger
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    update messages as m set labelled_at = new.labelled_at where m.message_id = new.message_id;
    return null;
end
$$;
create trigger set_message_apart after update of label_class_id on workroom.files
    for each row execute function workroom.set_message_apart();

-- -------------------------------------------------------------------------------------------------------------- expiry

-- How far members have been told what is not shown any more: everything that was due by then, under the rules noted here.
create table workroom.expiry_progress (
    only_row boolean primary key default true,
    told_until timestamptz not null default '-infinity',
    constraint expiry_progress_has_one_row check (only_row)
);
insert into workroom.expiry_progress default values;
create table workroom.room_expiries (
    room_id uuid primary key references workroom.rooms,
    end_after interval,
    end_fixed timestamptz,
    keep_after interval,
    keep_fixed timestamptz,
    removed_after interval not null
);

-- What members were told of a stream: that messages before an instant were removed, the highest number among them, and the
-- number before which nothing is shown any more, so that no page is looked for there.
create table workroom.stream_expiries (
    stream_id uuid primary key references workroom.streams,
    expired_before timestamptz,
    expired_through_seq bigint not null default 0,
    visible_from_seq bigint not null default 1
);

-- What members were told last of what has or had a label, a message or a file: whether it is gone. Said one by one, because
-- a label, and its class, may be changed while a round is under way, and no instant says which round saw it.
create table workroom.labelled_expiries (
    subject_id uuid primary key,
    is_gone boolean not null
);

-- Quotas count what members were told they still have: brings the files of messages between two numbers of a stream up to
-- what is shown now, held or not. Called when that is told, under the room's lock.
create function workroom.recount_files(of_stream_id uuid, first_seq bigint, last_seq bigint) returns void
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    changed_room_id uuid;
    more_bytes bigint;
begin
    with wrong as materialized (
        select f.file_id, v.file_id is not null as is_shown
        from files as f
        left join visible_files as v on v.file_id = f.file_id
            and v.stream_id = of_stream_id and v.message_seq between first_seq and last_seq
        where f.stream_id = of_stream_id
            and f.message_id is not null
            and f.message_seq between first_seq and last_seq
            and f.is_counted <> (v.file_id is not null)
        order by f.file_id
        for no key update of f
    ), changed as (
        update files as f
        set is_counted = w.is_shown
        from wrong as w
        where f.file_id = w.file_id
        returning f.room_id, case when w.is_shown then f.byte_size else - f.byte_size end as more_bytes
    )
    select c.room_id, sum(c.more_bytes) into changed_room_id, more_bytes
    from changed as c
    group by c.room_id;
    if changed_room_id is not null then
        perform count_file_bytes(changed_room_id, more_bytes);
    end if;
end
$$;

-- What a stream is read under: the rule of its room, from where on anything is shown, and the instant. A function and no
-- view, so that its plan is kept and no page is planned with six tables more.
create function workroom.rule_of_stream(of_stream_id uuid) returns table (
    end_after interval, end_fixed timestamptz, keep_after interval, keep_fixed timestamptz, removed_after interval,
    visible_from_seq bigint, expired_before timestamptz, expired_through_seq bigint, instant timestamptz
)
    language plpgsql stable parallel safe rows 1
    as $$
begin
    return query
    select r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after, coalesce(x.visible_from_seq, 1),
        x.expired_before, x.expired_through_seq, workroom.current_instant()
    from workroom.streams as s
    join workroom.room_rules as r on r.room_id = s.room_id
    left join workroom.stream_expiries as x on x.stream_id = s.stream_id
    where s.stream_id = of_stream_id;
end
$$;

-- ---------------------------------------------------------------------------------------------------------- simulations

-- What a change of the rules would destroy, looked at beforehand. Long work: begun, run, come back to.
create table workroom.retention_simulations (
    simulation_id uuid primary key,
    asked_by uuid not null references workroom.accounts,
    change jsonb not null,
    instant timestamptz not null,
    known_until timestamptz not null,
    state text not null default 'running',
    begun_at timestamptz not null default workroom.current_instant(),
    finished_at timestamptz,
    fingerprint text,
    picture jsonb,
    constraint simulation_state check (state in ('running', 'done', 'failed')),
    constraint simulation_is_whole check ((state = 'done') = (fingerprint is not null and picture is not null)),
    constraint simulation_end check ((state = 'running') = (finished_at is null))
);
create index retention_simulations_in_order on workroom.retention_simulations (begun_at);


revoke all on function
    workroom.stamp_class_change(), workroom.keep_locked_class(), workroom.keep_in_locked_class(),
    workroom.set_message_apart(), workroom.recount_files(uuid, bigint, bigint)
    from public;
grant execute on function workroom.recount_files(uuid, bigint, bigint) to workroom_service;
grant select on
    workroom.retention_classes, workroom.room_classes, workroom.room_kind_defaults, workroom.room_rules,
    workroom.labelled_rules, workroom.labelled_file_dues, workroom.labelled_dues, workroom.visible_messages,
    workroom.visible_files, workroom.expiry_progress, workroom.room_expiries, workroom.stream_expiries,
    workroom.labelled_expiries, workroom.gone_content, workroom.retention_simulations
    to workroom_service;
grant insert on
    workroom.retention_classes, workroom.room_classes, workroom.room_kind_defaults, workroom.room_expiries,
    workroom.stream_expiries, workroom.labelled_expiries, workroom.retention_simulations
    to workroom_service;
grant update (name, keep_days, destroy_days, removed_days, locked_at, removed_at) on workroom.retention_classes
    to workroom_service;
grant update (class_id) on workroom.room_classes, workroom.room_kind_defaults to workroom_service;
grant update (label_class_id, labelled_at) on workroom.messages, workroom.files to workroom_service;
grant update (told_until) on workroom.expiry_progress to workroom_service;
grant update (end_after, end_fixed, keep_after, keep_fixed, removed_after) on workroom.room_expiries
    to workroom_service;
grant update (expired_before, expired_through_seq, visible_from_seq) on workroom.stream_expiries to workroom_service;
grant update (is_gone) on workroom.labelled_expiries to workroom_service;
grant update (state, finished_at, fingerprint, picture) on workroom.retention_simulations to workroom_service;

-- ------------------------------------------------------------------------------------------------------------ the record

-- A run destroys what was due when it began, phase by phase, batch by batch, each its own transaction. after_id is how far
-- the phase has come, committed with the batch: a run that was killed goes on from there. What was sent after the horizon
-- is not due unless it was deleted or has a label: there the run looks at those only.
create table workroom.disposition_runs (
    run_id uuid primary key default gen_random_uuid(),
    began_at timestamptz not null default workroom.current_instant(),
    horizon timestamptz not null,
    removed_until timestamptz not null,
    phase text not null default 'files',
    after_id uuid not null default '00000000-0000-0000-0000-000000000000',
    batches integer not null default 0,
    ended_at timestamptz,
    constraint disposition_phase check (phase in ('files', 'messages', 'revisions', 'reactions', 'room_names', 'done')),
    constraint disposition_end check ((phase = 'done') = (ended_at is not null))
);
create unique index one_run_under_way on workroom.disposition_runs ((true)) where ended_at is null;
create index disposition_runs_in_order on workroom.disposition_runs (began_at);

-- What a batch destroyed. The digest is SHA-256 over the salt and what its items are known by, in their order: of messages
-- (also of those that lost their text only) and files the ids (16 bytes), of revisions and reactions the message's id and the
-- number (8 bytes, big-endian), of names of rooms the room's id and the number. Events still name every message, with the
-- digest of its content.
create table workroom.disposition_batches (
    run_id uuid not null references workroom.disposition_runs,
    number integer not null,
    phase text not null,
    recorded_at timestamptz not null default workroom.current_instant(),
    messages bigint not null default 0,
    revisions bigint not null default 0,
    reactions bigint not null default 0,
    files bigint not null default 0,
    bytes bigint not null default 0,
    room_names bigint not null default 0,
    salt bytea not null,
    digest bytea not null,
    primary key (run_id, number)
);

-- By which class, in which version, and why: its end had come ('ended'), or the period after the deletion ('removed').
create table workroom.disposition_counts (
    run_id uuid not null,
    number integer not null,
    class_id uuid,
    class_version integer,
    reason text not null,
    items bigint not null,
    foreign key (run_id, number) references workroom.disposition_batches,
    constraint disposition_reason check (reason in ('ended', 'removed')),
    constraint disposition_class_is_whole check ((class_id is null) = (class_version is null))
);
create index counts_of_a_batch on workroom.disposition_counts (run_id, number);

-- What a batch destroyed by the month of the messages it belonged to, so that what was posted in a month can be compared with
-- what is there. Listed files: those that its messages were posted with, whenever the files themselves went.
create table workroom.disposition_months (
    run_id uuid not null,
    number integer not null,
    month date not null,
    kind text not null,
    items bigint not null,
    primary key (run_id, number, month, kind),
    foreign key (run_id, number) references workroom.disposition_batches,
    constraint disposed_kind check (kind in ('messages', 'revisions', 'reactions', 'listed_files', 'files'))
);

-- Where bytes lie that no row names any more. They go after the commit; a row here goes after them.
create table workroom.bytes_to_remove (
    store text not null,
    store_key text not null,
    run_id uuid not null,
    queued_at timestamptz not null default workroom.current_instant(),
    primary key (store, store_key)
);

select workroom.keep_for_ever('disposition_runs', 'phase', 'after_id', 'batches', 'ended_at once');
select workroom.keep_for_ever('disposition_batches', variadic '{}');
select workroom.keep_for_ever('disposition_counts', variadic '{}');
select workroom.keep_for_ever('disposition_months', variadic '{}');

-- ------------------------------------------------------------------------------------------------------------ what is due

-- Messages with labels between two ids (first exclusive, last inclusive), and when their time comes. A function whose plan is
-- kept: they are few, and to plan for them took longer than to find a thousand others.
create function workroom.labelled_between(after_id uuid, until_id uuid) returns setof workroom.labelled_dues
    language plpgsql stable parallel safe rows 10 set plan_cache_mode = force_generic_plan
    as $$
begin
    return query
    select d.message_id, d.stream_id, d.seq, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.deleted_at, d.file_count,
        d.due_at, d.end_at, d.keep_until, d.removed_after, d.end_class_id, d.removed_class_id, d.settled_at
    from workroom.labelled_dues as d
    where d.message_id > after_id
        and d.message_id <= until_id;
end
$$;

-- Messages whose time has come by an instant, held or not, between two ids (first exclusive, last inclusive), of some rooms
-- (null: of all). known_until: nothing that was recorded later, so that the same question later has the same answer. This
-- is what disposition destroys, and of it a simulation shows the first; it counts by queries of its own, and a test holds
-- the two together. The rules are computed once, not once for each message.
-- only_set_apart: none but those that were deleted or have a label.
create function workroom.due_messages(
    after_id uuid, until_id uuid, of_room_ids uuid[], due_before timestamptz, known_until timestamptz,
    only_set_apart boolean default false
) returns table (
    message_id uuid, stream_id uuid, seq bigint, room_id uuid, author_id uuid, sent_at timestamptz,
    recorded_at timestamptz, due_at timestamptz, class_id uuid, reason text, settled_at timestamptz
)
    language sql stable parallel safe
    as $$
        with rules as materialized (
            select r.room_id, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after, r.end_class_id,
                r.removed_class_id, r.settled_at
            from workroom.room_rules as r
            where of_room_ids is null
                or r.room_id = any(of_room_ids)
        )
        select m.message_id, m.stream_id, m.seq, m.room_id, m.author_id, m.sent_at, m.recorded_at,
            workroom.plain_due_at(
                m.sent_at, case when m.deleted_at <= known_until then m.deleted_at end,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ),
            case
                when m.deleted_at + r.removed_after < coalesce(m.sent_at + r.end_after, r.end_fixed)
                    then r.removed_class_id
                else r.end_class_id
            end,
            case
                when m.deleted_at + r.removed_after < coalesce(m.sent_at + r.end_after, r.end_fixed) then 'removed'
                else 'ended'
            end,
            r.settled_at
        from workroom.messages as m
        join rules as r on r.room_id = m.room_id
        where m.message_id > after_id
            and m.message_id <= until_id
            and m.labelled_at is null
            and (not only_set_apart or m.deleted_at is not null)
            and m.recorded_at <= known_until
            and workroom.plain_due_at(
                m.sent_at, case when m.deleted_at <= known_until then m.deleted_at end,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) <= due_before
        union all
        select d.message_id, d.stream_id, d.seq, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.due_at,
            case when d.deleted_at + d.removed_after < d.end_at then d.removed_class_id else d.end_class_id end,
            case when d.deleted_at + d.removed_after < d.end_at then 'removed' else 'ended' end,
            d.settled_at
        from workroom.labelled_between(after_id, until_id) as d
        where d.recorded_at <= known_until
            and d.due_at <= due_before
    $$;

-- Files that messages have claimed, the same. A file without a label goes with its message.
create function workroom.due_files(
    after_id uuid, until_id uuid, of_room_ids uuid[], due_before timestamptz, known_until timestamptz
) returns table (
    file_id uuid, message_id uuid, room_id uuid, author_id uuid, sent_at timestamptz, recorded_at timestamptz,
    byte_size bigint, class_id uuid, reason text, settled_at timestamptz
)
    language sql stable parallel safe
    as $$
        with rules as materialized (
            select r.room_id, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after, r.end_class_id,
                r.removed_class_id, r.settled_at
            from workroom.room_rules as r
            where of_room_ids is null
                or r.room_id = any(of_room_ids)
        )
        select f.file_id, m.message_id, m.room_id, m.author_id, m.sent_at, m.recorded_at, f.byte_size,
            case
                when m.deleted_at + r.removed_after < coalesce(m.sent_at + r.end_after, r.end_fixed)
                    then r.removed_class_id
                else r.end_class_id
            end,
            case
                when m.deleted_at + r.removed_after < coalesce(m.sent_at + r.end_after, r.end_fixed) then 'removed'
                else 'ended'
            end,
            r.settled_at
        from workroom.files as f
        join workroom.messages as m on m.message_id = f.message_id
        join rules as r on r.room_id = m.room_id
        where f.file_id > after_id
            and f.file_id <= until_id
            and f.label_class_id is null
            and m.labelled_at is null
            and m.recorded_at <= known_until
            and workroom.plain_due_at(
                m.sent_at, case when m.deleted_at <= known_until then m.deleted_at end,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) <= due_before
        union all
        select f.file_id, d.message_id, d.room_id, d.author_id, d.sent_at, d.recorded_at, f.byte_size,
            case when d.deleted_at + d.removed_after < d.end_at then d.removed_class_id else d.end_class_id end,
            case when d.deleted_at + d.removed_after < d.end_at then 'removed' else 'ended' end,
            d.settled_at
        from workroom.files as f
        join workroom.labelled_dues as d on d.message_id = f.message_id
        where f.file_id > after_id
            and f.file_id <= until_id
            and f.label_class_id is null
            and d.recorded_at <= known_until
            and d.due_at <= due_before
        union all
        select l.file_id, m.message_id, m.room_id, m.author_id, m.sent_at, m.recorded_at, l.byte_size,
            l.class_id, l.reason, l.settled_at
        from workroom.labelled_file_dues as l
        join workroom.messages as m on m.message_id = l.message_id
        where l.file_id > after_id
            and l.file_id <= until_id
            and m.recorded_at <= known_until
            and l.due_at <= due_before
    $$;

-- Revisions that were superseded, of messages between two ids. The newest revision goes with its message, and none goes before
-- those that it superseded. The ids are compared three times: so no month is looked into in which there are none.
-- removed_at: since when it is superseded; message_due_at: when the time of the message itself comes.
create function workroom.due_revisions(
    after_id uuid, until_id uuid, due_before timestamptz, known_until timestamptz
) returns table (
    message_id uuid, revision integer, room_id uuid, author_id uuid, sent_at timestamptz, recorded_at timestamptz,
    removed_at timestamptz, class_id uuid, settled_at timestamptz, message_due_at timestamptz
)
    language sql stable parallel safe
    as $$
        select m.message_id, v.revision, m.room_id, m.author_id, m.sent_at, m.recorded_at, next_revision.recorded_at,
            coalesce(d.removed_class_id, r.removed_class_id), coalesce(d.settled_at, r.settled_at),
            case
                when m.labelled_at is null then workroom.plain_due_at(
                    m.sent_at, case when m.deleted_at <= known_until then m.deleted_at end,
                    r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
                )
                else d.due_at
            end
        from workroom.message_revisions as next_revision
        join workroom.message_revisions as v on v.message_id = next_revision.message_id
            and v.revision = next_revision.revision - 1
        join workroom.messages as m on m.message_id = next_revision.message_id
        join workroom.room_rules as r on r.room_id = m.room_id
        left join workroom.labelled_between(after_id, until_id) as d on d.message_id = m.message_id
            and m.labelled_at is not null
        where next_revision.revision > 1
            and next_revision.message_id > after_id and next_revision.message_id <= until_id
            and v.message_id > after_id and v.message_id <= until_id
            and m.message_id > after_id and m.message_id <= until_id
            and next_revision.recorded_at <= known_until
            and case
                when m.labelled_at is null then workroom.plain_due_at(
                    m.sent_at, next_revision.recorded_at,
                    r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
                )
                else greatest(least(d.end_at, next_revision.recorded_at + d.removed_after), d.keep_until)
            end <= due_before
    $$;

-- Reactions that were taken back, the same.
create function workroom.due_reactions(
    after_id uuid, until_id uuid, due_before timestamptz, known_until timestamptz
) returns table (
    message_id uuid, added_seq bigint, room_id uuid, author_id uuid, sent_at timestamptz, recorded_at timestamptz,
    removed_at timestamptz, class_id uuid, settled_at timestamptz, message_due_at timestamptz
)
    language sql stable parallel safe
    as $$
        select x.message_id, x.added_seq, m.room_id, m.author_id, m.sent_at, m.recorded_at, x.removed_at,
            coalesce(d.removed_class_id, r.removed_class_id), coalesce(d.settled_at, r.settled_at),
            case
                when m.labelled_at is null then workroom.plain_due_at(
                    m.sent_at, case when m.deleted_at <= known_until then m.deleted_at end,
                    r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
                )
                else d.due_at
            end
        from workroom.message_reactions as x
        join workroom.messages as m on m.message_id = x.message_id
        join workroom.room_rules as r on r.room_id = m.room_id
        left join workroom.labelled_between(after_id, until_id) as d on d.message_id = m.message_id
            and m.labelled_at is not null
        where x.removed_at <= known_until
            and x.message_id > after_id and x.message_id <= until_id
            and m.message_id > after_id and m.message_id <= until_id
            and case
                when m.labelled_at is null then workroom.plain_due_at(
                    m.sent_at, x.removed_at,
                    r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
                )
                else greatest(least(d.end_at, x.removed_at + d.removed_after), d.keep_until)
            end <= due_before
    $$;

-- Names that rooms had before. The newest name stays as long as the room.
create function workroom.due_room_names(due_before timestamptz, known_until timestamptz) returns table (
    room_id uuid, revision integer, removed_at timestamptz, class_id uuid, settled_at timestamptz
)
    language sql stable parallel safe
    as $$
        select n.room_id, n.revision, next_name.recorded_at, r.removed_class_id, r.settled_at
        from workroom.room_names as n
        join workroom.room_names as next_name on next_name.room_id = n.room_id
            and next_name.revision = n.revision + 1
        join workroom.room_rules as r on r.room_id = n.room_id
        where next_name.recorded_at <= known_until
            and workroom.plain_due_at(
                n.recorded_at, next_name.recorded_at,
                r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) <= due_before
    $$;

-- ----------------------------------------------------------------------------------------------------------- destruction

-- Begins a run and gives its id; null where one is under way: there is never more than one. The horizon may be kept for the
-- whole run: a rule that changes meanwhile destroys nothing for a day. In a room whose end has come as a whole, everything
-- is due that was sent until it was archived, or until now. So may removed_until: what has no label, and was deleted,
-- superseded or taken back later, is not due for that. A run destroys nothing that members were not told of: it begins at
-- the instant up to which they were (see expiry), and not at all before they were told anything.
create function workroom.begin_disposition() returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    begun uuid;
    instant timestamptz := (select least(current_instant(), p.told_until) from expiry_progress as p);
begin
    if not isfinite(instant) then
        return null;
    end if;
    insert into disposition_runs (began_at, horizon, removed_until)
    select instant, coalesce(
        max(
            case
                when r.end_after is not null then instant - r.end_after
                when r.end_fixed <= instant then coalesce(r.archived_at, instant)
            end
        ),
        '-infinity'
    ), coalesce(instant - min(r.removed_after), '-infinity')
    from room_rules as r
    on conflict do nothing
    returning run_id into begun;
    return begun;
end
$$;

-- The record of one batch. ids: what it destroyed is known by, in order. The arrays: so many items by that class, for that
-- reason; items null for one each.
create function workroom.record_batch(
    batch workroom.disposition_batches, ids bytea, class_ids uuid[], reasons text[], items bigint[]
) returns void
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    batch.salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
    insert into disposition_batches
    values (
        batch.run_id, batch.number, batch.phase, current_instant(), coalesce(batch.messages, 0),
        coalesce(batch.revisions, 0), coalesce(batch.reactions, 0), coalesce(batch.files, 0), coalesce(batch.bytes, 0),
        coalesce(batch.room_names, 0), batch.salt, sha256(batch.salt || ids)
    );
    insert into disposition_counts (run_id, number, class_id, class_version, reason, items)
    select batch.run_id, batch.number, c.class_id, c.version, i.reason, sum(coalesce(i.items, 1))
    from unnest(class_ids, reasons, items) as i(class_id, reason, items)
    left join retention_classes as c on c.class_id = i.class_id
    group by c.class_id, c.version, i.reason;
end
$$;

-- From now on members are shown nothing of what a run chose and a hold keeps; removed_untils null: all of each. Of
-- files quotas follow.
create function workroom.note_gone(content_ids uuid[], removed_untils timestamptz[] default null) returns void
    language plpgsql set search_path = workroom, pg_temp
    as $$
begin
    -- What an earlier run noted is left alone: what is held for years is met every day. Asked of all at once.
    insert into gone_content as g (content_id, removed_until)
    select i.content_id, coalesce(i.removed_until, 'infinity')
    from unnest(content_ids, removed_untils) as i(content_id, removed_until)
    where not exists (
        select
        from gone_content as known
        where known.content_id = i.content_id
            and known.removed_until >= coalesce(i.removed_until, 'infinity')
    )
    order by i.content_id
    on conflict (content_id) do update
    set removed_until = greatest(g.removed_until, excluded.removed_until);
end
$$;
create function workroom.note_gone_files(file_ids uuid[]) returns void
    language plpgsql set search_path = workroom, pg_temp
    as $$
declare
    room record;
begin
    perform note_gone(file_ids);
    for room in
        with uncounted as (
            update files as f
            set is_counted = false
            where f.file_id = any(file_ids) and f.is_counted
            returning f.room_id, f.byte_size
        )
        select u.room_id, sum(u.byte_size)::bigint as counted_bytes
        from uncounted as u
        group by u.room_id
        order by u.room_id
    loop
        perform count_file_bytes(room.room_id, - room.counted_bytes);
    end loop;
end
$$;

-- The month (of UTC) in which what has this id lies: the first 48 bits of a UUIDv7 are milliseconds since 1970.
create function workroom.month_of(id uuid) returns date
    language sql immutable strict parallel safe
    as $$
        select date_trunc(
            'month',
            timestamp 'epoch'
                + ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint * interval '1 millisecond'
        )::date
    $$;

-- Adds to a batch's record of which months its items were: of each the message's id, once an item.
create function workroom.record_months(batch workroom.disposition_batches, kind text, message_ids uuid[]) returns void
    language sql set search_path = workroom, pg_temp
    as $$
        with ends as materialized (
            select month_of((select i.id from unnest(message_ids) as i(id) order by i.id limit 1)) as first_month,
                month_of((select i.id from unnest(message_ids) as i(id) order by i.id desc limit 1)) as last_month
        ), months as materialized (
            select array_agg(first_message_id_of(g.month at time zone 'utc') order by g.month) as first_ids
            from ends as e
            cross join generate_series(e.first_month::timestamp, e.last_month, interval '1 month') as g(month)
        )
        insert into disposition_months (run_id, number, month, kind, items)
        select batch.run_id, batch.number, (e.first_month + (c.bucket - 1) * interval '1 month')::date, kind, c.items
        from ends as e
        cross join (
            select width_bucket(i.id, (select m.first_ids from months as m)) as bucket, count(*) as items
            from unnest(message_ids) as i(id)
            group by 1
        ) as c
    $$;

-- Whether a hold touches any of some rooms between two instants.
create function workroom.are_held(room_ids uuid[], first_sent_at timestamptz, last_sent_at timestamptz) returns boolean
    language sql stable set search_path = workroom, pg_temp
    as $$
        select exists (
            select
            from held_spans as s
            where s.room_id = any(room_ids)
                and s.sent_from <= last_sent_at
                and s.sent_until > first_sent_at
        )
    $$;

-- The first id of what was sent after a run's horizon. Of that only what was deleted or has a label can be due.
create function workroom.horizon_id(run workroom.disposition_runs) returns uuid
    language sql stable set search_path = workroom, pg_temp
    as $$
        select case
            when run.horizon > 'epoch' then first_message_id_of(run.horizon + interval '1 millisecond')
            else '00000000-0000-0000-0000-000000000000'
        end
    $$;

-- The rules of some rooms in one short text, to see whether they are still the same.
create function workroom.describe_rules(room_ids uuid[]) returns text
    language sql stable set search_path = workroom, pg_temp
    as $$
        select md5(string_agg(r::text, ',' order by r.room_id)) from room_rules as r where r.room_id = any(room_ids)
    $$;

-- Each of the following destroys one batch of its phase and gives how far it came; null when the phase is at its end.

-- Files whose time has come, with their names, previews and places; the bytes are left for afterwards.
create function workroom.dispose_files(run workroom.disposition_runs, most integer) returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp set plan_cache_mode = force_custom_plan
    as $$
declare
    until_id uuid;
    batch disposition_batches;
    file_ids uuid[];
    kept_ids uuid[];
    message_ids uuid[];
    unlisted_ids uuid[];
    class_ids uuid[];
    reasons text[];
    room_ids uuid[];
    room record;
    beyond_id constant uuid := horizon_id(run);
begin
    select s.file_id into until_id
    from (
        select f.file_id
        from files as f
        where f.file_id > run.after_id
            and (
                f.message_id < beyond_id
                or f.message_id in (
                    select m.message_id
                    from messages as m
                    where m.message_id >= beyond_id
                        and (m.deleted_at <= run.removed_until or m.labelled_at is not null)
                )
            )
        order by f.file_id
        limit most
    ) as s
    order by s.file_id desc
    limit 1;
    if until_id is null then
        return null;
    end if;
    select array_agg(distinct f.room_id) into room_ids
    from files as f
    where f.file_id > run.after_id and f.file_id <= until_id;
    with due as materialized (
        select d.file_id, d.message_id, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.byte_size, d.class_id,
            d.reason
        from due_files(run.after_id, until_id, room_ids, run.began_at, 'infinity') as d
        where d.settled_at <= run.began_at
    ), held as (
        select d.file_id, bool_or(s.covers_files) as covers_files
        from due as d
        join held_spans as s on s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
        group by d.file_id
    )
    select array_agg(d.file_id order by d.file_id) filter (where not coalesce(h.covers_files, false)),
        array_agg(d.message_id) filter (where not coalesce(h.covers_files, false)),
        array_agg(d.message_id) filter (where h.file_id is null),
        array_agg(d.class_id order by d.file_id) filter (where not coalesce(h.covers_files, false)),
        array_agg(d.reason order by d.file_id) filter (where not coalesce(h.covers_files, false)),
        sum(d.byte_size) filter (where not coalesce(h.covers_files, false)),
        array_agg(d.file_id) filter (where h.covers_files)
    into file_ids, message_ids, unlisted_ids, class_ids, reasons, batch.bytes, kept_ids
    from due as d
    left join held as h on h.file_id = d.file_id;
    if kept_ids is not null then
        perform note_gone_files(kept_ids);
    end if;
    if file_ids is null then
        return until_id;
    end if;
    delete from file_previews as p
    where p.file_id > run.after_id and p.file_id <= until_id and p.file_id = any(file_ids);
    delete from file_contents as c
    where c.file_id > run.after_id and c.file_id <= until_id and c.file_id = any(file_ids);
    -- One statement: whoever moves a segment at this moment changes its place before it is read here, or not at all.
    with gone as (
        delete from file_segments as s where s.file_id = any(file_ids) returning s.store, s.store_key
    )
    insert into bytes_to_remove (store, store_key, run_id)
    select g.store, g.store_key, run.run_id
    from gone as g
    on conflict do nothing;
    batch.files := 0;
    for room in
        with gone as (
            delete from files as f
            where f.file_id > run.after_id and f.file_id <= until_id and f.file_id = any(file_ids)
            returning f.room_id, f.byte_size, f.is_counted
        )
        select g.room_id, count(*) as files, sum(g.byte_size) filter (where g.is_counted)::bigint as counted_bytes
        from gone as g
        group by g.room_id
        order by g.room_id
    loop
        batch.files := batch.files + room.files;
        if room.counted_bytes is not null then  -- it goes before anybody was told
            perform count_file_bytes(room.room_id, - room.counted_bytes);
        end if;
    end loop;
    delete from uploads as u where u.file_id = any(file_ids);
    delete from message_files as l where l.message_id = any(unlisted_ids) and l.file_id = any(file_ids);
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := run.phase;
    perform record_batch(
        batch, (select string_agg(uuid_send(i.id), '') from unnest(file_ids) as i(id)), class_ids, reasons, null
    );
    perform record_months(batch, 'files', message_ids);
    return until_id;
end
$$;

-- Messages whose time has come, whole: text, reactions, the list of their files, their own row. Under a hold that covers
-- files only, text and reactions go, and the row stays with the files. A row whose files are still there waits for them.
-- What lost its text is in the record of that batch, and once more in that of the batch in which its row goes.
-- Rows are joined to the list of ids: of "= any(list)" Postgres looks for the partition of each of the thousands.
create function workroom.dispose_messages(run workroom.disposition_runs, most integer) returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp set plan_cache_mode = force_custom_plan
    as $$
declare
    until_id uuid;
    batch disposition_batches;
    text_ids uuid[];
    row_ids uuid[];
    kept_ids uuid[];
    revised_ids uuid[];
    reacted_ids uuid[];
    listing_ids uuid[];
    class_ids uuid[];
    reasons text[];
    room_ids uuid[];
    items bigint[];
    have_files boolean;
    have_reactions boolean;
    beyond_id constant uuid := horizon_id(run);
    is_beyond constant boolean := run.after_id >= beyond_id;
begin
    if is_beyond then
        select s.message_id into until_id
        from (
            (
                select m.message_id
                from messages as m
                where m.message_id > run.after_id
                    and m.deleted_at <= run.removed_until
                order by m.message_id
                limit most
            )
            union all
            (
                select m.message_id
                from messages as m
                where m.message_id > run.after_id
                    and m.labelled_at is not null
                order by m.message_id
                limit most
            )
            order by message_id
            limit most
        ) as s
        order by s.message_id desc
        limit 1;
        if until_id is null then
            return null;
        end if;
    else
        select s.message_id into until_id
        from (
            select m.message_id
            from messages as m
            where m.message_id > run.after_id
                and m.message_id < beyond_id
            order by m.message_id
            limit most
        ) as s
        order by s.message_id desc
        limit 1;
        if until_id is null then
            return beyond_id;
        end if;
    end if;
    select exists (
        select from message_files as l where l.message_id > run.after_id and l.message_id <= until_id
    ), exists (
        select from message_reactions as x where x.message_id > run.after_id and x.message_id <= until_id
    ) into have_files, have_reactions;
    select array_agg(distinct m.room_id) into room_ids
    from messages as m
    where m.message_id > run.after_id
        and m.message_id <= until_id
        and (not is_beyond or m.deleted_at <= run.removed_until or m.labelled_at is not null);
    with due as materialized (
        select d.message_id, d.stream_id, d.seq, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.class_id,
            d.reason
        from due_messages(run.after_id, until_id, room_ids, run.began_at, 'infinity', is_beyond) as d
        where d.settled_at <= run.began_at
    ), held as (
        select d.message_id, bool_or(s.covers_messages) as covers_messages
        from due as d
        join held_spans as s on s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
        group by d.message_id
    ), judged as materialized (
        select d.message_id, d.class_id, d.reason, not coalesce(h.covers_messages, false) as text_is_free,
            h.message_id is null and not (have_files and exists (
                select from files as f
                where f.stream_id = d.stream_id and f.message_seq = d.seq and f.message_id is not null
            )) as row_goes
        from due as d
        left join held as h on h.message_id = d.message_id
    ), gone as materialized (
        select j.message_id, j.class_id, j.reason, j.row_goes
        from judged as j
        where j.row_goes
            or j.text_is_free and exists (
                select
                from message_revisions as v
                where v.message_id = j.message_id
                    and v.message_id > run.after_id and v.message_id <= until_id
            )
    ), counted as (
        select g.class_id, g.reason, count(*) as items
        from gone as g
        group by g.class_id, g.reason
    )
    select a.text_ids, a.row_ids, a.kept_ids, c.class_ids, c.reasons, c.items
    into text_ids, row_ids, kept_ids, class_ids, reasons, items
    from (
        select array_agg(g.message_id order by g.message_id) as text_ids,
            array_agg(g.message_id order by g.message_id) filter (where g.row_goes) as row_ids,
            (select array_agg(j.message_id) from judged as j where not j.row_goes) as kept_ids
        from gone as g
    ) as a
    cross join (
        select array_agg(x.class_id) as class_ids, array_agg(x.reason) as reasons, array_agg(x.items) as items
        from counted as x
    ) as c;
    if kept_ids is not null then
        perform note_gone(kept_ids);
    end if;
    if text_ids is null then
        return until_id;
    end if;
    with gone as (
        delete from message_revisions as v
        using unnest(text_ids) as d(message_id)
        where v.message_id = d.message_id
            and v.message_id > run.after_id and v.message_id <= until_id
        returning v.message_id
    )
    select array_agg(g.message_id), count(*) into revised_ids, batch.revisions from gone as g;
    batch.reactions := 0;
    if have_reactions then
        with gone as (
            delete from message_reactions as x
            using unnest(text_ids) as d(message_id)
            where x.message_id = d.message_id
                and x.message_id > run.after_id and x.message_id <= until_id
            returning x.message_id
        )
        select array_agg(g.message_id), count(*) into reacted_ids, batch.reactions from gone as g;
    end if;
    if row_ids is not null then
        if have_files then
            delete from message_files as l
            using unnest(row_ids) as d(message_id)
            where l.message_id = d.message_id
                and l.message_id > run.after_id and l.message_id <= until_id;
        end if;
        select array_agg(m.message_id) into listing_ids
        from messages as m
        cross join generate_series(1, m.file_count)
        where m.message_id > run.after_id and m.message_id <= until_id
            and m.file_count > 0
            and m.message_id = any(row_ids);
        delete from messages as m
        using unnest(row_ids) as d(message_id)
        where m.message_id = d.message_id
            and m.message_id > run.after_id and m.message_id <= until_id;
        get diagnostics batch.messages = row_count;
    end if;
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := run.phase;
    perform record_batch(
        batch, (select string_agg(uuid_send(i.id), '') from unnest(text_ids) as i(id)), class_ids, reasons, items
    );
    perform record_months(batch, 'messages', row_ids);
    perform record_months(batch, 'revisions', revised_ids);
    perform record_months(batch, 'reactions', reacted_ids);
    perform record_months(batch, 'listed_files', listing_ids);
    return until_id;
end
$$;

-- Revisions that were superseded long enough ago.
create function workroom.dispose_revisions(run workroom.disposition_runs, most integer) returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp set plan_cache_mode = force_custom_plan
    set enable_partitionwise_join = on
    as $$
declare
    batch disposition_batches;
    message_ids uuid[];
    revisions integer[];
    kept_ids uuid[];
    kept_untils timestamptz[];
    class_ids uuid[];
    first_id uuid;
    until_id uuid;
begin
    select min(s.message_id::text)::uuid, max(s.message_id::text)::uuid into first_id, until_id
    from (
        (
            select v.message_id
            from message_revisions as v
            where v.revision > 1
                and v.message_id > run.after_id
                and v.recorded_at <= run.removed_until
            order by v.message_id
            limit most
        )
        union all
        (
            select v.message_id
            from message_revisions as v
            join messages as m on m.message_id = v.message_id
            where v.revision > 1
                and v.message_id > run.after_id
                and m.message_id > run.after_id
                and m.labelled_at is not null
            order by v.message_id
            limit most
        )
        order by message_id
        limit most
    ) as s;
    if until_id is null then
        return null;
    end if;
    -- Nothing between where the run has come to and the first of them can be due.
    run.after_id := coalesce(
        (
            select v.message_id
            from message_revisions as v
            where v.revision > 1 and v.message_id > run.after_id and v.message_id < first_id
            order by v.message_id desc
            limit 1
        ),
        run.after_id
    );
    with due as materialized (
        select d.message_id, d.revision, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.removed_at, d.class_id
        from due_revisions(run.after_id, until_id, run.began_at, 'infinity') as d
        where d.settled_at <= run.began_at
    ), held as materialized (
        select distinct d.message_id
        from due as d
        join held_spans as s on s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
            and s.covers_messages
    ), kept as (
        select d.message_id, max(d.removed_at) as superseded_at
        from held as h
        join due as d on d.message_id = h.message_id
        group by d.message_id
    )
    select a.message_ids, a.revisions, a.class_ids, b.kept_ids, b.kept_untils
    into message_ids, revisions, class_ids, kept_ids, kept_untils
    from (
        select array_agg(d.message_id order by d.message_id, d.revision) as message_ids,
            array_agg(d.revision order by d.message_id, d.revision) as revisions,
            array_agg(d.class_id order by d.message_id, d.revision) as class_ids
        from due as d
        where not exists (select from held as h where h.message_id = d.message_id)
    ) as a
    cross join (
        select array_agg(k.message_id) as kept_ids, array_agg(k.superseded_at) as kept_untils
        from kept as k
    ) as b;
    if kept_ids is not null then
        perform note_gone(kept_ids, kept_untils);
    end if;
    if message_ids is null then
        return until_id;
    end if;
    delete from message_revisions as v
    using unnest(message_ids, revisions) as d(message_id, revision)
    where v.message_id = d.message_id
        and v.revision = d.revision
        and v.message_id > run.after_id and v.message_id <= until_id;
    get diagnostics batch.revisions = row_count;
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := run.phase;
    perform record_batch(
        batch,
        (
            select string_agg(uuid_send(i.id) || int8send(i.number), '' order by i.id, i.number)
            from unnest(message_ids, revisions) as i(id, number)
        ),
        class_ids, array_fill('removed'::text, array[cardinality(message_ids)]), null
    );
    perform record_months(batch, 'revisions', message_ids);
    return until_id;
end
$$;

-- Reactions that were taken back long enough ago.
create function workroom.dispose_reactions(run workroom.disposition_runs, most integer) returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp set plan_cache_mode = force_custom_plan
    set enable_partitionwise_join = on
    as $$
declare
    until_id uuid;
    batch disposition_batches;
    message_ids uuid[];
    added_seqs bigint[];
    kept_ids uuid[];
    kept_untils timestamptz[];
    class_ids uuid[];
begin
    select s.message_id into until_id
    from (
        (
            select x.message_id
            from message_reactions as x
            where x.message_id > run.after_id
                and x.removed_at <= run.removed_until
            order by x.message_id
            limit most
        )
        union all
        (
            select x.message_id
            from message_reactions as x
            join messages as m on m.message_id = x.message_id
            where x.removed_at is not null
                and x.message_id > run.after_id
                and m.message_id > run.after_id
                and m.labelled_at is not null
            order by x.message_id
            limit most
        )
        order by message_id
        limit most
    ) as s
    order by s.message_id desc
    limit 1;
    if until_id is null then
        return null;
    end if;
    with due as materialized (
        select d.message_id, d.added_seq, d.room_id, d.author_id, d.sent_at, d.recorded_at, d.removed_at, d.class_id
        from due_reactions(run.after_id, until_id, run.began_at, 'infinity') as d
        where d.settled_at <= run.began_at
    ), held as materialized (
        select distinct d.message_id
        from due as d
        join held_spans as s on s.room_id = d.room_id
            and (s.author_id is null or s.author_id = d.author_id)
            and d.sent_at >= s.sent_from and d.sent_at < s.sent_until
            and d.recorded_at >= s.recorded_from and d.recorded_at <= s.recorded_until
            and s.covers_messages
    ), kept as (
        select d.message_id, max(d.removed_at) as taken_back_at
        from held as h
        join due as d on d.message_id = h.message_id
        group by d.message_id
    )
    select a.message_ids, a.added_seqs, a.class_ids, b.kept_ids, b.kept_untils
    into message_ids, added_seqs, class_ids, kept_ids, kept_untils
    from (
        select array_agg(d.message_id order by d.message_id, d.added_seq) as message_ids,
            array_agg(d.added_seq order by d.message_id, d.added_seq) as added_seqs,
            array_agg(d.class_id order by d.message_id, d.added_seq) as class_ids
        from due as d
        where not exists (select from held as h where h.message_id = d.message_id)
    ) as a
    cross join (
        select array_agg(k.message_id) as kept_ids, array_agg(k.taken_back_at) as kept_untils
        from kept as k
    ) as b;
    if kept_ids is not null then
        perform note_gone(kept_ids, kept_untils);
    end if;
    if message_ids is null then
        return until_id;
    end if;
    delete from message_reactions as x
    using unnest(message_ids, added_seqs) as d(message_id, added_seq)
    where x.message_id = d.message_id
        and x.added_seq = d.added_seq
        and x.message_id > run.after_id and x.message_id <= until_id;
    get diagnostics batch.reactions = row_count;
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := run.phase;
    perform record_batch(
        batch,
        (
            select string_agg(uuid_send(i.id) || int8send(i.number), '' order by i.id, i.number)
            from unnest(message_ids, added_seqs) as i(id, number)
        ),
        class_ids, array_fill('removed'::text, array[cardinality(message_ids)]), null
    );
    perform record_months(batch, 'reactions', message_ids);
    return until_id;
end
$$;

-- Names that rooms had before, long enough ago. Few, so without a place to go on from: what is held is not chosen.
create function workroom.dispose_room_names(run workroom.disposition_runs, most integer) returns uuid
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    batch disposition_batches;
    room_ids uuid[];
    revisions integer[];
    class_ids uuid[];
begin
    perform note_gone(array_agg(k.room_id), array_agg(k.superseded_at))
    from (
        select n.room_id, max(n.removed_at) as superseded_at
        from due_room_names(run.began_at, 'infinity') as n
        where n.settled_at <= run.began_at
            and exists (select from held_spans as s where s.room_id = n.room_id)
        group by n.room_id
    ) as k;
    select array_agg(d.room_id order by d.room_id, d.revision),
        array_agg(d.revision order by d.room_id, d.revision),
        array_agg(d.class_id order by d.room_id, d.revision)
    into room_ids, revisions, class_ids
    from (
        select n.room_id, n.revision, n.class_id
        from due_room_names(run.began_at, 'infinity') as n
        where n.settled_at <= run.began_at
            and not exists (select from held_spans as s where s.room_id = n.room_id)
        limit most
    ) as d;
    if room_ids is null then
        return null;
    end if;
    delete from room_names as n
    using unnest(room_ids, revisions) as d(room_id, revision)
    where n.room_id = d.room_id and n.revision = d.revision;
    get diagnostics batch.room_names = row_count;
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := run.phase;
    perform record_batch(
        batch,
        (
            select string_agg(uuid_send(i.id) || int8send(i.number), '' order by i.id, i.number)
            from unnest(room_ids, revisions) as i(id, number)
        ),
        class_ids, array_fill('removed'::text, array[cardinality(room_ids)]), null
    );
    return room_ids[cardinality(room_ids)];
end
$$;

-- Destroys the next batch of a run: looks at so many of what the phase is about, and at nothing that was not due when the
-- run began. The caller has taken the holds' lock in a statement before; taken here again, it costs nothing, and whoever
-- forgot is not let through. Gives the phase that comes next.
create function workroom.dispose_batch(of_run_id uuid, most integer) returns text
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    phases constant text[] := array['files', 'messages', 'revisions', 'reactions', 'room_names', 'done'];
    run disposition_runs;
    came_to uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'content can be deleted under READ COMMITTED only' using errcode = 'WR003';
    end if;
    perform lock_holds_shared();
    select * into run from disposition_runs as r where r.run_id = of_run_id for update;
    if run.ended_at is not null then
        return 'done';
    end if;
    most := least(greatest(most, 1), 20000);
    came_to := case run.phase
        when 'files' then dispose_files(run, most)
        when 'messages' then dispose_messages(run, most)
        when 'revisions' then dispose_revisions(run, most)
        when 'reactions' then dispose_reactions(run, most)
        else dispose_room_names(run, most)
    end;
    update disposition_runs as r
    set phase = case when came_to is null then phases[array_position(phases, run.phase) + 1] else run.phase end,
        after_id = coalesce(came_to, '00000000-0000-0000-0000-000000000000'),
        batches = coalesce(
            (select b.number from disposition_batches as b where b.run_id = run.run_id order by b.number desc limit 1), 0
        ),
        ended_at = case when came_to is null and run.phase = 'room_names' then current_instant() end
    where r.run_id = run.run_id
    returning r.phase into run.phase;
    return run.phase;
end
$$;

-- Drops the partitions of a past month of which everything is due and free: as if each row had been chosen, and in the
-- time of one. Proves first, without holding anybody up, that what is due is all there is, with writes to it shut out; then,
-- under the holds' lock, that no hold touches any of its rooms in that month and that no rule has changed; then drops.
-- Gives 'dropped', 'kept' (not proven: row by row then), or 'busy' (somebody is reading or writing: later then).
-- only_empty: after row by row, when what is left of other months is there to stay.
create function workroom.drop_due_month(of_run_id uuid, of_month date, only_empty boolean default false)
    returns text
    language plpgsql security definer set search_path = workroom, pg_temp set lock_timeout = '50ms'
    as $$
declare
    month_from constant date := date_trunc('month', of_month);
    month_until constant date := month_from + interval '1 month';
    parents constant text[] := array['messages', 'message_revisions', 'message_reactions', 'message_files'];
    parts constant text[] := array(
        select p || '_' || to_char(month_from, 'YYYY_MM') from unnest(parents) with ordinality as u(p, n) order by n
    );
    after_id constant uuid := first_message_id_of(month_from::timestamp at time zone 'utc');
    until_id constant uuid := first_message_id_of(month_until::timestamp at time zone 'utc');
    run disposition_runs;
    batch disposition_batches;
    room_ids uuid[];
    newest timestamptz[];
    counts bigint[];
    deleted_count bigint;
    rules text;
    is_open boolean;
    first_sent_at timestamptz;
    last_sent_at timestamptz;
    ids bytea;
    listed_files bigint;
    class_ids uuid[];
    reasons text[];
    items bigint[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'content can be deleted under READ COMMITTED only' using errcode = 'WR003';
    end if;
    select * into run from disposition_runs as r where r.run_id = of_run_id and r.ended_at is null for update;
    if run.run_id is null or month_until > (run.began_at at time zone 'utc')::date
        or exists (select from unnest(parts) as p where to_regclass('workroom.' || p) is null) then
        return 'kept';
    end if;
    execute format('lock table only %I, only %I, only %I, only %I in share row exclusive mode',
                   parts[1], parts[2], parts[3], parts[4]);
    if only_empty then
        execute format('select exists (select from only %I)', parts[1]) into is_open;
        if is_open then
            return 'kept';
        end if;
    end if;
    -- What was sent last mostly says that the month is not over yet, without a look at all of it.
    execute format(
        'select exists (select from only %I) or exists (select from only %I as m where m.labelled_at is not null)
            or exists (
                select
                from (select x.* from only %I as x order by x.message_id desc limit 100) as m
                join room_rules as r on r.room_id = m.room_id
                where plain_due_at(
                    m.sent_at, m.deleted_at, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
                ) > $1
            )', parts[4], parts[1], parts[1]) into is_open using run.began_at;
    if is_open then
        return 'kept';
    end if;
    -- So do those that were sent first and last where a hold covers the month.
    execute format(
        'select array_agg(distinct m.room_id), min(m.sent_at), max(m.sent_at)
        from (
            (select x.room_id, x.sent_at from only %I as x order by x.message_id limit 1000)
            union all
            (select x.room_id, x.sent_at from only %I as x order by x.message_id desc limit 1000)
        ) as m', parts[1], parts[1]) into room_ids, first_sent_at, last_sent_at;
    if are_held(room_ids, first_sent_at, last_sent_at) then
        return 'kept';
    end if;
    execute format(
        'select array_agg(r.room_id), array_agg(r.newest), array_agg(r.messages), coalesce(sum(r.deleted), 0),
            min(r.first_sent_at), max(r.last_sent_at)
        from (
            select m.room_id, min(m.sent_at) as first_sent_at, max(m.sent_at) as last_sent_at,
                max(m.sent_at) filter (where m.deleted_at is null) as newest,
                count(*) filter (where m.deleted_at is null) as messages,
                count(m.deleted_at) as deleted
            from only %I as m
            group by m.room_id
        ) as r', parts[1]) into room_ids, newest, counts, deleted_count, first_sent_at, last_sent_at;
    -- Looked at twice: here to go on quickly, and under the lock.
    if are_held(room_ids, first_sent_at, last_sent_at) then
        return 'kept';
    end if;
    rules := describe_rules(room_ids);
    -- What was not deleted comes to its end in the order of its sending: when the newest of a room is due, all of it is.
    with rooms as materialized (
        select r.end_class_id, r.settled_at, g.messages,
            plain_due_at(
                g.newest, null, r.end_after, r.end_fixed, r.keep_after, r.keep_fixed, r.removed_after
            ) as due_at
        from unnest(room_ids, newest, counts) as g(room_id, newest, messages)
        join room_rules as r on r.room_id = g.room_id
        where g.messages > 0
    ), deleted as materialized (
        select d.class_id, d.reason, count(*) as items
        from due_messages(after_id, until_id, room_ids, run.began_at, 'infinity', true) as d
        where deleted_count > 0
            and d.settled_at <= run.began_at
        group by d.class_id, d.reason
    ), counted as (
        select r.end_class_id as class_id, 'ended' as reason, sum(r.messages)::bigint as items
        from rooms as r
        group by r.end_class_id
        union all
        select d.class_id, d.reason, d.items
        from deleted as d
    )
    select array_agg(c.class_id), array_agg(c.reason), array_agg(c.items), coalesce(sum(c.items), 0),
        exists (select from rooms as r where r.due_at > run.began_at or r.settled_at > run.began_at)
            or (select coalesce(sum(d.items), 0) from deleted as d) <> deleted_count
    into class_ids, reasons, items, batch.messages, is_open
    from counted as c;
    if is_open then
        return 'kept';
    end if;
    execute format(
        'select string_agg(uuid_send(i.message_id), '''')
        from (select m.message_id from only %I as m order by m.message_id) as i', parts[1]) into ids;
    execute format('select count(*) from only %I', parts[2]) into batch.revisions;
    execute format('select count(*) from only %I', parts[3]) into batch.reactions;
    execute format('select coalesce(sum(m.file_count), 0) from only %I as m where m.file_count > 0', parts[1])
    into listed_files;
    perform lock_holds_shared();
    if are_held(room_ids, first_sent_at, last_sent_at) or rules is distinct from describe_rules(room_ids) then
        return 'kept';
    end if;
    batch.run_id := run.run_id;
    batch.number := run.batches + 1;
    batch.phase := 'month';
    perform record_batch(batch, coalesce(ids, ''), class_ids, reasons, items);
    insert into disposition_months (run_id, number, month, kind, items)
    select run.run_id, batch.number, month_from, i.kind, i.items
    from (
        values ('messages', batch.messages), ('revisions', batch.revisions), ('reactions', batch.reactions),
            ('listed_files', listed_files)
    ) as i(kind, items)
    where i.items > 0;
    update disposition_runs as r set batches = r.batches + 1 where r.run_id = run.run_id;
    -- Last, because from here on nobody reads a message until the commit.
    lock table only messages, only message_revisions, only message_reactions, only message_files
        in access exclusive mode;
    execute format('drop table %I, %I, %I, %I', parts[1], parts[2], parts[3], parts[4]);
    return 'dropped';
exception
    when lock_not_available or deadlock_detected then
        return 'busy';
    when undefined_table then
        return 'kept';  -- another worker has just dropped it
end
$$;

-- Drops the partitions of a past month in which no file is left, so that what was destroyed leaves no hollow behind.
create function workroom.drop_empty_month_of_files(of_month date) returns text
    language plpgsql security definer set search_path = workroom, pg_temp set lock_timeout = '50ms'
    as $$
declare
    month_from constant date := date_trunc('month', of_month);
    suffix constant text := '_' || to_char(month_from, 'YYYY_MM');
    is_empty boolean;
begin
    if month_from + interval '1 month' > (current_instant() at time zone 'utc')::date
        or to_regclass('workroom.files' || suffix) is null
        or to_regclass('workroom.file_contents' || suffix) is null
        or to_regclass('workroom.file_previews' || suffix) is null then
        return 'kept';
    end if;
    execute format('lock table only %I, only %I, only %I in share row exclusive mode',
                   'files' || suffix, 'file_contents' || suffix, 'file_previews' || suffix);
    execute format(
        'select not exists (select from only %I) and not exists (select from only %I)
            and not exists (select from only %I)',
        'files' || suffix, 'file_contents' || suffix, 'file_previews' || suffix) into is_empty;
    if not is_empty then
        return 'kept';
    end if;
    lock table only files, only file_contents, only file_previews in access exclusive mode;
    execute format('drop table %I, %I, %I', 'files' || suffix, 'file_contents' || suffix, 'file_previews' || suffix);
    return 'dropped';
exception
    when lock_not_available or deadlock_detected then
        return 'busy';
    when undefined_table then
        return 'kept';  -- another worker has just dropped it
end
$$;


revoke all on function
    workroom.begin_disposition(), workroom.record_batch(workroom.disposition_batches, bytea, uuid[], text[], bigint[]),
    workroom.note_gone(uuid[], timestamptz[]), workroom.note_gone_files(uuid[]),
    workroom.record_months(workroom.disposition_batches, text, uuid[]),
    workroom.dispose_files(workroom.disposition_runs, integer),
    workroom.dispose_messages(workroom.disposition_runs, integer),
    workroom.dispose_revisions(workroom.disposition_runs, integer),
    workroom.dispose_reactions(workroom.disposition_runs, integer),
    workroom.dispose_room_names(workroom.disposition_runs, integer),
    workroom.dispose_batch(uuid, integer), workroom.drop_due_month(uuid, date, boolean),
    workroom.drop_empty_month_of_files(date)
    from public;
grant execute on function
    workroom.begin_disposition(), workroom.dispose_batch(uuid, integer), workroom.drop_due_month(uuid, date, boolean),
    workroom.drop_empty_month_of_files(date)
    to workroom_service;
grant execute on function
    workroom.record_batch(workroom.disposition_batches, bytea, uuid[], text[], bigint[]),
    workroom.note_gone(uuid[], timestamptz[]), workroom.note_gone_files(uuid[]),
    workroom.record_months(workroom.disposition_batches, text, uuid[])
    to workroom_disposition;
grant create on schema workroom to workroom_disposition;
alter function workroom.begin_disposition() owner to workroom_disposition;
alter function workroom.dispose_files(workroom.disposition_runs, integer) owner to workroom_disposition;
alter function workroom.dispose_messages(workroom.disposition_runs, integer) owner to workroom_disposition;
alter function workroom.dispose_revisions(workroom.disposition_runs, integer) owner to workroom_disposition;
alter function workroom.dispose_reactions(workroom.disposition_runs, integer) owner to workroom_disposition;
alter function workroom.dispose_room_names(workroom.disposition_runs, integer) owner to workroom_disposition;
alter function workroom.dispose_batch(uuid, integer) owner to workroom_disposition;
revoke create on schema workroom from workroom_disposition;
grant select on
    workroom.rooms, workroom.retention_classes, workroom.room_rules, workroom.labelled_rules,
    workroom.labelled_file_dues, workroom.labelled_dues, workroom.disposition_runs, workroom.disposition_batches,
    workroom.uploads, workroom.room_customers, workroom.customers, workroom.expiry_progress
    to workroom_disposition;
grant insert on
    workroom.disposition_runs, workroom.disposition_batches, workroom.disposition_counts, workroom.disposition_months,
    workroom.bytes_to_remove
    to workroom_disposition;
grant update (phase, after_id, batches, ended_at) on workroom.disposition_runs to workroom_disposition;
grant delete on workroom.uploads to workroom_disposition;
grant select, insert, update (removed_until) on workroom.gone_content to workroom_disposition;
grant update (is_counted) on workroom.files to workroom_disposition;
grant select, insert, update (visible_bytes) on workroom.room_file_bytes to workroom_disposition;
grant execute on function workroom.count_file_bytes(uuid, bigint) to workroom_disposition;
grant select on
    workroom.disposition_runs, workroom.disposition_batches, workroom.disposition_counts, workroom.disposition_months,
    workroom.bytes_to_remove
    to workroom_service;

-- The list of bytes is no content: who has removed them strikes them off. It only grows by what disposition wrote.
grant delete on workroom.bytes_to_remove to workroom_service;
-- Strays are nobody's content: a segment's row, which alone says what is, never names them.
grant delete on workroom.stray_segments to workroom_service;
