"""Pipelines: the graph, what may start next, and what each node gets."""
