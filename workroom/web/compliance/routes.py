"""The officers' part of the table of addresses."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from workroom.web.compliance import alarms, audit, holds, matters, openings, retention, rooms

PREFIX = "/api/compliance"


def list_officers_routes() -> list[BaseRoute]:
    """Every address under `/api/compliance`, as docs/protocol.md has it."""
    return [
        Route(f"{PREFIX}/matters", matters.list_matters, methods=["GET"]),
        Route(f"{PREFIX}/matters", matters.open_matter, methods=["POST"]),
        Route(f"{PREFIX}/matters/{{matter_id:uuid}}", matters.show_matter, methods=["GET"]),
        Route(f"{PREFIX}/matters/{{matter_id:uuid}}/close", matters.close_matter, methods=["POST"]),
        Route(f"{PREFIX}/holds", holds.list_holds, methods=["GET"]),
        Route(f"{PREFIX}/holds", holds.place_hold, methods=["POST"]),
        Route(f"{PREFIX}/holds/count", holds.count_scope, methods=["POST"]),
        Route(f"{PREFIX}/holds/{{hold_id:uuid}}", holds.show_hold, methods=["GET"]),
        Route(f"{PREFIX}/holds/{{hold_id:uuid}}/amend", holds.amend_hold, methods=["POST"]),
        Route(f"{PREFIX}/holds/{{hold_id:uuid}}/release", holds.request_release, methods=["POST"]),
        Route(f"{PREFIX}/holds/{{hold_id:uuid}}/release/confirm", holds.confirm_release, methods=["POST"]),
        Route(f"{PREFIX}/holds/{{hold_id:uuid}}/release/withdraw", holds.withdraw_release, methods=["POST"]),
        Route(f"{PREFIX}/rooms", rooms.search_rooms, methods=["GET"]),
        Route(f"{PREFIX}/rooms/{{room_id:uuid}}", rooms.show_room, methods=["GET"]),
        Route(f"{PREFIX}/rooms/{{room_id:uuid}}/due", rooms.show_due, methods=["GET"]),
        Route(f"{PREFIX}/people", rooms.search_people, methods=["GET"]),
        Route(f"{PREFIX}/retention/classes", retention.list_classes, methods=["GET"]),
        Route(f"{PREFIX}/retention/simulations", retention.list_simulations, methods=["GET"]),
        Route(f"{PREFIX}/retention/simulations", retention.begin_simulation, methods=["POST"]),
        Route(
            f"{PREFIX}/retention/simulations/{{simulation_id:uuid}}",
            retention.show_simulation,
            methods=["GET"],
        ),
        Route(f"{PREFIX}/retention/changes", retention.apply_change, methods=["POST"]),
        Route(f"{PREFIX}/disposition/runs", retention.list_runs, methods=["GET"]),
        Route(f"{PREFIX}/openings", openings.open_room, methods=["POST"]),
        Route(
            f"{PREFIX}/openings/{{entry_number:int}}/files/{{file_id:uuid}}",
            openings.show_file,
            methods=["GET"],
        ),
        Route(f"{PREFIX}/audit", audit.list_entries, methods=["GET"]),
        Route(f"{PREFIX}/audit/filters", audit.show_filters, methods=["GET"]),
        Route(f"{PREFIX}/audit/export", audit.export_log, methods=["POST"]),
        Route(f"{PREFIX}/alarms", alarms.list_alarms, methods=["GET"]),
    ]
