package app

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/wire"
)

// ProgressPath is where a signed GET with ?arn= tells how far a resource is. It is Kindred's own: the
// Personalize API has only the status.
const ProgressPath = "/kindred/progress"

// A Progress is how far a resource is.
type Progress struct {
	ARN           arn.ARN       `json:"arn"`
	Status        string        `json:"status"`
	FailureReason string        `json:"failureReason,omitempty"`
	Settled       bool          `json:"settled"`       // nothing is going on
	Job           *job.Progress `json:"job,omitempty"` // of the newest work, if it ever reported
}

// progressHandler answers ProgressPath for verified callers.
func progressHandler(store catalog.Store, queue job.Queue, may auth.Authorizer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := may(r.Context(), "kindred:GetProgress", r.URL.Query().Get("arn"))
		p := Progress{}
		if err == nil {
			p, err = progressOf(r, store, queue)
		}
		if err != nil {
			wire.WriteError(w, r, wire.RestJSON, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(p)
	})
}

func progressOf(r *http.Request, store catalog.Store, queue job.Queue) (Progress, error) {
	name := arn.ARN(r.URL.Query().Get("arn"))
	p := Progress{ARN: name}
	caller, _ := auth.From(r.Context())
	doc, rec, err := catalog.Load[struct {
		FailureReason string `json:"failureReason"`
	}](r.Context(), store, name)
	if err != nil {
		return p, err
	}
	if rec.Account != caller.Account+"/"+name.Region() {
		return p, catalog.NotFound(name)
	}
	p.Status, p.FailureReason = rec.Status, doc.FailureReason
	p.Settled = !strings.Contains(rec.Status, "PENDING") && !strings.Contains(rec.Status, "IN_PROGRESS") && !strings.Contains(rec.Status, "STOPPING")
	j, ok, err := queue.Progress(r.Context(), name)
	if ok {
		p.Job = &j
	}
	return p, err
}
