-- What the bot may do in a chat, as Telegram told it.
CREATE TABLE bot_chats (
  chat_id    INTEGER NOT NULL PRIMARY KEY CHECK (chat_id < 0),
  title      TEXT NOT NULL,
  is_channel INTEGER NOT NULL CHECK (is_channel IN (0, 1)),
  is_public  INTEGER NOT NULL CHECK (is_public IN (0, 1)),
  rights     TEXT NOT NULL,
  set_by     INTEGER CHECK (set_by > 0),
  since      INTEGER NOT NULL,
  told_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX bot_chats_by_user ON bot_chats (set_by) WHERE set_by IS NOT NULL;

-- Jobs that wait for a right of the bot: woken together when it is back.
CREATE INDEX jobs_held ON jobs (channel_id) WHERE state = 'ready' AND last_error = 'waits for a right of the bot in the chat';

-- An owner's own channels.
CREATE INDEX channels_by_owner ON channels (owner, id) WHERE owner IS NOT NULL;
