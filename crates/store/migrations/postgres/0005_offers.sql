-- The offer of each channel, made with it; and orders that are donations.
CREATE TABLE offers (
  channel_id  UUID        NOT NULL PRIMARY KEY REFERENCES channels (id),
  description TEXT,
  every_hours BIGINT      CHECK (every_hours > 0),
  -- When it is to be posted next.
  next_at     TIMESTAMPTZ,
  -- What donors are offered, as JSON.
  donations   TEXT        NOT NULL,
  -- The links behind its buttons; the post that stands; those to be taken down: as JSON.
  links       TEXT        NOT NULL,
  post        TEXT,
  former      TEXT        NOT NULL,
  updated_at  TIMESTAMPTZ NOT NULL
);

INSERT INTO offers (channel_id, donations, links, former, updated_at)
SELECT id, '{"open":true,"currency":"usd","amounts":["5","10","25","50"],"least":"1","most":"10000"}', '[]', '[]', created_at FROM channels;

ALTER TABLE orders ADD COLUMN kind TEXT NOT NULL DEFAULT 'membership' CHECK (kind = ANY ('{membership,donation}'));
-- What a donor wants to say.
ALTER TABLE orders ADD COLUMN donor_message TEXT;
