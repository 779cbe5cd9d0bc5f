package eventstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// deadLetterMaxAge is how long a dead letter is kept.
const deadLetterMaxAge = 30 * 24 * time.Hour

// deadLetterWindow is how long the stream recognises a dead letter that is stored
// twice because its consumer crashed in between. It is longer than any sensible
// AckWait.
const deadLetterWindow = time.Hour

// maxErrorText limits the error text in a header, in bytes.
const maxErrorText = 4 << 10

// keepDeadLetter stores a message and the reason it failed. Storing it again within
// deadLetterWindow has no effect.
func (c *consumer) keepDeadLetter(ctx context.Context, d Delivery, reason error) error {
	letter := c.deadLetter(d, reason)
	_, err := c.sess.js.PublishMsg(ctx, letter)
	if errors.Is(err, nats.ErrMaxPayload) {
		// The headers make it larger than the original. A dead letter without its
		// body is better than endless redelivery.
		letter.Data = nil
		letter.Header.Set(headerDeadTruncated, "true")
		_, err = c.sess.js.PublishMsg(ctx, letter)
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err = c.createDeadLetters(ctx); err == nil {
			_, err = c.sess.js.PublishMsg(ctx, letter)
		}
	}
	return err
}

func (c *consumer) deadLetter(d Delivery, reason error) *nats.Msg {
	letter := nats.NewMsg(deadLetterSubject(c.cfg.Durable))
	letter.Data = d.Raw.Data()
	for name, values := range d.Raw.Headers() {
		if len(name) >= len(natsHeaderPrefix) && strings.EqualFold(name[:len(natsHeaderPrefix)], natsHeaderPrefix) {
			name = headerDeadOriginal + name
		}
		letter.Header[name] = values
	}
	seq := strconv.FormatUint(d.Seq, 10)
	letter.Header.Set(headerMsgID, c.cfg.Durable+"/"+seq)
	letter.Header.Set(headerDeadStream, c.stream.cfg.StreamName)
	letter.Header.Set(headerDeadSequence, seq)
	letter.Header.Set(headerDeadSubject, d.Raw.Subject())
	letter.Header.Set(headerDeadDurable, c.cfg.Durable)
	letter.Header.Set(headerDeadAttempts, strconv.Itoa(d.Attempt))
	letter.Header.Set(headerDeadError, headerText(reason.Error(), maxErrorText))
	return letter
}

// createDeadLetters creates the dead letter stream. An existing one is not changed.
func (c *consumer) createDeadLetters(ctx context.Context) error {
	_, err := c.sess.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        DeadLetterStreamName,
		Description: "Mission Control events that a consumer has given up",
		Subjects:    []string{deadLetterAll},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      deadLetterMaxAge,
		Duplicates:  deadLetterWindow,
		Compression: jetstream.S2Compression,
		Replicas:    c.sess.copies(),
		AllowDirect: true,
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("creating the stream %s: %w", DeadLetterStreamName, err)
	}
	return nil
}

// headerText turns text into one header line of at most limit bytes.
func headerText(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
