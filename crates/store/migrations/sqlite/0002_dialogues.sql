-- What the bot has asked somebody and waits to be told. A dialogue that is over keeps its row, so that a repeated update is known again.
CREATE TABLE dialogues (
  telegram_user INTEGER NOT NULL PRIMARY KEY CHECK (telegram_user > 0),
  kind          TEXT,
  payload       TEXT,
  asked_at      INTEGER NOT NULL,
  update_id     INTEGER NOT NULL,
  CHECK ((kind IS NULL) = (payload IS NULL))
) STRICT;
