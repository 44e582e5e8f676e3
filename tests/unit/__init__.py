"""The pure core by tables and properties, and the rules of the house."""
