-- Orders that were made in the bot: the how manieth wish of their buyer for the plan each is, and the message that tells how it stands.
ALTER TABLE orders ADD COLUMN wish INTEGER CHECK (wish > 0);
ALTER TABLE orders ADD COLUMN message_id INTEGER CHECK (message_id > 0);
-- One order for each wish, however many updates and processes work at it at once.
CREATE UNIQUE INDEX orders_by_wish ON orders (telegram_user, plan_id, wish) WHERE wish IS NOT NULL;
