// Package blend holds the recipes that look at the order of events: aws-user-personalization-v2 and
// aws-personalized-ranking-v2, which asks the same model another question.
//
// No single model is best everywhere: transitions where one thing leads to another, linear item models
// where taste is what counts, a user's own past where people buy again. So each training learns a few of
// them as lists of neighbours per item, and weighs what they say of an item by how well that told what
// the users of an inner split did next. Whoever asks is scored from history, so
// new events and new users count at once.
//
// The files follow a training: sequence.go (the events), transitions.go, linear.go and walk.go (the
// models), ridge.go (how much they are held back), lists.go (what they end as), sessions.go (neighbours among
// sequences), alike.go (the same in whatever order), spectrum.go (what varies least), vectors.go (least squares), network.go,
// signals.go (what they say of an item), fit.go (how that is weighed), logit.go (what it comes to), draft.go (the training's two halves), reward.go (objectives), update.go, model.go (answers), tail.go and
// explore.go (of items that no voice speaks of).
package blend

import (
	"context"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is one of the two, or a family of another recipe; the zero value is not useful.
type Recipe struct {
	info  recipe.Info
	whole bool // all items have scores, and new ones are explored as queries say
}

// Personalization returns aws-user-personalization-v2.
func Personalization() Recipe {
	return Recipe{info: recipe.Info{
		Name: "aws-user-personalization-v2", Type: recipe.UserPersonalization, Asks: recipe.ByUser, Scores: true, Mixes: true, ItemMetadata: true, UserMetadata: true, Contexts: true,
		Algorithm: "aws-user-personalization-v2", Feature: "aws-user-personalization-v2",
		Description: "Predicts items a user will interact with, with a model of event order.",
		Created:     time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Parameters: parameters(), EventWeights: true,
	}}
}

// Ranking returns aws-personalized-ranking-v2.
func Ranking() Recipe {
	return Recipe{info: recipe.Info{
		Name: "aws-personalized-ranking-v2", Type: recipe.PersonalizedRanking, Asks: recipe.ByUserList, Scores: true, ItemMetadata: true, UserMetadata: true, Contexts: true,
		Algorithm: "aws-personalized-ranking-v2", Feature: "aws-personalized-ranking-v2",
		Description: "Reranks a list of items for a user, with a model of event order.",
		Created:     time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Parameters: parameters(), EventWeights: true,
	}}
}

// Under returns the recipe as one of the families that another recipe chooses from: under that one's info, with scores for
// all items, exploration where queries ask for it, and an objective. Its parameters are apply_recency_bias, and
// hidden_dimension and bptt of a recurrent network, which stands in the transformer's place.
func Under(info recipe.Info) Recipe { return Recipe{info: info, whole: true} }

// parameters are the same for both (recipes.md §4).
func parameters() []recipe.Parameter {
	return []recipe.Parameter{
		{Name: "apply_recency_bias", Kind: recipe.Boolean, Default: "true", Values: []string{"true", "false"}},
	}
}

// Info describes the recipe.
func (r Recipe) Info() recipe.Info { return r.info }

// A settings is the part of a model that is not arrays; it is the artifact's meta document.
type settings struct {
	Recipe  string
	Family  string           // the package's name, for recipes that choose among families
	Recency bool             // apply_recency_bias
	Level   [voices]float64  // what a voice's signal is divided by
	Weights [signals]float64 // logit per unit of signal
	Network *seqnet.Shape    // nil if there is none

	Ridge    float32      // of trainTogether
	HalfLife float64      // learned.halfLife
	Sessions bool         // whether there are learned.sessions
	Spectrum int          // width of learned.spectrum, 0 without one
	Content  int          // features in learned.content, 0 without it
	Kin      *kin         `json:",omitempty"`
	Context  *kin         `json:",omitempty"`
	Alone    [2]float64   // weights of contentVoice where no other speaks
	Vectors  *vectorShape `json:",omitempty"` // nil if there are none

	Newest int64   // time of the newest interaction
	Reward float64 // logit per standard reward; 0 without an objective
}

// Family is what the meta documents of this package's models have under the same name.
const Family = "blend"

// Train learns the lists from all but what the inner split holds back, weighs them on that, and learns
// them again from everything.
//
// Memory: the events twice, 8 bytes for each of the at most 32 million neighbours of a family (4 KB an
// item at most; three families at once), 100 MB of examples to weigh by; and for dense models a matrix of items by
// items for what goes together (400 MB for 10,000 items, 1.6 GB for the most, 20,000) and two for what follows
// (1.2 GB for the most, 12,288). A spectrum takes 400 MB at most, and is kept beside the first while the second is learned; so are
// vectors.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	d, err := r.Draft(ctx, t, t.Data)
	if err != nil {
		return err
	}
	return d.Finish(ctx)
}

// tune sets the weights by an inner split of the events, and returns what was learned from the part that was not held
// back: nil if there are too few users for that.
//
// The split is by time, as everything is measured, unless times say nothing: then the newest events of everybody
// are the same few items, and what is learned of them is wrong for the rest. So events are held back from
// anywhere instead, and nothing is learned of their order.
func (s *settings) tune(ctx context.Context, t *recipe.Training, all *sequences, p *progress) (*learned, error) {
	scattered := all.scattered()
	part, tests := all.holdBack(t.Seed, scattered)
	if len(tests) < leastTests {
		return nil, nil
	}
	use := usable(s.Recency && !scattered)
	l, err := learn(ctx, part, wantedBy(func(k int) bool { return use[k] }), s.Ridge, t.Seed, t.Threads, p)
	if err != nil {
		return nil, err
	}
	if s.Ridge, err = l.chooseRidge(ctx, part, tests, s.Recency && !scattered, t.Threads); err != nil {
		return nil, err
	}
	if s.Recency && !scattered && learnsOrder(t, part) {
		if l.network, err = trainNetwork(ctx, t, part, tests); err != nil {
			return nil, err
		}
	}
	if l.network, err = l.network.told(ctx, l.content, t.Threads); err != nil {
		return nil, err
	}
	if err := s.weigh(ctx, l, tests, use, t.Threads); err != nil {
		return nil, err
	}
	t.Log.Debug("weighed", "tests", len(tests), "weights", s.Weights)
	return l, nil
}

// A learned is everything that is known of items.
type learned struct {
	want     wanted // what was learned
	families [familyCount]lists
	network  *network  // nil where order is not to count or nothing could be told of it
	order    []int32   // items by popularity
	popular  []float32 // log(users+1)
	trending []float32 // log(newest events+1)
	halfLife float64   // seconds in which what a user had counts half
	sessions *sessions // nil where neighbours do not speak
	spectrum *spectrum // nil where data is too small or too large for it
	content  *content  // nil where items say nothing of themselves
	kin      *kinship  // nil where users' metadata tells nothing
	context  *kinship  // nil where circumstances tell nothing
	vectors  *vectors  // nil where data is too small or too large for them
}

// learn trains the families that are wanted on the events; the others' lists are empty.
func learn(ctx context.Context, s *sequences, want wanted, ridge float32, seed uint64, threads int, p *progress) (*learned, error) {
	count := s.users()
	want.alike = want.alike && s.n > denseTogether // a linear model says the same, and is asked faster
	l := &learned{want: want, order: recipe.ByPopularity(count), popular: logs(count), trending: logs(s.recent()), halfLife: s.halfLife()}
	l.content = s.content.among(s.created, recipe.TriedBy(s.shown, count))
	if want.sessions || want.alike {
		l.sessions = newSessions(s)
	}
	var err error
	if want.spectrum {
		if l.spectrum, err = trainSpectrum(ctx, s, seed, threads); err != nil {
			return nil, err
		}
	}
	if want.vectors {
		if l.vectors, err = trainVectors(ctx, s, seed, threads); err != nil {
			return nil, err
		}
	}
	for k, train := range families(s.n, ridge) {
		if !want.families[k] {
			train = trainNothing
		}
		if l.families[k], err = train(ctx, s, threads); err != nil {
			return nil, err
		}
		p.step()
	}
	return l, nil
}

// wanted says what is worth learning.
type wanted struct {
	families [familyCount]bool
	sessions bool // to speak of what is near, in order
	alike    bool // sessions, to speak in whatever order
	spectrum bool
	vectors  bool
}

// wantedBy is what is needed for the signals that count.
func wantedBy(counts func(signal int) bool) (w wanted) {
	for v := range voices {
		if counts(2*v) || counts(2*v+1) {
			switch v {
			case afterVoice, aroundVoice:
				w.sessions = true
			case alikeVoice:
				w.alike = true
			case spectrumVoice:
				w.spectrum = true
			case contentVoice: // is there already
			case vectorVoice:
				w.vectors = true
			default:
				w.families[voiceFamily[v]] = true
			}
		}
	}
	return w
}

// The families of lists, in the order of learned.families.
const (
	transitions = iota // what followed, near
	forward            // what followed, seen through what else did
	together           // what the same users had
	familyCount
)

type trainer func(ctx context.Context, s *sequences, threads int) (lists, error)

// families are the trainers for a catalogue of n items: dense linear models if these are affordable.
func families(n int, ridge float32) [familyCount]trainer {
	f := [familyCount]trainer{trainTransitions, trainForward, func(ctx context.Context, s *sequences, threads int) (lists, error) {
		return trainTogether(ctx, s, ridge, threads)
	}}
	if n > denseForward {
		f[forward] = trainFarTransitions
	}
	if n > denseTogether {
		f[together] = trainWalks
	}
	return f
}

// trainNothing makes empty lists.
func trainNothing(_ context.Context, s *sequences, _ int) (lists, error) {
	return lists{start: make([]int64, s.n+1)}, nil
}

// progress counts the families that are trained.
type progress struct {
	report      func(stage string, done, total int)
	done, total int
}

func (p *progress) step() {
	p.done++
	if p.report != nil {
		p.report("neighbours", p.done, p.total)
	}
}

// listNames are the arrays' prefixes, by family.
var listNames = [familyCount]string{"transitions", "forward", "together"}

// write puts the model's arrays:
//
//	items     string table of ids
//	order     int32, item indexes by popularity
//	popular   float32, log(users+1)
//	trending  float32, log(newest events+1)
//	count     int32, recipe.Tried of each item
//	created   int64, Unix seconds
//	reward    float32, standard rewards; absent without an objective
//
// and for each family F of transitions, forward and together:
//
//	F.start   int64, item i's neighbours are F.item[F.start[i]:F.start[i+1]]
//	F.item    int32, ascending
//	F.weight  float32, alongside
//
// and those of sessions, spectrum, vectors, content, kin, context and network, if there are any.
func write(t recipe.Training, s settings, l *learned) error {
	w := t.Out
	if err := w.Names("items", t.Data.Items.Len(), t.Data.Items.At); err != nil {
		return err
	}
	if err := artifact.Put(w, "order", l.order); err != nil {
		return err
	}
	if err := artifact.Put(w, "popular", l.popular); err != nil {
		return err
	}
	if err := artifact.Put(w, "trending", l.trending); err != nil {
		return err
	}
	if err := artifact.Put(w, "count", recipe.Tried(t.Data, recipe.UniqueUsers(t.Data))); err != nil {
		return err
	}
	if err := artifact.Put(w, "created", t.Data.Created); err != nil {
		return err
	}
	if s.Reward != 0 {
		if err := artifact.Put(w, "reward", recipe.StandardRewards(t.Data.Reward)); err != nil {
			return err
		}
	}
	for k, f := range l.families {
		if err := f.put(w, listNames[k]); err != nil {
			return err
		}
	}
	if err := l.sessions.put(w); err != nil {
		return err
	}
	if err := l.spectrum.put(w); err != nil {
		return err
	}
	if err := l.content.put(w); err != nil {
		return err
	}
	if err := l.kin.put(w, "kin"); err != nil {
		return err
	}
	if err := l.context.put(w, "context"); err != nil {
		return err
	}
	if err := l.vectors.put(w); err != nil {
		return err
	}
	if err := l.network.put(w); err != nil {
		return err
	}
	return w.Meta(s)
}

// Open makes a model of an artifact. The model refers to f's memory.
func (r Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m := &model{asks: r.info.Asks, mixes: r.info.Mixes, learned: &learned{}}
	if err := f.Meta(&m.settings); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	items, err := f.Strings("items")
	if err != nil {
		return nil, err
	}
	m.items = items
	n := items.Len()
	if m.order, err = artifact.Get[int32](f, "order"); err != nil {
		return nil, err
	}
	if m.popular, err = artifact.Get[float32](f, "popular"); err != nil {
		return nil, err
	}
	if m.trending, err = artifact.Get[float32](f, "trending"); err != nil {
		return nil, err
	}
	if len(m.order) != n || len(m.popular) != n || len(m.trending) != n {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d items", r.info.Name, n)
	}
	if err := m.openItems(f, r.whole); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	for k := range m.families {
		if m.families[k], err = getLists(f, listNames[k], n); err != nil {
			return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
		}
	}
	m.halfLife = m.settings.HalfLife
	if m.settings.Sessions {
		if m.sessions, err = getSessions(f, n); err != nil {
			return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
		}
	}
	if m.spectrum, err = getSpectrum(f, m.settings.Spectrum, n); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.content, err = getContent(f, m.settings.Content, n); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.kin, err = getKin(f, "kin", m.settings.Kin); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.context, err = getKin(f, "context", m.settings.Context); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.vectors, err = getVectors(f, m.settings.Vectors, n); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.network, err = getNetwork(f, m.settings.Network); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	m.want = m.settings.wanted()
	m.weigher = newWeigher(&m.settings, m.learned)
	return m, nil
}

// openItems opens what is told of items whatever a history is.
func (m *model) openItems(f *artifact.File, whole bool) error {
	count, err := artifact.Get[int32](f, "count")
	if err != nil {
		return err
	}
	created, err := artifact.Get[int64](f, "created")
	if err != nil {
		return err
	}
	if m.settings.Reward != 0 {
		if m.reward, err = artifact.Get[float32](f, "reward"); err != nil {
			return err
		}
	}
	n := m.items.Len()
	if len(count) != n || len(created) != n || m.reward != nil && len(m.reward) != n {
		return fmt.Errorf("the arrays' lengths do not fit %d items", n)
	}
	m.explorer = recipe.NewExplorer(m.settings.Newest, created, count)
	if whole {
		m.tail = newTail(m.popular)
	}
	return nil
}
