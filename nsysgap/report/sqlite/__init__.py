"""The SQLite export read column by column: from its pages, or by SQL."""
