-- The W3C trace context of the request that created a mission, NULL for none.
ALTER TABLE missions ADD COLUMN traceparent TEXT;
