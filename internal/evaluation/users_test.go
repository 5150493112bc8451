package evaluation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// With a file of users, those without a history are answered by what it says of them.
func TestUsersFile(t *testing.T) {
	var visits, users, later strings.Builder
	visits.WriteString("USER_ID,ITEM_ID,TIMESTAMP\n")
	users.WriteString("USER_ID,gender\n")
	later.WriteString("USER_ID,ITEM_ID\n")
	for u := range 80 {
		kind := [...]string{"F", "M"}[u%2]
		fmt.Fprintf(&users, "u%02d,%s\n", u, kind)
		for k := range 12 {
			item := (u/2+k*k)%20*2 + u%2
			if u < 70 {
				fmt.Fprintf(&visits, "u%02d,i%02d,%d\n", u, item, 1000*k+u)
			} else {
				fmt.Fprintf(&later, "u%02d,i%02d\n", u, item)
			}
		}
	}
	o := order(t, "truth="+write(t, "later.csv", later.String()))
	o.Interactions, o.Recipe, o.K = write(t, "visits.csv", visits.String()), "aws-user-personalization", []int{10}
	without := run3(t, recipe.ByUser, o).Model.Metrics["recall@10"].Mean
	o.Users = write(t, "users.csv", users.String())
	with := run3(t, recipe.ByUser, o).Model.Metrics["recall@10"].Mean
	if with < 1.5*without {
		t.Errorf("recall@10 of strangers is %.3f by what is known of them and %.3f without, want much more", with, without)
	}
}
