-- Links and visits are counted at each link and each press of the button, which strangers with a link may do often.
CREATE INDEX invite_by_end ON invite (ends_at);
CREATE INDEX invite_open ON invite (ends_at) WHERE used_at IS NULL;
DROP INDEX visit_by_invite;
CREATE INDEX visit_by_invite ON visit (invite, ends_at);
