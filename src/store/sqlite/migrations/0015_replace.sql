-- 1: what Office 365 holds is not what is wished, and cannot be changed there: it is to be made anew.
ALTER TABLE subscription ADD COLUMN remote_replace INTEGER NOT NULL DEFAULT 0;
