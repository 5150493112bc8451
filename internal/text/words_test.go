package text_test

import (
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/text"
)

func TestWords(t *testing.T) {
	for s, want := range map[string][]string{
		"":                             nil,
		" -- ":                         nil,
		"The Lord of the Rings (2001)": {"the", "lord", "of", "the", "rings", "2001"},
		"Ärzte, naïve\tÉCLAIR—x7's":    {"ärzte", "naïve", "éclair", "x7", "s"},
		"お茶 日本":                        {"お茶", "日本"},
	} {
		if got := text.Words(s); !slices.Equal(got, want) {
			t.Errorf("Words(%q) = %q, want %q", s, got, want)
		}
	}
}
