// All kernels: one file, so that they become one image.
#include "arithmetic.cu"
#include "fold.cu"
#include "sums.cu"
#include "msm.cu"
#include "products.cu"
#include "leaves.cu"
#include "polynomial.cu"
