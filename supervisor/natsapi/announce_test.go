package natsapi_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"missioncontrol/supervisor/natsapi"
)

func TestSupervisorsWithDifferentStoresDoNotShareABroker(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	log := slog.New(slog.DiscardHandler)
	announce := func(store string) (func(), error) {
		return natsapi.Announce(context.Background(), r.connect(), func() string { return store }, log)
	}
	leave, err := announce("store-1")
	must(t, err)
	again, err := announce("store-1")
	must(t, err)
	if _, err := announce("store-2"); !errors.Is(err, natsapi.ErrOtherStore) {
		t.Errorf("a supervisor with another store: %v", err)
	}
	leave()
	again()
	_, err = announce("store-2")
	must(t, err)
}
