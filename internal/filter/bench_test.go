package filter

import (
	"fmt"
	"testing"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

// BenchmarkApply filters the items of a shop, once for each way a condition gets its set.
func BenchmarkApply(b *testing.B) {
	const n = 20000
	d := shop(n)
	user := &memUser{}
	for i := range 500 {
		user.events = append(user.events, memEvent{int32(i * 37 % n), []string{"view", "view", "Buy", "rate"}[i%4]})
	}
	req := Request{Values: map[string]string{"G": `"g1","g7","rare3"`, "P": "420"}, User: user, Item: -1}
	for _, c := range []struct{ name, expr string }{
		{"fixed", `INCLUDE ItemID WHERE Items.GENRE IN ("g1","g7","rare3")`},
		{"placeholder", `INCLUDE ItemID WHERE Items.GENRE IN ($G)`},
		{"range", `INCLUDE ItemID WHERE Items.PRICE <= $P`},
		{"events", `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")`},
		{"all", `INCLUDE ItemID WHERE Items.GENRE IN ($G) AND Items.PRICE <= $P | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")`},
	} {
		b.Run(fmt.Sprintf("%s/n=%d", c.name, n), func(b *testing.B) {
			p := compile(b, c.expr, d)
			out := bitset.New(n)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Apply(req, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompile builds the indexes of a text and a number field.
func BenchmarkCompile(b *testing.B) {
	const n = 20000
	d := shop(n)
	f := parse(b, `INCLUDE ItemID WHERE Items.GENRE IN ($G) AND Items.PRICE <= $P`)
	b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.Compile(d); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// shop has n items with one of 20 genres and one of 2,000 rare ones, and a price from 0 to 996.
func shop(n int) *memData {
	genre := &memColumn{texts: make([]string, n)}
	price := &memColumn{numbers: make([]float64, n)}
	for i := range n {
		genre.texts[i] = fmt.Sprintf("g%d|rare%d", i%20, i*7919%2000)
		price.numbers[i] = float64(i * 7919 % 997)
	}
	return &memData{n: n, columns: map[string]*memColumn{"Items.GENRE": genre, "Items.PRICE": price}}
}
