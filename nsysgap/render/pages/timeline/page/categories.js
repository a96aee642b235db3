// Colours, hatching and words for every category. The order is that of nsysgap/render/timeline/categories.py and of
// the parts of a gap. Kernels blue, copies to the device green and to the host magenta, as in Nsight Systems.

export const OPS = [
  { key: "kernel", label: "Kernel", color: "#3f7fd9" },
  { key: "graph_kernel", label: "Kernel in a CUDA graph", color: "#5aa0ef" },
  { key: "graph", label: "Whole CUDA graph", color: "#6f63d2" },
  { key: "to_device", label: "Copy host to device", color: "#2f9d57" },
  { key: "to_host", label: "Copy device to host", color: "#c13aa5" },
  { key: "on_device", label: "Copy on or between devices", color: "#c98a12" },
  { key: "other_copy", label: "Other copy", color: "#8a7f6a" },
  { key: "memset", label: "Memset", color: "#1799a3" },
];

export const CALLS = [
  { key: "api_launch", label: "Launch call", color: "#e07b1f" },
  { key: "api_sync", label: "Synchronising call", color: "#d6455c" },
  { key: "api_copy", label: "Copy or set call", color: "#4c9f70" },
  { key: "api_memory", label: "Memory management", color: "#9a6b3f" },
  { key: "api_call", label: "Other CUDA call", color: "#7c8798" },
];

export const CAUSES = [
  {
    key: "in_graph", label: "inside a CUDA graph", color: "#19a7c4", shape: "",
    meaning: "the GPU's own step from node to node of a CUDA graph",
    advice: "Fewer, larger nodes: fuse kernels, or let independent nodes run side by side.",
  },
  {
    key: "queued", label: "queued", color: "#e3a008", shape: "|",
    meaning: "the launch had returned, the op had not started yet",
    advice: "The launch path to the GPU takes this long: launch further ahead so that it overlaps with running work.",
  },
  {
    key: "launch", label: "in the launch call", phrase: "inside launch calls", color: "#e8710a", shape: "/",
    meaning: "inside the call that launches the next op",
    advice: "Each launch costs more than the GPU has work for: put the launches into a CUDA graph, or fuse kernels.",
    special: {
      name: "GraphLaunch",
      advice: "Each graph launch costs this much: put more work into one graph, or launch the next before the last has ended.",
    },
  },
  {
    key: "profiler", label: "profiler", phrase: "in the profiler's own work", color: "#a88f6a", shape: "+",
    meaning: "nsys's own work on the launching thread",
    advice: "This is not there without the profiler: compare with a plain run, trace less.",
  },
  {
    key: "sync", label: "sync return", phrase: "in synchronising calls that return late", color: "#d93a4e", shape: "x",
    meaning: "the host was still in a synchronising call after the GPU had finished",
    advice: "Synchronise less often: queue the next work before waiting, or wait for an event instead.",
  },
  {
    key: "untraced", label: "untraced", color: "#8b93a1", shape: "\\",
    meaning: "nsys saw neither host nor GPU work: the GPU may have been busy",
    advice: "Kernels started by kernels do not show in a trace. Measure with GPU metrics before calling this idle.",
    counted: "A trace does not show kernels started by kernels: the hardware counter, above, tells whether the GPU worked then.",
  },
  {
    key: "cuda_api", label: "another CUDA call", phrase: "in other CUDA calls", color: "#0f8f7e", shape: "-",
    meaning: "the launching thread was in a CUDA call that is neither a launch nor a wait",
    advice: "Look which call it is: allocate once, set attributes and query outside of the loop.",
  },
  {
    key: "os", label: "operating system", phrase: "in the operating system", color: "#6d5bd0", shape: ".",
    meaning: "the launching thread was in an operating-system call",
    advice: "Look which call it is: locks, file and socket reads belong on another thread than the launches.",
  },
  {
    key: "host", label: "the program's own code", phrase: "in the program's own code", color: "#a142c9", shape: "\\",
    meaning: "the launching thread ran the program's own code",
    advice: "The host cannot launch fast enough: launch ahead of the GPU, take work off this thread, or use CUDA graphs.",
  },
  {
    key: "unknown", label: "unknown", color: "#9aa3ad", shape: "",
    meaning: "the report has no call that launched the next op",
    advice: "Capture with --trace=cuda so that API calls are recorded.",
    special: {
      name: "Unified",
      advice: "Pages of unified memory move on demand: cudaMemPrefetchAsync before the kernel and cudaMemAdvise keep them in place.",
    },
  },
];

export const PLAIN = {
  osrt: { key: "osrt", label: "OS runtime call", color: "#8d7ae0" },
  overhead: { key: "overhead", label: "Profiler overhead", color: "#a88f6a" },
};
export const NVTX_COLOR = "#6b9e3c";
export const DIMMED = 254;
export const DIM = { key: "dim", label: "not chosen", color: "#9aa3ad55", shape: "" };

/** The category of number `cat` on a track of this kind. `palette` has the NVTX colours of the report. */
export function categoryOf(kind, cat, palette) {
  if (cat === DIMMED) return DIM;
  if (kind === "stream") return OPS[cat];
  if (kind === "api") return CALLS[cat];
  if (kind === "gaps") return CAUSES[cat];
  if (kind in PLAIN) return PLAIN[kind];
  const color = palette[cat] || NVTX_COLOR;
  return { key: `nvtx${color}`, label: "NVTX range", color };
}

/** Black or white, whichever reads better on a colour (#rrggbb). */
export function textOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.25 ? "#101418" : "#ffffff";
}
