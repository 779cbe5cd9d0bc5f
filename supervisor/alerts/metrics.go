package alerts

import (
	"context"
	"maps"
	"slices"
	"strings"

	"missioncontrol/missions"
)

// metric is a figure that a rule may watch.
type metric struct {
	typed   bool // can be limited to a type
	read    func(ctx context.Context, f *Figures, kind string) (*float64, error)
	samples func(ctx context.Context, f *Figures, kind string) (int64, error) // nil unless it is a metric of windows
}

// catalogue has all metrics. Their names are those in the replies of missions.stats,
// agents and health.
var catalogue = func() map[string]metric {
	all := map[string]metric{}
	addMissions(all)
	addWindows(all)
	addAgents(all)
	addEvents(all)
	addLimits(all)
	addSchedules(all)
	return all
}()

// Metrics lists the metrics that rules may watch, sorted.
func Metrics() []string { return slices.Sorted(maps.Keys(catalogue)) }

// lookup returns a metric by name. Usage has one for each unit, such as
// missions.windows.1h.usage.usd.
func lookup(name string) (metric, bool) {
	if m, known := catalogue[name]; known {
		return m, true
	}
	for window, usage := range map[string]func(*missions.Stats) missions.Usage{
		"":             func(s *missions.Stats) missions.Usage { return s.Usage },
		"windows.5m.":  func(s *missions.Stats) missions.Usage { return s.Windows.FiveMinutes.Usage },
		"windows.1h.":  func(s *missions.Stats) missions.Usage { return s.Windows.Hour.Usage },
		"windows.24h.": func(s *missions.Stats) missions.Usage { return s.Windows.Day.Usage },
	} {
		unit, found := strings.CutPrefix(name, "missions."+window+"usage.")
		if !found || missions.CheckUsage("", missions.Usage{unit: 0}) != nil {
			continue
		}
		return metric{typed: true, read: func(ctx context.Context, f *Figures, kind string) (*float64, error) {
			stats, err := f.stats(ctx, kind)
			amount := usage(&stats)[unit]
			return &amount, err
		}}, true
	}
	return metric{}, false
}

func number[N int64 | uint64](n N) *float64 {
	value := float64(n)
	return &value
}

func addMissions(all map[string]metric) {
	add := func(name string, read func(*missions.Stats) *float64) {
		all["missions."+name] = metric{typed: true, read: func(ctx context.Context, f *Figures, kind string) (*float64, error) {
			stats, err := f.stats(ctx, kind)
			return read(&stats), err
		}}
	}
	add("total", func(s *missions.Stats) *float64 { return number(s.Total) })
	for _, status := range missions.Statuses() {
		add(strings.ToLower(string(status)), func(s *missions.Stats) *float64 { return number(s.ByStatus[status]) })
	}
	for _, happening := range missions.Happenings() {
		add("per_minute."+string(happening), func(s *missions.Stats) *float64 { return number(s.PerMinute[happening]) })
	}
	add("success_rate", func(s *missions.Stats) *float64 { return s.SuccessRate })
	add("oldest_pending_seconds", func(s *missions.Stats) *float64 { return s.OldestPendingSeconds })
	add("oldest_claimable_seconds", func(s *missions.Stats) *float64 { return s.OldestClaimableSeconds })
	ofAll := func(name string, read func(*missions.Stats) *float64) {
		add(name, read)
		m := all["missions."+name]
		m.typed = false
		all["missions."+name] = m
	}
	ofAll("oldest_signal_wait_seconds", func(s *missions.Stats) *float64 { return s.OldestSignalWaitSeconds })
	ofAll("highest_usage_ratio", func(s *missions.Stats) *float64 { return s.HighestUsageRatio })
	for _, kind := range missions.WaitKinds() {
		add("waiting."+string(kind), func(s *missions.Stats) *float64 { return number(s.Waiting[kind]) })
	}
	for name, figure := range distribution {
		add("duration_seconds."+name, func(s *missions.Stats) *float64 { return figure(&s.Duration) })
		add("queue_seconds."+name, func(s *missions.Stats) *float64 { return figure(&s.Queue) })
	}
	all["missions.pending_without_agent"] = metric{typed: true, read: func(ctx context.Context, f *Figures, kind string) (*float64, error) {
		byType, err := f.unserved(ctx)
		if kind != "" {
			return number(byType[kind]), err
		}
		sum := int64(0)
		for _, n := range byType {
			sum += n
		}
		return number(sum), err
	}}
}

// distribution has the figures of a distribution.
var distribution = map[string]func(*missions.Distribution) *float64{
	"average": func(d *missions.Distribution) *float64 { return d.Average },
	"p50":     func(d *missions.Distribution) *float64 { return d.P50 },
	"p95":     func(d *missions.Distribution) *float64 { return d.P95 },
	"p99":     func(d *missions.Distribution) *float64 { return d.P99 },
}

func addWindows(all map[string]metric) {
	for name, window := range map[string]func(*missions.Windows) *missions.Window{
		"5m":  func(w *missions.Windows) *missions.Window { return &w.FiveMinutes },
		"1h":  func(w *missions.Windows) *missions.Window { return &w.Hour },
		"24h": func(w *missions.Windows) *missions.Window { return &w.Day },
	} {
		// samples returns how many missions the figure is based on.
		add := func(figure string, samples func(*missions.Window) int64, read func(*missions.Window) *float64) {
			all["missions.windows."+name+"."+figure] = metric{
				typed: true,
				read: func(ctx context.Context, f *Figures, kind string) (*float64, error) {
					stats, err := f.stats(ctx, kind)
					return read(window(&stats.Windows)), err
				},
				samples: func(ctx context.Context, f *Figures, kind string) (int64, error) {
					stats, err := f.stats(ctx, kind)
					return samples(window(&stats.Windows)), err
				},
			}
		}
		created := func(w *missions.Window) int64 { return w.Created }
		started := func(w *missions.Window) int64 { return w.Started }
		completed := func(w *missions.Window) int64 { return w.Completed }
		failed := func(w *missions.Window) int64 { return w.Failed }
		cancelled := func(w *missions.Window) int64 { return w.Cancelled }
		ended := func(w *missions.Window) int64 { return w.Completed + w.Failed }
		for figure, count := range map[string]func(*missions.Window) int64{
			"created": created, "started": started, "completed": completed, "failed": failed, "cancelled": cancelled,
		} {
			add(figure, ended, func(w *missions.Window) *float64 { return number(count(w)) })
		}
		add("success_rate", ended, func(w *missions.Window) *float64 { return w.SuccessRate })
		for figure, of := range distribution {
			add("duration_seconds."+figure, completed, func(w *missions.Window) *float64 { return of(&w.Duration) })
			add("queue_seconds."+figure, started, func(w *missions.Window) *float64 { return of(&w.Queue) })
		}
	}
}

func addAgents(all map[string]metric) {
	for _, state := range missions.AgentStates() {
		all["agents."+string(state)] = metric{typed: true, read: func(ctx context.Context, f *Figures, kind string) (*float64, error) {
			n, err := f.agents(ctx, state, kind)
			return number(n), err
		}}
	}
	for name, figure := range map[string]func(*missions.Counts) *float64{
		"count":       func(c *missions.Counts) *float64 { return number(c.Agents) },
		"slots":       func(c *missions.Counts) *float64 { return number(c.Slots) },
		"utilization": func(c *missions.Counts) *float64 { return c.Utilization() },
	} {
		all["agents."+name] = metric{read: func(ctx context.Context, f *Figures, _ string) (*float64, error) {
			counts, err := f.counts(ctx)
			return figure(&counts), err
		}}
	}
}

func addEvents(all map[string]metric) {
	for name, figure := range map[string]func(StreamFigures) *float64{
		"degraded": func(s StreamFigures) *float64 {
			if s.Degraded {
				return number(int64(1))
			}
			return number(int64(0))
		},
		"published":  func(s StreamFigures) *float64 { return number(s.Published) },
		"dropped":    func(s StreamFigures) *float64 { return number(s.Dropped) },
		"duplicates": func(s StreamFigures) *float64 { return number(s.Duplicates) },
	} {
		all["events."+name] = metric{read: func(_ context.Context, f *Figures, _ string) (*float64, error) {
			return figure(f.source.Stream()), nil
		}}
	}
	all["events.waiting"] = metric{read: func(ctx context.Context, f *Figures, _ string) (*float64, error) {
		n, err := f.waiting(ctx)
		return number(n), err
	}}
}

func addLimits(all map[string]metric) {
	for name, figure := range map[string]func(*missions.LimitFigures) int{
		"full":   func(l *missions.LimitFigures) int { return l.Full },
		"paused": func(l *missions.LimitFigures) int { return l.Paused },
	} {
		all["limits."+name] = metric{read: func(ctx context.Context, f *Figures, _ string) (*float64, error) {
			figures, err := f.limits(ctx)
			return number(int64(figure(&figures))), err
		}}
	}
}

func addSchedules(all map[string]metric) {
	for name, figure := range map[string]func(*missions.ScheduleFigures) *float64{
		"missed":          func(s *missions.ScheduleFigures) *float64 { return number(int64(s.Missed)) },
		"overdue_seconds": func(s *missions.ScheduleFigures) *float64 { seconds := s.Overdue.Seconds(); return &seconds },
	} {
		all["schedules."+name] = metric{read: func(ctx context.Context, f *Figures, _ string) (*float64, error) {
			figures, err := f.schedules(ctx)
			return figure(&figures), err
		}}
	}
}
