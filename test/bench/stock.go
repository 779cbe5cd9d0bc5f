package main

import "context"

// small is how many missions a small store has.
const small = 1000

// stock is a large store that several rows use. Its supervisor only runs while a row's
// side needs it. Its Redis goes on in between, with nothing to do.
type stock struct {
	on    *site
	place place
}

// stocked starts a supervisor on the large store, which the first use fills.
func (s *site) stocked(ctx context.Context, store string) (place, error) {
	k, ok := s.stocks[store]
	if !ok {
		var err error
		if k, err = s.fillStock(ctx, store); err != nil {
			return place{}, err
		}
		s.stocks[store] = k
	}
	return s.again(k.place)
}

func (w *workplace) fillStock(ctx context.Context, store string) (*stock, error) {
	on, err := w.site()
	if err != nil {
		return nil, err
	}
	k := &stock{on: on}
	if k.place, err = on.supervised(store, "everysec"); err == nil {
		err = on.fill(k.place.url, w.stored)
	}
	if err == nil {
		// What has been put off is done before the supervisor ends, so that it is not
		// done in a round.
		_, err = deferredTime(ctx, w.stored)
	}
	if err != nil {
		on.close()
		return nil, err
	}
	end(k.place.cmd)
	return k, nil
}

// sparse starts a supervisor on a store with few missions.
func (s *site) sparse(store string) (place, error) {
	p, err := s.supervised(store, "everysec")
	if err != nil {
		return p, err
	}
	return p, s.fill(p.url, small)
}

func (s *site) fill(url string, n int) error {
	nc, err := s.connect(url)
	if err != nil {
		return err
	}
	return fill(nc, n)
}

// release ends the stocks that no row uses any more.
func (w *workplace) release(rest []row) {
	used := map[string]bool{}
	for _, r := range rest {
		used[r.stock] = true
	}
	for store, k := range w.stocks {
		if !used[store] {
			k.on.close()
			delete(w.stocks, store)
		}
	}
}

// stockedRedis returns the address of the large store's Redis, which no supervisor uses.
func (s *site) stockedRedis(ctx context.Context) (string, error) {
	p, err := s.stocked(ctx, "Redis")
	if err != nil {
		return "", err
	}
	end(p.cmd)
	return p.redis, nil
}
