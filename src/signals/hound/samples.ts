/**
 * Rules of Warren's own, on figures that the store of this program takes of the machine and the node by itself. They
 * cost nothing where the figures are not there, and a rule of the operator with the same name takes their place.
 */

/** The rules, as they would be written. */
export const sampleRules: readonly Readonly<Record<string, unknown>>[] = [
  {
    name: "Disk nearly full",
    target: "aliasByNode(asPercent(server.*.disk.*.available,server.*.disk.*.total),1,3)",
    below: 10,
    for: "10m",
    per_series: true,
    no_data: "ok",
    labels: { of: "warren" },
  },
  {
    name: "Check down",
    target: "aliasByNode(warren.*.chimney.up.*,4)",
    below: 0,
    for: "2m",
    per_series: true,
    no_data: "ok",
    labels: { of: "warren" },
  },
  {
    name: "Breaker open",
    target: "aliasByNode(cbp.*.upstreams.*.open,1,3)",
    above: 1,
    for: "2m",
    per_series: true,
    no_data: "ok",
    labels: { of: "warren" },
  },
];

/** Those whose names are not among `taken`. */
export function samplesBeside(taken: ReadonlySet<string>): readonly Readonly<Record<string, unknown>>[] {
  return sampleRules.filter(({ name }) => !taken.has(String(name)));
}
