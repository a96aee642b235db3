// Columns of integers, as nsysgap/render/timeline/pack.py wrote them, back to the same integers.

const ARRAYS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array, i64: BigInt64Array };

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The bytes behind base64 of a zlib stream. */
export async function inflate(text) {
  if (!text) return new Uint8Array(0);
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joinPlanes(bytes, offset, count, type) {
  const values = new ARRAYS[type](count);
  const size = values.BYTES_PER_ELEMENT;
  if (size === 1) {
    values.set(bytes.subarray(offset, offset + count));
    return values;
  }
  const out = new Uint8Array(values.buffer);
  for (let plane = 0; plane < size; plane++) {
    const from = offset + plane * count;
    for (let i = 0, at = plane; i < count; i++, at += size) out[at] = bytes[from + i];
  }
  return values;
}

function addUp(steps, spec) {
  const values = new Float64Array(steps.length);
  const begins = new Map(spec.at.map((at, i) => [at, spec.first[i]]));
  let value = 0, largest = 0, least = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    value += spec.z ? (step % 2 ? -(step + 1) / 2 : step / 2) : step;
    if (begins.has(i)) value = begins.get(i);
    values[i] = value;
    if (value > largest) largest = value;
    if (value < least) least = value;
  }
  return least >= 0 && largest < 2 ** 32 ? Uint32Array.from(values) : values;
}

function constant(value, count) {
  if (!value) return new Uint8Array(count);
  const fits = value > 0 && value < 2 ** 32;
  return (value > 0 && value < 256 ? new Uint8Array(count) : fits ? new Uint32Array(count) : new Float64Array(count)).fill(value);
}

/**
 * The columns that `specs` describes, in the order of their bytes.
 * @returns {any} of names to arrays
 */
export function decodeColumns(specs, bytes) {
  const columns = {};
  let offset = 0;
  for (const [name, spec] of Object.entries(specs)) {
    if ("c" in spec) {
      columns[name] = constant(spec.c, spec.n);
      continue;
    }
    const values = joinPlanes(bytes, offset, spec.n, spec.t);
    offset += values.byteLength;
    columns[name] = "at" in spec ? addUp(values, spec) : values;
  }
  return columns;
}
