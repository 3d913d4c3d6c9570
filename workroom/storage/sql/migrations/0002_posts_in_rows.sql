-- Posts are handed to Postgres as rows, not as a column for each field: the driver looks at every element of an array, and
-- that was a third of what it cost to write a message. A row can also carry the list of who is mentioned as it is.

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
    content_digest bytea
);
comment on type workroom.new_message is 'A post on its way into events, messages and message_revisions.';
