"""Watches: servers anywhere, followed at an interval, with a history and alarms."""
