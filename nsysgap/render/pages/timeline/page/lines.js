// Which line of the program ran while the GPU was idle: pieces of idle time, each with its call path.
import { search } from "./track.js";

export const NOT_SAMPLED = "(not sampled)";

export class Lines {
  /** `pieces`: columns start, dur, part, node, frame; `tree`: parent, frame; numbers from 1, 0 is none. */
  constructor(about, pieces, tree) {
    this.devices = about.devices;
    this.frames = about.frames;
    this.kinds = about.kinds;
    this.pieces = pieces;
    this.tree = tree;
    this.n = pieces.start.length;
    this.ranges = new Map(about.devices.map(([device, first], k) => [device, [first, about.devices[k + 1]?.[1] ?? this.n]]));
  }

  /** Call `each(piece, ns)` for what of a GPU's pieces lies in [from, until). */
  within(device, from, until, each) {
    const [first, end] = this.ranges.get(device) ?? [0, 0];
    const { start, dur } = this.pieces;
    for (let k = Math.max(first, search(start, first, end, from) - 1); k < end && start[k] < until; k++) {
      const ns = Math.min(start[k] + dur[k], until) - Math.max(start[k], from);
      if (ns > 0) each(k, ns);
    }
  }

  /** The line with most of the time of a gap's cause, as `gaps` prints it; "" where none is known. */
  ofGap(track, i) {
    const { frame, part } = this.pieces, sums = new Map();
    this.within(track.device, track.start[i], track.end(i), (k, ns) => {
      if (frame[k] && part[k] === track.cat[i]) sums.set(frame[k], (sums.get(frame[k]) ?? 0) + ns);
    });
    let longest = 0;
    for (const [line, ns] of sums) if (!longest || ns > sums.get(longest) || (ns === sums.get(longest) && line < longest)) longest = line;
    return longest ? this.frames[longest - 1][5] : "";
  }

  /** {total, own, whole, missing}: ns under and in each node (numbers from 1) in [from, until), of some GPUs and one part (-1: all). */
  sums(devices, from, until, wanted) {
    const { node, part } = this.pieces, { parent } = this.tree;
    const own = new Float64Array(parent.length + 1);
    let whole = 0;
    for (const device of devices) {
      this.within(device, from, until, (k, ns) => {
        if (wanted >= 0 && part[k] !== wanted) return;
        own[node[k]] += ns;
        whole += ns;
      });
    }
    const total = own.slice();
    for (let below = parent.length; below > 0; below--) total[parent[below - 1]] += total[below];
    return { total, own, whole, missing: own[0] };
  }
}
