package batcher

// responseOrder holds back responses that overtook others (R10).
type responseOrder struct {
	places ring[place]
	first  uint64 // the number of the place in front
}

type place struct {
	id   uint64
	done bool
}

// reserve takes the next place for request id.
func (o *responseOrder) reserve(id uint64) uint64 {
	o.places.push(place{id: id})
	return o.first + uint64(o.places.len()) - 1
}

func (o *responseOrder) clear() {
	o.places.clear()
	o.first = 0
}

// answer sends the response of it, or keeps it until those before it are sent.
func (m *Machine) answer(it *item) {
	if !m.cfg.PreserveOrdering || m.cfg.Rules.OrderAtCompletion || !m.cfg.Dynamic {
		m.send(it.ID)
		return
	}
	o := &m.order
	o.places.at(int(it.place - o.first)).done = true
	for o.places.len() > 0 && o.places.at(0).done {
		m.send(o.places.pop().id)
		o.first++
	}
}

func (m *Machine) send(id uint64) {
	m.open--
	m.act(Action{Kind: Answer, ID: id})
}
