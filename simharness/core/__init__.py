"""The values that every wing stands on: names, footprints, steps, traces, schedules, verdicts.

Standard library only.
"""
