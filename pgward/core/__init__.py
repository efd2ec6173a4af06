"""Values, errors and time that every part shares; nothing here does I/O."""
