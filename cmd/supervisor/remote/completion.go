package remote

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// completionTimeout bounds how long a shell waits for the supervisor's suggestions.
const completionTimeout = time.Second

// askFor asks the supervisor for suggestions. It returns none if the supervisor does not
// answer in time.
func askFor(c *ui.Console, cmd *cobra.Command, find func(ctx context.Context, s *Session) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	var found []string
	err := Connect(c, cmd, completionTimeout, func(ctx context.Context, s *Session) (err error) {
		ctx, cancel := context.WithTimeout(ctx, completionTimeout)
		defer cancel()
		found, err = find(ctx, s)
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// MissionIDs suggests the newest missions in one of the statuses, or in any if none are
// listed. It takes at most most arguments (-1: any number).
func MissionIDs(c *ui.Console, most int, statuses ...missions.Status) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return ui.CompleteNothing(cmd, args, begun)
		}
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			page, err := s.Client.List(ctx, api.ListRequest{Limit: 200})
			var found []string
			for i := range page.Missions {
				m := &page.Missions[i]
				if !strings.HasPrefix(m.ID, begun) || slices.Contains(args, m.ID) ||
					len(statuses) > 0 && !slices.Contains(statuses, m.Status) {
					continue
				}
				found = append(found, cobra.CompletionWithDesc(m.ID, string(m.Status)+" "+ui.Shorten(ui.Clean(m.Name), 40)))
			}
			return found, err
		})
	}
}

// AgentIDs suggests agents.
func AgentIDs(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			page, err := s.Client.Agents(ctx, api.AgentsRequest{Limit: 200})
			var found []string
			for i := range page.Agents {
				if a := &page.Agents[i]; strings.HasPrefix(a.ID, begun) {
					found = append(found, cobra.CompletionWithDesc(a.ID, string(a.State)+" "+ui.Shorten(ui.Clean(a.Name), 40)))
				}
			}
			return found, err
		})
	}
}

// MissionTypes suggests the types of existing missions.
func MissionTypes(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			stats, err := s.Client.Stats(ctx, "")
			var found []string
			for name := range stats.ByType {
				if strings.HasPrefix(name, begun) {
					found = append(found, name)
				}
			}
			slices.Sort(found)
			return found, err
		})
	}
}

// BatchIDs suggests the newest batches. It takes at most most arguments (-1: any number).
func BatchIDs(c *ui.Console, most int) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return ui.CompleteNothing(cmd, args, begun)
		}
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			page, err := s.Client.Batches(ctx, api.BatchesRequest{Limit: 200})
			var found []string
			for i := range page.Batches {
				b := &page.Batches[i]
				if strings.HasPrefix(b.ID, begun) && !slices.Contains(args, b.ID) {
					found = append(found, cobra.CompletionWithDesc(b.ID, ui.BatchState(b)+", "+ui.Plural(b.Total, "mission", "missions")))
				}
			}
			return found, err
		})
	}
}

// ScheduleIDs suggests schedules, for one argument.
func ScheduleIDs(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return ui.CompleteNothing(cmd, args, begun)
		}
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			page, err := s.Client.Schedules(ctx, api.SchedulesRequest{Limit: 200})
			var found []string
			for i := range page.Schedules {
				if of := &page.Schedules[i]; strings.HasPrefix(of.ID, begun) {
					found = append(found, cobra.CompletionWithDesc(of.ID, ui.Clean(of.ScheduleSpec.String())))
				}
			}
			return found, err
		})
	}
}

// LimitNames suggests limits, for one argument.
func LimitNames(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return ui.CompleteNothing(cmd, args, begun)
		}
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			page, err := s.Client.Limits(ctx, api.LimitsRequest{Limit: 200})
			var found []string
			for i := range page.Limits {
				if of := &page.Limits[i]; strings.HasPrefix(of.Name, begun) {
					found = append(found, cobra.CompletionWithDesc(of.Name, ui.Clean(of.Note)))
				}
			}
			return found, err
		})
	}
}

// Signals suggests, behind the id of a mission, the names of the signals that it waits for
// and, behind a name, the choices.
func Signals(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		return askFor(c, cmd, func(ctx context.Context, s *Session) ([]string, error) {
			m, err := s.Client.Get(ctx, args[0])
			var found []string
			for _, w := range ui.Unmet(&m) {
				switch {
				case w.Signal == "":
				case len(args) == 1 && strings.HasPrefix(w.Signal, begun):
					found = append(found, cobra.CompletionWithDesc(w.Signal, ui.Shorten(ui.Clean(w.Prompt), 60)))
				case len(args) == 2 && w.Signal == args[1]:
					for _, choice := range w.Choices {
						if strings.HasPrefix(choice, begun) {
							found = append(found, ui.Clean(choice))
						}
					}
				}
			}
			return found, err
		})
	}
}
