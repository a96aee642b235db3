"""Pure analyses: tables in, tables out."""
