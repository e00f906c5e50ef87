"""The search over schedules. Knows executions as ``core.execution.Execution`` and nothing of asyncio or trading."""
