"""Steps 5–10: consume an event, filter it, join it with others, render what a trigger sends, send it, settle it."""
