/** What the proxies measure, as points for a store of metrics: names below `cbp.`, one set for each proxy and upstream. */
import type { Point } from "../../lib/graphite/path.ts";
import type { ProxyStatus } from "./status.ts";

/** The points of an instant, epoch ms. Counts are totals since the start. */
export function pointsOf(proxies: readonly ProxyStatus[], at: number): Point[] {
  const atSeconds = Math.floor(at / 1000);
  const points: Point[] = [];
  const put = (path: string, value: number) => points.push({ path: `cbp.${path}`, value, atSeconds });
  for (const proxy of proxies) {
    put(`${proxy.name}.connections`, proxy.connections);
    put(`${proxy.name}.queued`, proxy.queued);
    put(`${proxy.name}.accepted`, proxy.accepted);
    put(`${proxy.name}.refused`, proxy.refused);
    put(`${proxy.name}.up_bytes`, proxy.upBytes);
    put(`${proxy.name}.down_bytes`, proxy.downBytes);
    for (const upstream of proxy.upstreams) {
      const path = `${proxy.name}.upstreams.${upstream.name.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
      put(`${path}.open`, upstream.state === "open" || upstream.state === "forced-open" ? 1 : 0);
      put(`${path}.active`, upstream.active);
      put(`${path}.dials`, upstream.dials);
      put(`${path}.failures`, upstream.failed);
      put(`${path}.trips`, upstream.trips);
      for (const [name, shown] of [
        ["connect", upstream.connectMs],
        ["first_byte", upstream.firstByteMs],
      ] as const) {
        if (shown === null) continue;
        put(`${path}.${name}_ms.p50`, shown[0]);
        put(`${path}.${name}_ms.p95`, shown[1]);
        put(`${path}.${name}_ms.p99`, shown[2]);
      }
    }
  }
  return points;
}
