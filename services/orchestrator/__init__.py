"""Owns AutomationConfig, AutomationRun, Step, RunEvent, MaintenanceTask; lanes, leases, pause, cancel, resume.

Never owns the content of a step: it knows that there is a subject and a function, and has others prepare and apply.
It is the only place that waits, and the only place where credits meet work.
"""
