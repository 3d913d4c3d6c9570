-- The beginning: accounts, rooms, numbered events, content that is written once.
--
-- Three roles: workroom_owner owns everything and runs migrations only; workroom_service is what web and worker run as:
-- it cannot delete content, cannot update content columns, cannot alter the schema; workroom_disposition has no login and
-- will own the only functions that destroy content.
--
-- Content (text, reactions, names of rooms) is written once. An edit inserts, a delete sets an _at. Events hold no
-- content and no names, and are never destroyed.

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
        'message_posted', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed',
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
    constraint message_text_length check (char_length(text) between 1 and 20000),
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

-- Makes the monthly partitions that cover a span, where they are missing and nothing of theirs lies in the default
-- partition yet. Runs as the owner, because the service may not create tables; takes no name, so nothing can be injected.
create function workroom.ensure_partitions(from_month date, until_month date) returns integer
    language plpgsql security definer set search_path = workroom, pg_temp
    as $$
declare
    month date := date_trunc('month', from_month);
    parent text;
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
        foreach parent in array array['messages', 'message_revisions', 'message_reactions'] loop
            partition_name := parent || '_' || to_char(month, 'YYYY_MM');
            continue when to_regclass('workroom.' || partition_name) is not null;
            execute format('select exists (select from %I where message_id >= $1 and message_id < $2)',
                           parent || '_default') into occupied using low, high;
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
revoke all on function workroom.ensure_partitions(date, date) from public;
grant execute on function workroom.ensure_partitions(date, date) to workroom_service;
select workroom.ensure_partitions((now() at time zone 'utc')::date, ((now() at time zone 'utc') + interval '3 months')::date);

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
    workroom.messages, workroom.message_revisions, workroom.message_reactions, workroom.read_markers
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

-- Sessions and one-time links are no record of anything: ended ones may go.
grant delete on workroom.sessions, workroom.one_time_links to workroom_service;
