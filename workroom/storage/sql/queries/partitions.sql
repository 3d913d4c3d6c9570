-- name: ensure_ahead
-- Makes the missing partitions of this month and of so many after it.
select ensure_partitions(
    (current_instant() at time zone 'utc')::date,
    ((current_instant() at time zone 'utc') + :months_ahead::integer * interval '1 month')::date
);
