/**
 * For tests that something is done in time, on whatever machine: what work costs, in milliseconds of a machine like the one
 * the bounds were written on. Counted is what the processor did, or the time that passed where that is less, so that a
 * process that got no turn is not taken for slow work; and a slower processor is measured beside the work, by a fixed amount.
 */

/** What the fixed amount takes on the machine of the bounds, ms. */
const usualMs = 3;
const fixedAmount = Buffer.from(Array.from({ length: 60_000 }, (_, at) => `${(at * 7919) % 9973} `).join(""));

/** Does the work and gives what it gave, and what it cost. */
export async function paced<T>(work: () => T | Promise<T>): Promise<{ value: T; costMs: number }> {
  const before = await leastMs();
  const { ms, value } = await spent(work);
  return { value, costMs: ms / Math.max(1, Math.min(before, await leastMs()) / usualMs) };
}

async function spent<T>(work: () => T | Promise<T>): Promise<{ value: T; ms: number }> {
  const startedMs = performance.now();
  const used = process.cpuUsage();
  const value = await work();
  const { system, user } = process.cpuUsage(used);
  return { value, ms: Math.min(performance.now() - startedMs, (system + user) / 1000) };
}

/** What the fixed amount takes now. It is packed by native code, which is as fast the first time as ever. */
async function leastMs(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let go = 0; go < 3; go++) least = Math.min(least, (await spent(() => Bun.gzipSync(fixedAmount))).ms);
  return least;
}
