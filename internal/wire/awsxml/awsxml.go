// Package awsxml writes the answers of the AWS services that speak XML: S3's errors, and the query
// protocol of STS and IAM.
package awsxml

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

// S3Error is S3's answer to a request that failed.
type S3Error struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string   `xml:"Code"`
	Message   string   `xml:"Message"`
	Resource  string   `xml:"Resource,omitempty"`
	RequestID string   `xml:"RequestId"`
}

// WriteS3Error answers r as S3 does when it fails; a HEAD request gets the status only.
func WriteS3Error(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	id := uuid.NewString()
	w.Header().Set("X-Amz-Request-Id", id)
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	write(w, "application/xml", status, S3Error{Code: code, Message: message, Resource: r.URL.Path, RequestID: id})
}

type queryError struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Error   struct {
		Type    string `xml:"Type"`
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	} `xml:"Error"`
	RequestID string `xml:"RequestId"`
}

// WriteQueryError answers as a service of the query protocol does when it fails. The namespace may
// be empty.
func WriteQueryError(w http.ResponseWriter, namespace string, status int, code, message string) {
	e := queryError{XMLNS: namespace, RequestID: uuid.NewString()}
	e.Error.Type, e.Error.Code, e.Error.Message = "Sender", code, message
	if status >= 500 {
		e.Error.Type = "Receiver"
	}
	w.Header().Set("X-Amzn-Requestid", e.RequestID)
	write(w, "text/xml", status, e)
}

type queryResponse struct {
	XMLName  xml.Name
	XMLNS    string `xml:"xmlns,attr"`
	Result   any
	Metadata struct {
		RequestID string `xml:"RequestId"`
	} `xml:"ResponseMetadata"`
}

// result gives a value the element name <Operation>Result.
type result struct {
	name  string
	value any
}

func (r result) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(r.value, xml.StartElement{Name: xml.Name{Local: r.name}})
}

// WriteQuery answers an operation of the query protocol; out is a struct with the members of the
// result, or nil for an operation that has none.
func WriteQuery(w http.ResponseWriter, namespace, operation string, out any) {
	res := queryResponse{XMLName: xml.Name{Local: operation + "Response"}, XMLNS: namespace}
	if out != nil {
		res.Result = result{operation + "Result", out}
	}
	res.Metadata.RequestID = uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", res.Metadata.RequestID)
	write(w, "text/xml", http.StatusOK, res)
}

func write(w http.ResponseWriter, contentType string, status int, v any) {
	b, err := xml.Marshal(v)
	if err != nil { // only for a type that XML cannot hold
		http.Error(w, "the answer cannot be written as XML", http.StatusInternalServerError)
		return
	}
	b = append([]byte(xml.Header), b...)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that went away needs no answer
}

// Discard reads what is left of a small request body, so that the connection can be used again.
func Discard(r *http.Request) {
	if r.Body != nil {
		_, _ = io.CopyN(io.Discard, r.Body, 256<<10)
	}
}
