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
        'account_reactivated', 'sessions_ended'
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
create index uploads_of_a_room on workroom.uploads (room_id);
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
    constraint segment_store check (store in ('disk', 's3')),
    constraint segment_size check (byte_offset >= 0 and byte_size >= 0)
);

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
create index files_of_a_room on workroom.files (room_id) include (byte_size, message_id);
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

-- Gives up uploads that no message has claimed: those whose time has passed, and the one that is named with its uploader
-- (then whatever its time). Takes away what made them files, so that no message can claim them any more. One that a claim is
-- being written for is waited for, and stays. The bytes go next, then the rest (forget_abandoned_uploads).
create function workroom.abandon_unclaimed_uploads(named_file_id uuid, named_uploader_id uuid, batch_size integer)
    returns setof uuid
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    ended uuid;
begin
    for ended in
        select file_id
        from uploads
        where abandoned_at is null
            and case
                when named_file_id is not null then file_id = named_file_id and uploader_id = named_uploader_id
                else expires_at <= current_instant()
            end
            and (leased_until is null or leased_until <= current_instant())
        order by file_id
        limit batch_size
        for update skip locked
    loop
        delete from files where file_id = ended and message_id is null;
        if exists (select from files where file_id = ended) then
            delete from uploads where file_id = ended;
            continue;
        end if;
        delete from file_contents where file_id = ended;
        update uploads set abandoned_at = current_instant() where file_id = ended;
        return next ended;
    end loop;
end
$$;
revoke all on function workroom.abandon_unclaimed_uploads(uuid, uuid, integer) from public;
grant execute on function workroom.abandon_unclaimed_uploads(uuid, uuid, integer) to workroom_service;

-- Forgets abandoned uploads whose bytes are gone. Never one that was not abandoned, so never what a message has claimed.
create function workroom.forget_abandoned_uploads(file_ids uuid[]) returns integer
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    forgotten integer;
begin
    delete from file_previews as p using uploads as u
    where p.file_id = u.file_id and u.file_id = any(file_ids) and u.abandoned_at is not null;
    delete from file_segments as s using uploads as u
    where s.file_id = u.file_id and u.file_id = any(file_ids) and u.abandoned_at is not null;
    delete from uploads as u where u.file_id = any(file_ids) and u.abandoned_at is not null;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
revoke all on function workroom.forget_abandoned_uploads(uuid[]) from public;
grant execute on function workroom.forget_abandoned_uploads(uuid[]) to workroom_service;

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
);
create index holds_of_a_matter on workroom.holds (matter_id);

-- Each act that made a hold what it is. Number 1 placed it; what the hold covered from then on.
create table workroom.hold_amendments (
    hold_id uuid not null references workroom.holds,
    number integer not null,
    amended_by uuid not null references workroom.accounts,
    amended_at timestamptz not null default workroom.current_instant(),
    reason text not null,
    entry_number bigint not null references workroom.audit_entries,
    sent_from timestamptz,
    sent_until timestamptz,
    covers_messages boolean not null,
    covers_files boolean not null,
    primary key (hold_id, number),
    constraint hold_reason_length check (char_length(reason) between 1 and 4000)
);

create table workroom.hold_rooms (
    hold_id uuid not null,
    room_id uuid not null references workroom.rooms,
    amendment integer not null,
    primary key (hold_id, room_id),
    foreign key (hold_id, amendment) references workroom.hold_amendments
);

-- Custodians: whose rooms are held while they were members ('memberships'), or only what they sent ('sent').
create table workroom.hold_custodians (
    hold_id uuid not null,
    account_id uuid not null references workroom.accounts,
    covers text not null,
    amendment integer not null,
    primary key (hold_id, account_id, covers),
    foreign key (hold_id, amendment) references workroom.hold_amendments,
    constraint custodian_covers check (covers in ('memberships', 'sent'))
);

-- A release is asked for by one officer and confirmed by another (unless the installation says that one is enough). It
-- destroys nothing: what the hold covered is kept until the end of a grace period.
create table workroom.hold_releases (
    release_id uuid primary key,
    hold_id uuid not null references workroom.holds,
    requested_by uuid not null references workroom.accounts,
    requested_at timestamptz not null default workroom.current_instant(),
    reason text not null,
    request_entry bigint not null references workroom.audit_entries,
    withdrawn_by uuid references workroom.accounts,
    withdrawn_at timestamptz,
    withdrawal_entry bigint references workroom.audit_entries,
    needs_two boolean,
    confirmed_by uuid references workroom.accounts,
    confirmed_at timestamptz,
    confirmation_reason text,
    confirmation_entry bigint references workroom.audit_entries,
    kept_until timestamptz,
    constraint release_reason_length check (char_length(reason) between 1 and 4000),
    constraint confirmation_reason_length check (char_length(confirmation_reason) between 1 and 4000),
    constraint release_withdrawal_is_whole check (num_nonnulls(withdrawn_by, withdrawn_at, withdrawal_entry) in (0, 3)),
    constraint release_confirmation_is_whole check (
        num_nonnulls(
            needs_two, confirmed_by, confirmed_at, confirmation_reason, confirmation_entry, kept_until
        ) in (0, 6)
    ),
    constraint release_is_withdrawn_or_confirmed check (withdrawn_at is null or confirmed_at is null),
    constraint released_by_a_second_officer check (not needs_two or confirmed_by <> requested_by),
    constraint release_has_a_grace_period check (kept_until >= confirmed_at + interval '1 day')
);
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
        confirmation_reason = with_reason,
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
create function workroom.refuse_held_messages() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp
    as $$
begin
    if exists (
        select
        from gone as m
        join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
    ) then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After rows that belong to messages were deleted. They go before their message: without it, nothing says what they are
-- part of, and they stay. The argument says which holds keep them: those that cover 'messages', or 'any'.
create function workroom.refuse_held_parts() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp
    as $$
begin
    if exists (
        select
        from gone as g
        where not exists (select from messages as m where m.message_id = g.message_id)
    ) then
        raise exception 'the message of what is deleted is not there' using errcode = 'WR001', table = tg_table_name;
    end if;
    if exists (
        select
        from gone as g
        join messages as m on m.message_id = g.message_id
        join held_spans as s on s.room_id = m.room_id
            and (s.author_id is null or s.author_id = m.author_id)
            and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
            and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
        where s.covers_messages or tg_argv[0] = 'any'
    ) then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After files were deleted. One that no message has claimed is nobody's content: it goes without the lock, so that giving up
-- an upload waits for no hold.
create function workroom.refuse_held_files() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp
    as $$
begin
    if not exists (select from gone as f where f.message_id is not null) then
        return null;
    end if;
    perform lock_holds_shared();
    if exists (
        select
        from gone as f
        left join messages as m on m.message_id = f.message_id
        where f.message_id is not null
            and (
                m.message_id is null
                or exists (
                    select
                    from held_spans as s
                    where s.room_id = m.room_id
                        and (s.author_id is null or s.author_id = m.author_id)
                        and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
                        and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
                        and s.covers_files
                )
            )
    ) then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After names, previews or places of files were deleted. Of a file that no message has claimed, and of an upload that never
-- became one, they go without the lock; no message can claim it meanwhile. Of a file whose row is not there, they stay.
create function workroom.refuse_held_file_parts() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp
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
    if exists (
        select
        from gone as g
        left join files as f on f.file_id = g.file_id
        left join messages as m on m.message_id = f.message_id
        where (f.file_id is null and not exists (select from uploads as u where u.file_id = g.file_id))
            or (f.message_id is not null and m.message_id is null)
            or exists (
                select
                from held_spans as s
                where s.room_id = m.room_id
                    and (s.author_id is null or s.author_id = m.author_id)
                    and m.sent_at >= s.sent_from and m.sent_at < s.sent_until
                    and m.recorded_at >= s.recorded_from and m.recorded_at <= s.recorded_until
                    and s.covers_files
            )
    ) then
        raise exception 'on legal hold' using errcode = 'WR001', table = tg_table_name;
    end if;
    return null;
end
$$;

-- After names of rooms were deleted: kept by every hold that covers anything of the room.
create function workroom.refuse_held_room_names() returns trigger
    language plpgsql volatile security definer set search_path = workroom, pg_temp
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
        when 'messages' then '''deleted_at once'', ''deleted_by once'''
        when 'message_reactions' then '''removed_seq once'', ''removed_at once'''
        when 'files' then '''message_id once'', ''message_seq once'', ''position once'', '
            '''scan_state'', ''scanned_at'', ''preview_state'''
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
    'confirmed_by once', 'confirmed_at once', 'confirmation_reason once', 'confirmation_entry once', 'kept_until once'
);
create trigger guard_width before update on workroom.holds
    for each row execute function workroom.keep_hold_wide();
alter table workroom.holds enable always trigger guard_width;
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
    workroom.uploads, workroom.file_segments, workroom.files, workroom.file_contents, workroom.message_files,
    workroom.file_previews, workroom.file_damages
    to workroom_service;

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

-- Sessions and one-time links are no record of anything: ended ones may go.
grant delete on workroom.sessions, workroom.one_time_links to workroom_service;

-- Of audit and holds.
revoke all on function
    workroom.record_act(text, text, uuid, uuid, text, uuid, jsonb, jsonb),
    workroom.confirm_hold_release(uuid, uuid, text, uuid, text, boolean, integer),
    workroom.lock_holds_shared(), workroom.lock_holds_exclusively(),
    workroom.require_read_committed(), workroom.begin_deletion(), workroom.refuse_held_messages(),
    workroom.refuse_held_parts(), workroom.refuse_held_files(), workroom.refuse_held_file_parts(),
    workroom.refuse_held_room_names(), workroom.refuse_removal(), workroom.keep_written(), workroom.keep_segments(),
    workroom.keep_hold_wide(), workroom.keep_membership_long(), workroom.guard_content(text, text),
    workroom.keep_for_ever(text, text[])
    from public;
grant execute on function
    workroom.record_act(text, text, uuid, uuid, text, uuid, jsonb, jsonb),
    workroom.lock_holds_shared(), workroom.lock_holds_exclusively()
    to workroom_service, workroom_disposition;
grant execute on function workroom.confirm_hold_release(uuid, uuid, text, uuid, text, boolean, integer)
    to workroom_service;

grant insert on
    workroom.integrity_checks, workroom.integrity_alarms, workroom.holds, workroom.hold_amendments, workroom.hold_rooms,
    workroom.hold_custodians
    to workroom_service;
grant insert (matter_id, name, opened_by, opened_at, opening_entry) on workroom.matters to workroom_service;
grant insert (release_id, hold_id, requested_by, requested_at, reason, request_entry) on workroom.hold_releases
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
