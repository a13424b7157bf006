"""A clinic that does not exist, its patients' lives, and the engine that meets them."""
