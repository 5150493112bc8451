package batch

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slowScore is appendScore step by step: to whole ten-millionths, halves away from 0, then to text.
func slowScore(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "null"
	}
	n := math.Round(math.Abs(v) * 1e7)
	if n >= 1<<53 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	text := fmt.Sprintf("%d.%07d", uint64(n)/1e7, uint64(n)%1e7)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if v < 0 && n > 0 {
		return "-" + text
	}
	return text
}

func checkScore(t interface{ Errorf(string, ...any) }, v float64) {
	if got, want := string(appendScore([]byte("before"), v)), "before"+slowScore(v); got != want {
		t.Errorf("appendScore(%v) = %s, want %s", v, got, want)
	}
}

// Scores are written as the slow way writes them: probabilities of every size, halves and their neighbours, and
// everything else there is.
func TestScoresAreWrittenInFull(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, 0.5, 0.31, 0.1, 1e-7, 5e-8, 4e-8, 0.9999999, 0.99999995, 0.99999999,
		math.Nextafter(1, 0), math.Nextafter(1, 2), 1e-300, 5e-324, 123.25, -0.5, -1e-9, 9007199254, 900719925.4740992, 1e18, math.MaxFloat64,
		math.NaN(), math.Inf(1), math.Inf(-1)} {
		checkScore(t, v)
	}
	rapid.Check(t, func(t *rapid.T) {
		half := (float64(rapid.IntRange(0, 1e7).Draw(t, "n")) + 0.5) / 1e7
		for _, v := range []float64{
			rapid.Float64().Draw(t, "any"), rapid.Float64Range(0, 1).Draw(t, "probability"), math.Exp(-rapid.Float64Range(0, 40).Draw(t, "log")),
			half, math.Nextafter(half, 0), math.Nextafter(half, 1),
		} {
			checkScore(t, v)
			checkScore(t, -v)
		}
	})
}

// The digits of a score are those of the number.
func TestDigits(t *testing.T) {
	for n := uint64(1); n < 1e7; n += 7 { // every digit at every place
		to := appendDecimals(nil, n)
		back, err := strconv.ParseUint(string(to), 10, 64)
		for range 7 - len(to) {
			back *= 10
		}
		if err != nil || back != n || to[len(to)-1] == '0' {
			t.Fatalf("appendDecimals(%d) = %s, %v", n, to, err)
		}
	}
}

// strconv writes the same digits, but for scores so near to halfway between two that their product with 10⁷ is not.
func TestScoresAreRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(0, 1).Draw(t, "v")
		_, part := math.Modf(v * 1e7)
		if math.Abs(part-0.5) < 1e-8 {
			return
		}
		want := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 7, 64), "0"), ".")
		if got := string(appendScore(nil, v)); got != want {
			t.Fatalf("appendScore(%v) = %s, want %s", v, got, want)
		}
	})
}
