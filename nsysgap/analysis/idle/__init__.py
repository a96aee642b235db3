"""When each GPU was idle and why: gaps, their parts, and what sums up from them."""
