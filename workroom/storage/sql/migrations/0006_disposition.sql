-- Disposition: the only code that destroys content. Its functions belong to workroom_disposition, take no ids, and choose by
-- themselves what is due and free, under the lock that holds are placed under. schema.sql says the same, for reading.

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

-- -------------------------------------------------------------------------------------------------------------- grants

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
