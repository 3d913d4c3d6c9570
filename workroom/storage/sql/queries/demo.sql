-- name: hold_clock!
-- For the owner, inside one transaction that calls release_clock before it commits: the one clock of everything gives
-- the instant that set_instant names. Nobody else ever sees it so; the real definition waits in a setting of the
-- transaction.
do $$
begin
    perform set_config(
        'workroom.real_clock', pg_get_functiondef('workroom.current_instant()'::regprocedure), true
    );
    create or replace function workroom.current_instant() returns timestamptz
        language sql volatile parallel safe
        as 'select current_setting(''workroom.demo_instant'')::timestamptz';
end
$$;

-- name: set_instant
-- The instant that the held clock gives from now on.
select set_config('workroom.demo_instant', (:instant::timestamptz)::text, true);

-- name: release_clock!
-- The real clock again.
do $$
begin
    execute current_setting('workroom.real_clock');
end
$$;

-- name: is_empty
-- Whether nobody has an account yet.
select not exists (select from accounts);
