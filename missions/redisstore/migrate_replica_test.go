package redisstore

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestMigrateWhenALateReplicaTakesOver once all was converted: of two missions, it has neither that, nor
// that their counters were.
func TestMigrateWhenALateReplicaTakesOver(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 3} {
		m := newToMigrate(t, partitions)
		client, ctx := m.server.Client(), t.Context()
		_, err := m.migrate(t)
		must(t, err)
		want := anew(t, contents(t, client))
		m.restore(t, client)
		late := &lateReplica{do: func() {
			_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, id := range []string{"b-01", "b-02"} {
					for i := range m.Keys {
						if k := &m.Keys[i]; strings.HasSuffix(k.Key, "}:m:"+id) || strings.HasSuffix(k.Key, "}:g:"+id) || k.Key == m.partitionOf(id).key("ct") {
							p.Del(ctx, k.Key)
							k.restore(ctx, t, p)
						}
					}
					p.Del(ctx, m.partitionOf(id).key("f"))
					if b := m.partitionOf(id); b.prefix != "{mc:0}:" {
						p.Del(ctx, b.key("counts"))
					}
				}
				return nil
			})
			must(t, err)
		}}
		_, err = m.migrate(t, late)
		must(t, err)
		if got := anew(t, contents(t, client)); !late.tookOver || !reflect.DeepEqual(got, want) {
			t.Errorf("%d partitions: the keys %v differ", partitions, differing(got, want))
		}
	}
}

// lateReplica is a client that another Redis answers once missions have been converted.
type lateReplica struct {
	dies
	do       func()
	scanned  bool
	tookOver bool
}

func (l *lateReplica) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "scan" && cmd.Args()[3] == "{mc:*}:m:*" {
			l.scanned = true
		}
		info, asked := cmd.(*redis.StringCmd)
		switch {
		case !asked || cmd.Name() != "info":
		case l.tookOver:
			info.SetVal("run_id:0123\r\n")
		case l.scanned:
			l.tookOver = true
			l.do()
		}
		return err
	}
}
