-- What the bot has asked somebody and waits to be told. A dialogue that is over keeps its row, so that a repeated update is known again.
CREATE TABLE dialogues (
  telegram_user BIGINT      NOT NULL PRIMARY KEY CHECK (telegram_user > 0),
  kind          TEXT,
  payload       TEXT,
  asked_at      TIMESTAMPTZ NOT NULL,
  update_id     BIGINT      NOT NULL,
  CHECK ((kind IS NULL) = (payload IS NULL))
);
