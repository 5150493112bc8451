package gateway

import (
	"io"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// wholeBodies makes an upload that ends before its Content-Length a failed one. The HTTP server
// underneath reports the end of a broken connection like the end of a body, and the backend would
// publish what came until then as the object.
func wholeBodies(ctx fiber.Ctx) error {
	length := ctx.Request().Header.ContentLength()
	if body := ctx.Request().BodyStream(); body != nil && length > 0 {
		utils.ContextKeyBodyReader.Set(ctx, &wholeReader{body, int64(length)})
	}
	return ctx.Next()
}

type wholeReader struct {
	r    io.Reader
	left int64
}

func (w *wholeReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.left -= int64(n)
	if err == io.EOF && w.left > 0 {
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}
