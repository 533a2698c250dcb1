-- Failures of a sink since its last success: kept over restarts, so that what was tried in vain goes once it is well again.
ALTER TABLE sink ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sink ADD COLUMN failing_since INTEGER;
