package redisstore

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestASealIsOfOneSecretTimeAndQuestion: a message opens for who knows the secret, for a while,
// and an answer for the question that it answers.
func TestASealIsOfOneSecretTimeAndQuestion(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	sealed := func(secret string) *seal {
		s := &seal{now: func() time.Time { return now }}
		s.secret.Store(&secret)
		return s
	}
	ours, theirs := sealed("secret"), sealed("another")
	question := ours.close([]byte("create"), nil)
	opened, mark, err := ours.open(question, nil)
	if err != nil || string(opened) != "create" {
		t.Fatalf("opened as %q, %v", opened, err)
	}
	answer := ours.close([]byte("created"), mark)
	if said, _, err := ours.open(answer, question[:sealBytes]); err != nil || string(said) != "created" {
		t.Errorf("the answer is opened as %q, %v", said, err)
	}
	for i := range question { // whatever is changed
		changed := bytes.Clone(question)
		changed[i] ^= 1
		if _, _, err := ours.open(changed, nil); !errors.Is(err, errSeal) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	other := ours.close([]byte("cancel"), nil)
	for name, open := range map[string]func() error{
		"another secret":   func() error { _, _, err := theirs.open(question, nil); return err },
		"another question": func() error { _, _, err := ours.open(answer, other[:sealBytes]); return err },
		"as a question":    func() error { _, _, err := ours.open(answer, nil); return err },
		"cut short":        func() error { _, _, err := ours.open(question[:10], nil); return err },
		"too old": func() error {
			now = now.Add(sealLasts + time.Second)
			_, _, err := ours.open(question, nil)
			return err
		},
	} {
		if err := open(); !errors.Is(err, errSeal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ours.pass() == theirs.pass() || ours.pass() != sealed("secret").pass() {
		t.Error("a pass is not that of the secret")
	}
}
