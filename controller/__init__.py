"""The mind: watches repositories, decides what each commit asks for, acts, and records."""
