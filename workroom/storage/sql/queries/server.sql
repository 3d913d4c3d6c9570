-- name: find_server
-- What the server is and whether it may keep what we promise. Also asked to see whether it answers.
select
    current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    current_setting('synchronous_commit') as synchronous_commit;
