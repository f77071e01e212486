// From base64 of deflated bytes to arrays of numbers; hpopt/reports/page/packing.py says how.
{
  const SIZES = { u1: 1, u2: 2, i4: 4, f4: 4, f8: 8 };
  const VIEWS = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

  async function inflated(base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Put the bytes of each number beside each other again. */
  function unshuffled(bytes, start, n, size) {
    const found = new Uint8Array(n * size);
    for (let plane = 0; plane < size; plane++) {
      const from = start + plane * n;
      for (let k = 0; k < n; k++) found[k * size + plane] = bytes[from + k];
    }
    return found.buffer;
  }

  function decoded(how, bytes, start, n) {
    const found = new Float64Array(n);
    if (how.type === "none") return found.fill(NaN);
    if (how.type === "same") return found.fill(how.offset);
    const raw = new VIEWS[how.type](unshuffled(bytes, start, n, SIZES[how.type]));
    const offset = how.offset || 0, scale = how.scale || 1;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      sum = how.delta ? sum + raw[k] : raw[k];
      found[k] = raw[k] === how.none ? NaN : offset + scale * sum;
    }
    return found;
  }

  /** Return the arrays of a packed study by name, each a Float64Array. */
  async function unpack(packed) {
    const bytes = await inflated(packed.blob), arrays = new Map();
    let start = 0;
    for (const how of packed.arrays) {
      arrays.set(how.name, decoded(how, bytes, start, packed.n));
      start += packed.n * (SIZES[how.type] || 0);
    }
    return arrays;
  }

  hpopt.unpack = unpack;
}
