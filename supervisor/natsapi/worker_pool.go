package natsapi

import "sync"

// workerPool runs jobs, each in its own goroutine, and keeps some goroutines for the
// next jobs: a new goroutine spends much of a short job on growing its stack.
type workerPool struct {
	next    chan func()
	idle    chan struct{} // one entry for each goroutine that waits
	workers *sync.WaitGroup
}

const maxIdle = 256

func newWorkerPool() workerPool {
	return workerPool{next: make(chan func()), idle: make(chan struct{}, maxIdle), workers: &sync.WaitGroup{}}
}

// do starts a job at once. It must not be called together with, or after, stop.
func (c *workerPool) do(job func()) {
	select {
	case c.next <- job: // to a waiting goroutine
	default:
		c.workers.Go(func() { c.work(job) })
	}
}

// work runs jobs until there are none and enough goroutines wait for the next one
// already.
func (c *workerPool) work(job func()) {
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

// stop waits for the jobs in progress and ends the goroutines.
func (c *workerPool) stop() {
	close(c.next)
	c.workers.Wait()
}
