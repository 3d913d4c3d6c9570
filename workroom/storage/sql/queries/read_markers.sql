-- name: find_account_streams
-- The own stream of each account, to lock and number it.
-- :account_ids uuid[]
select account_id, stream_id
from streams
where account_id = any(:account_ids::uuid[]);

-- name: move_markers
-- Moves markers up, never down, and not below where a membership began, from where reading counts; returns those that
-- moved. Rights were read in the same transaction.
-- :account_ids, :marked_stream_ids uuid[], :seqs bigint[], sorted, one entry for each (account, stream)
insert into read_markers (account_id, stream_id, seq, moved_at)
select w.account_id, w.stream_id, w.seq, current_instant()
from unnest(:account_ids::uuid[], :marked_stream_ids::uuid[], :seqs::bigint[]) as w(account_id, stream_id, seq)
left join streams as s on s.stream_id = w.stream_id and s.kind = 'shared'
left join memberships as m on m.room_id = s.room_id and m.account_id = w.account_id and m.left_seq is null
where w.seq > coalesce(m.joined_seq, 0)
order by w.account_id, w.stream_id
on conflict (account_id, stream_id) do update
set seq = excluded.seq,
    moved_at = excluded.moved_at
where read_markers.seq < excluded.seq
returning account_id, stream_id, seq;

-- name: list_markers
-- How far each standing member has read a stream.
select k.account_id, k.seq
from read_markers as k
join streams as s on s.stream_id = k.stream_id
join memberships as m on m.room_id = s.room_id and m.account_id = k.account_id and m.left_seq is null
where k.stream_id = :stream_id
order by k.account_id;
