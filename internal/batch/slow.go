package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/recipe"
)

// longestEcho is how much the output shows of a line that is no JSON object, in bytes.
const longestEcho = 4 << 10

// readSlowly is readLine with encoding/json: for every line, however it is written.
func readSlowly(asks recipe.Asks, line, echo []byte, q *question) ([]byte, problem) {
	if !utf8.Valid(line) {
		return appendQuoted(echo, clip(string(line), longestEcho)), problem{"JSON", "Invalid JSON: the line is not valid UTF-8."}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil || members == nil {
		return appendQuoted(echo, clip(string(line), longestEcho)), jsonProblem(err)
	}
	echo = appendCompact(echo, line)
	if p := q.fill(asks, members); !p.none() {
		return echo, p
	}
	return echo, q.check(asks)
}

// fill takes the members that asks reads.
func (q *question) fill(asks recipe.Asks, members map[string]json.RawMessage) problem {
	if reads(asks, userMember) && !decode(members["userId"], &q.user) {
		return problem{"userId", "Invalid userId: expected a string."}
	}
	if reads(asks, itemMember) && !decode(members["itemId"], &q.item) {
		return problem{"itemId", "Invalid itemId: expected a string."}
	}
	if reads(asks, listMember) && !q.decodeList(members["itemList"]) {
		return problem{"itemList", "Invalid itemList: expected an array of strings."}
	}
	if reads(asks, attributesMember) && !decode(members[attributesKey], &q.attributes) {
		return problem{attributesKey, "Invalid itemAttributes: expected a string."}
	}
	if !decodePairs(members["filterValues"], &q.values) {
		return problem{"filterValues", "Invalid filterValues: expected an object of strings."}
	}
	if !decodePairs(members["context"], &q.context) {
		return problem{"context", "Invalid context: expected an object of strings."}
	}
	return problem{}
}

// decode reads one member; a missing one and null leave v as it is.
func decode(member json.RawMessage, v any) bool {
	return member == nil || json.Unmarshal(member, v) == nil
}

// decodeList reads ids through pointers: encoding/json takes null for a string otherwise.
func (q *question) decodeList(member json.RawMessage) bool {
	var ids []*string
	if !decode(member, &ids) {
		return false
	}
	q.hasList = ids != nil
	for _, id := range ids {
		if id == nil {
			return false
		}
		q.list = append(q.list, *id)
	}
	return true
}

func decodePairs(member json.RawMessage, to *map[string]string) bool {
	var pairs map[string]*string
	if !decode(member, &pairs) {
		return false
	}
	if pairs == nil {
		return true
	}
	*to = make(map[string]string, len(pairs))
	for k, v := range pairs {
		if v == nil {
			return false
		}
		(*to)[k] = *v
	}
	return true
}

// jsonProblem tells what is wrong with a line that is no JSON object. err is nil for null.
func jsonProblem(err error) problem {
	const reason = "JSON"
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case !ok:
		return problem{reason, "Invalid JSON: expected an object, such as {\"userId\": \"1\"}."}
	case syntax.Error() == "unexpected end of JSON input":
		return problem{reason, "Invalid JSON: the line ends inside a value."}
	}
	return problem{reason, "Invalid JSON: unexpected character at byte " + strconv.FormatInt(syntax.Offset, 10) + " of the line."}
}

// appendCompact appends a valid JSON text without its white space.
func appendCompact(to, text []byte) []byte {
	b := bytes.NewBuffer(to)
	if err := json.Compact(b, text); err != nil {
		panic("batch: compacting JSON that was read before: " + err.Error())
	}
	return b.Bytes()
}
