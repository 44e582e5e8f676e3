"""A run becomes executions, pipelines and tasks, and ends with its gate."""
