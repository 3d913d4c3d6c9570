-- name: begin_run
-- Begins a run; null where one is under way.
select begin_disposition();

-- name: find_run_under_way
-- The run that has not ended.
select run_id, phase
from disposition_runs
where ended_at is null;

-- name: is_run_due
-- Whether no run has begun since it was last that hour, or one has not ended. A run begins at the instant up to which
-- members were told, a minute ago at most.
select exists (select from disposition_runs as u where u.ended_at is null)
    or not exists (
        select
        from disposition_runs as r
        where r.began_at >= (
            date_trunc('day', (current_instant() - make_interval(hours => :hour::integer)) at time zone 'utc')
            + make_interval(hours => :hour::integer)
        ) at time zone 'utc' - interval '1 minute'
    );

-- name: dispose_batch
-- Destroys the next batch of a run, of what is due and free; gives the phase that comes next. The holds' lock was taken in
-- a statement before.
select dispose_batch(:run_id, :most);

-- name: list_past_months
-- Months before this one of which partitions are there: of messages, and of files.
select (substring(c.relname from '\d{4}_\d{2}$') || '_01')::text as month, p.relname = 'files' as is_of_files
from pg_inherits as i
join pg_class as c on c.oid = i.inhrelid
join pg_class as p on p.oid = i.inhparent
where p.relnamespace = 'workroom'::regnamespace
    and p.relname in ('messages', 'files')
    and c.relname ~ '_\d{4}_\d{2}$'
    and to_date(substring(c.relname from '\d{4}_\d{2}$'), 'YYYY_MM')
        < date_trunc('month', current_instant() at time zone 'utc')
order by month;

-- name: drop_due_month
-- Drops the partitions of messages of a month of which everything is due and free, or of which nothing is left (only_empty):
-- dropped, kept or busy.
select drop_due_month(:run_id, to_date(:month, 'YYYY_MM_DD'), :only_empty);

-- name: drop_empty_month_of_files
-- Drops the partitions of files of a month in which none is left: dropped, kept or busy.
select drop_empty_month_of_files(to_date(:month, 'YYYY_MM_DD'));

-- name: list_bytes_to_remove
-- Where bytes lie whose rows are gone, in stores that the asker reaches. Never what a row names, and no place of a file that
-- is there: what stands on this list without having been destroyed stays.
-- :stores text[]
select b.store, b.store_key
from bytes_to_remove as b
where b.store = any(:stores::text[])
    and file_of_place(b.store_key) is not null
    and not exists (
        select from file_segments as s where s.store = b.store and s.store_key = b.store_key
    )
    and not exists (select from files as f where f.file_id = file_of_place(b.store_key))
order by b.queued_at
limit :batch_size;

-- name: count_bytes_out_of_reach
-- How many places are on that list in stores that the asker does not reach, by store.
-- :stores text[]
select b.store, count(*) as segments
from bytes_to_remove as b
where b.store <> all(:stores::text[])
group by b.store
order by b.store;

-- name: strike_off_bytes!
-- Those bytes are gone.
-- :names, :store_keys text[] of one length
delete from bytes_to_remove as b
using unnest(:names::text[], :store_keys::text[]) as g(store, store_key)
where b.store = g.store
    and b.store_key = g.store_key;

-- name: sum_run
-- What a run has destroyed so far, with one digest over those of its batches in their order.
select r.run_id, r.began_at, r.ended_at, r.phase, r.batches,
    coalesce(sum(b.messages), 0)::bigint as messages, coalesce(sum(b.revisions), 0)::bigint as revisions,
    coalesce(sum(b.reactions), 0)::bigint as reactions, coalesce(sum(b.files), 0)::bigint as files,
    coalesce(sum(b.bytes), 0)::bigint as bytes, coalesce(sum(b.room_names), 0)::bigint as room_names,
    encode(sha256(coalesce(string_agg(b.digest, '' order by b.number), '')), 'hex') as digest
from disposition_runs as r
left join disposition_batches as b on b.run_id = r.run_id
where r.run_id = :run_id
group by r.run_id;

-- name: list_runs
-- The newest runs, with what they destroyed.
select r.run_id, r.began_at, r.ended_at, r.phase, r.batches,
    coalesce(sum(b.messages), 0)::bigint as messages, coalesce(sum(b.revisions), 0)::bigint as revisions,
    coalesce(sum(b.reactions), 0)::bigint as reactions, coalesce(sum(b.files), 0)::bigint as files,
    coalesce(sum(b.bytes), 0)::bigint as bytes, coalesce(sum(b.room_names), 0)::bigint as room_names,
    encode(sha256(coalesce(string_agg(b.digest, '' order by b.number), '')), 'hex') as digest
from (
    select x.run_id, x.began_at, x.ended_at, x.phase, x.batches
    from disposition_runs as x
    order by x.began_at desc
    limit :page_size
) as r
left join disposition_batches as b on b.run_id = r.run_id
group by r.run_id, r.began_at, r.ended_at, r.phase, r.batches
order by r.began_at desc;
