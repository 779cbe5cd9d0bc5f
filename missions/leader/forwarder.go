package leader

import (
	"context"
	"errors"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
	"missioncontrol/missions/engine"
)

// forwarder sends requests to the supervisor that leads. Requests that are made while others
// are on their way share the next message.
type forwarder struct {
	send func(ctx context.Context, holder string, message []byte) ([]byte, error)

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting map[string][]*forwarded // by holder
	flights map[string]int
	senders sync.WaitGroup
}

// Messages on their way to one leader at a time, and their bytes, unless one request is larger.
const (
	maxFlights      = 4
	maxMessageBytes = 256 << 10
)

// forwarded is a request on its way.
type forwarded struct {
	ctx     context.Context
	request []byte
	done    chan struct{}
	answer  []byte
	err     error
}

var errTermOver = errors.New("another supervisor may lead now")

// ask sends a request and returns the answer, if that comes before the term is over. An error is
// what the leader said, or the transport's.
func (f *forwarder) ask(ctx context.Context, holder string, over <-chan struct{}, request []byte) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	one := &forwarded{ctx: ctx, request: request, done: make(chan struct{})}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrNotDelivered
	}
	f.waiting[holder] = append(f.waiting[holder], one)
	if f.flights[holder] < maxFlights {
		f.flights[holder]++
		f.senders.Go(func() { f.fly(holder) })
	}
	f.mu.Unlock()
	select {
	case <-one.done:
		return one.answer, one.err
	case <-ctx.Done():
	case <-over:
	}
	if f.withdraw(holder, one) {
		return nil, ErrNotDelivered
	}
	return nil, errTermOver // its message may have arrived
}

// withdraw takes back a request that is not on its way yet.
func (f *forwarder) withdraw(holder string, one *forwarded) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.waiting[holder] {
		if other == one {
			f.waiting[holder] = append(f.waiting[holder][:i:i], f.waiting[holder][i+1:]...)
			return true
		}
	}
	return false
}

// fly sends messages as long as requests wait.
func (f *forwarder) fly(holder string) {
	for {
		some := f.take(holder)
		if len(some) == 0 {
			return
		}
		f.deliver(holder, some)
	}
}

// take takes the requests of the next message; none if nobody waits, and then the flight has
// ended.
func (f *forwarder) take(holder string) (some []*forwarded) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := 0
	list := f.waiting[holder]
	for len(list) > 0 && (len(some) == 0 || size+len(list[0].request) <= maxMessageBytes) {
		size += len(list[0].request)
		some, list = append(some, list[0]), list[1:]
	}
	f.waiting[holder] = list
	if len(some) == 0 {
		delete(f.waiting, holder)
		if f.flights[holder]--; f.flights[holder] == 0 {
			delete(f.flights, holder)
		}
	}
	return some
}

// deliver sends a message and gives each request its answer. It waits as long as any of those
// who have asked.
func (f *forwarder) deliver(holder string, some []*forwarded) {
	ctx, cancel := context.WithCancel(f.ctx)
	left := make(chan struct{}, len(some))
	stops := make([]func() bool, len(some))
	for i, one := range some {
		stops[i] = context.AfterFunc(one.ctx, func() { left <- struct{}{} })
	}
	over := make(chan struct{})
	f.senders.Go(func() {
		defer cancel()
		for range some {
			select {
			case <-left:
			case <-over:
				return
			}
		}
	})
	answers, err := f.exchange(ctx, holder, some)
	close(over)
	for i, one := range some {
		stops[i]()
		if one.err = err; err == nil {
			one.answer, one.err = readFrame(answers[i])
		}
		close(one.done)
	}
}

func (f *forwarder) exchange(ctx context.Context, holder string, some []*forwarded) ([][]byte, error) {
	requests := make([][]byte, len(some))
	for i, one := range some {
		requests[i] = one.request
	}
	w := codec.Writer(nil)
	listOf(codec.Content[[]byte])(w, &requests)
	answer, err := f.send(ctx, holder, w.Bytes())
	if err != nil {
		return nil, err
	}
	var answers [][]byte
	r := codec.Reader(answer)
	listOf(codec.Content[[]byte])(r, &answers)
	if err := r.End(); err != nil || len(answers) != len(some) {
		return nil, missions.Unavailable("the supervisor that leads gave an answer that cannot be read", err)
	}
	return answers, nil
}

func (f *forwarder) init(send func(ctx context.Context, holder string, message []byte) ([]byte, error)) {
	f.send, f.waiting, f.flights = send, map[string][]*forwarded{}, map[string]int{}
	f.ctx, f.cancel = context.WithCancel(context.Background())
}

// close ends what is on its way.
func (f *forwarder) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.senders.Wait()
}

// Answer performs the requests of a message that another supervisor has sent, and returns what
// it is answered. It may be called concurrently.
func (s *Shared) Answer(ctx context.Context, message []byte) []byte {
	var requests [][]byte
	r := codec.Reader(message)
	listOf(codec.Content[[]byte])(r, &requests)
	if r.End() != nil {
		requests = nil
	}
	frames := make([][]byte, len(requests))
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			var answer []byte
			var err error = engine.ErrNotLeader
			if local := s.current().local; local != nil {
				answer, err = local.Serve(ctx, requests[i])
			}
			if errors.Is(err, errStoreClosed) { // it resigns
				err = engine.ErrNotLeader
			}
			frames[i] = frame(answer, err)
		})
	}
	all.Wait()
	w := codec.Writer(nil)
	listOf(codec.Content[[]byte])(w, &frames)
	return w.Bytes()
}

// frame is an answer or an error as it is sent.
func frame(answer []byte, err error) []byte {
	w := codec.Writer(nil)
	notLeader := engine.IsNotLeader(err)
	codec.Flag(w, &notLeader)
	wireError(w, &err)
	codec.Content(w, &answer)
	return w.Bytes()
}

func readFrame(frame []byte) (answer []byte, err error) {
	r := codec.Reader(frame)
	notLeader := false
	codec.Flag(r, &notLeader)
	wireError(r, &err)
	codec.Content(r, &answer)
	switch {
	case r.End() != nil:
		return nil, missions.Unavailable("the supervisor that leads gave an answer that cannot be read", r.End())
	case notLeader:
		return nil, engine.ErrNotLeader
	}
	return answer, err
}
