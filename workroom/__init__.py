"""Workroom: a service provider and its customers work together in rooms, in real time, on the record."""
