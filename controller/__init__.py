"""The mind: watches git, decides, acts."""
