-- What a nonce's transactions do is read from their bytes, which are stored anyway.
ALTER TABLE nonces DROP COLUMN messages;
