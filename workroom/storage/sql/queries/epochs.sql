-- name: begin_epoch
-- A new epoch, in which no position of a client is known.
update installation
set epoch = gen_random_uuid()
returning epoch;
