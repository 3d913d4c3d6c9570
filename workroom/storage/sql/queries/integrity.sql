-- name: describe_schema
-- Everything in the database on which the keeping of content rests, one row a part: its kind, its name, and what it is in
-- words that are the same on every version of Postgres. The owner's own rights go without saying.
with relations as (
    select c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
        p.relname as parent
    from pg_class as c
    left join pg_inherits as i on i.inhrelid = c.oid and c.relispartition
    left join pg_class as p on p.oid = i.inhparent
    where c.relnamespace = 'workroom'::regnamespace
        and c.relkind in ('r', 'p', 'v', 'm', 'f')
), routines as (
    select oid, proname || '(' || pg_get_function_identity_arguments(oid) || ')' as name, proowner, proacl, prokind, prolang,
        prosecdef, provolatile, proisstrict, proleakproof, proparallel, proconfig, prorettype, proretset, prosrc
    from pg_proc
    where pronamespace = 'workroom'::regnamespace
), named_roles as (
    select oid, rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin
    from pg_roles
    where rolname in ('workroom_service', 'workroom_disposition')
), granted as (
    select r.relname::text as thing, a.grantee, a.privilege_type, a.is_grantable
    from relations as r
    cross join lateral aclexplode(r.relacl) as a
    where a.grantee <> r.relowner
        -- Partitions that were there when the service was let in have this, and it is worth nothing.
        and not (
            r.relispartition and a.privilege_type = 'SELECT' and pg_get_userbyid(a.grantee) = 'workroom_service'
        )
    union all
    select r.relname || '.' || t.attname, a.grantee, a.privilege_type, a.is_grantable
    from relations as r
    join pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    cross join lateral aclexplode(t.attacl) as a
    union all
    select f.name, a.grantee, a.privilege_type, a.is_grantable
    from routines as f
    cross join lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as a
    where a.grantee <> f.proowner
    union all
    select 'schema', a.grantee, a.privilege_type, a.is_grantable
    from pg_namespace as n
    cross join lateral aclexplode(n.nspacl) as a
    where n.oid = 'workroom'::regnamespace
        and a.grantee <> n.nspowner
)
select case r.relkind when 'v' then 'view' else 'table' end as kind, r.relname::text as name,
    concat_ws(
        ' ', r.relkind, 'of ' || pg_get_userbyid(r.relowner), 'partition of ' || r.parent,
        case when r.relrowsecurity or r.relforcerowsecurity then 'with row security' end
    ) as definition
from relations as r
union all
select 'column', r.relname || '.' || a.attname,
    concat_ws(
        ' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end, nullif(a.attgenerated, '')
    )
from relations as r
join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
where not r.relispartition
union all
select 'constraint', r.relname || '.' || c.conname,
    concat_ws(
        ' ', c.contype, case when not c.convalidated then 'not validated' end,
        (
            select string_agg(a.attname, ' ' order by k.place)
            from unnest(c.conkey) with ordinality as k(attnum, place)
            join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
        ),
        '-> ' || c.confrelid::regclass::text,
        case when c.contype = 'c' then encode(sha256(convert_to(pg_get_constraintdef(c.oid), 'UTF8')), 'hex') end
    )
from pg_constraint as c
join relations as r on r.oid = c.conrelid
where not r.relispartition
    and c.contype in ('c', 'p', 'u', 'f', 'x')
union all
select 'trigger', r.relname || '.' || t.tgname,
    concat_ws(
        ' ', t.tgenabled, t.tgtype, p.proname, '(' || encode(t.tgargs, 'escape') || ')',
        'old ' || t.tgoldtable, 'new ' || t.tgnewtable, 'of ' || nullif(t.tgattr::text, ''),
        case when t.tgqual is not null then 'with a condition' end, case when t.tgdeferrable then 'deferrable' end
    )
from pg_trigger as t
join relations as r on r.oid = t.tgrelid
join pg_proc as p on p.oid = t.tgfoid
where not t.tgisinternal
    or t.tgparentid <> 0
union all
-- What Postgres does for foreign keys can be switched off as well.
select 'switched off foreign key', r.relname || '.' || c.conname, string_agg(t.tgenabled::text, '' order by t.tgname)
from pg_trigger as t
join relations as r on r.oid = t.tgrelid
join pg_constraint as c on c.oid = t.tgconstraint
where t.tgisinternal
    and t.tgenabled <> 'O'
group by r.relname, c.conname
union all
select 'rule', r.relname || '.' || w.rulename, concat_ws(' ', w.ev_type, w.ev_enabled)
from pg_rewrite as w
join relations as r on r.oid = w.ev_class
where w.rulename <> '_RETURN'
union all
select 'policy', r.relname || '.' || y.polname, y.polcmd::text
from pg_policy as y
join relations as r on r.oid = y.polrelid
union all
select 'function', f.name,
    concat_ws(
        ' ', f.prokind, l.lanname, case when f.prosecdef then 'definer' else 'invoker' end, f.provolatile, f.proparallel,
        case when f.proisstrict then 'strict' end, case when f.proleakproof then 'leakproof' end,
        array_to_string(f.proconfig, ' '), case when f.proretset then 'set of' end, format_type(f.prorettype, null),
        'of ' || pg_get_userbyid(f.proowner), encode(sha256(convert_to(f.prosrc, 'UTF8')), 'hex')
    )
from routines as f
join pg_language as l on l.oid = f.prolang
union all
select 'grant', thing || ' to ' || case grantee when 0 then 'public' else pg_get_userbyid(grantee)::text end,
    string_agg(
        lower(privilege_type) || case when is_grantable then ' with grant option' else '' end, ' '
        order by privilege_type
    )
from granted
group by thing, grantee
union all
select 'role', rolname::text,
    concat_ws(
        ' ', 'named', case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
        case when rolcreatedb then 'createdb' end, case when rolreplication then 'replication' end,
        case when rolbypassrls then 'bypassrls' end,
        case when rolcanlogin and rolname = 'workroom_disposition' then 'login' end
    )
from named_roles
union all
-- Who may act as whom. A membership that only lets its holder hand it on (Postgres 16) does not count.
select 'membership', pg_get_userbyid(m.member) || ' in ' || pg_get_userbyid(m.roleid), 'member'
from pg_auth_members as m
where (m.member in (select oid from named_roles) or m.roleid in (select oid from named_roles))
    and coalesce((to_jsonb(m) ->> 'set_option')::boolean or (to_jsonb(m) ->> 'inherit_option')::boolean, true)
group by m.member, m.roleid
union all
select 'right to delete messages', rolname::text, 'may'
from pg_roles as r
where not r.rolsuper
    and has_table_privilege(r.oid, 'workroom.messages', 'delete')
    and not pg_has_role(r.oid, 'workroom_owner', 'usage');

-- name: may_make_temporary
-- Whether this role may make what only its own session sees: a view to compare another with.
select has_database_privilege(current_database(), 'temporary');

-- name: describe_view
-- What Postgres makes of a view, and of the one that was just made of our own text; null where there is none.
select pg_get_viewdef(to_regclass('workroom.' || :name)) as found,
    pg_get_viewdef(to_regclass('pg_temp.' || :name || '_as_shipped')) as shipped;

-- name: list_unknown_acts
-- What was done and has no entry in the audit log that says so; each by its name.
select 'hold ' || h.hold_id as subject
from holds as h
where not exists (select from hold_amendments as a where a.hold_id = h.hold_id and a.number = 1)
union all
select 'amendment ' || a.number || ' of hold ' || a.hold_id
from hold_amendments as a
join audit_entries as e using (entry_number)
where e.subject_id is distinct from a.hold_id
    or e.act <> case a.number when 1 then 'hold_placed' else 'hold_amended' end
union all
select 'room ' || r.room_id || ' in hold ' || r.hold_id
from hold_rooms as r
join hold_amendments as a on a.hold_id = r.hold_id and a.number = r.amendment
join audit_entries as e using (entry_number)
where not coalesce(coalesce(e.facts -> 'after', e.facts) -> 'rooms' ? r.room_id::text, false)
union all
select 'custodian ' || c.account_id || ' in hold ' || c.hold_id
from hold_custodians as c
join hold_amendments as a on a.hold_id = c.hold_id and a.number = c.amendment
join audit_entries as e using (entry_number)
where not coalesce(
    coalesce(e.facts -> 'after', e.facts) -> 'custodians'
        @> jsonb_build_array(jsonb_build_object('account_id', c.account_id, 'covers', c.covers)),
    false
)
union all
select 'the widened span of hold ' || h.hold_id
from holds as h
cross join lateral (
    select a.sent_from, a.sent_until, a.covers_messages, a.covers_files
    from hold_amendments as a
    where a.hold_id = h.hold_id
    order by a.number desc
    limit 1
) as said
where (h.sent_from, h.sent_until, h.covers_messages, h.covers_files)
    is distinct from (said.sent_from, said.sent_until, said.covers_messages, said.covers_files)
union all
select 'release ' || r.release_id
from hold_releases as r
join audit_entries as asked on asked.entry_number = r.request_entry
left join audit_entries as withdrawn on withdrawn.entry_number = r.withdrawal_entry
left join audit_entries as confirmed on confirmed.entry_number = r.confirmation_entry
where (asked.act, asked.subject_id) is distinct from ('hold_release_requested', r.hold_id)
    or (withdrawn.entry_number is not null
        and (withdrawn.act, withdrawn.subject_id) is distinct from ('hold_release_withdrawn', r.hold_id))
    or (confirmed.entry_number is not null
        and (confirmed.act, confirmed.subject_id) is distinct from ('hold_released', r.hold_id))
union all
select 'matter ' || m.matter_id
from matters as m
join audit_entries as opened on opened.entry_number = m.opening_entry
left join audit_entries as closed on closed.entry_number = m.closing_entry
where (opened.act, opened.subject_id) is distinct from ('matter_opened', m.matter_id)
    or (closed.entry_number is not null
        and (closed.act, closed.subject_id) is distinct from ('matter_closed', m.matter_id))
union all
select 'the kind of account ' || a.account_id
from accounts as a
left join lateral (
    select coalesce(e.facts ->> 'after', e.facts ->> 'kind') as kind
    from audit_entries as e
    where e.subject_id = a.account_id
        and e.act in ('account_created', 'account_kind_changed', 'account_found')
    order by e.entry_number desc
    limit 1
) as said on true
where a.kind in ('compliance', 'admin')
    and said.kind is distinct from a.kind
union all
select 'when customer ' || c.customer_id || ' was closed'
from customers as c
left join lateral (
    select case e.act when 'customer_closed' then (e.facts ->> 'closed_at')::timestamptz end as closed_at
    from audit_entries as e
    where e.subject_id = c.customer_id
        and e.act in ('customer_closed', 'customer_opened')
    order by e.entry_number desc
    limit 1
) as said on true
where c.closed_at is distinct from said.closed_at
union all
-- What a run destroyed, by its batches and by their months, is what its end said in the audit log.
select 'what was destroyed by the run ' || r.run_id
from disposition_runs as r
cross join lateral (
    select coalesce(sum(b.messages), 0) as messages, coalesce(sum(b.revisions), 0) as revisions,
        coalesce(sum(b.reactions), 0) as reactions, coalesce(sum(b.files), 0) as files,
        encode(sha256(coalesce(string_agg(b.digest, '' order by b.number), '')), 'hex') as digest
    from disposition_batches as b
    where b.run_id = r.run_id
) as batches
cross join lateral (
    select coalesce(sum(m.items) filter (where m.kind = 'messages'), 0) as messages,
        coalesce(sum(m.items) filter (where m.kind = 'revisions'), 0) as revisions,
        coalesce(sum(m.items) filter (where m.kind = 'reactions'), 0) as reactions,
        coalesce(sum(m.items) filter (where m.kind = 'files'), 0) as files
    from disposition_months as m
    where m.run_id = r.run_id
) as months
where (batches.messages, batches.revisions, batches.reactions, batches.files)
        is distinct from (months.messages, months.revisions, months.reactions, months.files)
    or not exists (
        select
        from audit_entries as e
        where e.subject_id = r.run_id
            and e.act = case when r.ended_at is null then 'disposition_began' else 'disposition_ended' end
            and (
                r.ended_at is null
                or e.facts @> jsonb_build_object(
                    'messages', batches.messages, 'revisions', batches.revisions, 'reactions', batches.reactions,
                    'files', batches.files, 'digest', batches.digest
                )
            )
    )
order by subject;

-- name: list_unaccounted
-- Where what was posted (or uploaded) in a month is not as much as what is there and what was destroyed on record; `missing`
-- is negative where there is more. One statement, so that all is counted in the same instant. Reads all events once. Months
-- are counted from 1970 on: to look for an id among their first ones takes a fraction of the time that month_of takes.
with months as materialized (
    select array_agg(first_message_id_of(g.month at time zone 'utc') order by g.month) as first_ids
    from generate_series(timestamp '1970-01-01', timestamp '2100-01-01', interval '1 month') as g(month)
), happened as materialized (
    select e.kind, width_bucket(e.subject_id, (select first_ids from months)) as month, count(*) as items
    from events as e
    where e.kind in ('message_posted', 'message_edited', 'reaction_added')
    group by 1, 2
), standing as materialized (
    select width_bucket(m.message_id, (select first_ids from months)) as month, count(*) as messages,
        sum(m.file_count) as listed_files
    from messages as m
    group by 1
), counted as (
    select 'messages' as kind, h.month, h.items as posted, 0 as there
    from happened as h
    where h.kind = 'message_posted'
    union all
    select 'messages', s.month, 0, s.messages
    from standing as s
    union all
    select 'revisions', h.month, h.items, 0
    from happened as h
    where h.kind in ('message_posted', 'message_edited')
    union all
    select 'revisions', width_bucket(v.message_id, (select first_ids from months)), 0, count(*)
    from message_revisions as v
    group by 2
    union all
    select 'reactions', h.month, h.items, 0
    from happened as h
    where h.kind = 'reaction_added'
    union all
    select 'reactions', width_bucket(x.message_id, (select first_ids from months)), 0, count(*)
    from message_reactions as x
    group by 2
    union all
    select 'files', s.month, s.listed_files, 0
    from standing as s
    union all
    select 'files', width_bucket(f.message_id, (select first_ids from months)), 0, count(*)
    from files as f
    where f.message_id is not null
    group by 2
    union all
    select 'names of files', width_bucket(f.file_id, (select first_ids from months)), count(*), 0
    from files as f
    group by 2
    union all
    select 'names of files', width_bucket(c.file_id, (select first_ids from months)), 0, count(*)
    from file_contents as c
    group by 2
    union all
    select case d.kind when 'listed_files' then 'files' else d.kind end,
        width_bucket(first_message_id_of(d.month at time zone 'utc'), (select first_ids from months)),
        case d.kind when 'listed_files' then d.items else 0 end, case d.kind when 'listed_files' then 0 else d.items end
    from disposition_months as d
)
select c.kind, to_char(timestamp '1970-01-01' + (c.month - 1) * interval '1 month', 'YYYY-MM') as month,
    (sum(c.posted) - sum(c.there))::bigint as missing
from counted as c
group by c.kind, c.month
having sum(c.posted) <> sum(c.there)
order by c.month, c.kind;

-- name: list_streams_with_gaps
-- Streams of which not every number has its event.
select s.stream_id, s.last_seq - coalesce(e.events, 0) as missing
from streams as s
full join (
    select v.stream_id, count(*) as events, max(v.seq) as last_seq
    from events as v
    group by v.stream_id
) as e on e.stream_id = s.stream_id
where s.last_seq <> coalesce(e.events, 0)
    or e.events <> e.last_seq
    or s.stream_id is null
order by s.stream_id;

-- name: is_check_due
-- Whether the last verification is longer ago than so many hours, or there was none.
select not exists (
    select from integrity_checks where checked_at > current_instant() - make_interval(hours => :hours::integer)
);

-- name: insert_check!
-- A verification has ended.
insert into integrity_checks (last_entry_number, last_entry_hash, finding_count)
values (:last_entry_number, :last_entry_hash, :finding_count);

-- name: list_standing_alarms
-- What was found and not cleared since.
select alarm_id, raised_at, problem, subject, entry_number, cleared_at
from integrity_alarms
where cleared_at is null
order by raised_at desc, problem, subject;

-- name: list_alarms
-- Alarms, newest first; those that stand before those that were cleared.
select alarm_id, raised_at, problem, subject, entry_number, cleared_at
from integrity_alarms
order by cleared_at is not null, raised_at desc, problem, subject
limit :page_size;

-- name: insert_alarm!
-- Something is wrong.
insert into integrity_alarms (problem, subject, entry_number)
values (:problem, :subject, :entry_number)
on conflict (problem, subject) where cleared_at is null do nothing;

-- name: clear_alarm!
-- It is not found any more.
update integrity_alarms
set cleared_at = current_instant()
where alarm_id = :alarm_id;

-- name: find_last_check
-- When the database was last verified, and how far the audit log reached then.
select checked_at, last_entry_number, last_entry_hash, finding_count
from integrity_checks
order by checked_at desc
limit 1;
