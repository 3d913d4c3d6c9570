-- The audit log, matters, legal holds, and the guard by which Postgres itself keeps what is held. schema.sql says the same,
-- for reading.

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

create index memberships_ever on workroom.memberships (account_id);

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

-- Which file a place in a store belongs to, by the form of its key; null where it is no place of ours.
create function workroom.file_of_place(store_key text) returns uuid
    language sql immutable strict parallel safe set search_path = workroom, pg_temp
    as $$
        select case when store_key ~ '^[0-9a-f]{2}/[0-9a-f]{32}/[-0-9a-f]+$' then substring(store_key from 4 for 32)::uuid end
    $$;

-- The bytes of a file lie in places of its own: whoever removes those of one file cannot be made to remove another's.
alter table workroom.file_segments
    add constraint place_is_of_its_file check (workroom.file_of_place(store_key) is not distinct from file_id);

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

-- The claim of a file is one of its columns that are written once now.
drop trigger file_is_claimed_once on workroom.files;
drop function workroom.keep_claims();

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

-- As before, and each new partition is guarded from its first moment.
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
            perform guard_content(partition_name, parent);
            made := made + 1;
        end loop;
        month := month + interval '1 month';
    end loop;
    return made;
end
$$;

-- Who had power before there was an audit log: from here on, what gives it to somebody has an entry.
select workroom.record_act(
    'account_found', 'shell', null, null, 'account', account_id, jsonb_build_object('kind', kind), '{}'
)
from workroom.accounts
where kind in ('compliance', 'admin')
order by created_at, account_id;

-- -------------------------------------------------------------------------------------------------------------- grants

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

grant select on
    workroom.audit_entries, workroom.audit_texts, workroom.integrity_checks, workroom.integrity_alarms, workroom.matters,
    workroom.holds, workroom.hold_amendments, workroom.hold_rooms, workroom.hold_custodians, workroom.hold_releases,
    workroom.standing_holds, workroom.held_spans, workroom.held_messages
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
