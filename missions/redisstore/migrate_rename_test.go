package redisstore

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestMigrateUnlinksWhatItRenamesOver: RENAME deletes at once what has the new name.
func TestMigrateUnlinksWhatItRenamesOver(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	sees := &renames{unlinked: map[string]bool{}}
	_, err := m.migrate(t, sees)
	must(t, err)
	for _, key := range sees.over {
		if !sees.unlinked[key] {
			t.Errorf("%s is renamed over", key)
		}
	}
	if !slices.Contains(sees.over, "{mc:0}:o") || !slices.ContainsFunc(sees.over, func(key string) bool { return strings.HasPrefix(key, "{mc:0}:g:") }) {
		t.Errorf("only %v have been renamed over", sees.over)
	}
}

// renames is a client that notes what is renamed over, and whether it was unlinked before.
type renames struct {
	dies
	over     []string
	unlinked map[string]bool
}

func (r *renames) note(args []any) {
	for i, arg := range args {
		switch {
		case arg == "unlink" && i+1 < len(args):
			key, _ := args[i+1].(string)
			r.unlinked[key] = true
		case arg == "rename" && i+2 < len(args):
			key, _ := args[i+2].(string)
			if !strings.HasSuffix(key, "migrating:none") {
				r.over = append(r.over, key)
			}
		}
	}
}

func (r *renames) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		r.note(cmd.Args())
		return next(ctx, cmd)
	}
}
