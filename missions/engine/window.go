package engine

import "slices"

// window holds the first elements of an ordered set whose rest is on the backend.
type window[E any] struct {
	compare func(a, b E) int
	list    []E
	all     bool // it holds the whole set
}

// covers reports whether the window decides on e: e is in the set if and only if it is in
// the window.
func (w *window[E]) covers(e E) bool {
	return w.all || len(w.list) > 0 && w.compare(e, w.list[len(w.list)-1]) <= 0
}

// add adds an element to the set. The window then forgets what exceeds most elements.
func (w *window[E]) add(e E, most int) {
	if !w.covers(e) {
		return
	}
	at, there := slices.BinarySearchFunc(w.list, e, w.compare)
	if there {
		return
	}
	w.list = slices.Insert(w.list, at, e)
	if len(w.list) > most {
		clear(w.list[most:])
		w.list, w.all = w.list[:most], false
	}
}

// remove takes an element out of the set. A window that does not cover it has nothing to do.
func (w *window[E]) remove(e E) {
	if at, there := slices.BinarySearchFunc(w.list, e, w.compare); there {
		w.list = slices.Delete(w.list, at, at+1)
	}
}

// has reports whether the window shows the first n elements of the set.
func (w *window[E]) has(n int) bool { return w.all || len(w.list) >= n }

// load replaces the window by the first elements of the set; all says that there are no more.
func (w *window[E]) load(list []E, all bool) { w.list, w.all = list, all }
