package text

// Kind is what a term of a text is.
type Kind uint32

// The kinds of terms.
const (
	Single Kind = iota // a word
	Pair               // two neighbouring words
	Piece              // pieceLength letters of a word with its borders: those find a word's other forms
)

// pieceLength is characters of a piece of a word.
const pieceLength = 4

// Terms calls each for every word, pair of neighbouring words and piece of a word, with a hash of 30 bits. What occurs
// twice is told twice.
func Terms(words []string, each func(kind Kind, hash uint32)) {
	for k, w := range words {
		each(Single, hash(Single, w, ""))
		if k > 0 {
			each(Pair, hash(Pair, words[k-1], w))
		}
		bordered := []rune("^" + w + "$")
		for k := range max(0, len(bordered)-pieceLength+1) {
			each(Piece, hash(Piece, string(bordered[k:k+pieceLength]), ""))
		}
	}
}

// hash is FNV-1a over a kind and two words, with a final mixing.
func hash(kind Kind, a, b string) uint32 {
	h := uint32(2166136261) ^ uint32(kind)*0x9e3779b9
	for k := range len(a) {
		h = (h ^ uint32(a[k])) * 16777619
	}
	h = (h ^ ' ') * 16777619
	for k := range len(b) {
		h = (h ^ uint32(b[k])) * 16777619
	}
	h = (h ^ h>>16) * 0x7feb352d
	h ^= h >> 15
	return h & (1<<30 - 1)
}
