"""What the service counts, in Prometheus' form. The lowest floor: everybody may count, nothing is decided
here.

Counted once for a flush or a batch, never once for a delivery. Labels are few and fixed: no ids, no names.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

connections = Gauge("workroom_connections", "Open WebSocket connections.")
streams_listened_to = Gauge("workroom_streams_listened_to", "Streams with listeners on this node.")
deliveries = Counter("workroom_deliveries", "Events handed to listeners' connections.")
send_to_deliver_seconds = Histogram(
    "workroom_send_to_deliver_seconds",
    "From the arrival of a command to the write of its event, once for each stream and flush.",
    buckets=(0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
commit_batch_commands = Histogram(
    "workroom_commit_batch_commands",
    "Commands written by one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
commit_seconds = Histogram(
    "workroom_commit_seconds",
    "From taking a batch to its commit.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
slow_consumers_closed = Counter(
    "workroom_slow_consumers_closed", "Connections closed because they did not read."
)
heartbeats_lost = Counter("workroom_heartbeats_lost", "Connections closed because nothing came from them.")
gaps_read = Counter("workroom_gaps_read", "Reads from Postgres of events that did not come by themselves.")
position_check_repairs = Counter(
    "workroom_position_check_repairs", "Streams found behind Postgres by the position check."
)
publishes_dropped = Counter(
    "workroom_publishes_dropped", "Frames and hints that did not go to Redis: queue full, or Redis away."
)
redis_gaps = Counter(
    "workroom_redis_gaps", "Times that the listening connection to Redis was lost and made again."
)
loop_lag_seconds = Histogram(
    "workroom_loop_lag_seconds",
    "How late the event loop runs what was due.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
