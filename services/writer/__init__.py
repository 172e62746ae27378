"""The writer service: tasks and what becomes of them.

Owns: Task, Content with its revisions, taxonomy terms, images, cluster map, attributes, optimisation tasks, link
suggestions; analysis, cleaning of HTML, layouts.
Never owns: a model call or a call to a destination, and it knows nothing about credits.
"""
