"""The ground: the language that every other room speaks. Pure values, states, messages, errors; no I/O."""
