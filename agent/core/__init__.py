"""The pure part of the agent: what a job is given and what it means when it ends. No file, socket or clock."""
