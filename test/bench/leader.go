package main

import (
	"context"
	"time"
)

// newLeader measures how long two supervisors on one Redis do without a leader: from
// the moment at which the leader is asked to stop until the other one has created a
// mission.
func newLeader(ctx context.Context, at *site) (load, error) {
	redis, err := at.stockedRedis(ctx)
	if err != nil {
		return nil, err
	}
	url, _, err := at.self("broker")
	if err != nil {
		return nil, err
	}
	args := func(name string) []string {
		return []string{"serve", "--data-dir", at.path(name), "--server", url, "--store", "redis://" + redis, "--http", "off"}
	}
	leader, err := at.again(place{args: args("first")})
	if err != nil {
		return nil, err
	}
	nc, err := at.connect(url)
	if err != nil {
		return nil, err
	}
	create := func() error {
		_, err := ask(nc, "supervisor.missions.create", []byte(`{"name":"stored","type":"stored"}`))
		return err
	}
	if err := create(); err != nil { // the first one leads
		return nil, err
	}
	if _, err := at.again(place{args: args("second")}); err != nil {
		return nil, err
	}
	return func(context.Context, float64) (figure, error) {
		began := time.Now()
		end(leader.cmd)
		err := create()
		return figure{value: time.Since(began).Seconds()}, err
	}, nil
}
