-- name: find_standing_reaction
-- One account's reaction of a kind to a message, while it stands.
select added_seq
from message_reactions
where message_id = :message_id
    and account_id = :account_id
    and emoji = :emoji
    and removed_at is null;

-- name: insert_reaction!
-- A reaction begins to stand.
insert into message_reactions (message_id, added_seq, account_id, emoji, added_at)
values (:message_id, :added_seq, :account_id, :emoji, :added_at);

-- name: end_reaction!
-- A reaction is taken back; its row stays.
update message_reactions
set removed_seq = :removed_seq,
    removed_at = :removed_at
where message_id = :message_id
    and added_seq = :added_seq;

-- name: find_reaction_of_event
-- The emoji that an event added or removed, to compare a command that is sent again; nothing once its time has come.
select emoji
from message_reactions
where message_id = :message_id
    and (added_seq = :seq or removed_seq = :seq)
    and content_due_at(message_id, removed_at) > current_instant()
limit 1;

-- name: list_standing_reactions
-- The reactions that stand on messages, in the order in which they came.
-- :message_ids uuid[]
select message_id, emoji, account_id
from message_reactions
where message_id = any(:message_ids::uuid[])
    and removed_at is null
order by message_id, added_seq;
