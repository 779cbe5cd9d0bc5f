package natsapi

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
)

// gathering is a gatherer whose requests carry a name, and whose answers are noted.
func gathering(t *testing.T, each func(context.Context, []supervisor.Request[api.IDRequest]) []supervisor.Answer[api.Empty]) (
	*gatherer[api.IDRequest, api.Empty], map[string]string) {
	e := &Endpoints{ctx: t.Context(), workers: newWorkerPool()}
	t.Cleanup(func() { e.wg.Wait(); e.workers.stop() })
	ep := &endpoint{Operation: &api.Operation{}, bound: admission.For(api.KindBrief), counters: &endpointCounters{}}
	g := &gatherer[api.IDRequest, api.Empty]{endpoints: e, ep: ep, each: each}
	begun, answered := time.Now(), map[string]string{}
	g.send = func(to string, _ any, err error) {
		answered[to] = fmt.Sprintf("%v %v", time.Since(begun), err)
	}
	g.batches.Do, g.batches.Start = g.answer, e.runBatches
	return g, answered
}

func ask(g *gatherer[api.IDRequest, api.Empty], name string) {
	g.handle(&nats.Msg{Reply: name, Data: []byte(`{"id":"` + name + `"}`)})
}

func named(requests []supervisor.Request[api.IDRequest]) (names []string) {
	for i := range requests {
		names = append(names, requests[i].Body.ID)
	}
	return names
}

// A request that no step has begun with in its time is answered then, and not with the others
// that wait.
func TestAGatheredRequestWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, answered := gathering(t, func(ctx context.Context, requests []supervisor.Request[api.IDRequest]) []supervisor.Answer[api.Empty] {
			<-ctx.Done() // a store that is stuck
			answers := make([]supervisor.Answer[api.Empty], len(requests))
			for i := range answers {
				answers[i].Err = ctx.Err()
			}
			return answers
		})
		for _, name := range []string{"a", "b", "c", "d"} {
			ask(g, name)
			time.Sleep(4 * time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const late = "s context deadline exceeded"
		want := map[string]string{"a": "10" + late, "b": "14" + late, "c": "18" + late, "d": "22" + late}
		if fmt.Sprint(answered) != fmt.Sprint(want) {
			t.Errorf("answered %v, want %v", answered, want)
		}
		if n := g.ep.bound.UnderWay(); n != 0 {
			t.Errorf("%d requests still count", n)
		}
	})
}

// An error whose effect is not known is an answer: the step is not repeated.
func TestAStepOfUnknownEffectIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		unknown := missions.Unavailable("the store cannot be used", context.DeadlineExceeded)
		steps := 0
		g, answered := gathering(t, func(context.Context, []supervisor.Request[api.IDRequest]) []supervisor.Answer[api.Empty] {
			steps++
			return []supervisor.Answer[api.Empty]{{Err: unknown}}
		})
		ask(g, "a")
		synctest.Wait()
		if want := "0s " + unknown.Error(); steps != 1 || answered["a"] != want {
			t.Errorf("%d steps, answered %v", steps, answered)
		}
	})
}

// Requests that arrive during a step share the next one. A panic is an error of the requests of
// its step, and the next ones are answered.
func TestGatheredRequestsShareSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var steps [][]string
		g, answered := gathering(t, func(_ context.Context, requests []supervisor.Request[api.IDRequest]) []supervisor.Answer[api.Empty] {
			steps = append(steps, named(requests))
			time.Sleep(time.Second)
			if slices.Contains(named(requests), "bad") {
				panic("a fault")
			}
			return make([]supervisor.Answer[api.Empty], len(requests))
		})
		ask(g, "a")
		synctest.Wait()
		ask(g, "b")
		ask(g, "bad")
		time.Sleep(1500 * time.Millisecond)
		ask(g, "c")
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := "[[a] [b bad] [c]]"; fmt.Sprint(steps) != want {
			t.Errorf("steps %v, want %s", steps, want)
		}
		if answered["a"] != "1s <nil>" || answered["c"] != "3s <nil>" || answered["b"][:9] != "2s panic:" || len(answered) != 4 {
			t.Errorf("answered %v", answered)
		}
	})
}
