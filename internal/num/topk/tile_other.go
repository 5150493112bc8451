//go:build !amd64 || noasm

package topk

func (t *tile) find(p *packed, first, panels int) (done int) { return t.loop(p, first, panels, nil) }

func (t *tile) sum(p *packed, first, panels int, masks []uint32) (done int) {
	return t.loop(p, first, panels, masks)
}

func (t *tile) store(p *packed, first, panels int, out []int32) { t.storeLoop(p, first, panels, out) }

func (b *pairs) products(int) bool { return false }
