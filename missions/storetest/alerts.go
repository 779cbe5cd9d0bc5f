package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"missioncontrol/missions"
)

// alertOf returns an alert that can be stored.
func alertOf(rule string, state missions.AlertState, since missions.Time) missions.Alert {
	a := missions.Alert{Rule: rule, Metric: "missions.pending", Threshold: 1e-7, State: state, Since: since, CheckedAt: since.Add(90 * time.Second)}
	if state == missions.AlertFiring {
		a.RaisedAt, a.ClearedAt = since.Add(time.Minute), since.Add(80*time.Second)
	}
	return a
}

func (f *fixture) tryChangeAlert(c missions.AlertChange) error {
	f.Helper()
	errs, err := f.Store.ChangeAlerts(f.ctx, []missions.AlertChange{c})
	f.must(err)
	return errs[0]
}

// alert returns the stored alert of a rule, or a zero one.
func (f *fixture) alert(rule string) missions.Alert {
	f.Helper()
	alerts, err := f.Store.Alerts(f.ctx)
	f.must(err)
	for _, a := range alerts {
		if a.Rule == rule {
			return a
		}
	}
	return missions.Alert{}
}

// wantAlert checks the stored alert, except for the revision, which must be set.
func (f *fixture) wantAlert(want missions.Alert) missions.Alert {
	f.Helper()
	got := f.alert(want.Rule)
	want.Revision = max(1, got.Revision)
	wantEqual(f, "alert", got, want)
	return got
}

func (f *fixture) notices(limit int) []missions.Event {
	f.Helper()
	notices, err := f.Store.Notices(f.ctx, limit)
	f.must(err)
	return notices
}

func testAlerts(s *suite) {
	s.run("they stand as they were stored, also after reopening", func(f *fixture) {
		since := f.now()
		alerts, err := f.Store.Alerts(f.ctx)
		f.must(err)
		wantEqual(f, "alerts", len(alerts), 0)
		f.must(f.tryChangeAlert(missions.AlertChange{Alert: alertOf("b", missions.AlertPending, since)}))
		f.must(f.tryChangeAlert(missions.AlertChange{Alert: alertOf("a", missions.AlertFiring, since)}))
		f.wantAlert(alertOf("b", missions.AlertPending, since))
		f.Store = f.Reopen(f.T)
		a := f.wantAlert(alertOf("a", missions.AlertFiring, since))
		b := f.wantAlert(alertOf("b", missions.AlertPending, since))
		wantEqual(f, "events", len(f.events(nil)), 0)
		alerts, err = f.Store.Alerts(f.ctx)
		f.must(err)
		f.wantSame("in order", alerts, []missions.Alert{a, b})
	})
	s.run("a change that is told is an event, and a notice where one is wanted", func(f *fixture) {
		since, value := f.now(), 0.1+0.2
		change := missions.AlertChange{Alert: alertOf("slow", missions.AlertFiring, since), Tell: true, Notify: true, Value: &value}
		f.must(f.tryChangeAlert(change))
		change.Alert = f.wantAlert(change.Alert)
		change.Alert.State, change.Notify, change.Value = missions.AlertOK, false, nil
		change.Alert.CheckedAt = since.Add(time.Hour)
		f.must(f.tryChangeAlert(change))
		wantEqual(f, "stored", f.alert("slow"), missions.Alert{})
		events := f.events(nil)
		wantEqual(f, "events", len(events), 2)
		want := missions.Event{ID: events[0].ID, Kind: "alert_raised", At: since.Add(90 * time.Second), Rule: "slow",
			Metric: "missions.pending", Value: &value, Threshold: 1e-7, Since: since}
		f.wantSame("raised", events[0], want)
		want.ID, want.Kind, want.At, want.Value = events[1].ID, "alert_resolved", since.Add(time.Hour), nil
		f.wantSame("resolved", events[1], want)
		f.wantSame("notices", f.notices(10), events[:1])
	})
	s.run("who read it before another changed it changes nothing", func(f *fixture) {
		since := f.now()
		change := missions.AlertChange{Alert: alertOf("a", missions.AlertPending, since)}
		f.must(f.tryChangeAlert(change))
		first := f.alert("a")
		raise := missions.AlertChange{Alert: alertOf("a", missions.AlertFiring, since), Tell: true, Notify: true}
		f.wantErr("with no revision", f.tryChangeAlert(raise), missions.ErrConflict)
		raise.Alert.Revision = first.Revision
		f.must(f.tryChangeAlert(raise))
		f.wantErr("with an old revision", f.tryChangeAlert(raise), missions.ErrConflict)
		resolve := raise
		resolve.Alert.State = missions.AlertOK
		f.wantErr("deleting with an old revision", f.tryChangeAlert(resolve), missions.ErrConflict)
		resolve.Alert.Revision = f.alert("a").Revision
		f.must(f.tryChangeAlert(resolve))
		f.wantErr("what is gone", f.tryChangeAlert(resolve), missions.ErrConflict)
		wantEqual(f, "events", len(f.events(nil)), 2)
		wantEqual(f, "notices", len(f.notices(10)), 2)
		f.must(f.tryChangeAlert(change))
		f.wantErr("an old life's revision", f.tryChangeAlert(missions.AlertChange{Alert: first}), missions.ErrConflict)
		f.wantAlert(change.Alert)
	})
	s.run("of many at once one changes it", func(f *fixture) {
		var won atomic.Int64
		var wait sync.WaitGroup
		since := f.now()
		for range 8 {
			wait.Go(func() {
				errs, err := f.Store.ChangeAlerts(f.ctx, []missions.AlertChange{{Alert: alertOf("a", missions.AlertFiring, since), Tell: true}})
				f.wantErr("change", err, nil)
				if errs[0] == nil {
					won.Add(1)
				}
			})
		}
		wait.Wait()
		wantEqual(f, "who changed it", won.Load(), 1)
		wantEqual(f, "events", len(f.events(nil)), 1)
	})
	s.run("notices wait in order until they are done with, the newest so many", func(f *fixture) {
		var batch []missions.AlertChange
		for i := range missions.MaxNotices + 5 {
			batch = append(batch, missions.AlertChange{Alert: alertOf(fmt.Sprintf("r-%04d", i), missions.AlertFiring, f.now()),
				Tell: true, Notify: true})
		}
		_, err := f.Store.ChangeAlerts(f.ctx, batch)
		f.must(err)
		all := f.notices(missions.MaxNotices + 10)
		wantEqual(f, "notices", len(all), missions.MaxNotices)
		wantEqual(f, "the oldest", all[0].Rule, "r-0005")
		wantEqual(f, "events", len(f.events(nil)), missions.MaxNotices+5)
		f.forgetAll()
		f.must(f.Store.Noticed(f.ctx, all[1].Seq))
		f.must(f.Store.Noticed(f.ctx, all[1].Seq)) // already deleted
		f.Store = f.Reopen(f.T)
		f.wantSame("what is left", f.notices(2), []missions.Event{all[0], all[2]})
		wantEqual(f, "positions", f.notices(2)[1].Seq, all[2].Seq)
	})
}
