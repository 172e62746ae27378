"""Planner: owns SeedKeyword, Keyword, Cluster, ContentIdea, imports and clustering.

It never calls a model itself (it prepares the call and applies the answer) and never knows about credits.
"""
