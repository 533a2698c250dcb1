//! Integration tests: the real app against the stand-in tenant.
