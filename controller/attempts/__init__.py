"""What goes to agents and comes back: wake-ups out; results, names for data and live metrics in."""
