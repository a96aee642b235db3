"""Tables into text or bytes; nothing is computed here that an analysis should."""
