-- By what a tenant's user stays signed in: each use brings another one in its place.
CREATE TABLE sign_in (
    tenant  TEXT PRIMARY KEY,
    -- the refresh token, sealed
    sealed  BLOB NOT NULL,
    -- when this one was given
    kept_at INTEGER NOT NULL
) STRICT;
