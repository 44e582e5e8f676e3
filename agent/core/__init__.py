"""The pure part of the agent: command, environment, collect, outcome, masking."""
