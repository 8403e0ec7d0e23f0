/** For tests that something is done in time. */

/**
 * Starts to count, and gives what says how long it was since, ms: what passed, or what the processor did where that is less,
 * as a process that gets no turn does no slow work.
 */
export function startCost(): () => number {
  const [startedMs, used] = [performance.now(), process.cpuUsage()];
  return () => {
    const { system, user } = process.cpuUsage(used);
    return Math.min(performance.now() - startedMs, (system + user) / 1000);
  };
}
