-- Amounts are exact decimals, instants are UTC in microseconds, durations are days (null: a lifetime).
-- Nothing is ever deleted by cascade, and rows with money or access are not deleted at all.
-- The tables of the shop refer to each other by foreign keys; those that a payment writes do not: a foreign key costs a query and a lock
-- for each row, a quarter of the whole, and guards against deletions that nobody makes.
-- Texts that are keys compare by their bytes, whatever the language of the server.
-- Reasons of attention items and kinds of jobs are open lists: an older program beside this one must be able to write its own.

-- Rows that change soon after they were made leave room in their page for it (fillfactor): a change that finds room touches no index.

CREATE TABLE channels (
  id              UUID        NOT NULL PRIMARY KEY,
  private_chat_id BIGINT      NOT NULL UNIQUE CHECK (private_chat_id < 0),
  public_chat_id  BIGINT      UNIQUE CHECK (public_chat_id < 0),
  title           TEXT        NOT NULL,
  owner           BIGINT      CHECK (owner > 0),
  payout_address  TEXT,
  payout_currency TEXT,
  policies        TEXT        NOT NULL,
  archived_at     TIMESTAMPTZ,
  frozen_at       TIMESTAMPTZ,
  frozen_by       TEXT,
  frozen_reason   TEXT,
  chat_since      TIMESTAMPTZ NOT NULL,
  created_at      TIMESTAMPTZ NOT NULL,
  CHECK ((payout_address IS NULL) = (payout_currency IS NULL))
);

CREATE TABLE plans (
  id             UUID        NOT NULL PRIMARY KEY,
  channel_id     UUID        NOT NULL REFERENCES channels (id),
  position       BIGINT      NOT NULL,
  label          TEXT        NOT NULL,
  price_amount   NUMERIC     NOT NULL,
  price_currency TEXT        NOT NULL,
  duration_days  BIGINT      CHECK (duration_days > 0),
  is_active      BOOLEAN     NOT NULL,
  created_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX plans_by_channel ON plans (channel_id, position);
-- Two processes that add the same plan at once must not both succeed.
CREATE UNIQUE INDEX plans_on_sale ON plans (channel_id, label) WHERE is_active;

CREATE TABLE links (
  id         UUID        NOT NULL PRIMARY KEY,
  slug       TEXT COLLATE "C" NOT NULL UNIQUE,
  channel_id UUID        NOT NULL REFERENCES channels (id),
  plan_id    UUID        NOT NULL REFERENCES plans (id),
  expires_at TIMESTAMPTZ,
  max_uses   BIGINT      CHECK (max_uses > 0),
  uses       BIGINT      NOT NULL CHECK (uses >= 0),
  revoked_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX links_by_channel ON links (channel_id);

CREATE TABLE orders (
  id                 UUID        NOT NULL PRIMARY KEY,
  channel_id         UUID        NOT NULL,
  plan_id            UUID,
  price_amount       NUMERIC     NOT NULL,
  price_currency     TEXT        NOT NULL,
  duration_days      BIGINT      CHECK (duration_days > 0),
  telegram_user      BIGINT      CHECK (telegram_user > 0),
  claim              UUID,
  source             TEXT        NOT NULL CHECK (source = ANY ('{bot,direct_link,api,notification,recovery,import}')),
  legacy_ref         TEXT COLLATE "C",
  link_id            UUID,
  invoice_id         TEXT,
  invoice_url        TEXT,
  invoice_problem    TEXT,
  created_at         TIMESTAMPTZ NOT NULL,
  expires_at         TIMESTAMPTZ NOT NULL,
  state              TEXT        NOT NULL CHECK (state = ANY ('{open,seen,partially_paid,paid,expired,failed,refunded}')),
  remaining_amount   NUMERIC,
  remaining_currency TEXT,
  overpaid_amount    NUMERIC,
  overpaid_currency  TEXT,
  ruling             TEXT        CHECK (ruling = ANY ('{grant,refund}')),
  paid_at            TIMESTAMPTZ,
  updated_at         TIMESTAMPTZ NOT NULL,
  -- What the buyer chose on the page, as JSON; null before a choice.
  checkout           TEXT
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX orders_by_claim ON orders (claim) WHERE claim IS NOT NULL;
CREATE INDEX orders_by_legacy_ref ON orders (legacy_ref, id) WHERE legacy_ref IS NOT NULL;
CREATE INDEX orders_by_user ON orders (telegram_user, id) WHERE telegram_user IS NOT NULL;
CREATE INDEX orders_by_channel ON orders (channel_id, id);

CREATE TABLE payments (
  id                 BIGINT      NOT NULL PRIMARY KEY CHECK (id > 0),
  order_id           UUID,
  channel_id         UUID,
  order_ref          TEXT,
  invoice_id         TEXT,
  parent_payment_id  BIGINT,
  parent_unreadable  BOOLEAN     NOT NULL,
  status             TEXT        NOT NULL,
  seen               BIGINT      NOT NULL,
  head_updated_at_ms BIGINT      NOT NULL,
  head_digest        BYTEA       NOT NULL CHECK (octet_length(head_digest) = 32),
  price_amount       NUMERIC,
  price_currency     TEXT,
  pay_currency       TEXT,
  pay_amount         NUMERIC,
  actually_paid      NUMERIC,
  outcome_amount     NUMERIC,
  outcome_currency   TEXT,
  is_full            BOOLEAN     NOT NULL,
  unusable_amount    BOOLEAN     NOT NULL,
  contradiction      BOOLEAN     NOT NULL,
  digests_seen       BYTEA       NOT NULL,
  first_seen_at      TIMESTAMPTZ NOT NULL,
  on_chain_at        TIMESTAMPTZ,
  credited_at        TIMESTAMPTZ,
  updated_at         TIMESTAMPTZ NOT NULL,
  pay_address        TEXT,
  pay_extra_id       TEXT,
  -- Money that had no grant when this row was written; wider than "stuck", so that the search for stuck payments is short.
  is_unsettled       BOOLEAN     NOT NULL,
  -- The provider has more to say of it, as a rule: what the reconciler asks for.
  is_pending         BOOLEAN     NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX payments_by_order ON payments (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX payments_by_parent ON payments (parent_payment_id) WHERE parent_payment_id IS NOT NULL;
CREATE INDEX payments_unsettled ON payments (credited_at) WHERE is_unsettled;
CREATE INDEX payments_pending ON payments (first_seen_at) WHERE is_pending;

-- The log of what arrived: only ever appended to.
CREATE TABLE ipn_events (
  id             BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY,
  payment_id     BIGINT      NOT NULL,
  order_id       UUID,
  channel_id     UUID,
  received_at    TIMESTAMPTZ NOT NULL,
  source         TEXT        NOT NULL CHECK (source = ANY ('{ipn,poll,recovery,replay}')),
  signature_form TEXT,
  status         TEXT        NOT NULL,
  verdict        TEXT        NOT NULL CHECK (verdict = ANY ('{applied,duplicate,stale,parked}')),
  reason         TEXT,
  headers        TEXT        NOT NULL,
  body           BYTEA       NOT NULL,
  digest         BYTEA       NOT NULL CHECK (octet_length(digest) = 32),
  -- One index instead of two: the log is read by payment only.
  PRIMARY KEY (payment_id, id)
);

CREATE TABLE memberships (
  id                UUID        NOT NULL PRIMARY KEY,
  channel_id        UUID        NOT NULL,
  telegram_user     BIGINT      NOT NULL CHECK (telegram_user > 0),
  status            TEXT        NOT NULL CHECK (status = ANY ('{active,grace,expired,revoked}')),
  starts_at         TIMESTAMPTZ NOT NULL,
  ends_at           TIMESTAMPTZ,
  invite_link       TEXT,
  invite_created_at TIMESTAMPTZ,
  joined_at         TIMESTAMPTZ,
  removed_at        TIMESTAMPTZ,
  removal_run_id    UUID,
  updated_at        TIMESTAMPTZ NOT NULL,
  UNIQUE (channel_id, telegram_user),
  CHECK ((invite_link IS NULL) = (invite_created_at IS NULL))
) WITH (fillfactor = 75);
CREATE INDEX memberships_by_user ON memberships (telegram_user);
CREATE INDEX memberships_by_run ON memberships (removal_run_id) WHERE removal_run_id IS NOT NULL;

CREATE TABLE grants (
  id               UUID        NOT NULL PRIMARY KEY,
  -- One order gives at most one grant.
  order_id         UUID        UNIQUE,
  channel_id       UUID        NOT NULL,
  membership_id    UUID,
  duration_days    BIGINT      CHECK (duration_days > 0),
  granted_at       TIMESTAMPTZ NOT NULL,
  period_starts_at TIMESTAMPTZ NOT NULL,
  period_ends_at   TIMESTAMPTZ,
  revoked_at       TIMESTAMPTZ,
  revoked_reason   TEXT,
  delivered_at     TIMESTAMPTZ,
  -- Carried over from another system: access until just then, not a length of its own.
  carried_until    TIMESTAMPTZ,
  carried_invoice  TEXT,
  awaits_payment   BOOLEAN     NOT NULL,
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL)),
  CHECK (carried_until IS NOT NULL OR (carried_invoice IS NULL AND NOT awaits_payment))
);
CREATE INDEX grants_by_membership ON grants (membership_id) WHERE membership_id IS NOT NULL;
-- What was carried over without its payment is one grant, however often it is carried over.
CREATE UNIQUE INDEX grants_carried ON grants (membership_id) WHERE order_id IS NULL AND carried_until IS NOT NULL;

CREATE TABLE jobs (
  id          UUID        NOT NULL PRIMARY KEY,
  kind        TEXT COLLATE "C" NOT NULL,
  subject     TEXT COLLATE "C" NOT NULL,
  channel_id  UUID,
  payload     TEXT        NOT NULL,
  state       TEXT        NOT NULL CHECK (state = ANY ('{ready,leased,done,dead}')),
  run_at      TIMESTAMPTZ NOT NULL,
  attempt     BIGINT      NOT NULL CHECK (attempt >= 0),
  lease_token UUID,
  lease_until TIMESTAMPTZ,
  last_error  TEXT,
  created_at  TIMESTAMPTZ NOT NULL,
  finished_at TIMESTAMPTZ,
  UNIQUE (kind, subject),
  CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
  CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 60);
CREATE INDEX jobs_ready ON jobs (run_at, id) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'leased';
CREATE INDEX jobs_done ON jobs (kind) WHERE state = 'done';
CREATE INDEX jobs_dead ON jobs (kind) WHERE state = 'dead';

CREATE TABLE attention (
  id              UUID        NOT NULL PRIMARY KEY,
  subject         TEXT COLLATE "C" NOT NULL,
  reason          TEXT COLLATE "C" NOT NULL,
  detail          TEXT        NOT NULL,
  channel_id      UUID,
  opened_at       TIMESTAMPTZ NOT NULL,
  resolved_at     TIMESTAMPTZ,
  resolution      TEXT        CHECK (resolution = ANY ('{grant,dismiss,refund,settled}')),
  resolved_by     TEXT,
  resolved_reason TEXT,
  UNIQUE (subject, reason),
  CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE INDEX attention_open ON attention (id) WHERE resolved_at IS NULL;

-- Who did what to money or access, and why: only ever appended to, each entry sealed behind the one before.
CREATE TABLE audit (
  sequence BIGINT      NOT NULL PRIMARY KEY,
  at       TIMESTAMPTZ NOT NULL,
  actor    TEXT        NOT NULL,
  action   TEXT        NOT NULL,
  subject  TEXT        NOT NULL,
  reason   TEXT        NOT NULL,
  detail   TEXT        NOT NULL,
  hash     BYTEA       NOT NULL CHECK (octet_length(hash) = 32)
);

-- The last entry of the audit log; whoever appends holds this row.
CREATE TABLE audit_head (
  id       BIGINT      NOT NULL PRIMARY KEY CHECK (id = 1),
  sequence BIGINT      NOT NULL,
  hash     BYTEA       NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- Small texts under a key: Telegram's update offset, for instance.
CREATE TABLE state (
  key  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  text TEXT        NOT NULL
);

-- Who is inside, as far as Telegram has told, and who may be without paying.
CREATE TABLE presences (
  id            UUID        NOT NULL PRIMARY KEY,
  channel_id    UUID        NOT NULL,
  telegram_user BIGINT      NOT NULL CHECK (telegram_user > 0),
  standing      TEXT        CHECK (standing = ANY ('{admin,inside,outside,banned}')),
  since         TIMESTAMPTZ NOT NULL,
  listed_at     TIMESTAMPTZ,
  listed_by     TEXT,
  listed_reason TEXT,
  UNIQUE (channel_id, telegram_user),
  CHECK ((listed_at IS NULL) = (listed_by IS NULL))
);

-- What is removed in one channel in one day. Two processes must not begin one each.
CREATE TABLE removal_runs (
  id           UUID        NOT NULL PRIMARY KEY,
  channel_id   UUID        NOT NULL,
  number       BIGINT      NOT NULL CHECK (number > 0),
  started_at   TIMESTAMPTZ NOT NULL,
  until_at     TIMESTAMPTZ NOT NULL,
  members      BIGINT      NOT NULL CHECK (members >= 0),
  removals_max BIGINT      NOT NULL CHECK (removals_max >= 0),
  decided      BIGINT      NOT NULL CHECK (decided >= 0),
  state        TEXT        NOT NULL CHECK (state = ANY ('{running,stopped,released,closed}')),
  undone_at    TIMESTAMPTZ,
  UNIQUE (channel_id, number)
);

-- What holds for every channel at once.
CREATE TABLE switches (
  name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  frozen_at     TIMESTAMPTZ,
  frozen_by     TEXT,
  frozen_reason TEXT,
  CHECK ((frozen_at IS NULL) = (frozen_by IS NULL))
);
