-- Retention: how long things are kept, when their time has come, and that reads do not show them from then on. schema.sql
-- says the same, for reading.

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
alter table workroom.messages add column label_class_id uuid, add column labelled_at timestamptz;
alter table workroom.files add column label_class_id uuid, add column labelled_at timestamptz;
-- Whether quotas count a file: as long as members were not told that it is gone.
alter table workroom.files add column is_counted boolean not null default true;
update workroom.files as f
set is_counted = false
from workroom.messages as m
where m.message_id = f.message_id
    and m.deleted_at is not null;

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

alter table workroom.events drop constraint event_kind;
alter table workroom.events add constraint event_kind check (kind in (
    'message_posted', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'file_changed',
    'room_created', 'room_renamed', 'room_archived', 'room_reopened',
    'member_joined', 'member_left', 'member_removed', 'member_changed',
    'room_entered', 'room_exited', 'read_marker_moved', 'account_changed', 'account_deactivated',
    'account_reactivated', 'sessions_ended', 'messages_expired', 'messages_restored', 'file_expired'
));

-- As before, and each file is taken away once: what was told to have expired does not count any more.
create or replace function workroom.count_hidden_files() returns trigger
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

-- -------------------------------------------------------------------------------------------------------------- grants

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
