-- Orgs, their tokens and bill connects, and what checking and importing found.
--
-- Instants are whole microseconds since 1970 in UTC. Every row but an org's own is keyed by its org.

-- Rows stay for ever: an org id is an external id in somebody's trust policy, and must never become another org's.
CREATE TABLE orgs (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

-- Only SHA-256 hashes of tokens are kept.
CREATE TABLE refresh_tokens (
    id           INTEGER PRIMARY KEY,
    org_id       INTEGER NOT NULL REFERENCES orgs (id),
    hash         BLOB    NOT NULL UNIQUE,
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'viewer')),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX refresh_tokens_of_org ON refresh_tokens (org_id, id);

-- Rows stay: the audit log names them.
CREATE TABLE service_accounts (
    id           TEXT    NOT NULL PRIMARY KEY,
    org_id       INTEGER NOT NULL REFERENCES orgs (id),
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'viewer')),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    disabled_at  INTEGER,
    deleted_at   INTEGER
) STRICT;

CREATE INDEX service_accounts_of_org ON service_accounts (org_id, created_at, id);

CREATE TABLE client_secrets (
    id           INTEGER PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES service_accounts (id),
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX client_secrets_of_account ON client_secrets (account_id, id);

-- The operator's own: they speak for no org.
CREATE TABLE operator_tokens (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

-- An access token dies with the refresh token or the secret that it came from, and has its role.
CREATE TABLE access_tokens (
    hash             BLOB    NOT NULL PRIMARY KEY,
    org_id           INTEGER NOT NULL REFERENCES orgs (id),
    refresh_token_id INTEGER REFERENCES refresh_tokens (id),
    secret_id        INTEGER REFERENCES client_secrets (id),
    expires_at       INTEGER NOT NULL,
    CHECK ((refresh_token_id IS NULL) <> (secret_id IS NULL))
) STRICT;

CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);

CREATE TABLE bill_connects (
    org_id         INTEGER NOT NULL REFERENCES orgs (id),
    id             TEXT    NOT NULL,
    account        TEXT    NOT NULL,
    bucket         TEXT    NOT NULL,
    path           TEXT    NOT NULL,
    -- A role, or else an IAM user of a partition, whose keys are among the sealed secrets.
    role_arn       TEXT,
    session_name   TEXT,
    user_partition TEXT,
    effective_from TEXT,
    -- The report that the connection keeps to, where the customer said which.
    report_name    TEXT,
    region         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    -- The external id that is presented to the role; the org's own number where there is none.
    external_id    TEXT,
    -- Since when it is stopped by hand, if it is.
    paused_at      INTEGER,
    PRIMARY KEY (org_id, id),
    CHECK ((role_arn IS NULL) = (session_name IS NULL)),
    CHECK ((role_arn IS NULL) = (user_partition IS NOT NULL))
) STRICT;

-- What nobody may read who has only this file: each value is sealed for its own row, under a key that is not in here. Clear
-- text fits in no column: a nonce has 12 bytes, and what is sealed ends in 16 bytes that prove it.
CREATE TABLE sealed_secrets (
    org_id     INTEGER NOT NULL,
    connect_id TEXT    NOT NULL,
    field      TEXT    NOT NULL CHECK (field IN ('access_key_id', 'secret_access_key')),
    key_id     TEXT    NOT NULL,
    nonce      BLOB    NOT NULL CHECK (length(nonce) = 12),
    sealed     BLOB    NOT NULL CHECK (length(sealed) > 16),
    PRIMARY KEY (org_id, connect_id, field),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- Bill connects that are deleted, whose months are still to be taken out of the lake.
CREATE TABLE forgetting (
    org_id     INTEGER NOT NULL REFERENCES orgs (id),
    connect_id TEXT    NOT NULL,
    PRIMARY KEY (org_id, connect_id)
) STRICT;

-- The external ids of orgs that were given a second one. Rows stay for ever: no id is ever issued again.
CREATE TABLE external_ids (
    id         TEXT    NOT NULL PRIMARY KEY,
    org_id     INTEGER NOT NULL REFERENCES orgs (id),
    state      TEXT    NOT NULL CHECK (state IN ('current', 'pending', 'retired')),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX one_external_id_a_state ON external_ids (org_id, state) WHERE state <> 'retired';

-- What the role of a bill connect was last shown to make of an external id.
CREATE TABLE external_id_proofs (
    org_id      INTEGER NOT NULL,
    connect_id  TEXT    NOT NULL,
    external_id TEXT    NOT NULL,
    role_arn    TEXT    NOT NULL,
    shown       TEXT    NOT NULL CHECK (shown IN ('works', 'refused')),
    shown_at    INTEGER NOT NULL,
    PRIMARY KEY (org_id, connect_id, external_id),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- What the check runs of a bill connect said. Runs on end that say the same are one row, which holds the newest of them; rows
-- are numbered from 1 within the bill connect. What decides is every state but `undecided`.
CREATE TABLE reports (
    org_id     INTEGER NOT NULL,
    connect_id TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('verified', 'waiting', 'refused', 'undecided')),
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    runs       INTEGER NOT NULL,
    report     TEXT    NOT NULL,
    PRIMARY KEY (org_id, connect_id, number),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- Every question to Cost Explorer, once: AWS charges its customer for each answer. Rows outlive their bill connect, for what was
-- charged stays charged; the pages that came do not.
CREATE TABLE cost_explorer_questions (
    org_id     INTEGER NOT NULL REFERENCES orgs (id),
    connect_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    -- The fingerprint of what was connected, or was to be.
    asked_by   TEXT    NOT NULL,
    question   TEXT    NOT NULL,
    -- Whether AWS has charged for it, or may have.
    charged    INTEGER NOT NULL CHECK (charged IN (0, 1)),
    trouble    TEXT,
    page       TEXT,
    PRIMARY KEY (org_id, connect_id, at)
) STRICT;

CREATE TRIGGER pages_go_with_their_connect AFTER DELETE ON bill_connects
BEGIN
    UPDATE cost_explorer_questions SET page = NULL WHERE org_id = OLD.org_id AND connect_id = OLD.id;
END;

-- Every delivery that was read or tried, once. What a completed one proved lies beside it in the lake, an aborted one has its error.
CREATE TABLE imports (
    -- Never given out twice: whoever ends a deleted import must not end another one.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id      INTEGER NOT NULL,
    connect_id  TEXT    NOT NULL,
    period      TEXT    NOT NULL,
    delivery_id TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('in-progress', 'completed', 'aborted')),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    error       TEXT,
    CHECK ((status = 'in-progress') = (finished_at IS NULL)),
    CHECK ((status = 'aborted') = (error IS NOT NULL)),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX imports_of_month ON imports (org_id, connect_id, period, id);

-- What is to be read and how the reading goes: one row a month of a bill connect, by the newest that was found of it.
CREATE TABLE jobs (
    -- Never given out twice: a lease names it, and must not be taken for another one's.
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id        INTEGER NOT NULL,
    connect_id    TEXT    NOT NULL,
    period        TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    why           TEXT    NOT NULL CHECK (why IN ('delivered', 'reprocess')),
    manifest_key  TEXT    NOT NULL,
    manifest_version TEXT    NOT NULL,
    -- Whether something newer was noted while it runs: then it waits again afterwards.
    again         INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1)),
    -- Not to be begun before this, also where whoever runs it has died.
    run_at        INTEGER NOT NULL,
    -- How often it was begun since something was last found or read; counted when it is begun, so that dying counts.
    attempts      INTEGER NOT NULL DEFAULT 0,
    lease_owner   TEXT,
    lease_until   INTEGER,
    -- Raised whenever the lease changes hands: whoever holds an older one writes nothing any more.
    lease_epoch   INTEGER NOT NULL DEFAULT 0,
    -- What the files in the lake are called that were staged and may be there still.
    staged        TEXT,
    delivery_id   TEXT,
    rows_read     INTEGER NOT NULL DEFAULT 0,
    bytes_read    INTEGER NOT NULL DEFAULT 0,
    bytes_total   INTEGER,
    -- When it last got on.
    moved_at      INTEGER,
    started_at    INTEGER,
    finished_at   INTEGER,
    outcome       TEXT CHECK (outcome IN ('published', 'same', 'older')),
    error         TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (org_id, connect_id, period),
    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CHECK ((state = 'done') = (outcome IS NOT NULL)),
    CHECK (state <> 'failed' OR error IS NOT NULL),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX jobs_due ON jobs (state, run_at);

-- What came of each manifest that a poll has seen, so that unchanged ones are not read again.
CREATE TABLE manifests (
    org_id      INTEGER NOT NULL,
    connect_id  TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    delivery_id TEXT    NOT NULL,
    outcome     TEXT    NOT NULL CHECK (outcome IN ('settled', 'failed')),
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, connect_id, key),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- What came of the last look at the organization of a bill connect's account.
CREATE TABLE organizations (
    org_id             INTEGER NOT NULL,
    connect_id         TEXT    NOT NULL,
    -- The organization and who manages it, as far as AWS ever described it.
    organization_id    TEXT,
    management_account TEXT,
    state              TEXT    NOT NULL,
    -- What is in the way and what to do about it.
    problem            TEXT,
    looked_at          INTEGER NOT NULL,
    -- When all of it was last seen.
    seen_at            INTEGER,
    -- Raised whenever anything below changes, so that what was made of it is known to be old.
    revision           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, connect_id),
    CHECK ((organization_id IS NULL) = (management_account IS NULL)),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- What was seen of accounts and units, each from the day on which it was first seen so until the day of the next row.
CREATE TABLE organization_facts (
    org_id     INTEGER NOT NULL,
    connect_id TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('account', 'unit')),
    id         TEXT    NOT NULL,
    -- `YYYY-MM-DD`, in UTC.
    since      TEXT    NOT NULL CHECK (since GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    facts      TEXT    NOT NULL,
    PRIMARY KEY (org_id, connect_id, kind, id, since),
    FOREIGN KEY (org_id, connect_id) REFERENCES bill_connects (org_id, id) ON DELETE CASCADE
) STRICT;

-- Written by whoever asks whether the store can be written, and read by nobody.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;

-- Who did what, in one chain of hashes an org (its number) and one for the operator (0). Only ever added to.
CREATE TABLE audit_entries (
    log      INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    address  TEXT,
    request  TEXT,
    act      TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    outcome  TEXT    NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    note     TEXT,
    previous BLOB    NOT NULL CHECK (length(previous) = 32),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, seq)
) STRICT;

CREATE TRIGGER audit_entries_stay_as_they_are BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;
