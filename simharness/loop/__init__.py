"""An asyncio event loop whose ready queue, timers and clock belong to the explorer.

``BaseEventLoop`` stays below, so tasks, futures, context variables, task groups and timeouts are the real ones.
"""
