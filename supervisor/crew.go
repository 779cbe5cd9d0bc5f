package supervisor

import "sync"

// crew does jobs, each in a goroutine of its own, and keeps some of the goroutines for the
// next jobs: a fresh one spends much of a short job on making its stack larger.
type workerPool struct {
	next    chan func()
	idle    chan struct{} // one entry for each goroutine that waits
	workers *sync.WaitGroup
}

const maxIdle = 256

func newWorkerPool() workerPool {
	return workerPool{next: make(chan func()), idle: make(chan struct{}, maxIdle), workers: &sync.WaitGroup{}}
}

// do has a job done, at once. It must not be called together with, or after, dismiss.
func (c *workerPool) do(job func()) {
	select {
	case c.next <- job: // to one that waits
	default:
		c.workers.Go(func() { c.work(job) })
	}
}

// work does jobs until there is none, and enough wait for the next one already.
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

// dismiss waits for what is under way and ends the goroutines.
func (c *workerPool) stop() {
	close(c.next)
	c.workers.Wait()
}
