-- A memo beside the payout address, and a change of the address that waits for its time, as JSON.
ALTER TABLE channels ADD COLUMN payout_memo TEXT;
ALTER TABLE channels ADD COLUMN payout_change TEXT;
