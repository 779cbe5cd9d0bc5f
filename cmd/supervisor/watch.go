package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// look is how a command shows what it asks for.
type look struct {
	json, watch bool
}

// addLookFlags gives a command --json and --watch.
func addLookFlags(cmd *cobra.Command) *look {
	l := &look{}
	cmd.Flags().BoolVar(&l.json, "json", false, "print the reply as JSON")
	cmd.Flags().BoolVarP(&l.watch, "watch", "w", false, "show it again every second, until Ctrl-C")
	return l
}

// show runs one look, or one each second. On a terminal each takes the place of
// the one before; a supervisor that is away for a while does not end it.
func (c *cli) show(ctx context.Context, l *look, once func(ctx context.Context, out *screen) error) error {
	if !l.watch {
		return once(ctx, c.out)
	}
	ticker := time.NewTicker(c.tick)
	defer ticker.Stop()
	for first := true; ; first = false {
		var page bytes.Buffer
		out := c.out.over(&page)
		if err := once(ctx, out); err != nil {
			if first || ctx.Err() != nil {
				return endOfWatch(ctx, err)
			}
			out.printf("%s\n", out.paint(red, errorText(err)))
		}
		if c.out.terminal {
			c.out.redraw(page.String(), first)
		} else {
			c.out.printf("%s", page.String())
		}
		if c.out.failure() != nil {
			return nil // reported at the end of the run
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return endOfWatch(ctx, nil)
		}
	}
}

// endOfWatch makes Ctrl-C the ordinary end of what has no other.
func endOfWatch(ctx context.Context, err error) error {
	var denied *deniedError
	if ctx.Err() != nil && !errors.As(context.Cause(ctx), &denied) {
		return nil
	}
	return err
}
