package als

import "github.com/kindredrec/kindred/internal/num/f32"

// The inner loops of conjugate gradients, in one call for each of the things a step does. Kernels give the bits of
// these loops. Vectors have a length of a multiple of f32.Block.

// passLoop goes over the columns of a row:
//
//	out[k] = −diagonal[k]·v[k]                                       unless diagonal is nil
//	out[k] += weights[i]·(target − v·y)·y[k]   for i ascending       with y = fixed[cols[i]·stride:]
//
// With target 1 out is the residual at v, with target 0 minus the product of the row's matrix and v.
func passLoop(fixed []float32, cols []int32, weights []float32, v []float32, target float32, diagonal, out []float32) {
	stride := len(v)
	if diagonal != nil {
		for k, x := range v {
			out[k] = 0 - float32(diagonal[k]*x)
		}
	}
	for i, c := range cols {
		y := fixed[int(c)*stride : (int(c)+1)*stride]
		f32.Axpy(weights[i]*(target-f32.Dot(v, y)), y, out)
	}
}

// stepLoop moves x along p, and then turns p: ap is minus the product of the matrix and p, inverse the
// preconditioner, rz the product of r and the preconditioned r before, and what is returned is that after.
//
//	a = −rz/(p·ap);  x += a·p;  r += a·ap;  next = r·(inverse·r);  p = inverse·r + next/rz·p
func stepLoop(x, r, p, ap, inverse []float32, rz float32) (next float32) {
	a := -(rz / f32.Dot(p, ap))
	f32.Axpy(a, p, x)
	f32.Axpy(a, ap, r)
	z := make([]float32, len(r))
	multiply(inverse, r, z)
	next = f32.Dot(r, z)
	f32.Xpay(z, next/rz, p)
	return next
}

// shiftLoop sets sum = diagonal + by, and inverse to one divided by that.
func shiftLoop(diagonal []float32, by float32, sum, inverse []float32) {
	for k, d := range diagonal {
		sum[k] = d + by
		inverse[k] = 1 / sum[k]
	}
}

// multiply sets z[k] = x[k]*y[k].
func multiply(x, y, z []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for k := range z {
		z[k] = x[k] * y[k]
	}
}
