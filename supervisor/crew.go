package supervisor

import "sync"

// crew does jobs, each in a goroutine of its own, and keeps some of the goroutines for the
// next jobs: a fresh one spends much of a short job on making its stack larger.
type crew struct {
	next    chan func()
	idle    chan struct{} // one entry for each goroutine that waits
	members *sync.WaitGroup
}

const maxIdle = 256

func newCrew() crew {
	return crew{next: make(chan func()), idle: make(chan struct{}, maxIdle), members: &sync.WaitGroup{}}
}

// do has a job done, at once. It must not be called together with, or after, dismiss.
func (c *crew) do(job func()) {
	select {
	case c.next <- job: // to one that waits
	default:
		c.members.Go(func() { c.work(job) })
	}
}

// work does jobs until there is none, and enough wait for the next one already.
func (c *crew) work(job func()) {
	for ok := true; ok; {
		job()
		select {
		case c.idle <- struct{}{}:
		default:
			return
		}
		job, ok = <-c.next
		<-c.idle
	}
}

// dismiss waits for what is under way and ends the goroutines.
func (c *crew) dismiss() {
	close(c.next)
	c.members.Wait()
}
