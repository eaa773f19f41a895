-- Ids are 16 bytes, amounts exact decimals as text, instants microseconds since 1970 in UTC, durations days (null: a lifetime).
-- Words are checked with OR: an IN of three or more makes SQLite build a temporary table at every insert.
-- Nothing is ever deleted by cascade, and rows with money or access are not deleted at all.
-- Reasons of attention items and kinds of jobs are open lists: an older program beside this one must be able to write its own.

CREATE TABLE channels (
  id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  private_chat_id INTEGER NOT NULL UNIQUE CHECK (private_chat_id < 0),
  public_chat_id  INTEGER UNIQUE CHECK (public_chat_id < 0),
  title           TEXT    NOT NULL,
  owner           INTEGER CHECK (owner > 0),
  payout_address  TEXT,
  payout_currency TEXT,
  policies        TEXT    NOT NULL,
  archived_at     INTEGER,
  frozen_at       INTEGER,
  frozen_by       TEXT,
  frozen_reason   TEXT,
  chat_since      INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  CHECK ((payout_address IS NULL) = (payout_currency IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
  id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  channel_id     BLOB    NOT NULL REFERENCES channels (id),
  position       INTEGER NOT NULL,
  label          TEXT    NOT NULL,
  price_amount   TEXT    NOT NULL,
  price_currency TEXT    NOT NULL,
  duration_days  INTEGER CHECK (duration_days > 0),
  is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
  created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX plans_by_channel ON plans (channel_id, position);
-- Two processes that add the same plan at once must not both succeed.
CREATE UNIQUE INDEX plans_on_sale ON plans (channel_id, label) WHERE is_active = 1;

CREATE TABLE links (
  id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  slug       TEXT    NOT NULL UNIQUE,
  channel_id BLOB    NOT NULL REFERENCES channels (id),
  plan_id    BLOB    NOT NULL REFERENCES plans (id),
  expires_at INTEGER,
  max_uses   INTEGER CHECK (max_uses > 0),
  uses       INTEGER NOT NULL CHECK (uses >= 0),
  revoked_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_channel ON links (channel_id);

CREATE TABLE orders (
  id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  channel_id         BLOB    NOT NULL REFERENCES channels (id),
  plan_id            BLOB,
  price_amount       TEXT    NOT NULL,
  price_currency     TEXT    NOT NULL,
  duration_days      INTEGER CHECK (duration_days > 0),
  telegram_user      INTEGER CHECK (telegram_user > 0),
  claim              BLOB,
  source             TEXT    NOT NULL
    CHECK (source = 'bot' OR source = 'direct_link' OR source = 'api' OR source = 'notification' OR source = 'recovery' OR source = 'import'),
  legacy_ref         TEXT,
  link_id            BLOB,
  invoice_id         TEXT,
  invoice_url        TEXT,
  invoice_problem    TEXT,
  created_at         INTEGER NOT NULL,
  expires_at         INTEGER NOT NULL,
  state              TEXT    NOT NULL
    CHECK (state = 'open' OR state = 'seen' OR state = 'partially_paid' OR state = 'paid' OR state = 'expired' OR state = 'failed' OR state = 'refunded'),
  remaining_amount   TEXT,
  remaining_currency TEXT,
  overpaid_amount    TEXT,
  overpaid_currency  TEXT,
  ruling             TEXT    CHECK (ruling IN ('grant', 'refund')),
  paid_at            INTEGER,
  updated_at         INTEGER NOT NULL,
  -- What the buyer chose on the page, as JSON; null before a choice.
  checkout           TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX orders_by_claim ON orders (claim) WHERE claim IS NOT NULL;
CREATE INDEX orders_by_legacy_ref ON orders (legacy_ref, id) WHERE legacy_ref IS NOT NULL;
CREATE INDEX orders_by_user ON orders (telegram_user, id) WHERE telegram_user IS NOT NULL;
CREATE INDEX orders_by_channel ON orders (channel_id, id);

CREATE TABLE payments (
  id                 INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
  order_id           BLOB    REFERENCES orders (id),
  channel_id         BLOB,
  order_ref          TEXT,
  invoice_id         TEXT,
  parent_payment_id  INTEGER,
  parent_unreadable  INTEGER NOT NULL CHECK (parent_unreadable IN (0, 1)),
  status             TEXT    NOT NULL,
  seen               INTEGER NOT NULL,
  head_updated_at_ms INTEGER NOT NULL,
  head_digest        BLOB    NOT NULL CHECK (length(head_digest) = 32),
  price_amount       TEXT,
  price_currency     TEXT,
  pay_currency       TEXT,
  pay_amount         TEXT,
  actually_paid      TEXT,
  outcome_amount     TEXT,
  outcome_currency   TEXT,
  is_full            INTEGER NOT NULL CHECK (is_full IN (0, 1)),
  unusable_amount    INTEGER NOT NULL CHECK (unusable_amount IN (0, 1)),
  contradiction      INTEGER NOT NULL CHECK (contradiction IN (0, 1)),
  digests_seen       BLOB    NOT NULL,
  first_seen_at      INTEGER NOT NULL,
  on_chain_at        INTEGER,
  credited_at        INTEGER,
  updated_at         INTEGER NOT NULL,
  pay_address        TEXT,
  pay_extra_id       TEXT,
  -- Money that had no grant when this row was written; wider than "stuck", so that the search for stuck payments is short.
  is_unsettled       INTEGER NOT NULL CHECK (is_unsettled IN (0, 1)),
  -- The provider has more to say of it, as a rule: what the reconciler asks for.
  is_pending         INTEGER NOT NULL CHECK (is_pending IN (0, 1))
) STRICT;
CREATE INDEX payments_by_order ON payments (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX payments_by_parent ON payments (parent_payment_id) WHERE parent_payment_id IS NOT NULL;
CREATE INDEX payments_unsettled ON payments (credited_at) WHERE is_unsettled = 1;
CREATE INDEX payments_pending ON payments (first_seen_at) WHERE is_pending = 1;

-- The log of what arrived: only ever appended to.
CREATE TABLE ipn_events (
  id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  payment_id     INTEGER NOT NULL,
  order_id       BLOB,
  channel_id     BLOB,
  received_at    INTEGER NOT NULL,
  source         TEXT    NOT NULL CHECK (source = 'ipn' OR source = 'poll' OR source = 'recovery' OR source = 'replay'),
  signature_form TEXT,
  status         TEXT    NOT NULL,
  verdict        TEXT    NOT NULL CHECK (verdict = 'applied' OR verdict = 'duplicate' OR verdict = 'stale' OR verdict = 'parked'),
  reason         TEXT,
  headers        TEXT    NOT NULL,
  body           BLOB    NOT NULL,
  digest         BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX ipn_events_by_payment ON ipn_events (payment_id);

CREATE TABLE memberships (
  id                BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  channel_id        BLOB    NOT NULL REFERENCES channels (id),
  telegram_user     INTEGER NOT NULL CHECK (telegram_user > 0),
  status            TEXT    NOT NULL CHECK (status = 'active' OR status = 'grace' OR status = 'expired' OR status = 'revoked'),
  starts_at         INTEGER NOT NULL,
  ends_at           INTEGER,
  invite_link       TEXT,
  invite_created_at INTEGER,
  joined_at         INTEGER,
  removed_at        INTEGER,
  removal_run_id    BLOB,
  updated_at        INTEGER NOT NULL,
  UNIQUE (channel_id, telegram_user),
  CHECK ((invite_link IS NULL) = (invite_created_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (telegram_user);
CREATE INDEX memberships_by_run ON memberships (removal_run_id) WHERE removal_run_id IS NOT NULL;

CREATE TABLE grants (
  id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  -- One order gives at most one grant.
  order_id         BLOB    UNIQUE REFERENCES orders (id),
  channel_id       BLOB    NOT NULL,
  membership_id    BLOB    REFERENCES memberships (id),
  duration_days    INTEGER CHECK (duration_days > 0),
  granted_at       INTEGER NOT NULL,
  period_starts_at INTEGER NOT NULL,
  period_ends_at   INTEGER,
  revoked_at       INTEGER,
  revoked_reason   TEXT,
  delivered_at     INTEGER,
  -- Carried over from another system: access until just then, not a length of its own.
  carried_until    INTEGER,
  carried_invoice  TEXT,
  awaits_payment   INTEGER NOT NULL CHECK (awaits_payment IN (0, 1)),
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL)),
  CHECK (carried_until IS NOT NULL OR (carried_invoice IS NULL AND awaits_payment = 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_membership ON grants (membership_id) WHERE membership_id IS NOT NULL;
-- What was carried over without its payment is one grant, however often it is carried over.
CREATE UNIQUE INDEX grants_carried ON grants (membership_id) WHERE order_id IS NULL AND carried_until IS NOT NULL;

CREATE TABLE jobs (
  id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  kind        TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  channel_id  BLOB,
  payload     TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state = 'ready' OR state = 'leased' OR state = 'done' OR state = 'dead'),
  run_at      INTEGER NOT NULL,
  attempt     INTEGER NOT NULL CHECK (attempt >= 0),
  lease_token BLOB,
  lease_until INTEGER,
  last_error  TEXT,
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  UNIQUE (kind, subject),
  CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
  CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_ready ON jobs (run_at) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'leased';
CREATE INDEX jobs_done ON jobs (kind) WHERE state = 'done';
CREATE INDEX jobs_dead ON jobs (kind) WHERE state = 'dead';

CREATE TABLE attention (
  id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  subject         TEXT    NOT NULL,
  reason          TEXT    NOT NULL,
  detail          TEXT    NOT NULL,
  channel_id      BLOB,
  opened_at       INTEGER NOT NULL,
  resolved_at     INTEGER,
  resolution      TEXT
    CHECK (resolution = 'grant' OR resolution = 'dismiss' OR resolution = 'refund' OR resolution = 'settled'),
  resolved_by     TEXT,
  resolved_reason TEXT,
  UNIQUE (subject, reason),
  CHECK ((resolved_at IS NULL) = (resolution IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_open ON attention (id) WHERE resolved_at IS NULL;

-- Who did what to money or access, and why: only ever appended to, each entry sealed behind the one before.
CREATE TABLE audit (
  sequence INTEGER NOT NULL PRIMARY KEY,
  at       INTEGER NOT NULL,
  actor    TEXT    NOT NULL,
  action   TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  detail   TEXT    NOT NULL,
  hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The last entry of the audit log; whoever appends holds this row.
CREATE TABLE audit_head (
  id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, zeroblob(32));

-- Small texts under a key: Telegram's update offset, for instance.
CREATE TABLE state (
  key  TEXT NOT NULL PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who is inside, as far as Telegram has told, and who may be without paying.
CREATE TABLE presences (
  id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  channel_id    BLOB    NOT NULL,
  telegram_user INTEGER NOT NULL CHECK (telegram_user > 0),
  standing      TEXT    CHECK (standing = 'admin' OR standing = 'inside' OR standing = 'outside' OR standing = 'banned'),
  since         INTEGER NOT NULL,
  listed_at     INTEGER,
  listed_by     TEXT,
  listed_reason TEXT,
  UNIQUE (channel_id, telegram_user),
  CHECK ((listed_at IS NULL) = (listed_by IS NULL))
) STRICT, WITHOUT ROWID;

-- What is removed in one channel in one day. Two processes must not begin one each.
CREATE TABLE removal_runs (
  id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  channel_id   BLOB    NOT NULL,
  number       INTEGER NOT NULL CHECK (number > 0),
  started_at   INTEGER NOT NULL,
  until_at     INTEGER NOT NULL,
  members      INTEGER NOT NULL CHECK (members >= 0),
  removals_max INTEGER NOT NULL CHECK (removals_max >= 0),
  decided      INTEGER NOT NULL CHECK (decided >= 0),
  state        TEXT    NOT NULL CHECK (state = 'running' OR state = 'stopped' OR state = 'released' OR state = 'closed'),
  undone_at    INTEGER,
  UNIQUE (channel_id, number)
) STRICT, WITHOUT ROWID;

-- What holds for every channel at once.
CREATE TABLE switches (
  name          TEXT    NOT NULL PRIMARY KEY,
  frozen_at     INTEGER,
  frozen_by     TEXT,
  frozen_reason TEXT,
  CHECK ((frozen_at IS NULL) = (frozen_by IS NULL))
) STRICT, WITHOUT ROWID;
