package engine

import (
	"container/heap"
	"iter"

	"missioncontrol/missions"
)

// schedule says which of many keys is due first. The zero value is empty.
type schedule[K comparable] struct {
	heap scheduleHeap[K]
}

type scheduleHeap[K comparable] struct {
	entries []scheduled[K]
	places  map[K]int
}

type scheduled[K comparable] struct {
	at  missions.Time
	key K
}

// set plans a key for a time, 0 for never.
func (s *schedule[K]) set(key K, at missions.Time) {
	place, known := s.heap.places[key]
	switch {
	case at == 0 && known:
		heap.Remove(&s.heap, place)
	case at == 0:
	case known:
		s.heap.entries[place].at = at
		heap.Fix(&s.heap, place)
	default:
		if s.heap.places == nil {
			s.heap.places = map[K]int{}
		}
		heap.Push(&s.heap, scheduled[K]{at, key})
	}
}

// first returns the key that is due first; ok is false if there is none.
func (s *schedule[K]) first() (key K, at missions.Time, ok bool) {
	if len(s.heap.entries) == 0 {
		return key, 0, false
	}
	return s.heap.entries[0].key, s.heap.entries[0].at, true
}

// Len, Less, Swap, Push and Pop implement heap.Interface.

func (h *scheduleHeap[K]) Len() int           { return len(h.entries) }
func (h *scheduleHeap[K]) Less(i, j int) bool { return h.entries[i].at < h.entries[j].at }

func (h *scheduleHeap[K]) Swap(i, j int) {
	h.entries[i], h.entries[j] = h.entries[j], h.entries[i]
	h.places[h.entries[i].key], h.places[h.entries[j].key] = i, j
}

func (h *scheduleHeap[K]) Push(x any) {
	entry := x.(scheduled[K])
	h.places[entry.key] = len(h.entries)
	h.entries = append(h.entries, entry)
}

func (h *scheduleHeap[K]) Pop() any {
	last := len(h.entries) - 1
	entry := h.entries[last]
	h.entries = h.entries[:last]
	delete(h.places, entry.key)
	return entry
}

// due iterates over the keys that are due by now, at most limit, in no particular order.
func (s *schedule[K]) due(now missions.Time, limit int) iter.Seq[K] {
	return func(yield func(K) bool) {
		found := 0
		var walk func(place int) bool
		walk = func(place int) bool {
			if place >= len(s.heap.entries) || s.heap.entries[place].at > now || found == limit {
				return true
			}
			found++
			return yield(s.heap.entries[place].key) && walk(2*place+1) && walk(2*place+2)
		}
		walk(0)
	}
}
