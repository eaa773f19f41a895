-- The predecessor's schema, as its installations have it, and the dirt that is in them. Server's time: New York.
CREATE TABLE main_clients_database (
  open_channel_id        VARCHAR(20) PRIMARY KEY,
  open_channel_title     VARCHAR(100),
  closed_channel_id      VARCHAR(20),
  closed_channel_title   VARCHAR(100),
  sub_1_price            VARCHAR(20),
  sub_1_time             INTEGER,
  sub_2_price            VARCHAR(20),
  sub_2_time             INTEGER,
  sub_3_price            VARCHAR(20),
  sub_3_time             INTEGER,
  client_wallet_address  VARCHAR(200),
  client_payout_currency VARCHAR(10),
  client_payout_network  VARCHAR(50),
  payout_strategy        TEXT DEFAULT 'instant',
  payout_threshold_usd   NUMERIC(10, 2) DEFAULT 0,
  client_id              UUID,
  notification_status    BOOLEAN DEFAULT FALSE,
  notification_id        BIGINT
);
INSERT INTO main_clients_database VALUES
  ('-1003016667267', 'Signals', '-1003202734748', 'Signals VIP', '$2.50', 30, '1,234.50', 365, '0', 0,
   'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'USDT', 'TRX', 'instant', 0, '8f7b9d1e-0000-4000-8000-000000000001', TRUE, 42),
  ('-1003000000002', 'Charts', '1003000000003', NULL, '5', 7, NULL, NULL, '9', 0,
   'bc1qxyz', 'SHIB', 'ETH', 'threshold', 100, '8f7b9d1e-0000-4000-8000-000000000002', FALSE, NULL),
  ('-1003000000004', 'Half made', NULL, NULL, '5', 30, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, NULL),
  ('-1003900000005', 'Second offer', '-1003202734748', 'Signals VIP', '7', 30, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, 42);

CREATE TABLE private_channel_users_database (
  id                            SERIAL PRIMARY KEY,
  private_channel_id            VARCHAR(20),
  user_id                       BIGINT,
  sub_time                      SMALLINT,
  sub_price                     VARCHAR(20),
  expire_time                   TIME,
  expire_date                   DATE,
  is_active                     BOOLEAN,
  payment_status                VARCHAR(20) DEFAULT 'pending',
  nowpayments_payment_id        VARCHAR(50),
  nowpayments_invoice_id        VARCHAR(50),
  nowpayments_order_id          VARCHAR(100),
  nowpayments_pay_address       VARCHAR(255),
  nowpayments_payment_status    VARCHAR(50),
  nowpayments_pay_amount        NUMERIC(20, 8),
  nowpayments_pay_currency      VARCHAR(20),
  nowpayments_outcome_amount    NUMERIC(20, 8),
  nowpayments_outcome_currency  VARCHAR(20),
  nowpayments_price_amount      NUMERIC(20, 8),
  nowpayments_price_currency    VARCHAR(10)
);
INSERT INTO private_channel_users_database
  (id, private_channel_id, user_id, sub_time, sub_price, expire_time, expire_date, is_active, payment_status, nowpayments_payment_id,
   nowpayments_invoice_id, nowpayments_order_id, nowpayments_payment_status, nowpayments_price_amount, nowpayments_price_currency) VALUES
  -- The seed's buyer, paid and granted.
  (17, '-1003202734748', 6271402111, 30, '2.50', '14:30:27.25', '2099-12-07', TRUE, 'confirmed', '4479119533', '5745', 'PGP-6271402111|-1003016667267', 'finished', 2.5, 'usd'),
  -- One person, three rows.
  (18, '-1003202734748', 101, 30, '$2.50', '10:00:00', '2099-01-10', TRUE, 'confirmed', '1001', NULL, NULL, 'finished', NULL, NULL),
  (19, '-1003202734748', 101, 30, '2,50', '10:00:01', '2099-02-10', TRUE, 'confirmed', '1002', NULL, NULL, NULL, NULL, NULL),
  (20, '-1003202734748', 101, 30, NULL, '10:00:00', '2099-02-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  -- Half past one came twice that night; half past two never.
  (21, '-1003202734748', 102, 30, '2.50', '01:30:00', '2026-11-01', FALSE, 'confirmed', '1003', NULL, NULL, 'finished', NULL, NULL),
  (22, '-1003202734748', 103, 30, '2.50', '02:30:00', '2026-03-08', FALSE, 'confirmed', '1004', NULL, NULL, 'finished', NULL, NULL),
  -- Over and out; over and still inside; inactive though not over.
  (23, '-1003202734748', 104, 30, '2.50', '12:00:00', '2025-06-01', FALSE, 'pending', NULL, NULL, NULL, NULL, NULL, NULL),
  (24, '-1003202734748', 105, 30, '2.50', '12:00:00', '2025-06-01', TRUE, 'confirmed', '1005', NULL, NULL, 'finished', NULL, NULL),
  (25, '-1003202734748', 106, 30, '2.50', '12:00:00', '2099-06-01', FALSE, 'confirmed', '1006', NULL, NULL, 'finished', NULL, NULL),
  -- The open channel instead of the closed one; the sign lost.
  (26, '-1003016667267', 107, 365, '1,234.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1007', NULL, NULL, 'finished', NULL, NULL),
  (27, '1003000000003', 108, 7, '5', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1008', NULL, NULL, 'finished', NULL, NULL),
  -- No days, no price, no time; the number of a payment that is none; a payment that somebody else's row has.
  (28, '-1003202734748', 109, 0, 'None', NULL, '2099-06-01', TRUE, 'confirmed', 'None', NULL, NULL, 'finished', NULL, NULL),
  (29, '-1003202734748', 110, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', 'abc', NULL, NULL, 'finished', NULL, NULL),
  (30, '-1003202734748', 111, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1001', NULL, NULL, 'finished', NULL, NULL),
  -- Never paid; refunded but inside; invite never sent; for ever.
  (31, '-1003202734748', 112, 30, '2.50', '12:00:00', '2099-06-01', FALSE, 'pending', '1012', NULL, 'PGP-112|-1003016667267', 'waiting', 2.5, 'usd'),
  (32, '-1003202734748', 113, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1013', NULL, NULL, 'refunded', NULL, NULL),
  (33, '-1003202734748', 114, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1014', NULL, 'PGP-114-1003016667267', 'finished', NULL, NULL),
  (34, '-1003202734748', 115, 30, '2.50', '12:00:00', 'infinity', TRUE, 'confirmed', '1015', NULL, NULL, 'finished', NULL, NULL),
  -- What cannot be carried.
  (40, NULL, 116, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1016', NULL, NULL, 'finished', NULL, NULL),
  (41, '-1009999999999', 117, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1017', NULL, NULL, 'finished', NULL, NULL),
  (42, '-1003202734748', NULL, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1018', NULL, NULL, 'finished', NULL, NULL),
  (43, '-1003202734748', -5, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', '1019', NULL, NULL, 'finished', NULL, NULL),
  (44, '-1003202734748', 118, 30, '2.50', '12:00:00', NULL, TRUE, 'confirmed', '1020', NULL, NULL, 'finished', NULL, NULL),
  (45, '-1003202734748', 119, 30, '2.50', '12:00:00', '0001-01-01', TRUE, 'confirmed', '1021', NULL, NULL, 'finished', NULL, NULL);

CREATE TABLE processed_payments (
  payment_id              BIGINT PRIMARY KEY,
  user_id                 BIGINT,
  channel_id              BIGINT,
  gcwebhook1_processed    BOOLEAN DEFAULT FALSE,
  telegram_invite_sent    BOOLEAN DEFAULT FALSE,
  telegram_invite_link    TEXT,
  created_at              TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO processed_payments (payment_id, user_id, channel_id, telegram_invite_sent, created_at) VALUES
  (4479119533, 6271402111, -1003202734748, TRUE, '2099-11-07 14:31:00'),
  -- Earlier payments of members whose rows name a later one: by the closed and by the open channel.
  (900, 6271402111, -1003202734748, TRUE, '2025-10-01 10:00:00'),
  (901, 107, -1003016667267, TRUE, NULL),
  (1014, 114, -1003202734748, FALSE, '2099-05-02 12:00:00'),
  -- Processed, but nobody was ever let in.
  (902, 120, -1003202734748, FALSE, '2025-10-01 10:00:00'),
  (903, NULL, -1003202734748, TRUE, '2025-10-01 10:00:00');
