package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/fault"
)

const iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"

// iam answers the calls about roles.
type iam struct{ roles Roles }

func iamOperations(roles Roles) map[string]operation {
	s := iam{roles}
	return map[string]operation{
		"CreateRole":               s.createRole,
		"GetRole":                  s.getRole,
		"ListRoles":                s.listRoles,
		"DeleteRole":               s.deleteRole,
		"AttachRolePolicy":         s.attachRolePolicy,
		"DetachRolePolicy":         s.detachRolePolicy,
		"ListAttachedRolePolicies": s.listAttachedRolePolicies,
		"PutRolePolicy":            s.putRolePolicy,
		"GetRolePolicy":            s.getRolePolicy,
		"DeleteRolePolicy":         s.deleteRolePolicy,
		"ListRolePolicies":         s.listRolePolicies,
	}
}

var (
	entityName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	rolePath   = regexp.MustCompile(`^/$|^/[\x21-\x7e]{1,510}/$`)
	policyARN  = regexp.MustCompile(`^arn:[a-z\d-]+:iam::(aws|\d{12}):policy/[\w+=,.@/-]+$`)
)

// need returns a member that must be there in its form.
func need(in url.Values, member string, form *regexp.Regexp) (string, error) {
	v := in.Get(member)
	if !form.MatchString(v) {
		return "", fault.Newf(fault.Invalid, "The value %q of %s is missing or malformed; expected %s.", clip(v), member, form)
	}
	return v, nil
}

func roleName(in url.Values) (string, error) { return need(in, "RoleName", entityName) }

// policy returns a member that must be a JSON object.
func policy(in url.Values, member string) (string, error) {
	var object map[string]any
	v := in.Get(member)
	if err := json.Unmarshal([]byte(v), &object); err != nil {
		return "", &refusal{"MalformedPolicyDocument", http.StatusBadRequest, fmt.Sprintf("%s is not a JSON object: %v.", member, err)}
	}
	return v, nil
}

// A roleXML is a role as it travels.
type roleXML struct {
	Path                     string
	RoleName                 string
	RoleId                   string //nolint:revive // as the element is spelled
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	Description              string   `xml:",omitempty"`
	MaxSessionDuration       int      `xml:",omitempty"`
	Tags                     []tagXML `xml:"Tags>member,omitempty"`
}

type tagXML struct{ Key, Value string }

func (r Role) xml(account string) roleXML {
	x := roleXML{
		Path: r.Path, RoleName: r.Name, RoleId: r.ID, Arn: r.ARN(account),
		CreateDate:               r.Created.UTC().Format(time.RFC3339),
		AssumeRolePolicyDocument: escapePolicy(r.Trust),
		Description:              r.Description, MaxSessionDuration: r.MaxSession,
	}
	for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
		x.Tags = append(x.Tags, tagXML{k, r.Tags[k]})
	}
	return x
}

// escapePolicy writes a policy as IAM sends it: escaped, and blanks as %20, since clients take a plus
// as it is.
func escapePolicy(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func account(ctx context.Context) string {
	c, _ := auth.From(ctx)
	return c.Account
}

func (s iam) createRole(ctx context.Context, in url.Values) (any, error) {
	r, err := newRole(in)
	if err != nil {
		return nil, err
	}
	if err := s.roles.Create(ctx, account(ctx), r); err != nil {
		return nil, err
	}
	return struct{ Role roleXML }{r.xml(account(ctx))}, nil
}

func newRole(in url.Values) (r Role, err error) {
	const defaultSession = 3600
	r = Role{Path: "/", ID: roleID(), Created: time.Now().UTC().Truncate(time.Second), Description: in.Get("Description"), MaxSession: defaultSession}
	if r.Name, err = roleName(in); err != nil {
		return r, err
	}
	if in.Has("Path") {
		if r.Path, err = need(in, "Path", rolePath); err != nil {
			return r, err
		}
	}
	if in.Has("MaxSessionDuration") {
		if r.MaxSession, err = strconv.Atoi(in.Get("MaxSessionDuration")); err != nil {
			return r, fault.Newf(fault.Invalid, "The value %q of MaxSessionDuration is not a number.", clip(in.Get("MaxSessionDuration")))
		}
	}
	r.Tags = tags(in)
	r.Trust, err = policy(in, "AssumeRolePolicyDocument")
	return r, err
}

func tags(in url.Values) map[string]string {
	var all map[string]string
	for i := 1; ; i++ {
		member := "Tags.member." + strconv.Itoa(i)
		if !in.Has(member + ".Key") {
			return all
		}
		if all == nil {
			all = map[string]string{}
		}
		all[in.Get(member+".Key")] = in.Get(member + ".Value")
	}
}

func (s iam) getRole(ctx context.Context, in url.Values) (any, error) {
	r, err := s.role(ctx, in)
	if err != nil {
		return nil, err
	}
	return struct{ Role roleXML }{r.xml(account(ctx))}, nil
}

func (s iam) role(ctx context.Context, in url.Values) (Role, error) {
	name, err := roleName(in)
	if err != nil {
		return Role{}, err
	}
	return s.roles.Get(ctx, account(ctx), name)
}

// listRoles answers with all roles at once.
func (s iam) listRoles(ctx context.Context, _ url.Values) (any, error) {
	roles, err := s.roles.List(ctx, account(ctx))
	if err != nil {
		return nil, err
	}
	out := struct {
		Roles       []roleXML `xml:"Roles>member"`
		IsTruncated bool
	}{}
	for _, r := range roles {
		out.Roles = append(out.Roles, r.xml(account(ctx)))
	}
	return out, nil
}

func (s iam) deleteRole(ctx context.Context, in url.Values) (any, error) {
	name, err := roleName(in)
	if err != nil {
		return nil, err
	}
	return nil, s.roles.Delete(ctx, account(ctx), name, func(r Role) error {
		if len(r.Attached) > 0 || len(r.Inline) > 0 {
			return fault.Newf(fault.InUse, "Cannot delete entity, must detach all policies and delete all inline policies of role %s first.", name)
		}
		return nil
	})
}

func (s iam) change(ctx context.Context, in url.Values, do func(*Role) error) error {
	name, err := roleName(in)
	if err != nil {
		return err
	}
	return s.roles.Update(ctx, account(ctx), name, do)
}

func (s iam) attachRolePolicy(ctx context.Context, in url.Values) (any, error) {
	arn, err := need(in, "PolicyArn", policyARN)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, in, func(r *Role) error {
		if i, found := slices.BinarySearch(r.Attached, arn); !found {
			r.Attached = slices.Insert(r.Attached, i, arn)
		}
		return nil
	})
}

func (s iam) detachRolePolicy(ctx context.Context, in url.Values) (any, error) {
	arn, err := need(in, "PolicyArn", policyARN)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, in, func(r *Role) error {
		i, found := slices.BinarySearch(r.Attached, arn)
		if !found {
			return fault.Newf(fault.NotFound, "Policy %s was not found.", arn)
		}
		r.Attached = slices.Delete(r.Attached, i, i+1)
		return nil
	})
}

func (s iam) listAttachedRolePolicies(ctx context.Context, in url.Values) (any, error) {
	r, err := s.role(ctx, in)
	if err != nil {
		return nil, err
	}
	type attached struct{ PolicyName, PolicyArn string }
	out := struct {
		AttachedPolicies []attached `xml:"AttachedPolicies>member"`
		IsTruncated      bool
	}{}
	for _, arn := range r.Attached {
		out.AttachedPolicies = append(out.AttachedPolicies, attached{lastPart(arn), arn})
	}
	return out, nil
}

var behindSlash = regexp.MustCompile(`[^/]*$`)

func lastPart(arn string) string { return behindSlash.FindString(arn) }

func (s iam) putRolePolicy(ctx context.Context, in url.Values) (any, error) {
	name, err := need(in, "PolicyName", policyName)
	if err != nil {
		return nil, err
	}
	document, err := policy(in, "PolicyDocument")
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, in, func(r *Role) error {
		if r.Inline == nil {
			r.Inline = map[string]string{}
		}
		r.Inline[name] = document
		return nil
	})
}

func (s iam) getRolePolicy(ctx context.Context, in url.Values) (any, error) {
	r, err := s.role(ctx, in)
	if err != nil {
		return nil, err
	}
	name := in.Get("PolicyName")
	document, ok := r.Inline[name]
	if !ok {
		return nil, noPolicy(name)
	}
	return struct{ RoleName, PolicyName, PolicyDocument string }{r.Name, name, escapePolicy(document)}, nil
}

func noPolicy(name string) error {
	return fault.Newf(fault.NotFound, "The role policy with name %s cannot be found.", clip(name))
}

func (s iam) deleteRolePolicy(ctx context.Context, in url.Values) (any, error) {
	name := in.Get("PolicyName")
	return nil, s.change(ctx, in, func(r *Role) error {
		if _, ok := r.Inline[name]; !ok {
			return noPolicy(name)
		}
		delete(r.Inline, name)
		return nil
	})
}

func (s iam) listRolePolicies(ctx context.Context, in url.Values) (any, error) {
	r, err := s.role(ctx, in)
	if err != nil {
		return nil, err
	}
	return struct {
		PolicyNames []string `xml:"PolicyNames>member"`
		IsTruncated bool
	}{PolicyNames: slices.Sorted(maps.Keys(r.Inline))}, nil
}
