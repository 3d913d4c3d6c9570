-- name: find_server
-- What the server is and whether it may keep what we promise. Also asked to see whether it answers.
select
    current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    current_setting('synchronous_commit') as synchronous_commit,
    current_user::text as role,
    current_setting('is_superuser') = 'on' as is_superuser,
    to_regclass('workroom.schema_migrations') is not null as is_migrated,
    coalesce(has_table_privilege(to_regclass('workroom.messages'), 'delete'), false) as may_delete_content;

-- name: list_applied_migrations
-- Which migrations the database has, by name and by the SHA-256 of their files.
select name, sha256
from schema_migrations;
