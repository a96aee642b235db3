// Slow host in C++: the same idea as slow_host.py, for native call stacks.
//
// Before each of 1,000 launches (or as many as the first argument says) the host is busy by the clock for 0.5 to
// 3.5 ms (2 ms on average): 60 % of it in prepare_batch, 30 % in collate, 10 % in log_step. Then it launches one
// kernel and waits for it.
//
// Build: nvcc -O2 -g -o slow_host slow_host.cu
//
// A report of it must show, in the NVTX range "measured":
// - as many rows of the kernel `work` as launches, and a gap of some 2 ms before each, whose cause is `host`;
// - captured with CPU sampling (nsys profile --sample=process-tree): the idle time by function is 60 % prepare_batch,
//   30 % collate and 10 % log_step, each within 5 points; the functions count the rounds between two looks at the
//   clock, so that samples fall into them and not into clock_gettime.
//
// Prints one line of JSON; ends with 1 and one sentence on stderr without a GPU or with a wrong result.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>

using Clock = std::chrono::steady_clock;

__global__ void work(float *data, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        data[i] += 1.0f;
}

#define BUSY_UNTIL(until)                                                                                              \
    do {                                                                                                               \
        for (volatile int round = 0; round < 2000; round = round + 1) {                                                \
        }                                                                                                              \
    } while (Clock::now() < (until))

__attribute__((noinline)) void prepare_batch(Clock::time_point until) { BUSY_UNTIL(until); }
__attribute__((noinline)) void collate(Clock::time_point until) { BUSY_UNTIL(until); }
__attribute__((noinline)) void log_step(Clock::time_point until) { BUSY_UNTIL(until); }

__attribute__((noinline)) void host_work(double microseconds)
{
    const auto start = Clock::now();
    const auto at = [&](double share) { return start + std::chrono::nanoseconds(long(1e3 * share * microseconds)); };
    prepare_batch(at(0.6));
    collate(at(0.9));
    log_step(at(1.0));
}

static void check(cudaError_t error)
{
    if (error != cudaSuccess) {
        std::fprintf(stderr, "slow_host: CUDA failed: %s\n", cudaGetErrorString(error));
        std::exit(1);
    }
}

int main(int count, char **arguments)
{
    const int launches = count > 1 ? std::atoi(arguments[1]) : 1000;
    const int n = 1 << 21;
    if (launches < 1) {
        std::fprintf(stderr, "slow_host: '%s' is not a number of launches\n", arguments[1]);
        return 2;
    }
    float *data = nullptr;
    check(cudaMalloc(&data, n * sizeof(float)));
    check(cudaMemset(data, 0, n * sizeof(float)));
    check(cudaDeviceSynchronize());
    std::mt19937 random(0);
    std::uniform_real_distribution<double> length(500.0, 3500.0);

    nvtxRangePushA("measured");
    const auto start = Clock::now();
    for (int launch = 0; launch < launches; ++launch) {
        host_work(length(random));
        work<<<(n + 255) / 256, 256>>>(data, n);
        check(cudaGetLastError());
        check(cudaStreamSynchronize(nullptr));
    }
    const double wall_s = std::chrono::duration<double>(Clock::now() - start).count();
    nvtxRangePop();

    float last = 0;
    check(cudaMemcpy(&last, data + n - 1, sizeof last, cudaMemcpyDeviceToHost));
    if (last != float(launches)) {
        std::fprintf(stderr, "slow_host: wrong result: %g kernels of work ran, %d were launched\n", last, launches);
        return 1;
    }
    std::printf("{\"workload\": \"slow_host.cu\", \"launches\": %d, \"wall_s_measured\": %.6f}\n", launches, wall_s);
    return 0;
}
