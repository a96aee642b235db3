"""Programs in two forms: before and after a cure for idle time."""
