// The work that all five workloads do. ITERATIONS is defined by gpu.py.
//
// One "kernel of work" is ITERATIONS rounds of v = sinf(v) * 0.99f + 0.01f on every element. A
// launch does `kernels` of them in one go: 1 in naive, graph and cdp, the kernels of a step in
// fused, all of them in mega. The f suffixes keep the arithmetic in float32.
// `done` counts the kernels of work that ran: the array alone cannot tell 999 from 1,000, because
// it reaches a fixed point long before.
extern "C" __global__
void work(float *data, long long n, long long kernels, unsigned long long *done)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = data[i];
        for (long long kernel = 0; kernel < kernels; ++kernel)
            for (int iteration = 0; iteration < ITERATIONS; ++iteration)
                v = sinf(v) * 0.99f + 0.01f;
        data[i] = v;
    }
    if (i == 0)
        atomicAdd(done, (unsigned long long)kernels);
}
