"""Durable workflows, queues and schedules: the only home of DBOS."""
