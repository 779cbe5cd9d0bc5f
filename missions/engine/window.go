package engine

import "slices"

// window holds the first elements of an ordered set whose rest is on the backend.
type window[E any] struct {
	compare func(a, b E) int
	most    int  // elements kept between batches
	kept    *int // the sum of the lengths of several windows
	list    []E
	all     bool // it holds the whole set
}

// covers reports whether the window decides on e: e is in the set if and only if it is in
// the window.
func (w *window[E]) covers(e E) bool {
	return w.all || len(w.list) > 0 && w.compare(e, w.list[len(w.list)-1]) <= 0
}

// add adds an element to the set, and reports whether the window has become too long. It is
// not shortened at once, since a step may need all that was loaded for it.
func (w *window[E]) add(e E) (long bool) {
	if !w.covers(e) {
		return false
	}
	at, there := slices.BinarySearchFunc(w.list, e, w.compare)
	if !there {
		w.list = slices.Insert(w.list, at, e)
		*w.kept++
	}
	return len(w.list) > w.most
}

// shorten forgets the end of a window that is too long.
func (w *window[E]) shorten() {
	if long := len(w.list) - w.most; long > 0 {
		clear(w.list[w.most:])
		w.list, w.all = w.list[:w.most], false
		*w.kept -= long
	}
}

// remove takes an element out of the set. A window that does not cover it has nothing to do.
func (w *window[E]) remove(e E) {
	if at, there := slices.BinarySearchFunc(w.list, e, w.compare); there {
		w.list = slices.Delete(w.list, at, at+1)
		*w.kept--
	}
}

// has reports whether the window shows the first n elements of the set.
func (w *window[E]) has(n int) bool { return w.all || len(w.list) >= n }

// load replaces the window by the first elements of the set; all says that there are no more.
func (w *window[E]) load(list []E, all bool) {
	*w.kept += len(list) - len(w.list)
	w.list, w.all = list, all
}
