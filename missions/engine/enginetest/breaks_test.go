package enginetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions/engine"
)

// broken is a backend that does something wrong, now and then.
type broken struct {
	engine.Backend
	n       int
	begin   func(*engine.Snapshot)
	commit  func(c *engine.Changes) (store bool)
	queue   func([]engine.Head) []engine.Head
	planned func([]engine.Planned) []engine.Planned
	members func([]string) []string
	docs    func(map[string][]byte)
	epochs  bool // every epoch is accepted
	epoch   int64
}

func (b *broken) Begin(ctx context.Context) (int64, *engine.Snapshot, error) {
	epoch, from, err := b.Backend.Begin(ctx)
	if b.begin != nil {
		b.begin(from)
	}
	b.epoch = epoch
	return epoch, from, err
}

func (b *broken) Commit(ctx context.Context, epoch int64, c *engine.Changes) error {
	if b.epochs {
		epoch = b.epoch
	}
	if b.n++; b.commit != nil && b.n%16 == 0 {
		wrong := *c
		if !b.commit(&wrong) {
			return nil
		}
		c = &wrong
	}
	return b.Backend.Commit(ctx, epoch, c)
}

func (b *broken) Queue(ctx context.Context, missionType string, limit int) ([]engine.Head, error) {
	heads, err := b.Backend.Queue(ctx, missionType, limit)
	if b.queue != nil {
		heads = b.queue(heads)
	}
	return heads, err
}

func (b *broken) Planned(ctx context.Context, limit int) ([]engine.Planned, error) {
	planned, err := b.Backend.Planned(ctx, limit)
	if b.planned != nil {
		planned = b.planned(planned)
	}
	return planned, err
}

func (b *broken) Members(ctx context.Context, ranges []engine.Range) ([][]string, error) {
	lists, err := b.Backend.Members(ctx, ranges)
	for i := range lists {
		if b.members != nil && b.n%4 == 0 {
			lists[i] = b.members(lists[i])
		}
	}
	return lists, err
}

func (b *broken) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	found, err := b.Backend.Docs(ctx, keys)
	if b.docs != nil {
		b.docs(found)
	}
	return found, err
}

// flowsWith changes the flows of a commit.
func flowsWith(change func(*engine.Flow)) func(*engine.Changes) bool {
	return func(c *engine.Changes) bool {
		c.Missions = slices.Clone(c.Missions)
		for i := range c.Missions {
			if r := c.Missions[i].After; r != nil && r.Flow != nil {
				wrong, flow := *r, *r.Flow
				change(&flow)
				wrong.Flow, c.Missions[i].After = &flow, &wrong
			}
		}
		return true
	}
}

// withoutDocs leaves out documents of a kind.
func withoutDocs(kind string) func(*engine.Changes) bool {
	return func(c *engine.Changes) bool {
		c.Docs = slices.DeleteFunc(slices.Clone(c.Docs), func(d engine.Doc) bool { return strings.HasPrefix(d.Key, kind) })
		return true
	}
}

// withoutParts leaves out parts of a kind.
func withoutParts(kind string) func(*engine.Changes) bool {
	return func(c *engine.Changes) bool {
		c.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(p engine.Part) bool { return strings.HasPrefix(p.Name, kind) && p.Body != nil })
		return true
	}
}

// withoutMembers leaves out new members of sets of a kind.
func withoutMembers(kind string) func(*engine.Changes) bool {
	return func(c *engine.Changes) bool {
		c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return strings.HasPrefix(m.Set, kind) && !m.Gone })
		return true
	}
}

// but returns a list without its last element.
func but[E any](list []E) []E {
	if len(list) == 0 {
		return list
	}
	return list[: len(list)-1 : len(list)-1]
}

// TestBreaksAreFound shows that the simulation finds what breaks the guarantees.
func TestBreaksAreFound(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*broken{
		"accepted is stored: a commit is not":              {commit: func(*engine.Changes) bool { return false }},
		"accepted is stored: a mission of a commit is not": {commit: func(c *engine.Changes) bool { c.Missions = but(c.Missions); return true }},
		"accepted is stored: a log line is not":            {commit: func(c *engine.Changes) bool { c.Logs, c.Missions = but(c.Logs), withoutLines(c.Missions); return true }},
		"no mission is stuck: its lease is forgotten":      {begin: func(from *engine.Snapshot) { from.Leases = but(from.Leases) }},
		"no mission is stuck: its plan is forgotten":       {planned: but[engine.Planned]},
		"no mission is stuck: its place is forgotten":      {queue: but[engine.Head]},
		"one holder: a token is given again":               {begin: func(from *engine.Snapshot) { from.Marks.Token /= 2 }},
		"one holder: a lease is not stored":                {commit: func(c *engine.Changes) bool { c.Leases = but(c.Leases); return true }},
		"one holder: a replaced leader goes on":            {epochs: true},
		"each change is one event: one is lost":            {commit: func(c *engine.Changes) bool { c.Events = but(c.Events); return true }},
		"each change is one event: one comes twice": {commit: func(c *engine.Changes) bool {
			if len(c.Events) > 0 {
				c.Events = append(c.Events, c.Events[0])
			}
			return true
		}},
		"each change is one event: a position is given again": {begin: func(from *engine.Snapshot) { from.Marks.Outbox -= min(from.Marks.Outbox, 1) }},
		"a death is noticed: the agent is forgotten":          {begin: func(from *engine.Snapshot) { from.Agents = but(from.Agents) }},
		"counters: they are not read":                         {begin: func(from *engine.Snapshot) { from.Totals = map[string]*engine.Totals{} }},
		"every end is told once: who waits is not in the set": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return strings.HasPrefix(m.Set, "w/") && !m.Gone })
			return true
		}},
		"every end is told once: who was told stays in the set": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return m.Gone })
			return true
		}},
		"every end is told once: an end is forgotten": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return m.Set == "wakes" && !m.Gone })
			return true
		}},
		"every end is told once: the last one of a set is not":              {members: but[string]},
		"batch counts: they are not stored":                                 {commit: withoutDocs("b/")},
		"no occurrence exists twice: that a schedule goes on is not stored": {commit: withoutDocs("c/")},
		"no schedule is overdue: its place is forgotten": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return m.Set == "due" && !m.Gone })
			return true
		}},
		"no limit is exceeded: leases are not counted": {begin: func(from *engine.Snapshot) {
			for i := range from.Leases {
				from.Leases[i].Key, from.Leases[i].Limits = "", nil
			}
		}},
		"no limit is exceeded: it is forgotten": {commit: withoutDocs("l/")},
		"no limit is exceeded: what has started is": {docs: func(found map[string][]byte) {
			maps.DeleteFunc(found, func(key string, _ []byte) bool { return strings.HasPrefix(key, "s/") })
		}},
		"nobody is stuck with room: a key has no turn":      {commit: withoutMembers("r/")},
		"nobody is stuck with room: a mission has no place": {commit: withoutMembers("k/")},
		"nobody is stuck with room: a key is held for ever": {commit: withoutDocs("q/")},
		"keys take turns: where they are is not stored":     {commit: withoutDocs("a/")},
		"who missed an occurrence is counted: its place is forgotten": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return m.Set == "missed" && !m.Gone })
			return true
		}},
		"a key's holder lives: who holds it is not stored": {commit: withoutDocs("u/")},
		"a key's holder lives: that its time passes is forgotten": {commit: func(c *engine.Changes) bool {
			c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m engine.Member) bool { return m.Set == "until" && !m.Gone })
			return true
		}},
		"a waiting mission holds no lease: it does":             {commit: func(c *engine.Changes) bool { c.Released = but(c.Released); return true }},
		"usage is the sum of all turns: a report is not stored": {commit: flowsWith(func(f *engine.Flow) { f.TurnUsage = nil })},
		"counters: what was spent is not": {begin: func(from *engine.Snapshot) {
			if t := from.Totals[""]; t != nil {
				wrong := *t
				wrong.Usage = nil
				from.Totals[""] = &wrong
			}
		}},
		"counters: what waits is not": {begin: func(from *engine.Snapshot) {
			if t := from.Totals[""]; t != nil {
				wrong := *t
				wrong.Waiting[0]++
				from.Totals[""] = &wrong
			}
		}},
		"a mission is withheld for its agent: until when is not stored": {commit: flowsWith(func(f *engine.Flow) { f.PreferUntil = 0 })},
		"usage is the sum of all turns: a turn is forgotten":            {commit: flowsWith(func(f *engine.Flow) { f.Spent = nil })},
		"every signal is seen or stored: it is lost":                    {commit: flowsWith(func(f *engine.Flow) { f.Signals = but(f.Signals) })},
		"every signal is seen or stored: its data is lost":              {commit: withoutParts("signal:")},
		"outcomes are copied: they are lost":                            {commit: withoutParts("input:")},
		"a checkpoint survives: it is lost":                             {commit: flowsWith(func(f *engine.Flow) { f.Checkpoint = nil })},
		"claim order: the oldest goes first": {queue: func(heads []engine.Head) []engine.Head {
			for i := range heads {
				heads[i].Rank = 0
			}
			return heads
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFound(t, func(actions []Action) error {
				b.Backend, b.n = NewMemory(), 0
				_, err := Run(b, actions)
				return err
			})
		})
	}
	t.Run("accepted is stored: a leader goes on although the outcome is unknown", func(t *testing.T) {
		t.Parallel()
		wantFound(t, func(actions []Action) error {
			w := newWorld(NewMemory())
			w.trusting = true
			return w.run(actions)
		})
	})
}

// withoutLines returns changes of missions whose logs have not grown.
func withoutLines(changes []engine.MissionChange) []engine.MissionChange {
	list := make([]engine.MissionChange, len(changes))
	for i, change := range changes {
		if list[i] = change; change.Before != nil && change.After != nil {
			after := *change.After
			after.Entries = change.Before.Entries
			list[i].After = &after
		}
	}
	return list
}

func wantFound(t *testing.T, run func([]Action) error) {
	t.Helper()
	for seed := range uint64(20) {
		if err := run(Actions(seed, 1000)); err != nil {
			t.Log(err)
			return
		}
	}
	t.Error("nothing was found in 20 histories")
}

// TestAHistoryIsShrunk shows that what is not needed to fail is left out.
func TestAHistoryIsShrunk(t *testing.T) {
	t.Parallel()
	fails := func(actions []Action) bool {
		b := &broken{Backend: NewMemory(), begin: func(from *engine.Snapshot) { from.Marks.Token = 0 }}
		_, err := Run(b, actions)
		return err != nil
	}
	actions := Actions(1, 600)
	if !fails(actions) {
		t.Fatal("the history does not fail")
	}
	// A claim, its commit, a new term, and another claim, with an agent and two missions.
	if short := Shrink(actions, fails); !fails(short) || len(short) > 8 {
		t.Errorf("%d actions are left:\n%s", len(short), Describe(short))
	}
}
