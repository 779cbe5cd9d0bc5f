package enginetest

import (
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

var simulatedKeys = []string{"k0", "k1"}

// unique chooses a unique key for a new mission; most have none.
func (w *world) unique(d *dice) (given *missions.Unique, is modelUnique) {
	if !d.one(3) {
		return nil, is
	}
	is = modelUnique{key: pick(simulatedKeys, uint32(d.below(2))), onConflict: pick(missions.OnConflicts(), uint32(d.below(3)))} //nolint:gosec // small
	if d.one(2) {
		is.at = time.Duration(1+d.below(30)) * time.Second
	}
	return &missions.Unique{Key: is.key, OnConflict: is.onConflict, ForSeconds: is.at.Seconds()}, is
}

// compareKeys checks who holds which key, and that a key whose holder has ended is held only up to its time.
func (w *world) compareKeys() error {
	names := make([]string, len(simulatedKeys))
	for i, key := range simulatedKeys {
		names[i] = engine.UniqueKeyDoc(key)
	}
	docs, err := w.backend.Docs(w.ctx, names)
	if err != nil {
		return err
	}
	var held, until []string
	for i, key := range simulatedKeys {
		got, want := "", ""
		if body := docs[names[i]]; body != nil {
			k, err := engine.DecodeUniqueKey(body)
			if err != nil {
				return err
			}
			got = (&modelKey{k.Holder, k.Next, k.Until, k.NextUntil}).is(!k.Ended)
		}
		if k, there := w.is.keys[key]; there {
			want = k.is(w.is.living(k.holder, key))
			held = append(held, key)
			if at := k.first(); at != 0 {
				until = append(until, fmt.Sprintf("%016x:%s", int64(at), key))
			}
		}
		if got != want {
			return fmt.Errorf("stored is that key %s is\n  %s\nand the model has\n  %s", key, got, want)
		}
		if err := w.oneHolder(key); err != nil {
			return err
		}
	}
	slices.Sort(until)
	lists, err := w.backend.Members(w.ctx, []engine.Range{{Set: "unique", Limit: 9}, {Set: "until", Limit: 9}})
	if err != nil {
		return err
	}
	if got, want := fmt.Sprint(lists), fmt.Sprint([][]string{held, until}); got != want {
		return fmt.Errorf("in the sets of keys are %s, want %s", got, want)
	}
	return nil
}

// oneHolder checks that of the missions with a key one lives, and another one only while it waits for that.
func (w *world) oneHolder(key string) error {
	living := 0
	for i := range w.is.list {
		x := &w.is.list[i]
		if !w.is.living(x.id, key) {
			continue
		}
		last := len(x.flows.conditions) - 1
		if behind := x.waits() && last >= 0 && x.flows.conditions[last].source == "m/"+w.is.keys[key].holder; !behind {
			living++
		}
	}
	if living > 1 {
		return fmt.Errorf("%d missions with the key %s live:\n%s", living, key, w.describe())
	}
	return nil
}

// passed checks that no key is held whose time has passed.
func (w *world) passed(now missions.Time) error {
	for _, key := range simulatedKeys {
		if k, there := w.is.keys[key]; there && !w.is.living(k.holder, key) && k.until <= now {
			return fmt.Errorf("key %s is held until %d by mission %s, which has ended, at %d", key, k.until, k.holder, now)
		}
	}
	return nil
}
