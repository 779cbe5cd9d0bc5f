package eventstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// ledger remembers which deliveries were handled, in a key-value bucket shared by
// all consumers. An entry lives as long as its event can.
type ledger struct {
	kv      jetstream.KeyValue
	durable string
}

// openLedger finds or creates the bucket.
func openLedger(ctx context.Context, sess *session) (*ledger, error) {
	js := sess.js
	kv, err := js.KeyValue(ctx, LedgerBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket:      LedgerBucket,
			Description: "Deliveries that Mission Control's consumers have handled",
			TTL:         sess.cfg.MaxAge,
			Storage:     jetstream.FileStorage,
			Replicas:    sess.copies(),
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = js.KeyValue(ctx, LedgerBucket) // another process created it first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening the bucket %s: %w", LedgerBucket, err)
	}
	return &ledger{kv: kv}, nil
}

// of returns the ledger of one durable consumer; nil stays nil.
func (l *ledger) of(durable string) *ledger {
	if l == nil {
		return nil
	}
	return &ledger{kv: l.kv, durable: durable}
}

func (l *ledger) key(d Delivery) string {
	return l.durable + "." + strconv.FormatUint(d.Seq, 10)
}

// stamp distinguishes an event from one with the same sequence in a stream that was
// deleted and recreated.
func stamp(d Delivery) string { return strconv.FormatInt(d.Stored.UnixNano(), 10) }

func (l *ledger) remember(ctx context.Context, d Delivery) error {
	if _, err := l.kv.PutString(ctx, l.key(d), stamp(d)); err != nil {
		return fmt.Errorf("remembering event %d for %s: %w", d.Seq, l.durable, err)
	}
	return nil
}

func (l *ledger) remembers(ctx context.Context, d Delivery) (bool, error) {
	entry, err := l.kv.Get(ctx, l.key(d))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return string(entry.Value()) == stamp(d), nil
}
