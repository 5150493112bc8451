package peak

import "testing"

// Every loop ends, after one round and after many.
func TestLoops(t *testing.T) {
	for _, l := range Loops() {
		l.Run(1)
		l.Run(1000)
		if l.Ops <= 0 || l.Name == "" || l.Unit == "" {
			t.Errorf("loop %+v does not say what it is", l)
		}
	}
}

func BenchmarkLoops(b *testing.B) {
	for _, l := range Loops() {
		b.Run(l.Name, func(b *testing.B) {
			const rounds = 1000
			for b.Loop() {
				l.Run(rounds)
			}
			b.ReportMetric(l.Ops*rounds*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gop/s")
		})
	}
}
